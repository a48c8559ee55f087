// Strategies: which load goes with which experiment.

import { readIfThere, send } from "./api.js";
import { alertBox, announce, openDialog, showFailure } from "./dialogs.js";
import { h } from "./dom.js";
import { milliseconds, number, percent, seconds, unknown } from "./format.js";
import { documentOf, formDialog, FormField } from "./forms.js";
import { t } from "./i18n.js";
import { filterForm, listTable, PAGE_SIZE, pager } from "./lists.js";

const NEW_STRATEGY = { enable: true, startBeforeFaultSec: 30, trafficDurationSec: 300, engines: 1, gate: { timeoutSec: 60 } };

export function strategiesView(filters) {
  const alert = alertBox();
  const list = h("div", {}, h("p", { class: "quiet" }, t("loading")));
  const abort = new AbortController();
  let definitions = [];
  const load = async () => {
    try {
      const wanted = { pageNum: Number(filters.page ?? 1), pageSize: PAGE_SIZE, experimentId: filters.experimentId || undefined };
      const [page, all] = await Promise.all([
        send("QueryLoadTestStrategies", wanted, abort.signal),
        send("QueryLoadTestDefinitions", { pageSize: 200 }, abort.signal),
      ]);
      definitions = all.data;
      alert.hidden = true;
      list.replaceChildren(
        page.total === 0 ? h("p", { class: "quiet empty" }, filters.experimentId ? t("nothingMatches") : t("noStrategies")) : strategyTable(page, definitions, act),
        pager("strategies", filters, page),
      );
    } catch (failure) {
      if (!abort.signal.aborted) showFailure(alert, failure);
    }
  };
  const act = {
    create: () => editStrategy(null, definitions, load),
    edit: async (strategy) => {
      const definition = await readIfThere("GetLoadTestDefinition", { id: strategy.definitionId });
      const known = definitions.some((each) => each.id === strategy.definitionId);
      editStrategy(strategy, definition && !known ? [...definitions, definition] : definitions, load);
    },
    remove: (strategy) => removeStrategy(strategy, load),
  };
  load();
  const element = h(
    "div",
    { class: "view" },
    h(
      "div",
      { class: "view-head" },
      h("h1", { tabindex: "-1" }, t("strategies")),
      h("button", { type: "button", class: "button is-main", onclick: act.create }, t("newStrategy")),
    ),
    h("p", { class: "quiet" }, t("strategiesHint")),
    alert,
    h("section", { class: "part" }, filterForm("strategies", filters, [{ name: "experimentId", text: t("fact.experiment") }]), list),
  );
  return { element, close: () => abort.abort() };
}

function strategyTable(page, definitions, act) {
  const names = new Map(definitions.map((definition) => [definition.id, definition.name]));
  const columns = ["fact.experiment", "fact.definition", "fact.plan", "part.objectives", "field.enable", "column.actions"].map((key) => ({ text: t(key) }));
  const rows = page.data.map((strategy) => [
    strategy.experimentId,
    names.get(strategy.definitionId) ?? strategy.definitionId,
    planOf(strategy),
    objectives(strategy.slo),
    strategy.enable ? t("yes") : t("no"),
    h(
      "span",
      { class: "row-buttons" },
      h("a", { class: "button is-small", href: `#/tasks?strategyId=${encodeURIComponent(strategy.id)}` }, t("tasks")),
      rowButton("edit", strategy.experimentId, () => act.edit(strategy)),
      rowButton("delete", strategy.experimentId, () => act.remove(strategy)),
    ),
  ]);
  return listTable(t("strategies"), columns, rows, (row) => page.data[row].id);
}

function planOf(strategy) {
  const plan = t("planOf", { lead: seconds(strategy.startBeforeFaultSec), length: seconds(strategy.trafficDurationSec) });
  return strategy.engines > 1 ? [plan, h("span", { class: "aside block" }, t("onEngines", { n: number(strategy.engines) }))] : plan;
}

export function rowButton(name, what, onclick) {
  return h("button", { type: "button", class: "button is-small", "data-act": name, "aria-label": `${t(`act.${name}`)}: ${what}`, onclick }, t(`act.${name}`));
}

function objectives(slo) {
  if (!slo) return unknown();
  const parts = [
    slo.maxP95Ms === null ? null : `p95 ≤ ${milliseconds(slo.maxP95Ms)}`,
    slo.maxErrorRate === null ? null : `${t("line.errorRate")} ≤ ${percent(slo.maxErrorRate)}`,
    slo.minThroughputRatio === null ? null : `${t("chart.throughput")} ≥ ${percent(slo.minThroughputRatio)}`,
    slo.maxRecoverySec === null ? null : `${t("phase.RECOVERY")} ≤ ${seconds(slo.maxRecoverySec)}`,
  ].filter((part) => part !== null);
  return parts.length > 0 ? parts.join(" · ") : unknown();
}

function editStrategy(strategy, definitions, done) {
  const choices = [["", t("choose")], ...definitions.map((definition) => [definition.id, definition.name])];
  const field = (name, kind, more = {}) => ({ name, kind, text: t(`field.${name}`), ...more });
  const fields = [
    field("experimentId", "text", { required: true }),
    field("definitionId", "choice", { options: choices, required: true }),
    field("startBeforeFaultSec", "number", { hint: t("hint.startBeforeFaultSec") }),
    field("trafficDurationSec", "number", { hint: t("hint.trafficDurationSec") }),
    field("engines", "number", { hint: t("hint.engines") }),
    field("expectedErrorRate", "number", { hint: t("hint.expectedErrorRate") }),
    field("enable", "flag"),
    field("abortOnLoadFailure", "flag", { hint: t("hint.abortOnLoadFailure") }),
    field("stopOnCompletion", "flag", { hint: t("hint.stopOnCompletion") }),
    field("gate.timeoutSec", "number", { group: t("group.gate") }),
    field("gate.minThroughput", "number", { group: t("group.gate") }),
    field("gate.maxErrorRate", "number", { group: t("group.gate"), hint: t("hint.rate") }),
    field("slo.maxP95Ms", "number", { group: t("group.slo") }),
    field("slo.maxErrorRate", "number", { group: t("group.slo"), hint: t("hint.rate") }),
    field("slo.minThroughputRatio", "number", { group: t("group.slo"), hint: t("hint.rate") }),
    field("slo.maxRecoverySec", "number", { group: t("group.slo") }),
  ].map((each) => new FormField(each, strategy ?? NEW_STRATEGY));
  formDialog({
    title: strategy ? t("editStrategy") : t("newStrategy"),
    action: t("act.save"),
    fields,
    act: async () => {
      const sent = withoutEmptySlo(documentOf(fields, strategy === null));
      if (strategy) await send("UpdateLoadTestStrategy", { id: strategy.id, ...sent });
      else await send("CreateLoadTestStrategy", sent);
      announce(t("saved"));
      await done();
    },
  });
}

// No objective at all is no slo, and not one of nothing.
function withoutEmptySlo(sent) {
  const bounds = Object.values(sent.slo ?? {}).filter((value) => value !== null);
  return bounds.length > 0 || sent.slo === undefined ? sent : { ...sent, slo: null };
}

function removeStrategy(strategy, done) {
  openDialog({
    title: t("deleteStrategy"),
    content: h("p", {}, t("deleteText", { name: strategy.experimentId })),
    action: t("act.delete"),
    danger: true,
    act: async () => {
      await send("DeleteLoadTestStrategy", { id: strategy.id });
      announce(t("deleted"));
      await done();
    },
  });
}

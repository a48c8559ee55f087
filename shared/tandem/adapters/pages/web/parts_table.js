// The shares of a load on several engines: what each of them runs, and how it ended there.

import { h } from "./dom.js";
import { figure, number, unknown } from "./format.js";
import { t } from "./i18n.js";
import { listTable, statusChip } from "./lists.js";

// null for a load on one engine, and before it was placed.
export function partsOf(task) {
  return task.parts ?? null;
}

// [a sentence, a table]
export function enginesShown(task) {
  const parts = partsOf(task);
  const names = parts.map((part) => part.engine).join(t("and"));
  const columns = [
    { text: t("column.engine") },
    { text: t("fact.load"), figure: true },
    { text: t("column.state") },
    { text: t("fact.execution") },
    { text: t("column.endReason") },
  ];
  const rows = parts.map((part, index) => [
    [part.engine, h("span", { class: "aside" }, ` #${index + 1}`)],
    figure(part.threads, number),
    partState(part, task),
    part.executionId ?? unknown(),
    part.endReason ? h("span", { lang: "en" }, part.endReason) : unknown(),
  ]);
  return [
    h("p", {}, t("dividedAmong", { n: number(parts.length), names })),
    listTable(t("part.engines"), columns, rows, (row) => parts[row].engine),
  ];
}

// What waits in a task that has ended will never begin.
function partState(part, task) {
  return part.status === "PENDING" && task.endTime !== null ? h("span", { class: "chip" }, t("neverStarted")) : statusChip(part.status);
}

// The report of a run, drawn from the documents of the API alone: the verdict first, then what it rests on.
//
// run: {task, experimentId, windowOpenedAt, experimentEndedAt, definition, strategy, results, timeseries, events,
// missing}; whatever is not known is null.

import { RunCharts } from "./charts.js";
import { h, scrolled, webLink } from "./dom.js";
import { eventList, marksOf, readEvents } from "./events_list.js";
import { bytes, figure, milliseconds, moment, number, percent, perSecond, seconds, unknown, zoneName } from "./format.js";
import { hasText, language, sentences, t } from "./i18n.js";
import { enginesShown, partsOf } from "./parts_table.js";
import { reasonList } from "./reasons.js";

const ICONS = { PASS: "✓", DEGRADED: "▲", FAIL: "✕", INCONCLUSIVE: "?", RUNNING: "…", PENDING: "…", AWAITED: "…", NONE: "–" };

export function verdictState(run) {
  const verdict = run.results?.verdict;
  if (verdict) return verdict.status;
  if (run.task.endTime === null && ["PENDING", "RUNNING"].includes(run.task.status)) return run.task.status;
  return run.results?.final === false ? "AWAITED" : "NONE";
}

// Of an older run that passed although nobody had reported its fault it is not said that it withstood one.
function verdictSentence(run, state) {
  const bounds = run.results?.faultWindow;
  const reported = ["TOLD", "FAULT_AT"].includes(bounds?.startFrom) && bounds?.endFrom === "TOLD";
  if (state === "PASS" && !reported) return t("verdictSentence.PASS_ASSUMED");
  if (state === "DEGRADED" && !run.strategy?.slo) return t("verdictSentence.DEGRADED_WITHOUT_SLO");
  return t(`verdictSentence.${state}`);
}

// {element, close()}: close() lets go of the charts.
export function reportView(run) {
  const events = readEvents(run.events?.events ?? []);
  const charts = new RunCharts();
  const analysed = (run.results?.summary ?? null) !== null;
  const hasSeries = (run.timeseries?.throughput ?? []).length > 0;
  const element = h(
    "div",
    { class: "report" },
    verdictSection(run),
    run.results?.verdict ? tiles(run) : null,
    part("course", hasSeries ? [h("p", { class: "quiet" }, t("courseHint", { zone: zoneName() })), charts.element] : missing(run)),
    analysed ? part("phases", phaseTable(run)) : null,
    run.strategy?.slo ? part("objectives", objectiveTable(run)) : null,
    run.results?.comparison ? part("earlier", comparisonTable(run.results.comparison)) : null,
    analysed ? part("topErrors", errorTable(run)) : null,
    analysed ? part("labels", labelTable(run)) : null,
    analysed && (run.results.setUp || run.results.tearDown) ? part("beside", besideTable(run)) : null,
    partsOf(run.task) === null ? null : part("engines", enginesShown(run.task)),
    part("events", eventList(events)),
    part("aboutRun", facts(run)),
    part("method", method()),
  );
  if (hasSeries) charts.update(run.timeseries, marksOf(events));
  return { element, close: () => charts.close() };
}

function part(name, ...content) {
  return h("section", { class: "part", id: `part-${name}` }, h("h2", {}, t(`part.${name}`)), content);
}

function missing(run) {
  const why = run.missing && language() === "en" ? h("span", { lang: "en" }, ` ${asSentence(run.missing)}`) : null;
  return h("p", { class: "quiet" }, t("noSeries"), why);
}

// --- the verdict -------------------------------------------------------------------------------------------------

function verdictSection(run) {
  const state = verdictState(run);
  const verdict = run.results?.verdict;
  return h(
    "section",
    { class: `verdict is-${state.toLowerCase()}`, "aria-labelledby": "verdict-word" },
    h("span", { class: "verdict-icon", "aria-hidden": "true" }, ICONS[state]),
    h(
      "div",
      {},
      h("h2", { id: "verdict-word" }, h("span", { class: "unseen" }, `${t("verdict")}: `), h("span", { class: "verdict-word" }, t(`verdict.${state}`))),
      h("p", { class: "verdict-sentence" }, sentences(verdictSentence(run, state), verdict ? felt(verdict) : soFar(run))),
      verdict && verdict.reasons.length > 0 ? reasonList(verdict.reasons) : null,
      verdict?.basis ? basisOf(verdict.basis) : null,
      run.results?.missingParts?.length > 0 ? h("p", { class: "notice" }, t("missingParts", { engines: run.results.missingParts.join(t("and")) })) : null,
      verdict ? adviceList(verdict.advice) : null,
      state === "NONE" && run.missing && language() === "en" ? h("p", { lang: "en" }, asSentence(run.missing)) : null,
      run.task.errorMessage ? h("p", {}, h("strong", {}, t("taskError")), " ", run.task.errorMessage) : null,
    ),
  );
}

function soFar(run) {
  return run.results?.summary?.samples > 0 ? t("soFar") : "";
}

function asSentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function felt(verdict) {
  if (verdict.recovered === null) return verdict.status === "PASS" ? t("felt.nothing") : "";
  const detect = verdict.timeToDetectSec === null ? t("unknown") : seconds(verdict.timeToDetectSec);
  const onset = verdict.timeToDetectSec === 0 ? t("felt.atOnce") : t("felt.after", { detect });
  const end = verdict.recovered ? t("felt.recovered", { recover: seconds(verdict.timeToRecoverSec) }) : t("felt.notRecovered");
  return sentences(onset, end);
}

// What a verdict rests on.
function basisOf(basis) {
  const from = (source) => (source ? t(`windowFrom.${source}`) : t("windowUnknown"));
  const words = t("basis", {
    baseline: number(basis.samples.BASELINE),
    fault: number(basis.samples.FAULT),
    recovery: number(basis.samples.RECOVERY),
    errors: basis.baselineErrorRate === null ? t("unknown") : percent(basis.baselineErrorRate),
    start: from(basis.windowToldBy.start),
    end: from(basis.windowToldBy.end),
  });
  return h("p", { class: "quiet verdict-basis" }, words);
}

function adviceList(advice) {
  return advice.map((each) => {
    const known = hasText(`advice.${each.code}`);
    const words = known ? t(`advice.${each.code}`) : asSentence(each.message);
    return h("p", { class: "advice", "data-code": each.code, lang: known ? null : "en" }, h("strong", {}, t("advice")), " ", words);
  });
}

function phaseNamed(run, name) {
  return (run.results?.phases ?? []).find((phase) => phase.name === name) ?? null;
}

function tiles(run) {
  const verdict = run.results.verdict;
  const [baseline, fault] = [phaseNamed(run, "BASELINE"), phaseNamed(run, "FAULT")];
  const none = verdict.recovered === null && ["PASS", "DEGRADED"].includes(verdict.status) ? t("noBreach") : null;
  return h(
    "dl",
    { class: "tiles" },
    tile("timeToRecover", recoveryOf(verdict, none)),
    tile("timeToDetect", none ?? figure(verdict.timeToDetectSec, seconds)),
    tile("failedRequests", figure(verdict.failedRequests, number)),
    tile("throughputDeficit", figure(verdict.throughputDeficit, number)),
    tile("p95Move", move(baseline?.latency.p95, fault?.latency.p95, milliseconds, (value) => milliseconds(value).replace(" ms", ""))),
    tile("errorMove", move(baseline?.errorRate, fault?.errorRate, (share) => percent(share, 1))),
  );
}

function recoveryOf(verdict, none) {
  if (verdict.recovered === false) return t("notWithinRun");
  return none ?? figure(verdict.timeToRecoverSec, seconds);
}

// From one figure to another; showBefore may leave out the unit that both have.
function move(before, after, show, showBefore = show) {
  return [figure(before, after === null || after === undefined ? show : showBefore), h("span", { class: "arrow" }, " → "), figure(after, show)];
}

function tile(name, value) {
  return h("div", { class: "tile", "data-tile": name }, h("dt", {}, t(`tile.${name}`)), h("dd", {}, value), h("dd", { class: "tile-hint" }, t(`tileHint.${name}`)));
}

// --- tables ------------------------------------------------------------------------------------------------------

// texts: how many columns from the left hold text and not figures.
function table(label, columns, rows, texts = 1) {
  const heads = columns.map((name, index) => h("th", { scope: "col", class: index < texts ? "text" : null }, name));
  return scrolled(
    label,
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, heads)),
      h("tbody", {}, rows),
    ),
  );
}

const SUMMARY_COLUMNS = ["samples", "rate", "errorRate", "mean", "p50", "p90", "p95", "p99", "max"];

function summaryCells(group) {
  return [
    figure(group.samples, number),
    figure(group.requestsPerSec, perSecond),
    group.errorRate === null
      ? unknown()
      : [figure(group.errorRate, percent), h("span", { class: "aside" }, ` (${number(group.errors)})`)],
    ...["mean", "p50", "p90", "p95", "p99", "max"].map((name) => figure(group.latency[name], milliseconds)),
  ];
}

function cells(values) {
  return values.map((value) => h("td", {}, value));
}

function phaseTable(run) {
  const phases = run.results.phases;
  if (phases.length === 0) return h("p", { class: "quiet" }, t("noPhases"));
  const rows = phases.map((phase) =>
    h(
      "tr",
      { "data-phase": phase.name, class: phase.name === "FAULT" ? "is-fault" : null },
      h("th", { scope: "row" }, t(`phase.${phase.name}`), h("span", { class: "aside block" }, lengthOf(phase))),
      cells(summaryCells(phase)),
      h("td", {}, phase.corrected ? correctedPair(phase.corrected) : unknown()),
    ),
  );
  const summary = run.results.summary;
  const whole = h(
    "tr",
    { "data-phase": "ALL", class: "is-total" },
    h("th", { scope: "row" }, t("wholeRun")),
    cells(summaryCells(summary)),
    h("td", {}, unknown()),
  );
  const columns = ["phase", ...SUMMARY_COLUMNS, "corrected"].map((name) => t(`column.${name}`));
  return [
    table(t("part.phases"), columns, [...rows, whole]),
    changeTable(phases),
    summary.skippedLines > 0 ? h("p", { class: "notice" }, t("skipped", { n: number(summary.skippedLines) })) : null,
    h("p", { class: "quiet" }, t("correctedHint")),
  ];
}

function correctedPair(corrected) {
  return [figure(corrected.p95, (value) => number(value)), " / ", figure(corrected.p99, milliseconds)];
}

function lengthOf(phase) {
  return phase.start && phase.end ? seconds((new Date(phase.end) - new Date(phase.start)) / 1000) : "";
}

function changeTable(phases) {
  const compared = phases.filter((phase) => phase.change);
  if (compared.length === 0) return h("p", { class: "quiet" }, t("noChange"));
  const rows = compared.map((phase) =>
    h(
      "tr",
      { "data-change": phase.name },
      h("th", { scope: "row" }, t(`phase.${phase.name}`)),
      h("td", {}, changed(phase.change.p95, (ratio) => `×${number(ratio, 2)}`, phase.change.p95 > 1.1)),
      h("td", {}, changed(phase.change.errorRate, points, phase.change.errorRate > 0.01)),
      h("td", {}, changed(phase.change.requestsPerSec, ratioChange, phase.change.requestsPerSec < 0.9)),
    ),
  );
  const columns = ["phase", "changeP95", "changeErrors", "changeRate"].map((name) => t(`column.${name}`));
  return [h("h3", {}, t("againstBaseline")), table(t("againstBaseline"), columns, rows)];
}

function signed(value, digits) {
  return `${value > 0 ? "+" : value < 0 ? "−" : "±"}${number(Math.abs(value), digits)}`;
}

const points = (difference) => t("points", { n: signed(difference * 100, 2) });
const ratioChange = (ratio) => `${signed((ratio - 1) * 100, 1)} %`;

function changed(value, show, worse) {
  if (value === null || value === undefined) return unknown();
  return h("span", { class: worse ? "worse" : null }, figure(value, show), worse ? h("span", {}, ` ${t("worse")}`) : null);
}

function objectiveTable(run) {
  const slo = run.strategy.slo;
  const [fault, recovery] = [phaseNamed(run, "FAULT"), phaseNamed(run, "RECOVERY")];
  const usual = phaseNamed(run, "BASELINE")?.requestsPerSec;
  const share = (phase) => (phase?.requestsPerSec == null || !usual ? null : phase.requestsPerSec / usual);
  const verdict = run.results?.verdict;
  const broken = new Set((verdict?.reasons ?? []).map((reason) => reason.code));
  const lines = [
    ["maxP95Ms", milliseconds, fault?.latency.p95, recovery?.latency.p95, "P95_ABOVE_SLO"],
    ["maxErrorRate", percent, fault?.errorRate, recovery?.errorRate, "ERROR_RATE_ABOVE_SLO"],
    ["minThroughputRatio", percent, share(fault), share(recovery), "THROUGHPUT_BELOW_SLO"],
    ["maxRecoverySec", seconds, null, verdict?.timeToRecoverSec, "RECOVERY_TOO_SLOW"],
  ].filter(([name]) => slo[name] !== null && slo[name] !== undefined);
  const judged = verdict && verdict.status !== "INCONCLUSIVE";
  const rows = lines.map(([name, show, during, after, code]) =>
    h(
      "tr",
      { "data-objective": name },
      h("th", { scope: "row" }, t(`objective.${name}`)),
      h("td", {}, figure(slo[name], show)),
      h("td", {}, name === "maxRecoverySec" ? "" : figure(during, show)),
      h("td", {}, figure(after, show)),
      h("td", {}, judged ? met(!broken.has(code)) : t("notJudged")),
    ),
  );
  return table(t("part.objectives"), ["objective", "limit", "fault", "recovery", "met"].map((name) => t(`column.${name}`)), rows);
}

function met(yes) {
  return h("span", { class: yes ? "good" : "worse" }, yes ? `✓ ${t("metYes")}` : `✕ ${t("metNo")}`);
}

const COMPARED = {
  P95_RATIO: (value) => `×${number(value, 2)}`,
  ERROR_RATE_RISE: (value) => points(value),
  THROUGHPUT_RATIO: (value) => `×${number(value, 2)}`,
  RECOVERY_SEC: seconds,
};
const MARGINS = { ...COMPARED, P95_RATIO: (value) => number(value, 2), THROUGHPUT_RATIO: (value) => number(value, 2), ERROR_RATE_RISE: (value) => t("points", { n: number(value * 100, 2) }) };

function comparisonTable(comparison) {
  const rows = comparison.figures.map((each) =>
    h(
      "tr",
      { "data-compared": each.figure },
      h("th", { scope: "row", class: "text" }, t(`compared.${each.figure}`)),
      h("td", {}, each.value === null ? t("notWithinRun") : figure(each.value, COMPARED[each.figure])),
      h("td", {}, figure(each.usual, COMPARED[each.figure])),
      h("td", {}, each.margin === null ? unknown() : `± ${MARGINS[each.figure](each.margin)}`),
      h("td", {}, outcome(each.outcome)),
    ),
  );
  const columns = ["figure", "thisRun", "usual", "noise", "outcome"].map((name) => t(`column.${name}`));
  return [
    h("p", {}, h("strong", {}, t(`outcomeSentence.${comparison.outcome}`)), " ", h("span", { class: "quiet" }, t("earlierRuns", { n: number(comparison.runs) }))),
    comparison.outcome === "NOT_ENOUGH_RUNS" ? null : table(t("part.earlier"), columns, rows),
    comparison.otherDefinitions > 0 ? h("p", { class: "notice" }, t("otherDefinitions", { n: number(comparison.otherDefinitions) })) : null,
  ];
}

function outcome(name) {
  return h("span", { class: { WORSE: "worse", BETTER: "good" }[name] ?? null }, t(`outcome.${name}`));
}

function errorTable(run) {
  const errors = run.results.topErrors;
  if (run.results.summary.errors === null) return h("p", { class: "quiet" }, t("errorsUnknown"));
  if (errors.kinds.length === 0) return h("p", { class: "quiet" }, t("noErrors"));
  const total = run.results.summary.errors;
  const rows = errors.kinds.map((kind) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", class: "text" }, kind.code || unknown()),
      h("td", { class: "text" }, kind.message),
      h("td", {}, figure(kind.count, number)),
      h("td", {}, total ? percent(kind.count / total) : unknown()),
    ),
  );
  return [
    table(t("part.topErrors"), ["code", "message", "count", "share"].map((name) => t(`column.${name}`)), rows, 2),
    errors.others > 0 ? h("p", { class: "quiet" }, t("otherErrors", { n: number(errors.others) })) : null,
    errors.allKindsSeen ? null : h("p", { class: "notice" }, t("kindsLost")),
  ];
}

function labelTable(run) {
  const labels = run.results.labels;
  if (labels.length === 0) return h("p", { class: "quiet" }, t("noFigures"));
  const rows = labels.map((group) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", class: "text" }, group.label || unknown(), group.transaction ? h("span", { class: "chip" }, t("transaction")) : null, group.subResult ? h("span", { class: "chip" }, t("subResult")) : null),
      cells(summaryCells(group)),
      h("td", {}, figure(group.receivedBytes, bytes)),
    ),
  );
  const columns = ["label", ...SUMMARY_COLUMNS, "received"].map((name) => t(`column.${name}`));
  const others = run.results.otherLabels;
  return [
    table(t("part.labels"), columns, rows),
    others > 0 ? h("p", { class: "notice" }, t("otherLabels", { n: number(others) })) : null,
    run.results.untoldSamples > 0 ? h("p", { class: "quiet" }, t("untoldSamples", { n: number(run.results.untoldSamples) })) : null,
  ];
}

// What the set-up and tear-down thread groups sent: it is no load, and in no figure but these.
function besideTable(run) {
  const groups = ["setUp", "tearDown"].filter((name) => run.results[name]);
  const rows = groups.map((name) => h("tr", {}, h("th", { scope: "row", class: "text" }, t(`group.${name}`)), cells(summaryCells(run.results[name]))));
  const columns = ["group", ...SUMMARY_COLUMNS].map((name) => t(`column.${name}`));
  return [table(t("part.beside"), columns, rows), h("p", { class: "quiet" }, t("besideHint"))];
}

// --- about the run -----------------------------------------------------------------------------------------------

function facts(run) {
  const { task, definition, strategy, results } = run;
  const text = (value) => value || unknown();
  const [first] = partsOf(task) ?? [];
  const ofFirst = (value) => (first ? [value, h("span", { class: "aside block" }, t("ofTheFirstEngine", { engine: first.engine }))] : value);
  const known = [
    ["status", t(`status.${task.status}`)],
    ["experiment", text(run.experimentId)],
    ["experimentTask", task.experimentTaskId],
    ["task", task.taskId],
    ["strategy", task.strategyId],
    ["definition", text(definition?.name)],
    ["endpoint", text(results?.endpoint ?? definition?.endpoint)],
    ["load", definition ? t("loadOf", { threads: number(definition.threads), rampUp: seconds(definition.rampUp) }) : unknown()],
    ["plan", strategy ? t("planOf", { lead: seconds(strategy.startBeforeFaultSec), length: seconds(strategy.trafficDurationSec) }) : unknown()],
    ["loadStarted", moment(task.startTime)],
    ["windowOpened", moment(run.windowOpenedAt)],
    ["faultBegan", bound(results?.faultWindow, "start")],
    ["faultEnded", bound(results?.faultWindow, "end")],
    ["experimentEnded", moment(run.experimentEndedAt)],
    ["loadEnded", moment(task.endTime)],
    ["execution", ofFirst(text(task.executionId))],
    ["jtl", ofFirst(place(results?.resultUrl, results?.resultPath ?? task.resultPath))],
    ["dashboard", ofFirst(place(results?.reportUrl, results?.reportPath ?? task.reportPath))],
    ["log", ofFirst(text(results?.logPath ?? task.logPath))],
    ...(results?.archive ? [["archive", archiveLinks(results.archive)]] : []),
  ];
  return h(
    "dl",
    { class: "facts" },
    known.map(([name, value]) => h("div", { "data-fact": name }, h("dt", {}, t(`fact.${name}`)), h("dd", {}, value))),
  );
}

// Links to the kept files. A page that is kept or sent has none: they are signed, and for an hour.
function archiveLinks(archive) {
  const kept = Object.entries({ resultUrl: "jtl", analysisUrl: "analysis", reportUrl: "report", dashboardUrl: "dashboard" });
  const links = kept.filter(([name]) => archive[name]).map(([name, key]) => h("li", {}, webLink(archive[name], t(`kept.${key}`))));
  return [h("ul", { class: "kept" }, links, furtherLinks(archive.files ?? [])), h("span", { class: "aside block" }, t("linksUntil"), " ", moment(archive.expiresAt))];
}

// What further engines of a load left: results-2.jtl.gz, dashboard-2.zip, ...
function furtherLinks(files) {
  const keys = { results: "jtl", dashboard: "dashboard" };
  const found = files.map(({ name, url }) => [url, /^(results|dashboard)-(\d+)\./.exec(name)]).filter(([, parts]) => parts);
  return found.map(([url, [, stem, number]]) => h("li", {}, webLink(url, `${t(`kept.${keys[stem]}`)} ${number}`)));
}

// A bound of the fault window, and from what it is known.
function bound(faultWindow, side) {
  const from = faultWindow?.[`${side}From`];
  return from ? [moment(faultWindow[side]), h("span", { class: "aside block" }, t(`windowFrom.${from}`))] : unknown();
}

function place(address, path) {
  if (address) return webLink(address, path || address);
  return path || unknown();
}

function method() {
  const topics = ["percentiles", "moments", "phases", "felt", "deficit", "corrected", "verdicts", "unknowns"];
  return h(
    "dl",
    { class: "method" },
    topics.map((name) => [h("dt", {}, t(`method.${name}`)), h("dd", {}, t(`methodText.${name}`))]),
  );
}

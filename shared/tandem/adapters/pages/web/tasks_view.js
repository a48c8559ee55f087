// The list of tasks, fresh while one looks at it.

import { read, send } from "./api.js";
import { alertBox, showFailure } from "./dialogs.js";
import { h } from "./dom.js";
import { figure, moment, number, percent, seconds, unknown } from "./format.js";
import { t } from "./i18n.js";
import { filterForm, listTable, PAGE_SIZE, pager, statusChip, verdictChip } from "./lists.js";
import { Polling } from "./polling.js";

const STATUSES = ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"];
const VERDICTS = ["PASS", "DEGRADED", "FAIL", "INCONCLUSIVE"];
const REFRESH_SECONDS = 5;
const WEEK_MS = 7 * 24 * 3600 * 1000;

export function tasksView(filters) {
  const alert = alertBox();
  const list = h("div", {}, h("p", { class: "quiet" }, t("loading")));
  const week = h("div", {});
  let last = "";
  const work = async (signal) => {
    const wanted = {
      pageNum: Number(filters.page ?? 1),
      pageSize: PAGE_SIZE,
      status: filters.status || undefined,
      verdict: filters.verdict || undefined,
      strategyId: filters.strategyId || undefined,
      experimentTaskId: filters.experimentTaskId || undefined,
    };
    const page = await send("QueryLoadTestTasks", wanted, signal);
    alert.hidden = true;
    const now = JSON.stringify([page, page.data.some((task) => task.endTime === null) ? Date.now() : 0]);
    if (now === last) return;
    last = now;
    const focused = document.activeElement?.getAttribute("href");
    list.replaceChildren(page.total === 0 ? emptyList(filters) : taskTable(page), pager("tasks", filters, page));
    if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  };
  const weekWork = async (signal) => {
    const from = new Date(Date.now() - WEEK_MS).toISOString();
    week.replaceChildren(weekTiles(await read("GetLoadTestStatistics", { from }, signal)));
  };
  const failed = (failure) => showFailure(alert, failure);
  const polls = [new Polling(work, failed, () => REFRESH_SECONDS), new Polling(weekWork, failed, () => 60)];
  const statuses = [["", t("all")], ...STATUSES.map((status) => [status, t(`status.${status}`)])];
  const verdicts = [["", t("all")], ...VERDICTS.map((verdict) => [verdict, t(`verdict.${verdict}`)])];
  const element = h(
    "div",
    { class: "view" },
    h("h1", { tabindex: "-1" }, t("tasks")),
    alert,
    week,
    h(
      "section",
      { class: "part" },
      filterForm("tasks", filters, [
        { name: "status", text: t("column.state"), options: statuses },
        { name: "verdict", text: t("column.verdict"), options: verdicts },
        { name: "experimentTaskId", text: t("fact.experimentTask") },
        { name: "strategyId", text: t("fact.strategy") },
      ]),
      list,
    ),
  );
  return { element, close: () => polls.forEach((poll) => poll.close()) };
}

function weekTiles(statistics) {
  const tile = (name, value) => h("div", { class: "tile", "data-tile": name }, h("dt", {}, t(`week.${name}`)), h("dd", {}, value));
  return h(
    "dl",
    { class: "tiles" },
    tile("active", number((statistics.byStatus.PENDING ?? 0) + (statistics.byStatus.RUNNING ?? 0))),
    tile("total", figure(statistics.total, number)),
    tile("successRate", figure(statistics.successRate, percent)),
    tile("verdicts", verdictCounts(statistics.byVerdict)),
    tile("meanDuration", figure(statistics.meanDurationSec, seconds)),
    tile("startsRefused", figure(statistics.startsRefused, number)),
  );
}

function verdictCounts(byVerdict) {
  const some = VERDICTS.filter((verdict) => byVerdict[verdict] > 0);
  return some.length === 0 ? unknown() : some.map((verdict) => h("span", { class: "verdict-count" }, verdictChip(verdict), ` ${number(byVerdict[verdict])} `));
}

function emptyList(filters) {
  const filtered = ["status", "verdict", "strategyId", "experimentTaskId"].some((name) => filters[name]);
  return h("p", { class: "quiet empty" }, filtered ? t("nothingMatches") : t("noTasks"));
}

function taskTable(page) {
  const columns = [
    { text: t("fact.experimentTask") },
    { text: t("column.state") },
    { text: t("column.verdict") },
    { text: t("fact.experiment") },
    { text: t("fact.loadStarted") },
    { text: t("column.lasted"), figure: true },
  ];
  const rows = page.data.map((task) => [
    h("a", { href: `#/task/${encodeURIComponent(task.experimentTaskId)}` }, task.experimentTaskId),
    [statusChip(task.status), stateAside(task)],
    task.verdict ? verdictChip(task.verdict) : unknown(),
    task.experimentId ?? unknown(),
    moment(task.startTime),
    lasted(task),
  ]);
  return listTable(t("tasks"), columns, rows, (row) => page.data[row].taskId);
}

function stateAside(task) {
  if (task.stopRequested && task.endTime === null) return h("span", { class: "aside" }, ` ${t("stopping")}`);
  return task.status === "STOPPED" && task.endedAsPlanned ? h("span", { class: "aside" }, ` ${t("endedAsPlanned")}`) : null;
}

function lasted(task) {
  if (!task.startTime) return unknown();
  const end = task.endTime ? new Date(task.endTime) : new Date();
  return seconds(Math.max(0, Math.round((end - new Date(task.startTime)) / 1000)));
}

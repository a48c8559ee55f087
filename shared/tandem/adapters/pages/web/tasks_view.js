// The list of tasks, fresh while one looks at it.

import { read, send } from "./api.js";
import { alertBox, showFailure } from "./dialogs.js";
import { h } from "./dom.js";
import { figure, moment, number, percent, seconds, unknown } from "./format.js";
import { t } from "./i18n.js";
import { filterForm, listTable, PAGE_SIZE, pager, statusChip } from "./lists.js";
import { Polling } from "./polling.js";

const STATUSES = ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"];
const REFRESH_SECONDS = 5;
const WEEK_MS = 7 * 24 * 3600 * 1000;

// The experiment of each strategy; a strategy that was deleted is not among them.
async function experimentsOfStrategies(signal) {
  const page = await send("QueryLoadTestStrategies", { pageSize: 200 }, signal);
  return new Map(page.data.map((strategy) => [strategy.id, strategy.experimentId]));
}

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
      strategyId: filters.strategyId || undefined,
      experimentTaskId: filters.experimentTaskId || undefined,
    };
    const [page, experiments] = await Promise.all([send("QueryLoadTestTasks", wanted, signal), experimentsOfStrategies(signal)]);
    alert.hidden = true;
    const now = JSON.stringify([page, [...experiments], page.data.some((task) => task.endTime === null) ? Date.now() : 0]);
    if (now === last) return;
    last = now;
    const focused = document.activeElement?.getAttribute("href");
    list.replaceChildren(page.total === 0 ? emptyList(filters) : taskTable(page, experiments), pager("tasks", filters, page));
    if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  };
  const weekWork = async (signal) => {
    const from = new Date(Date.now() - WEEK_MS).toISOString();
    week.replaceChildren(weekTiles(await read("GetLoadTestStatistics", { from }, signal)));
  };
  const failed = (failure) => showFailure(alert, failure);
  const polls = [new Polling(work, failed, () => REFRESH_SECONDS), new Polling(weekWork, failed, () => 60)];
  const statuses = [["", t("all")], ...STATUSES.map((status) => [status, t(`status.${status}`)])];
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
    tile("meanDuration", figure(statistics.meanDurationSec, seconds)),
    tile("startsRefused", figure(statistics.startsRefused, number)),
  );
}

function emptyList(filters) {
  const filtered = ["status", "strategyId", "experimentTaskId"].some((name) => filters[name]);
  return h("p", { class: "quiet empty" }, filtered ? t("nothingMatches") : t("noTasks"));
}

function taskTable(page, experiments) {
  const columns = [
    { text: t("fact.experimentTask") },
    { text: t("column.state") },
    { text: t("fact.experiment") },
    { text: t("fact.loadStarted") },
    { text: t("column.lasted"), figure: true },
  ];
  const rows = page.data.map((task) => [
    h("a", { href: `#/task/${encodeURIComponent(task.experimentTaskId)}` }, task.experimentTaskId),
    [statusChip(task.status), task.stopRequested && task.endTime === null ? h("span", { class: "aside" }, ` ${t("stopping")}`) : null],
    experiments.get(task.strategyId) ?? unknown(),
    moment(task.startTime),
    lasted(task),
  ]);
  return listTable(t("tasks"), columns, rows, (row) => page.data[row].taskId);
}

function lasted(task) {
  if (!task.startTime) return unknown();
  const end = task.endTime ? new Date(task.endTime) : new Date();
  return seconds(Math.max(0, Math.round((end - new Date(task.startTime)) / 1000)));
}

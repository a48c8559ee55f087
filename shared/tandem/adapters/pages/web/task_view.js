// One task: live while it runs, its report when it has ended.

import { read, readIfThere, readText, send } from "./api.js";
import { RunCharts } from "./charts.js";
import { alertBox, announce, openDialog, showFailure } from "./dialogs.js";
import { h } from "./dom.js";
import { eventList, marksOf, readEvents } from "./events_list.js";
import { clock, figure, milliseconds, number, percent, perSecond, seconds, zoneName } from "./format.js";
import { sentences, t } from "./i18n.js";
import { statusChip } from "./lists.js";
import { enginesShown, partsOf } from "./parts_table.js";
import { Polling } from "./polling.js";
import { reportView } from "./report_view.js";

const LIVE_SECONDS = 3;
// The task has ended, and its results are not complete.
const AWAITED_SECONDS = 5;
const EVENTS = 1000;

const isActive = (task) => task.status === "PENDING" || task.status === "RUNNING";
const epochOf = (value) => (value ? new Date(value).getTime() : null);

export function taskView(experimentTaskId) {
  const view = new TaskView(experimentTaskId);
  return { element: view.element, close: () => view.close() };
}

class TaskView {
  constructor(experimentTaskId) {
    this.key = { experimentTaskId };
    this.alert = alertBox();
    this.chip = h("span", {});
    this.buttons = h("div", { class: "buttons" });
    this.body = h("div", {}, h("p", { class: "quiet" }, t("loading")));
    this.name = h("h1", { tabindex: "-1" }, experimentTaskId);
    this.over = h("p", { class: "over" }, t("fact.experimentTask"));
    this.element = h(
      "div",
      { class: "view" },
      h("p", {}, h("a", { href: "#/tasks" }, `← ${t("tasks")}`)),
      h("div", { class: "task-head" }, h("div", {}, this.over, this.name), h("div", { class: "task-state" }, this.chip, this.buttons)),
      this.alert,
      this.body,
    );
    this.task = null;
    this.strategy = undefined;
    this.live = null;
    this.report = null;
    this.ticking = setInterval(() => this.live?.progress(this.task, this.strategy), 1000);
    this.polling = this.poll();
  }

  poll() {
    const failed = (failure) => {
      showFailure(this.alert, failure);
      if (this.task === null) this.body.replaceChildren();
    };
    // A task that is not there may come yet: its experiment was only just announced.
    const pause = () => {
      if (this.report === null) return LIVE_SECONDS;
      return this.isFinal ? null : AWAITED_SECONDS;
    };
    return new Polling((signal) => this.refresh(signal), failed, pause);
  }

  close() {
    clearInterval(this.ticking);
    this.polling.close();
    this.live?.close();
    this.report?.close();
  }

  async refresh(signal) {
    const task = await read("GetLoadTestTask", this.key, signal);
    if (this.strategy === undefined) {
      this.strategy = await readIfThere("GetLoadTestStrategy", { id: task.strategyId }, signal);
      if (this.strategy) this.over.textContent = `${t("fact.experiment")} ${this.strategy.experimentId}`;
    }
    this.task = task;
    this.alert.hidden = true;
    this.showHead();
    if (isActive(task)) await this.showLive(signal);
    else await this.showReport(signal);
  }

  showHead() {
    const { task } = this;
    this.chip.replaceChildren(statusChip(task.status));
    const names = isActive(task) ? ["sync", "stop"] : ["download"];
    if (this.shownButtons === names.join() + task.stopRequested) return;
    this.shownButtons = names.join() + task.stopRequested;
    const act = { sync: () => this.sync(), stop: () => this.askToStop(), download: () => this.download() };
    this.buttons.replaceChildren(
      ...names.map((name) =>
        h(
          "button",
          {
            type: "button",
            class: name === "stop" ? "button is-danger" : "button",
            "data-act": name,
            disabled: name === "stop" && task.stopRequested,
            onclick: act[name],
          },
          name === "stop" && task.stopRequested ? t("stopping") : t(`act.${name}`),
        ),
      ),
    );
  }

  async showLive(signal) {
    const [series, story] = await Promise.all([
      read("GetLoadTestTimeseries", this.key, signal),
      read("GetLoadTestEvents", { ...this.key, tail: EVENTS }, signal),
    ]);
    if (this.live === null) {
      this.live = new LiveRun();
      this.body.replaceChildren(this.live.element);
    }
    this.live.progress(this.task, this.strategy);
    this.live.showEngines(this.task);
    this.live.update(series, readEvents(story.events));
  }

  async showReport(signal) {
    const [results, timeseries, events] = await Promise.all([
      read("GetLoadTestResults", this.key, signal),
      read("GetLoadTestTimeseries", this.key, signal),
      read("GetLoadTestEvents", { ...this.key, tail: EVENTS }, signal),
    ]);
    const { strategy, task } = this;
    const definition = strategy && (await readIfThere("GetLoadTestDefinition", { id: strategy.definitionId }, signal));
    this.live?.close();
    this.live = null;
    this.isFinal = results.final;
    const shown = JSON.stringify([task, results]);
    if (shown === this.shownReport) return;
    this.shownReport = shown;
    this.report?.close();
    this.report = reportView({
      task,
      results,
      timeseries,
      events,
      strategy,
      definition,
      experimentId: task.experimentId ?? strategy?.experimentId ?? null,
      windowOpenedAt: task.windowOpenedAt,
      experimentEndedAt: task.finishedAt,
      missing: results.missing,
    });
    this.body.replaceChildren(this.report.element);
  }

  askToStop() {
    openDialog({
      title: t("stopTitle"),
      content: h("p", {}, t("stopText", { task: this.task.experimentTaskId })),
      action: t("act.stop"),
      danger: true,
      act: async () => {
        await send("StopLoadTestTask", { taskId: this.task.taskId });
        this.task.stopRequested = true;
        this.showHead();
        announce(t("stopAccepted"));
      },
    });
  }

  async sync() {
    try {
      this.task = await send("SyncLoadTestTaskStatus", { taskId: this.task.taskId });
      this.showHead();
      announce(t("synced"));
    } catch (failure) {
      showFailure(this.alert, failure);
    }
  }

  // With the user's identity, which a link would not carry.
  async download() {
    try {
      const page = new Blob([await readText("GetLoadTestReport", this.key)], { type: "text/html" });
      const address = URL.createObjectURL(page);
      h("a", { href: address, download: `tandem-${this.task.experimentTaskId}.html` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
      announce(t("downloaded"));
    } catch (failure) {
      showFailure(this.alert, failure);
    }
  }
}

class LiveRun {
  constructor() {
    this.tiles = h("dl", { class: "tiles" });
    this.words = h("p", { class: "progress-words" });
    this.bar = h("div", { class: "bar" });
    this.track = h("div", { class: "track", role: "progressbar", "aria-label": t("progress"), "aria-valuemin": "0", "aria-valuemax": "100" }, this.bar);
    this.scale = h("div", { class: "scale", "aria-hidden": "true" });
    this.charts = new RunCharts();
    this.noSamples = h("p", { class: "quiet" }, t("noSamplesYet"));
    this.events = h("div", {});
    this.engines = h("section", { class: "part", id: "part-engines", hidden: true });
    this.windowIsOpen = false;
    this.element = h(
      "div",
      { class: "report" },
      h("section", { class: "part" }, h("h2", {}, t("progress")), this.words, this.track, this.scale),
      this.tiles,
      h("section", { class: "part" }, h("h2", {}, t("part.course")), h("p", { class: "quiet" }, t("courseHint", { zone: zoneName() })), this.noSamples, this.charts.element),
      this.engines,
      h("section", { class: "part" }, h("h2", {}, t("part.events")), this.events),
    );
  }

  close() {
    this.charts.close();
  }

  update(series, events) {
    this.windowIsOpen = series.phases.some((phase) => phase.name === "FAULT");
    const stamps = series.throughput ?? [];
    this.noSamples.hidden = stamps.length > 0;
    this.charts.element.hidden = stamps.length === 0;
    if (stamps.length > 0) this.charts.update(series, marksOf(events));
    this.showTiles(series);
    const listed = JSON.stringify(events);
    if (listed === this.listed) return;
    this.listed = listed;
    this.events.replaceChildren(eventList(events));
  }

  showEngines(task) {
    const shown = JSON.stringify(partsOf(task));
    if (shown === this.shownEngines) return;
    this.shownEngines = shown;
    this.engines.hidden = partsOf(task) === null;
    this.engines.replaceChildren(...(this.engines.hidden ? [] : [h("h2", {}, t("part.engines")), ...enginesShown(task)]));
  }

  // The last interval that is whole: the newest one is still being filled.
  showTiles(series) {
    const at = series.throughput.length > 1 ? series.throughput.length - 2 : series.throughput.length - 1;
    const value = (name) => series[name].at(at)?.[1] ?? null;
    const success = at < 0 ? null : value("successRate");
    const tile = (name, shown) => h("div", { class: "tile", "data-tile": name }, h("dt", {}, t(`live.${name}`)), h("dd", {}, shown));
    const when = at < 0 ? t("noSamplesYet") : t("liveAt", { time: clock(series.throughput[at][0]), width: seconds(series.bucketSizeMs / 1000) });
    this.tiles.replaceChildren(
      tile("throughput", figure(at < 0 ? null : value("throughput"), perSecond)),
      tile("p95", figure(at < 0 ? null : value("p95"), milliseconds)),
      tile("errors", figure(success === null ? null : (100 - success) / 100, percent)),
      tile("threads", figure(at < 0 ? null : value("activeThreads"), number)),
      h("div", { class: "tile-foot" }, h("dt", { class: "unseen" }, t("live.when")), h("dd", { class: "quiet" }, when)),
    );
  }

  // Where the run is between its start, the fault and its planned end; a moment that is not known is left out.
  progress(task, strategy) {
    const start = epochOf(task.startTime) ?? epochOf(task.createdAt);
    const fault = epochOf(task.faultAt);
    const planned = strategy && task.startTime ? start + strategy.trafficDurationSec * 1000 : null;
    const end = planned ?? epochOf(task.deadline);
    const now = Date.now();
    const words = sentences(phaseWords(task, fault, now, this.windowIsOpen), end === null ? "" : endWords(end, now));
    this.words.textContent = words;
    const share = end === null || end <= start ? null : Math.min(1, Math.max(0, (now - start) / (end - start)));
    this.track.hidden = this.scale.hidden = share === null;
    if (share === null) return;
    this.bar.style.width = `${share * 100}%`;
    this.track.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    this.track.setAttribute("aria-valuetext", words);
    const marks = [[0, t("mark.start"), start], [1, t("mark.end"), end]];
    if (fault !== null && fault > start && fault < end) marks.splice(1, 0, [(fault - start) / (end - start), t("mark.fault"), fault]);
    this.scale.replaceChildren(
      ...marks.map(([at, text, stamp]) => {
        const place = at === 0 ? "at-start" : at === 1 ? "at-end" : at > 0.6 ? "at-fault is-late" : "at-fault";
        const mark = h("span", { class: place }, `${text} ${clock(stamp)}`);
        mark.style.left = `${at * 100}%`;
        return mark;
      }),
    );
  }
}

// A moment at which the fault is due says nothing of whether the window opened then: the series does.
function phaseWords(task, fault, now, windowIsOpen) {
  if (task.stopRequested) return t("progress.stopping");
  if (task.status === "PENDING") return t("progress.pending");
  if (task.gate?.until && !task.gate.provenAt && !windowIsOpen) return gateWords(task.gate, now);
  if (fault === null) return t("progress.noFault");
  const away = { n: seconds(Math.round(Math.abs(fault - now) / 1000)) };
  if (fault > now) return t("progress.toFault", away);
  return windowIsOpen ? t("progress.sinceFault", away) : t("progress.faultDue");
}

// What the traffic check measures, what it wants, and how long it goes on looking.
function gateWords(gate, now) {
  const { measured, wanted } = gate;
  const left = seconds(Math.max(0, Math.round((epochOf(gate.until) - now) / 1000)));
  const said = [
    t("gate.samples", {
      samples: number(measured?.samples ?? 0),
      seconds: seconds(measured?.seconds ?? 0),
      minSamples: number(wanted.minSamples),
      minSeconds: seconds(wanted.minSeconds),
    }),
  ];
  if (measured?.errorRate != null) {
    said.push(t("gate.errors", { rate: percent(measured.errorRate), most: percent(wanted.maxErrorRate) }));
  }
  if (measured?.requestsPerSec != null && wanted.minThroughput !== null) {
    said.push(t("gate.throughput", { rate: perSecond(measured.requestsPerSec), least: perSecond(wanted.minThroughput) }));
  }
  if (measured?.samples === 0 && measured.setUpSamples > 0) said.push(t("gate.setUp", { n: number(measured.setUpSamples) }));
  if (measured?.topError) {
    const { code, message, count } = measured.topError;
    said.push(t("gate.topError", { error: `${code} ${message}`.trim(), n: number(count) }));
  }
  return sentences(...said, t("gate.left", { n: left }));
}

function endWords(end, now) {
  return end > now ? t("progress.toEnd", { n: seconds(Math.round((end - now) / 1000)) }) : t("progress.overdue");
}

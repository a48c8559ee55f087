// The course of a run: throughput, latency, errors and threads over one time axis, with phases and marks.

import { freshId, h, scrolled } from "./dom.js";
import { clock, figure, milliseconds, number, percent, perSecond, zoneName } from "./format.js";
import { t } from "./i18n.js";

const SECONDS_BETWEEN_TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

const HEIGHT = 220;
const TABLE_STEP = 10;

const plain = (points) => points ?? [];
const errorShares = (points) => plain(points).map(([stamp, rate]) => [stamp, rate === null ? null : (100 - rate) / 100]);

const CHARTS = [
  {
    name: "throughput",
    show: perSecond,
    tick: (value) => number(value, 1),
    least: 1,
    lines: [{ name: "throughput", colour: "--line-throughput", points: (series) => plain(series.throughput) }],
  },
  {
    name: "latency",
    show: milliseconds,
    tick: (value) => number(value),
    least: 10,
    lines: [
      { name: "p99", colour: "--line-p99", dash: [6, 4], points: (series) => plain(series.p99) },
      { name: "p95", colour: "--line-p95", points: (series) => plain(series.p95) },
      { name: "mean", colour: "--line-mean", dash: [2, 3], points: (series) => plain(series.avgLatency) },
    ],
  },
  {
    name: "errors",
    show: percent,
    tick: (value) => percent(value),
    least: 0.05,
    lines: [
      { name: "errorRate", colour: "--line-errors", fill: true, points: (series) => errorShares(series.successRate) },
    ],
  },
  {
    name: "threads",
    show: (value) => number(value),
    tick: (value) => number(value, 1),
    least: 1,
    height: 130,
    lines: [{ name: "threads", colour: "--line-threads", points: (series) => plain(series.activeThreads) }],
  },
];

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const epoch = (moment) => new Date(moment).getTime();

// One series on the stamps of all of them.
function aligned(stamps, points) {
  const byStamp = new Map(points);
  return stamps.map((stamp) => byStamp.get(stamp) ?? null);
}

// All charts of one run. update() may be called again while the run goes on; it keeps the reader's place.
export class RunCharts {
  constructor() {
    this.key = freshId("charts");
    this.series = null;
    this.marks = [];
    this.drawn = CHARTS.map((chart) => new DrawnChart(chart, this));
    this.element = h("div", { class: "charts" }, this.drawn.map((chart) => chart.element));
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.onScheme = () => this.drawn.forEach((chart) => chart.rebuild());
    this.scheme.addEventListener("change", this.onScheme);
  }

  // marks: [{at: epoch ms, number: text}]
  update(series, marks) {
    this.series = series;
    this.marks = marks;
    this.stamps = plain(series.throughput).map(([stamp]) => stamp);
    const last = this.stamps.at(-1) ?? 0;
    this.span = [(this.stamps[0] ?? 0) / 1000, (last + series.bucketSizeMs) / 1000];
    const end = (series.phases ?? []).at(-1)?.end;
    this.lastIsUnfinished = end !== undefined && this.stamps.length > 1 && epoch(end) < last + series.bucketSizeMs;
    this.drawn.forEach((chart) => chart.update());
  }

  // Reads all charts at one interval; null: at none.
  pointAt(index) {
    for (const { plot } of this.drawn) {
      if (index === null) plot?.setCursor({ left: -10, top: -10 });
      else plot?.setCursor({ left: plot.valToPos(this.stamps[index] / 1000, "x"), top: 1 });
    }
  }

  close() {
    this.scheme.removeEventListener("change", this.onScheme);
    this.drawn.forEach((chart) => chart.close());
  }
}

class DrawnChart {
  constructor(chart, run) {
    this.chart = chart;
    this.run = run;
    this.plot = null;
    this.index = null;
    this.readings = chart.lines.map(() => h("span", { class: "reading" }));
    this.moment = h("span", { class: "reading" });
    const title = freshId("chart");
    this.host = h("div", {
      class: "plot",
      role: "slider",
      tabindex: "0",
      "aria-labelledby": title,
      "aria-orientation": "horizontal",
      "aria-valuemin": "0",
      "aria-valuemax": "0",
      "aria-valuenow": "0",
      "aria-valuetext": t("chartHint"),
      onkeydown: (event) => this.onKey(event),
    });
    this.table = h("div", {});
    this.details = h(
      "details",
      { class: "behind", ontoggle: () => this.fillTable() },
      h("summary", {}, t("asTable")),
      this.table,
    );
    this.element = h(
      "figure",
      { class: "chart" },
      h(
        "figcaption",
        {},
        h("h3", { id: title }, t(`chart.${chart.name}`)),
        h(
          "div",
          { class: "legend" },
          chart.lines.map((line, index) =>
            h(
              "span",
              { class: "key" },
              h("span", { class: `swatch ${line.dash ? "dashed" : ""}`, "data-line": line.colour }),
              t(`line.${line.name}`),
              " ",
              this.readings[index],
            ),
          ),
          this.moment,
        ),
      ),
      this.host,
      this.details,
    );
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.host);
  }

  close() {
    this.observer.disconnect();
    this.plot?.destroy();
  }

  rebuild() {
    this.plot?.destroy();
    this.plot = null;
    this.update();
  }

  get height() {
    return this.chart.height ?? HEIGHT;
  }

  resize() {
    const width = this.host.clientWidth;
    if (this.plot === null) this.update();
    else if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.height });
  }

  update() {
    if (this.run.series === null || this.host.clientWidth === 0) return;
    const { stamps, series } = this.run;
    const columns = this.chart.lines.map((line) => aligned(stamps, line.points(series)));
    // The rate of an interval that the run has only begun looks like a collapse, and is none.
    if (this.chart.name === "throughput" && this.run.lastIsUnfinished) columns[0][stamps.length - 1] = null;
    const data = [stamps.map((stamp) => stamp / 1000), ...columns];
    this.host.setAttribute("aria-valuemax", String(Math.max(0, stamps.length - 1)));
    if (this.plot === null) this.plot = new uPlot(this.options(), data, this.host);
    else this.plot.setData(data);
    this.fillTable();
  }

  options() {
    const ink = colourOf("--muted");
    const grid = { stroke: colourOf("--grid"), width: 1 };
    const font = "12px system-ui, sans-serif";
    return {
      width: this.host.clientWidth,
      height: this.height,
      padding: [20, 28, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: this.run.key }, points: { size: 7 } },
      scales: {
        x: { time: true, range: () => this.run.span },
        y: { range: (_plot, _low, high) => [0, Math.max(this.chart.least, (high ?? 0) * 1.08)] },
      },
      axes: [
        {
          stroke: ink,
          font,
          grid: { show: false },
          ticks: grid,
          size: 32,
          space: (plot) => (plot.width < 500 ? 60 : 74),
          // Whole seconds at least: the clock shows no finer ones.
          incrs: SECONDS_BETWEEN_TICKS,
          values: (_plot, splits, _axis, _space, step) => splits.map((at) => clock(at * 1000, step < 60)),
        },
        {
          stroke: ink,
          font,
          grid,
          ticks: { show: false },
          size: 62,
          space: 28,
          values: (_plot, splits) => splits.map((value) => this.chart.tick(value)),
        },
      ],
      series: [{}, ...this.chart.lines.map((line) => this.line(line))],
      hooks: {
        drawClear: [(plot) => this.shade(plot)],
        draw: [(plot) => this.mark(plot)],
        setCursor: [(plot) => this.read(plot.cursor.idx)],
      },
    };
  }

  line(line) {
    const colour = colourOf(line.colour);
    this.element.querySelector(`[data-line="${line.colour}"]`).style.borderTopColor = colour;
    return {
      stroke: colour,
      width: 2,
      dash: line.dash,
      fill: line.fill ? `${colour}22` : undefined,
      points: { size: 5, stroke: colour, fill: colour },
    };
  }

  // The phases as bands behind the lines, each with its name where there is room.
  shade(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    for (const phase of this.run.series.phases ?? []) {
      const [from, to] = [phase.start, phase.end].map((edge) => {
        const x = plot.valToPos(epoch(edge) / 1000, "x", true);
        return Math.min(Math.max(x, bbox.left), bbox.left + bbox.width);
      });
      if (to <= from) continue;
      const name = phase.name.toLowerCase();
      ctx.fillStyle = colourOf(`--phase-${name}`);
      ctx.fillRect(from, bbox.top, to - from, bbox.height);
      ctx.fillStyle = colourOf(name === "fault" ? "--phase-fault-edge" : "--phase-edge");
      ctx.fillRect(from, bbox.top, ratio, bbox.height);
      if (name === "fault") ctx.fillRect(to - ratio, bbox.top, ratio, bbox.height);
      const text = t(`phase.${phase.name}`);
      if (ctx.measureText(text).width + 8 * ratio > to - from) continue;
      ctx.fillStyle = colourOf(name === "fault" ? "--fail" : "--muted");
      ctx.fillText(text, from + 4 * ratio, bbox.top - 3 * ratio);
    }
    ctx.restore();
  }

  // The events: dashed lines, numbered in the first chart as in the list below.
  mark(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    const numbered = this === this.run.drawn[0];
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colourOf("--mark");
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    let free = -Infinity;
    for (const mark of this.run.marks) {
      const x = Math.round(plot.valToPos(mark.at / 1000, "x", true)) + 0.5;
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const width = ctx.measureText(mark.number).width;
      if (!numbered || x + 4 * ratio < free || x + 6 * ratio + width > bbox.left + bbox.width) continue;
      ctx.fillText(mark.number, x + 3 * ratio, bbox.top + bbox.height - 3 * ratio);
      free = x + 10 * ratio + width;
    }
    ctx.restore();
  }

  read(index) {
    this.index = index ?? null;
    const stamp = this.index === null ? undefined : this.run.stamps[this.index];
    const told = this.chart.lines.map((line, row) => {
      const value = stamp === undefined ? null : this.plot.data[row + 1][this.index];
      this.readings[row].textContent = stamp === undefined ? "" : value === null ? "–" : this.chart.show(value);
      return `${t(`line.${line.name}`)} ${value === null ? t("unknown") : this.chart.show(value)}`;
    });
    this.moment.textContent = stamp === undefined ? "" : clock(stamp);
    this.host.setAttribute("aria-valuenow", String(this.index ?? 0));
    this.host.setAttribute("aria-valuetext", stamp === undefined ? t("chartHint") : `${clock(stamp)}: ${told.join(", ")}`);
  }

  onKey(event) {
    const last = this.run.stamps.length - 1;
    const here = this.index ?? -1;
    const next = {
      ArrowLeft: here - 1,
      ArrowRight: here + 1,
      PageDown: here - TABLE_STEP,
      PageUp: here + TABLE_STEP,
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Escape") this.run.pointAt(null);
    if (next === undefined || last < 0) return;
    event.preventDefault();
    this.run.pointAt(Math.min(last, Math.max(0, next)));
  }

  // Filled when it is opened: three hundred rows that nobody reads would only slow the page.
  fillTable() {
    if (!this.details.open || this.run.series === null) return;
    const { stamps, series } = this.run;
    const columns = this.chart.lines.map((line) => aligned(stamps, line.points(series)));
    const head = [t("time", { zone: zoneName() }), ...this.chart.lines.map((line) => t(`line.${line.name}`))];
    const rows = stamps.map((stamp, index) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, clock(stamp)),
        columns.map((values) => h("td", {}, figure(values[index], this.chart.show))),
      ),
    );
    const table = h(
      "table",
      {},
      h("thead", {}, h("tr", {}, head.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, rows),
    );
    this.table.replaceChildren(scrolled(t(`chart.${this.chart.name}`), table));
  }
}

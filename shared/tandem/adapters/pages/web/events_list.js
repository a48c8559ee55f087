// What happened, in order of time: the engine's lines and our own audit trail, numbered as the marks in the charts.

import { h } from "./dom.js";
import { clock } from "./format.js";
import { hasText, t } from "./i18n.js";

// [{at, number, type, message, engine}] of the API's JSON texts; a line that is none is shown as it is.
export function readEvents(lines) {
  return lines.map((line, index) => {
    const number = String(index + 1);
    try {
      const { ts, type, message, engine } = JSON.parse(line);
      return { at: Number.isFinite(ts) ? ts : null, number, type: String(type ?? ""), message: String(message ?? ""), engine: String(engine ?? "") };
    } catch {
      return { at: null, number, type: "", message: line, engine: "" };
    }
  });
}

// The marks worth a line in the charts: the task's own steps, and the engine's when there are few.
export function marksOf(events) {
  const ours = events.filter((event) => event.at !== null && event.type.startsWith("TASK_"));
  const timed = events.filter((event) => event.at !== null);
  return timed.length <= 15 ? timed : ours.slice(0, 30);
}

export function eventList(events) {
  if (events.length === 0) return h("p", { class: "quiet" }, t("noEvents"));
  return h(
    "ol",
    // It scrolls when it is long, so the keyboard must reach it.
    { class: "events", tabindex: "0", "aria-label": t("part.events") },
    events.map((event) =>
      h(
        "li",
        {},
        h("span", { class: "event-number" }, event.number),
        event.at === null ? h("span", {}) : h("time", { datetime: new Date(event.at).toISOString() }, clock(event.at)),
        h("span", { class: "event-type" }, hasText(`event.${event.type}`) ? t(`event.${event.type}`) : event.type),
        h("span", { class: "event-message", lang: "en" }, event.message, event.engine ? h("span", { class: "aside" }, ` ${event.engine}`) : null),
      ),
    ),
  );
}

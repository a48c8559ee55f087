// Figures and times as people read them. What is not known is a dash, never a zero.

import { h } from "./dom.js";
import { locale, t } from "./i18n.js";

export function number(value, digits = 0) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
}

export function milliseconds(value) {
  return value < 10_000 ? `${number(value)} ms` : `${number(value / 1000, 1)} s`;
}

export function perSecond(value) {
  return `${number(value, value < 10 ? 2 : 1)}/s`;
}

export function percent(share, digits = 2) {
  return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: digits }).format(share);
}

export function bytes(value) {
  if (value < 1024) return `${number(value)} B`;
  if (value < 1024 ** 2) return `${number(value / 1024, 1)} KiB`;
  return value < 1024 ** 3 ? `${number(value / 1024 ** 2, 1)} MiB` : `${number(value / 1024 ** 3, 2)} GiB`;
}

export function seconds(value) {
  if (value < 60) return t("seconds", { n: number(value, 1) });
  const whole = Math.round(value);
  const [large, small] = whole < 3600 ? ["minutes", "seconds"] : ["hours", "minutes"];
  const unit = whole < 3600 ? 60 : 3600;
  const rest = Math.floor((whole % unit) / (unit / 60));
  return [t(large, { n: Math.floor(whole / unit) }), rest > 0 ? t(small, { n: rest }) : ""].join(" ").trim();
}

const timeFormats = new Map();

function timeFormat(name, options) {
  const key = `${locale()} ${name}`;
  if (!timeFormats.has(key)) timeFormats.set(key, new Intl.DateTimeFormat(locale(), { hourCycle: "h23", ...options }));
  return timeFormats.get(key);
}

// Times are shown in the reader's own zone, which the page names.
export function clock(epochMs, withSeconds = true) {
  const second = withSeconds ? { second: "2-digit" } : {};
  return timeFormat(`clock ${withSeconds}`, { hour: "2-digit", minute: "2-digit", ...second }).format(epochMs);
}

export function dayAndClock(moment) {
  return timeFormat("full", { dateStyle: "medium", timeStyle: "medium" }).format(new Date(moment));
}

export function zoneName() {
  const parts = timeFormat("zone", { timeZoneName: "longOffset", hour: "2-digit" }).formatToParts(new Date());
  const zone = parts.find((part) => part.type === "timeZoneName")?.value ?? "UTC";
  return zone.replace("GMT", "UTC").replace("+00:00", "");
}

export function unknown() {
  return h("span", { class: "unknown" }, h("span", { "aria-hidden": "true" }, "–"), h("span", { class: "unseen" }, t("unknown")));
}

// A figure with its exact value beside the shown one; null is the dash.
export function figure(value, show) {
  return value === null || value === undefined ? unknown() : h("data", { value }, show(value));
}

export function moment(value) {
  return value ? h("time", { datetime: value }, dayAndClock(value)) : unknown();
}

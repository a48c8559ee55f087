// Why a verdict is what it is: sentences in the page's language, made of codes and values.

import { h } from "./dom.js";
import { milliseconds, number, percent, perSecond, seconds } from "./format.js";
import { hasText, language, t } from "./i18n.js";

// The name of a value says its unit.
const UNITS = [
  [/PerSec$/, perSecond],
  [/Sec$/, seconds],
  [/Ms$/, (value) => milliseconds(Math.round(value))],
  [/(Rate|Ratio)$/, percent],
];

function reasonValue(name, value) {
  if (Array.isArray(value)) return value.join(t("and"));
  if (name === "phase") return t(`phase.${value}`);
  if (typeof value !== "number") return String(value ?? t("unknown"));
  const unit = UNITS.find(([pattern]) => pattern.test(name));
  return unit ? unit[1](value) : number(value);
}

// null where there is no sentence for it: a code that is newer than the page, or a run from before there were values.
function reasonText(reason) {
  const values = reason.values ?? {};
  const key = values.case ? `${reason.code}.${values.case}` : reason.code;
  if (!hasText(`reasonText.${key}`)) return null;
  const shown = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, reasonValue(name, value)]));
  const words = t(`reasonText.${key}`, shown);
  return /\{\w+\}/.test(words) ? null : words;
}

export function reasonList(reasons) {
  return h(
    "ul",
    { class: "reasons" },
    reasons.map((reason) => {
      const name = hasText(`reason.${reason.code}`) ? t(`reason.${reason.code}`) : reason.code;
      const words = reasonText(reason) ?? (language() === "en" ? reason.message : "");
      const detail = words === "" ? null : [language() === "en" ? " – " : " ", h("span", { class: "reason-detail" }, words)];
      return h("li", { "data-code": reason.code }, h("strong", {}, name), detail);
    }),
  );
}

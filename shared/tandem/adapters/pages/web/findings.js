// What the preflight found, in the page's language: sentences made of codes and values.

import { h } from "./dom.js";
import { hasText, language, t } from "./i18n.js";

export function preflightChip(status) {
  return h("span", { class: `chip is-${status.toLowerCase()}` }, t(`preflight.${status}`));
}

// In English the finding's own message says most; for a code that is newer than the page it is all there is.
function findingText(finding) {
  const values = finding.values ?? {};
  const code = "more" in values ? "more" : finding.code;
  if (language() === "en" || !hasText(`finding.${code}`)) return h("span", { lang: "en" }, finding.message);
  const words = t(`finding.${code}`, values);
  return /\{\w+\}/.test(words) ? h("span", { lang: "en" }, finding.message) : h("span", {}, words);
}

export function findingsList(preflight) {
  if (preflight.findings.length === 0) return h("p", { class: "quiet" }, t("noFindings"));
  return h(
    "ul",
    { class: "findings" },
    preflight.findings.map((finding) =>
      h(
        "li",
        { "data-code": finding.code },
        h("span", { class: `chip is-${finding.severity.toLowerCase()}` }, t(`severity.${finding.severity}`)),
        " ",
        findingText(finding),
        " ",
        h("span", { class: "aside" }, finding.path || finding.element),
      ),
    ),
  );
}

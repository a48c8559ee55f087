// What the lists have in common: filters that stand in the address, a table, pages.

import { h, scrolled } from "./dom.js";
import { number } from "./format.js";
import { t } from "./i18n.js";

export const PAGE_SIZE = 20;

const VERDICT_TONES = { PASS: "is-ok", DEGRADED: "is-warn", FAIL: "is-deny" };

export function verdictChip(verdict) {
  return h("span", { class: `chip ${VERDICT_TONES[verdict] ?? ""}`, "data-verdict": verdict }, t(`verdict.${verdict}`));
}

export function addressOfList(name, filters) {
  const given = Object.entries(filters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(given);
  return given.length > 0 ? `#/${name}?${query}` : `#/${name}`;
}

// controls: [{name, text, options}]; without options it is a text field.
export function filterForm(name, filters, controls) {
  const inputs = controls.map((control) => {
    const id = `filter-${control.name}`;
    const value = filters[control.name] ?? "";
    const input = control.options
      ? h("select", { id }, control.options.map(([each, text]) => h("option", { value: each, selected: each === value }, text)))
      : h("input", { id, type: "text", value, autocomplete: "off", spellcheck: "false" });
    return { control, input, element: h("div", { class: "filter" }, h("label", { for: id }, control.text), input) };
  });
  const go = () => {
    const wanted = Object.fromEntries(inputs.map(({ control, input }) => [control.name, input.value.trim()]));
    location.hash = addressOfList(name, wanted);
  };
  inputs.filter(({ control }) => control.options).forEach(({ input }) => input.addEventListener("change", go));
  return h(
    "form",
    {
      class: "filters",
      role: "search",
      onsubmit: (event) => {
        event.preventDefault();
        go();
      },
    },
    inputs.map(({ element }) => element),
    h("button", { type: "submit", class: "button" }, t("filter")),
    Object.values(filters).some((value) => value) ? h("a", { class: "button is-plain", href: `#/${name}` }, t("clear")) : null,
  );
}

// columns: [{text, figure}]; rows: arrays of cells, the first of which names the row.
export function listTable(label, columns, rows, key) {
  return scrolled(
    label,
    h(
      "table",
      { class: "list" },
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column.figure ? null : "text" }, column.text)))),
      h(
        "tbody",
        {},
        rows.map((cells, row) =>
          h(
            "tr",
            { "data-key": key(row) },
            cells.map((cell, index) =>
              h(index === 0 ? "th" : "td", { scope: index === 0 ? "row" : null, class: columns[index].figure ? null : "text" }, cell),
            ),
          ),
        ),
      ),
    ),
  );
}

export function pager(name, filters, page) {
  if (page.pages <= 1) return h("p", { class: "pager" }, t("inAll", { total: number(page.total) }));
  const link = (to, text, possible) =>
    possible
      ? h("a", { class: "button", href: addressOfList(name, { ...filters, page: to }) }, text)
      : h("span", { class: "button is-off", "aria-disabled": "true" }, text);
  return h(
    "nav",
    { class: "pager", "aria-label": t("pages") },
    link(page.page - 1, t("previous"), page.page > 1),
    h("span", {}, t("pageOf", { page: number(page.page), pages: number(Math.max(1, page.pages)), total: number(page.total) })),
    link(page.page + 1, t("next"), page.page < page.pages),
  );
}

export function statusChip(status) {
  return h("span", { class: `chip is-${status.toLowerCase()}` }, t(`status.${status}`));
}

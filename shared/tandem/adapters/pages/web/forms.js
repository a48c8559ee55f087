// Forms from a list of fields. A field's name is the API's, with a dot for what stands in a structure.

import { freshId, h } from "./dom.js";
import { openDialog } from "./dialogs.js";
import { t } from "./i18n.js";

const READERS = {
  text: (input) => input.value.trim() || null,
  long: (input) => input.value || null,
  number: (input) => (input.value.trim() === "" ? null : numberOf(input.value)),
  flag: (input) => input.checked,
  choice: (input) => input.value || null,
  pairs: (input) => pairsOf(input.value),
  lines: (input) => input.value.split("\n").map((line) => line.trim()).filter((line) => line !== ""),
};

// What is no number goes to the API as it is: it says what is wrong with it.
function numberOf(text) {
  const value = Number(text);
  return Number.isNaN(value) ? text : value;
}

function pairsOf(text) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const cut = line.indexOf(":");
      return cut < 0 ? [line.trim(), ""] : [line.slice(0, cut).trim(), line.slice(cut + 1).trim()];
    }),
  );
}

function shownValue(kind, value) {
  if (value === null || value === undefined) return "";
  if (kind === "pairs") return Object.entries(value).map(([name, text]) => `${name}: ${text}`).join("\n");
  if (kind === "lines") return value.join("\n");
  return String(value);
}

function valueAt(document, name) {
  return name.split(".").reduce((part, key) => part?.[key], document);
}

function put(document, name, value) {
  const [key, ...rest] = name.split(".");
  if (rest.length === 0) document[key] = value;
  else put((document[key] ??= {}), rest.join("."), value);
}

// One field: {name, kind, text, hint, required, group, options: [[value, text]], extra: nodes below}.
export class FormField {
  constructor(field, values) {
    this.field = field;
    const id = freshId("field");
    this.fault = h("span", { class: "fault", id: `${id}-fault`, lang: "en", hidden: true });
    this.input = this.inputOf(id, valueAt(values, field.name));
    const label = h("label", { for: id }, field.text, field.required ? h("span", { class: "aside" }, ` ${t("required")}`) : null);
    const hint = field.hint ? h("span", { class: "hint", id: `${id}-hint` }, field.hint) : null;
    const parts = field.kind === "flag" ? [h("div", { class: "flag" }, this.input, label)] : [label, this.input];
    this.element = h("div", { class: `field is-${field.kind}`, "data-field": field.name }, parts, hint, field.extra, this.fault);
  }

  inputOf(id, value) {
    const { kind, name, required, hint, options } = this.field;
    const common = {
      id,
      name,
      required,
      "aria-describedby": [hint ? `${id}-hint` : "", `${id}-fault`].join(" ").trim(),
    };
    if (kind === "choice") {
      return h(
        "select",
        common,
        options.map(([each, text]) => h("option", { value: each, selected: String(value ?? "") === each }, text)),
      );
    }
    if (kind === "pairs" || kind === "long" || kind === "lines") {
      const area = h("textarea", { ...common, rows: 3, spellcheck: "false" });
      area.value = shownValue(kind, value);
      return area;
    }
    if (kind === "flag") return h("input", { ...common, type: "checkbox", checked: value === true });
    const inputmode = kind === "number" ? "decimal" : null;
    return h("input", { ...common, type: "text", inputmode, value: shownValue(kind, value), autocomplete: "off", spellcheck: "false" });
  }

  get value() {
    return READERS[this.field.kind](this.input);
  }

  tell(message) {
    this.fault.hidden = message === "";
    this.fault.textContent = message;
    if (message === "") this.input.removeAttribute("aria-invalid");
    else this.input.setAttribute("aria-invalid", "true");
  }
}

// The document that the fields make. dropNulls: a new thing has no field to be cleared.
export function documentOf(fields, dropNulls) {
  const document = {};
  for (const field of fields) {
    const value = field.value;
    if (value === null && dropNulls) continue;
    put(document, field.field.name, value);
  }
  return document;
}

// Neighbours of one group stand together in a fieldset.
function grouped(fields) {
  const nodes = [];
  let group = null;
  for (const { field, element } of fields) {
    if (!field.group) nodes.push(element);
    else if (field.group === group) nodes.at(-1).append(element);
    else nodes.push(h("fieldset", {}, h("legend", {}, field.group), element));
    group = field.group ?? null;
  }
  return nodes;
}

// A dialog with these fields; act(fields) is awaited. Faults that name a field stand beside it.
export function formDialog({ title, action, fields, act }) {
  const tellFaults = (failure) => {
    const left = [];
    fields.forEach((field) => field.tell(""));
    for (const fault of failure.details ?? []) {
      const at = fields.find(({ field }) => fault.field === field.name || fault.field.startsWith(`${field.name}.`));
      if (at) at.tell(fault.message);
      else left.push(fault);
    }
    fields.find((field) => !field.fault.hidden)?.input.focus();
    const all = (failure.details ?? []).length > 0 && left.length === 0;
    return all ? null : { ...failure, message: failure.message, code: failure.code, details: left };
  };
  return openDialog({ title, action, content: grouped(fields), act: () => act(fields), fault: tellFaults });
}

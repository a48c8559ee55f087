// Definitions: what load to make, of a JMeter plan or of one request.

import { send, sendFile } from "./api.js";
import { alertBox, announce, openDialog, showFailure } from "./dialogs.js";
import { h } from "./dom.js";
import { findingsList, preflightChip } from "./findings.js";
import { bytes, number, seconds } from "./format.js";
import { documentOf, formDialog, FormField } from "./forms.js";
import { t } from "./i18n.js";
import { filterForm, listTable, PAGE_SIZE, pager } from "./lists.js";
import { rowButton } from "./strategies_view.js";

const NEW_DEFINITION = { entry: "JMX", threads: 10, rampUp: 0, urlCase: { method: "GET", path: "/" } };
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

export function definitionsView(filters) {
  const alert = alertBox();
  const list = h("div", {}, h("p", { class: "quiet" }, t("loading")));
  const abort = new AbortController();
  const load = async () => {
    try {
      const wanted = { pageNum: Number(filters.page ?? 1), pageSize: PAGE_SIZE, name: filters.name || undefined };
      const page = await send("QueryLoadTestDefinitions", wanted, abort.signal);
      alert.hidden = true;
      list.replaceChildren(
        page.total === 0 ? h("p", { class: "quiet empty" }, filters.name ? t("nothingMatches") : t("noDefinitions")) : definitionTable(page, load),
        pager("definitions", filters, page),
      );
    } catch (failure) {
      if (!abort.signal.aborted) showFailure(alert, failure);
    }
  };
  load();
  const element = h(
    "div",
    { class: "view" },
    h(
      "div",
      { class: "view-head" },
      h("h1", { tabindex: "-1" }, t("definitions")),
      h("button", { type: "button", class: "button is-main", onclick: () => editDefinition(null, load) }, t("newDefinition")),
    ),
    h("p", { class: "quiet" }, t("definitionsHint")),
    alert,
    h("section", { class: "part" }, filterForm("definitions", filters, [{ name: "name", text: t("field.name") }]), list),
  );
  return { element, close: () => abort.abort() };
}

function definitionTable(page, done) {
  const columns = [
    { text: t("field.name") },
    { text: t("field.endpoint") },
    { text: t("field.entry") },
    { text: t("fact.load"), figure: true },
    { text: t("field.rampUp"), figure: true },
    { text: t("preflight") },
    { text: t("column.actions") },
  ];
  const rows = page.data.map((definition) => [
    definition.name,
    definition.endpoint,
    definition.entry === "URL" && definition.urlCase ? `${definition.urlCase.method} ${definition.urlCase.path}` : (definition.contentRef ?? ""),
    number(definition.threads),
    seconds(definition.rampUp),
    definition.preflightStatus
      ? h("span", { class: "row-buttons" }, rowButton("preflight", definition.name, () => showFindings(definition)), preflightChip(definition.preflightStatus))
      : "",
    h(
      "span",
      { class: "row-buttons" },
      rowButton("edit", definition.name, () => editDefinition(definition, done)),
      rowButton("delete", definition.name, () => removeDefinition(definition, done)),
    ),
  ]);
  return listTable(t("definitions"), columns, rows, (row) => page.data[row].id);
}

async function showFindings(definition) {
  const result = h("div", { class: "preflight", "aria-live": "polite" }, h("p", { class: "quiet" }, t("loading")));
  openDialog({ title: t("preflightOf", { name: definition.name }), content: result });
  try {
    const { preflight } = await send("GetLoadTestDefinition", { id: definition.id });
    result.replaceChildren(preflight ? findingsList(preflight) : h("p", { class: "quiet" }, t("noFindings")));
  } catch (failure) {
    const box = alertBox();
    result.replaceChildren(box);
    showFailure(box, failure);
  }
}

function removeDefinition(definition, done) {
  openDialog({
    title: t("deleteDefinition"),
    content: h("p", {}, t("deleteText", { name: definition.name })),
    action: t("act.delete"),
    danger: true,
    act: async () => {
      await send("DeleteLoadTestDefinition", { id: definition.id });
      announce(t("deleted"));
      await done();
    },
  });
}

function editDefinition(definition, done) {
  const values = definition ?? NEW_DEFINITION;
  const field = (name, kind, more = {}) => new FormField({ name, kind, text: t(`field.${name}`), ...more }, values);
  const plan = new FileUpload({
    id: "plan-file",
    endpoint: "UploadJmxFile",
    accept: ".jmx,.zip",
    text: t("uploadPlan"),
    stored: (path, files) => {
      contentRef.input.value = path;
      contentRef.tell("");
      if (files.length > 0) dataFiles.input.value = [...dataFiles.value, ...files].join("\n");
    },
  });
  const contentRef = field("contentRef", "text", { hint: t("hint.contentRef"), extra: plan.element });
  const data = new FileUpload({
    id: "data-file",
    endpoint: "UploadTestDataFile",
    accept: ".csv,.txt,.json,.xml,.properties",
    text: t("uploadData"),
    stored: (path) => {
      dataFiles.input.value = [...dataFiles.value, path].join("\n");
      dataFiles.tell("");
    },
  });
  const dataFiles = field("dataFiles", "lines", { hint: t("hint.dataFiles"), extra: data.element });
  const entry = field("entry", "choice", { options: [["JMX", t("entry.JMX")], ["URL", t("entry.URL")]] });
  const ofUrl = [
    field("urlCase.method", "choice", { options: METHODS.map((method) => [method, method]) }),
    field("urlCase.path", "text"),
    field("urlCase.headers", "pairs", { hint: t("hint.headers") }),
    field("urlCase.body", "long"),
  ];
  const common = [
    field("name", "text", { required: true }),
    field("endpoint", "text", { required: true, hint: t("hint.endpoint") }),
    entry,
    contentRef,
    dataFiles,
    ...ofUrl,
    field("threads", "number"),
    field("rampUp", "number", { hint: t("hint.seconds") }),
    field("loops", "number", { hint: t("hint.loops") }),
    field("heapSize", "text", { hint: t("hint.heapSize") }),
    field("properties", "pairs", { hint: t("hint.properties") }),
    field("subResults", "flag", { hint: t("hint.subResults") }),
  ];
  const follow = () => {
    const isUrl = entry.value === "URL";
    contentRef.element.hidden = isUrl;
    dataFiles.element.hidden = isUrl;
    ofUrl.forEach((each) => {
      each.element.hidden = !isUrl;
    });
  };
  entry.input.addEventListener("change", follow);
  follow();
  formDialog({
    title: definition ? t("editDefinition") : t("newDefinition"),
    action: t("act.save"),
    fields: common,
    act: async () => {
      const relevant = common.filter((each) => !each.element.hidden);
      const sent = documentOf(relevant, definition === null);
      // Data files belong to a plan: a definition that becomes one request gives them up.
      if (definition && entry.value === "URL") sent.dataFiles = [];
      if (definition) await send("UpdateLoadTestDefinition", { id: definition.id, ...sent });
      else await send("CreateLoadTestDefinition", sent);
      announce(t("saved"));
      await done();
    },
  });
}

// A file goes up as soon as it is chosen; of a plan, the preflight's findings stand below.
class FileUpload {
  constructor({ id, endpoint, accept, text, stored }) {
    this.endpoint = endpoint;
    this.stored = stored;
    this.input = h("input", { type: "file", accept, class: "unseen", id, onchange: () => this.send() });
    this.result = h("div", { class: "preflight", "aria-live": "polite" });
    this.element = h("div", {}, this.input, h("label", { for: id, class: "button is-file" }, text), this.result);
  }

  async send() {
    const [file] = this.input.files;
    if (!file) return;
    this.result.replaceChildren(h("p", { class: "quiet" }, t("uploading", { name: file.name })));
    try {
      const upload = await sendFile(this.endpoint, file);
      this.stored(upload.uploadPath, upload.dataFiles ?? []);
      this.show(upload);
    } catch (failure) {
      const box = alertBox();
      this.result.replaceChildren(box);
      showFailure(box, failure);
    }
    this.input.value = "";
  }

  show(upload) {
    const name = `${upload.originalFileName}, ${bytes(upload.fileSize)}`;
    if (!upload.preflight) {
      this.result.replaceChildren(h("p", {}, t("uploaded", { name })));
      return;
    }
    this.result.replaceChildren(h("p", {}, preflightChip(upload.preflight.status), ` ${name}`), findingsList(upload.preflight));
  }
}

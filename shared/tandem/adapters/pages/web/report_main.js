// The page of a report: its data stands in the page itself.

import { h } from "./dom.js";
import { moment } from "./format.js";
import { languageSwitch, t } from "./i18n.js";
import { reportView } from "./report_view.js";

const REPORTED = JSON.parse(document.getElementById("report-data").textContent);
let shown = null;

function drawReport() {
  shown?.close();
  const title = REPORTED.experimentId ?? REPORTED.task.experimentTaskId;
  document.title = `${title} – ${t("reportTitle")}`;
  shown = reportView(REPORTED);
  document.body.replaceChildren(
    h("a", { class: "skip", href: "#content" }, t("skip")),
    h(
      "header",
      { class: "top" },
      h("div", { class: "brand" }, "Tandem"),
      languageSwitch(drawReport),
    ),
    h(
      "main",
      { id: "content", tabindex: "-1" },
      h("div", { class: "title" }, h("p", { class: "over" }, t("reportTitle")), h("h1", {}, title)),
      shown.element,
    ),
    h("footer", {}, t("generated"), " ", moment(REPORTED.generatedAt)),
  );
}

drawReport();

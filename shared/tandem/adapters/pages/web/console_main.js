// The console's frame: who asks, where one is, and the view that goes with it.

import { changeIdentity, identity } from "./api.js";
import { definitionsView } from "./definitions_view.js";
import { openDialog } from "./dialogs.js";
import { h } from "./dom.js";
import { FormField } from "./forms.js";
import { languageSwitch, t } from "./i18n.js";
import { strategiesView } from "./strategies_view.js";
import { taskView } from "./task_view.js";
import { tasksView } from "./tasks_view.js";

const PLACES = ["tasks", "strategies", "definitions"];
let currentView = null;

function viewOf(place) {
  const [path, query = ""] = place.replace(/^#\//, "").split("?");
  const filters = Object.fromEntries(new URLSearchParams(query));
  const [name, ...rest] = path.split("/");
  if (name === "task" && rest.length > 0) return { name: "tasks", view: taskView(decodeURIComponent(rest.join("/"))) };
  if (name === "strategies") return { name, view: strategiesView(filters) };
  if (name === "definitions") return { name, view: definitionsView(filters) };
  return { name: "tasks", view: tasksView(filters) };
}

function showPlace(keepsFocus) {
  currentView?.close();
  const { name, view } = viewOf(location.hash);
  currentView = view;
  document.getElementById("content").replaceChildren(view.element);
  document.querySelectorAll(".places a").forEach((link) => {
    if (link.dataset.place === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  const title = view.element.querySelector("h1");
  document.title = `${title.textContent} – Tandem`;
  if (!keepsFocus) title.focus({ preventScroll: true });
}

function drawFrame() {
  document.body.replaceChildren(
    h("a", { class: "skip", href: "#content", onclick: skip }, t("skip")),
    h(
      "header",
      { class: "top" },
      h("div", { class: "brand" }, "Tandem"),
      h("nav", { class: "places", "aria-label": t("places") }, PLACES.map((place) => h("a", { href: `#/${place}`, "data-place": place }, t(place)))),
      h(
        "div",
        { class: "who" },
        h("button", { type: "button", class: "button is-plain", id: "identity", onclick: askForIdentity }, identityText()),
        languageSwitch(drawFrame),
      ),
    ),
    h("main", { id: "content", tabindex: "-1" }),
    h("div", { id: "announcement", role: "status" }),
  );
  showPlace(true);
}

// The address's hash belongs to the places, so the link only moves the focus.
function skip(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

function identityText() {
  const space = identity.namespace === "default" ? null : h("span", { class: "aside" }, ` / ${identity.namespace}`);
  const who = identity.mode === "local" ? identity.user : t(`identity.${identity.mode}`);
  return [h("span", { class: "unseen" }, `${t("identity")}: `), who, space].filter(Boolean);
}

function askForIdentity() {
  const field = (name, kind, more = {}) => new FormField({ name, kind, text: t(`identity.${name}`), ...more }, identity);
  const mode = field("mode", "choice", { options: ["local", "token", "aws"].map((each) => [each, t(`identity.mode.${each}`)]) });
  const user = field("user", "text", { hint: t("identity.userHint") });
  const token = field("token", "text", { hint: t("identity.tokenHint") });
  const ofAws = ["accessKey", "secretKey", "sessionToken", "region"].map((name) =>
    field(name, "text", name === "secretKey" ? { hint: t("identity.awsHint") } : {}),
  );
  [token, ofAws[1], ofAws[2]].forEach(({ input }) => {
    input.type = "password";
  });
  const namespace = field("namespace", "text");
  const follow = () => {
    user.element.hidden = mode.value !== "local";
    token.element.hidden = mode.value !== "token";
    ofAws.forEach(({ element }) => {
      element.hidden = mode.value !== "aws";
    });
  };
  mode.input.addEventListener("change", follow);
  follow();
  openDialog({
    title: t("identity"),
    content: [mode, user, token, ...ofAws, namespace].map((each) => each.element),
    action: t("act.use"),
    act: () => {
      const keys = Object.fromEntries(ofAws.map((each) => [each.field.name, each.value ?? ""]));
      const given = { mode: mode.value, user: user.value ?? "local", token: token.value ?? "", ...keys };
      changeIdentity({ ...given, namespace: namespace.value ?? "default" });
      document.getElementById("identity").replaceChildren(...identityText());
      showPlace(true);
    },
  });
}

addEventListener("hashchange", () => showPlace(false));
drawFrame();
// A page that was loaded again knows how it was signed in, but no secret.
if (identity.mode !== "local") askForIdentity();

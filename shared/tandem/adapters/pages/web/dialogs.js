// Dialogs: the browser's own, which keep the focus and give it back.

import { freshId, h } from "./dom.js";
import { t } from "./i18n.js";

export function alertBox() {
  return h("div", { class: "alert", role: "alert", hidden: true });
}

export function showFailure(box, failure) {
  const details = (failure.details ?? []).map((fault) => h("li", {}, `${fault.field}: ${fault.message}`));
  box.hidden = false;
  box.replaceChildren(
    h("strong", {}, t("failed")),
    " ",
    h("span", { lang: "en" }, failure.message),
    failure.code ? h("span", { class: "aside" }, ` (${failure.code})`) : "",
    details.length > 0 ? h("ul", { lang: "en" }, details) : "",
  );
}

// content: nodes; act(): awaited when the action is chosen, and what it throws is shown in the dialog.
export function openDialog({ title, content, action, danger = false, act, fault = null }) {
  const heading = freshId("dialog");
  const alert = alertBox();
  // Without an act the dialog only shows something.
  const submit = act ? h("button", { type: "submit", class: danger ? "button is-danger" : "button is-main" }, action) : null;
  const cancel = h("button", { type: "button", class: "button", onclick: () => dialog.close() }, act ? t("cancel") : t("close"));
  const form = h(
    "form",
    { method: "dialog", novalidate: true },
    h("h2", { id: heading }, title),
    h("div", { class: "dialog-content" }, content),
    alert,
    h("div", { class: "dialog-buttons" }, cancel, submit),
  );
  const dialog = h("dialog", { "aria-labelledby": heading, onclose: () => dialog.remove() }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!act) {
      dialog.close();
      return;
    }
    submit.disabled = true;
    alert.hidden = true;
    try {
      await act();
      dialog.close();
    } catch (failure) {
      const rest = fault ? fault(failure) : failure;
      if (rest) showFailure(alert, rest);
    } finally {
      submit.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// A word that screen readers say and that stands at the page's foot for a while.
export function announce(text) {
  const place = document.getElementById("announcement");
  place.replaceChildren(h("span", { class: "toast" }, text));
  setTimeout(() => {
    if (place.textContent === text) place.replaceChildren();
  }, 6000);
}

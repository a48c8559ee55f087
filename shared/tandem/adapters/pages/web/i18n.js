// The two languages of the pages. texts.js is made of texts.json when a page is put together.

import { h, remember, remembered } from "./dom.js";
import { TEXTS } from "./texts.js";

const LANGUAGES = { en: "English", zh: "中文" };

function preferredLanguage() {
  const kept = remembered("language");
  if (kept in LANGUAGES) return kept;
  const wanted = (navigator.languages ?? [navigator.language]).map((tag) => String(tag).toLowerCase().split("-")[0]);
  return wanted.find((language) => language in LANGUAGES) ?? "en";
}

let currentLanguage = preferredLanguage();

export function language() {
  return currentLanguage;
}

export function locale() {
  return currentLanguage === "zh" ? "zh-CN" : "en-GB";
}

// The text of a key, with {name} replaced. An unknown key is a fault of ours and shows itself.
export function t(key, values = {}) {
  const text = TEXTS[key]?.[currentLanguage] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// Sentences in a row; Chinese puts no space between them.
export function sentences(...parts) {
  return parts.filter((part) => part !== "").join(currentLanguage === "zh" ? "" : " ");
}

export function hasText(key) {
  return key in TEXTS;
}

// Switches between the languages; onChange draws the page again.
export function languageSwitch(onChange) {
  const choose = (code) => {
    currentLanguage = code;
    remember("language", code);
    document.documentElement.lang = locale();
    onChange();
    document.querySelector(`[data-language="${code}"]`)?.focus();
  };
  document.documentElement.lang = locale();
  return h(
    "div",
    { class: "switch", role: "group", "aria-label": t("language") },
    Object.entries(LANGUAGES).map(([code, name]) =>
      h(
        "button",
        {
          type: "button",
          lang: code,
          "data-language": code,
          "aria-pressed": String(code === currentLanguage),
          onclick: () => choose(code),
        },
        name,
      ),
    ),
  );
}

// Elements are made of text nodes and attributes alone: nothing that came from outside is ever read as HTML.

export function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// A link, or its text alone when the address is not of the web: a result's address comes from elsewhere.
export function webLink(address, text) {
  const allowed = /^https?:\/\//i.test(address ?? "");
  return allowed ? h("a", { href: address, rel: "noopener noreferrer" }, text) : h("span", {}, text);
}

// A wide table in a region that the keyboard can scroll.
export function scrolled(label, table) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

let identifiers = 0;

export function freshId(prefix) {
  identifiers += 1;
  return `${prefix}-${identifiers}`;
}

// What the browser keeps for the page; a page opened from a file may have no storage at all.
export function remembered(name) {
  try {
    return localStorage.getItem(`tandem.${name}`);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(`tandem.${name}`);
    else localStorage.setItem(`tandem.${name}`, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

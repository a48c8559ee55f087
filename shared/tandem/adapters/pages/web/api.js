// Calls of the public API, with the identity that the user chose. The page itself knows nothing that the API does not.

import { remember, remembered } from "./dom.js";
import { language, t } from "./i18n.js";

export class ApiError extends Error {
  constructor(status, code, message, details = []) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

// mode "local": X-Local-User, which only the local stack heeds; "token": a bearer token, kept as long as the tab.
export const identity = {
  mode: remembered("identityMode") ?? "local",
  user: remembered("user") ?? "local",
  namespace: remembered("namespace") ?? "default",
  token: "",
};

export function changeIdentity(change) {
  Object.assign(identity, change);
  remember("identityMode", identity.mode);
  remember("user", identity.user);
  remember("namespace", identity.namespace);
}

// A header carries bytes: a name in any script travels as its UTF-8.
function asHeader(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

function headers() {
  const common = { "Accept-Language": language() };
  if (identity.mode === "token") return { ...common, Authorization: `Bearer ${identity.token}` };
  return { ...common, "X-Local-User": asHeader(identity.user) };
}

async function answered(name, options) {
  let response;
  try {
    response = await fetch(name, { ...options, credentials: "omit" });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError(0, "UNREACHABLE", t("unreachable"));
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  const error = body?.error ?? { code: `HTTP ${response.status}`, message: body?.message ?? response.statusText };
  throw new ApiError(response.status, error.code, error.message, error.details ?? []);
}

function addressOf(name, fields) {
  const given = Object.entries({ ...fields, namespace: identity.namespace });
  const query = new URLSearchParams(given.filter(([, value]) => value !== null && value !== undefined && value !== ""));
  return `${name}?${query}`;
}

export async function read(name, fields = {}, signal = undefined) {
  const response = await answered(addressOf(name, fields), { headers: headers(), signal });
  return (await response.json()).result;
}

export async function readText(name, fields = {}) {
  const response = await answered(addressOf(name, fields), { headers: headers() });
  return response.text();
}

export async function send(name, fields = {}, signal = undefined) {
  const body = JSON.stringify({ ...fields, namespace: identity.namespace });
  const asJson = { ...headers(), "Content-Type": "application/json" };
  const response = await answered(name, { method: "POST", headers: asJson, body, signal });
  return (await response.json()).result;
}

export async function sendFile(name, file) {
  const form = new FormData();
  form.set("file", file);
  const response = await answered(addressOf(name, {}), { method: "POST", headers: headers(), body: form });
  return (await response.json()).result;
}

// null for what is not there (any more), whatever else goes wrong is thrown.
export async function readIfThere(name, fields, signal) {
  try {
    return await read(name, fields, signal);
  } catch (failure) {
    if (failure.status === 404) return null;
    throw failure;
  }
}

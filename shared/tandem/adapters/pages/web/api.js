// Calls of the public API, with the identity that the user chose. The page itself knows nothing that the API does not.

import { remember, remembered } from "./dom.js";
import { language, t } from "./i18n.js";
import { encoded, signatureHeaders } from "./sigv4.js";

export class ApiError extends Error {
  constructor(status, code, message, details = []) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

// mode "local": X-Local-User, which only the local stack heeds; "token": a bearer token; "aws": signed by an access key.
// What is secret is kept as long as the page, and nowhere else.
const REGION_OF_HOST = /\.execute-api\.([\w-]+)\.amazonaws\.com/.exec(location.hostname)?.[1];

export const identity = {
  mode: remembered("identityMode") ?? (REGION_OF_HOST ? "aws" : "local"),
  user: remembered("user") ?? "local",
  namespace: remembered("namespace") ?? "default",
  token: "",
  accessKey: "",
  secretKey: "",
  sessionToken: "",
  region: REGION_OF_HOST ?? "us-east-1",
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

async function identityHeaders(method, url, body) {
  if (identity.mode === "token") return { Authorization: `Bearer ${identity.token}` };
  if (identity.mode === "aws") return signatureHeaders(method, url, body, identity);
  return { "X-Local-User": asHeader(identity.user) };
}

// body: null, text, or a form. A form is made bytes here, because a signature covers them.
async function answered(method, address, body = null, contentType = null, signal = undefined) {
  const url = new URL(address, location.href);
  const parts = new Response(body);
  const type = contentType ?? parts.headers.get("content-type");
  const bytes = await parts.arrayBuffer();
  const headers = { "Accept-Language": language(), ...(await identityHeaders(method, url, bytes)) };
  if (body !== null) headers["Content-Type"] = type;
  let response;
  try {
    response = await fetch(url, { method, headers, body: body === null ? undefined : bytes, signal, credentials: "omit" });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError(0, "UNREACHABLE", t("unreachable"));
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => null);
  const error = told?.error ?? { code: `HTTP ${response.status}`, message: told?.message ?? response.statusText };
  throw new ApiError(response.status, error.code, error.message, error.details ?? []);
}

function addressOf(name, fields) {
  const given = Object.entries({ ...fields, namespace: identity.namespace });
  const told = given.filter(([, value]) => value !== null && value !== undefined && value !== "");
  // As a signature has it: a blank is %20 here, and + in what URLSearchParams writes.
  return `${name}?${told.map((pair) => pair.map(encoded).join("=")).join("&")}`;
}

export async function read(name, fields = {}, signal = undefined) {
  const response = await answered("GET", addressOf(name, fields), null, null, signal);
  return (await response.json()).result;
}

export async function readText(name, fields = {}) {
  const response = await answered("GET", addressOf(name, fields));
  return response.text();
}

export async function send(name, fields = {}, signal = undefined) {
  const body = JSON.stringify({ ...fields, namespace: identity.namespace });
  const response = await answered("POST", name, body, "application/json", signal);
  return (await response.json()).result;
}

// A function takes 6 MB with all that is around the file; a larger one goes to the store itself.
const LARGEST_THROUGH_THE_API = 4 * 1024 * 1024;

// The stored file, as UploadJmxFile answers it.
export async function sendFile(name, file) {
  return file.size > LARGEST_THROUGH_THE_API ? sendToStore(file) : sendThroughApi(name, file);
}

async function sendToStore(file) {
  const ticket = await send("CreateUploadUrl", { fileName: file.name, fileSize: file.size });
  // The browser itself says how long the body is, and lets no script say it.
  const headers = Object.fromEntries(Object.entries(ticket.headers).filter(([header]) => header.toLowerCase() !== "content-length"));
  let response;
  try {
    response = await fetch(ticket.uploadUrl, { method: ticket.method, headers, body: file, credentials: "omit" });
  } catch {
    throw new ApiError(0, "UNREACHABLE", t("storeUnreachable"));
  }
  if (!response.ok) throw new ApiError(response.status, "UPLOAD_REFUSED", t("storeRefused", { status: response.status }));
  return send("CompleteUpload", { uploadPath: ticket.uploadPath });
}

async function sendThroughApi(name, file) {
  const form = new FormData();
  form.set("file", file);
  const response = await answered("POST", addressOf(name, {}), form);
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

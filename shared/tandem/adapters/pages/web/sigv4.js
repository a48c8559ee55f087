// AWS Signature Version 4 of a call to API Gateway, by the browser's own cryptography.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

const SERVICE = "execute-api";
const utf8 = (text) => new TextEncoder().encode(text);
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const sha256 = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes));

async function hmac(key, text) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", imported, utf8(text));
}

// RFC 3986: encodeURIComponent leaves five characters more than AWS does.
export const encoded = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);

function canonicalQuery(url) {
  const pairs = [...url.searchParams].map(([name, value]) => [encoded(name), encoded(value)]);
  pairs.sort(([a, x], [b, y]) => (a < b || (a === b && x < y) ? -1 : 1));
  return pairs.map((pair) => pair.join("=")).join("&");
}

// The headers to be sent with a call. keys: {accessKey, secretKey, sessionToken, region}; body: bytes.
export async function signatureHeaders(method, url, body, keys, now = new Date()) {
  const stamp = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = stamp.slice(0, 8);
  const added = { "X-Amz-Date": stamp, ...(keys.sessionToken ? { "X-Amz-Security-Token": keys.sessionToken } : {}) };
  const signed = { host: url.host, ...Object.fromEntries(Object.entries(added).map(([name, value]) => [name.toLowerCase(), value])) };
  const names = Object.keys(signed).sort();
  const request = [
    method,
    url.pathname.split("/").map(encoded).join("/"),
    canonicalQuery(url),
    ...names.map((name) => `${name}:${signed[name]}`),
    "",
    names.join(";"),
    await sha256(body),
  ].join("\n");
  const scope = [day, keys.region, SERVICE, "aws4_request"].join("/");
  const toSign = ["AWS4-HMAC-SHA256", stamp, scope, await sha256(utf8(request))].join("\n");
  let key = utf8(`AWS4${keys.secretKey}`);
  for (const part of scope.split("/")) key = await hmac(key, part);
  const signature = hex(await hmac(key, toSign));
  const credential = `Credential=${keys.accessKey}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return { ...added, Authorization: `AWS4-HMAC-SHA256 ${credential}` };
}

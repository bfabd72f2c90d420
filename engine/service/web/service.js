// What the page asks of the service. Everything is same-origin; errors carry the service's own one-line reason.

async function answered(response) {
  if (response.ok) return response.json();
  let detail = `the service answered ${response.status}`;
  try {
    const told = await response.json();
    if (typeof told.detail === "string") detail = told.detail;
  } catch { /* no JSON: the status has to do */ }
  throw new Error(detail);
}

export async function search(query, signal) {
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(query), signal };
  return answered(await fetch("/v1/search", options));
}

export async function upload(file, name) {
  const address = `/v1/uploads?name=${encodeURIComponent(name)}`;
  const options = { method: "POST", headers: { "content-type": "application/octet-stream" }, body: file };
  return answered(await fetch(address, options));
}

export const status = async () => answered(await fetch("/v1/status"));
export const map = async () => answered(await fetch("/v1/map"));
export const index = async () => answered(await fetch("/v1/index", { method: "POST" }));

// The beginning of what is written in a file.
export const textOf = async (path) => (await answered(await fetch(`/v1/text?${new URLSearchParams({ path })}`))).text;

// What goes on in the service, now and whenever it changes: listeners by the kind of event. A page that nobody sees does
// not listen: a browser keeps few connections to a host, and tabs share them.
export function progress(listeners) {
  let events = null;
  function listen() {
    events?.close();
    events = document.hidden ? null : new EventSource("/v1/progress");
    if (!events) return;
    for (const [kind, heard] of Object.entries(listeners)) events.addEventListener(kind, (event) => heard(JSON.parse(event.data)));
  }
  document.addEventListener("visibilitychange", listen);
  listen();
}

export function preview(place, size = "small") {
  const address = new URLSearchParams({ path: place.path, size });
  for (const name of ["start", "end", "page"]) if (place[name] != null) address.set(name, place[name]);
  return `/v1/preview?${address}`;
}

export function media(path, start, end) {
  const span = start == null ? "" : `#t=${start}${end == null ? "" : `,${end}`}`;
  return `/v1/media?${new URLSearchParams({ path })}${span}`;
}

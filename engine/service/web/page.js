// The page: a query is built from words, files, recordings and earlier answers, and asked again whenever it changes.
import * as service from "/web/service.js";
import { card, clock, nameOf, view } from "/web/hits.js";
import { CALLED, roots, showLibrary } from "/web/library.js";
import { chooseKinds, showMap } from "/web/map.js";
import { startRecorder } from "/web/recorder.js";

const PAGE = 24, MOST = 480;
const FEWER = 6; // where the best of each kind are shown, so many times fewer of each: a row
const LIKELY = 0.5; // the relevance from which the best answer to a recording is played at once
const get = (selector) => document.querySelector(selector);
const said = get("#said"), hits = get("#hits");
let parts = []; // {name, picture, like, wanted, isRecording}: files, recordings and hits, beside the words in the box
let asking = null, limit = PAGE;

function say(text, isProblem = false) {
  said.textContent = text;
  said.classList.toggle("problem", isProblem);
}

function showParts() {
  get("#parts").replaceChildren(...parts.map((part) => {
    const item = document.createElement("li"), name = document.createElement("span"), remove = document.createElement("button");
    item.classList.toggle("unwanted", !part.wanted);
    name.className = "name";
    name.textContent = `${part.wanted ? "like" : "not like"} ${part.name}`;
    Object.assign(remove, { type: "button", textContent: "✕" });
    remove.setAttribute("aria-label", `Remove ${part.name}`);
    remove.addEventListener("click", () => {
      parts = parts.filter((each) => each !== part);
      if (part.isRecording) listenFor(parts.some((each) => each.isRecording));
      showParts();
      ask();
    });
    item.append(name, remove);
    if (part.picture) item.prepend(Object.assign(document.createElement("img"), { src: part.picture, alt: "" }));
    return item;
  }));
}

// The day after one that is written as 2026-01-31.
function dayAfter(day) {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}

function query() {
  const words = get("#words").value.trim(), form = new FormData(get("#ask"));
  const asked = { words: words ? [{ text: words }] : [], like: [], not_like: [], kinds: form.getAll("kind"), limit };
  for (const part of parts) (part.wanted ? asked.like : asked.not_like).push(part.like);
  if (form.get("under")) asked.under = form.get("under");
  if (form.get("after")) asked.after = `${form.get("after")}T00:00:00`;
  if (form.get("before")) asked.before = `${dayAfter(form.get("before"))}T00:00:00`; // the day that is named counts
  if (form.get("glob")) asked.globs = [form.get("glob")];
  for (const name of ["moments", "exact", "each_kind"]) if (form.get(name)) asked[name] = true;
  if (asked.each_kind) asked.limit /= FEWER;
  return asked;
}

// The best of a kind, under its name.
function ofKind(kind, found) {
  const part = document.createElement("section"), name = document.createElement("h2"), list = document.createElement("ol");
  [name.id, name.textContent, list.className] = [`best-${kind}`, CALLED[kind][1], "hits"];
  part.setAttribute("aria-labelledby", name.id);
  list.append(...found);
  part.append(name, list);
  return part;
}

const isSame = (hit, other) => JSON.stringify(hit) === JSON.stringify(other);

// What another model answers, because the one in use cannot read everything, stands below, under its name.
function showHits({ hits: found, apart }, { words, each_kind: byKind, limit: most }) {
  const texts = words.map((each) => each.text);
  const shown = (some) => some.map((hit) => card(hit, texts, roots, { more: (each) => add(each, true), less: (each) => add(each, false) }));
  const groups = byKind ? [...new Set(found.map((hit) => hit.kind))].map((kind) => [kind, found.filter((hit) => hit.kind === kind)]) : [];
  // More of the same answers stand below those that are there, one of which may be playing.
  const held = byKind ? [] : [...hits.children], goesOn = limit > PAGE && held.length <= found.length && held.every((each, at) => isSame(each.hit, found[at]));
  if (byKind || !goesOn) hits.replaceChildren();
  if (!byKind) hits.append(...shown(goesOn ? found.slice(held.length) : found));
  get("#by-kind").replaceChildren(...groups.map(([kind, some]) => ofKind(kind, shown(some))));
  get("#apart").hidden = !apart?.hits.length;
  get("#apart-by").textContent = apart ? `${apart.modalities.map((each) => CALLED[each][1]).join(", ")}, by the ${apart.model} model` : "";
  get("#apart-hits").replaceChildren(...shown(apart?.hits ?? []));
  const longest = Math.max(apart?.hits.length ?? 0, ...(byKind ? groups.map(([, some]) => some.length) : [found.length]));
  get("#further").hidden = longest < most || limit >= MOST;
}

const isFiltered = () => chosenKinds().length > 0 || fields().some((each) => (each.type === "checkbox" ? each.checked : each.value));

const counted = (count) => (count === 1 ? "1 answer" : `${count} answers`);

function told({ hits: found, apart, close }) {
  const others = apart?.hits.length ?? 0;
  if (!found.length && !others) return "Nothing found.";
  const count = !others ? counted(found.length) : `${found.length ? `${counted(found.length)}, and ` : ""}${counted(others)} by another model`;
  return close === false ? `Nothing close. The nearest ${count}:` : count;
}

async function ask() {
  asking?.abort();
  const asked = query(), isEmpty = !asked.words.length && !asked.like.length;
  get("#welcome").hidden = !isEmpty;
  get("#unfilter").hidden = true;
  if (isEmpty) {
    showHits({ hits: [] }, asked);
    get("#answers").removeAttribute("aria-busy");
    say(asked.not_like.length ? "Say what to look for, too." : "");
    return;
  }
  const mine = (asking = new AbortController());
  show("answers");
  get("#answers").setAttribute("aria-busy", "true"); // earlier answers stay, paler, until there are new ones
  say("Searching…");
  try {
    const answer = await service.search(asked, mine.signal);
    showHits(answer, asked);
    say(told(answer));
    get("#unfilter").hidden = answer.hits.length > 0 || answer.apart?.hits.length > 0 || !isFiltered();
  } catch (error) {
    if (error.name === "AbortError") return;
    showHits({ hits: [] }, asked);
    say(`That did not work: ${error.message}`, true);
  }
  get("#answers").removeAttribute("aria-busy");
}

function askAnew() { limit = PAGE; return ask(); }

// A hit as it was answered, or a point of the map, which is a file and the place in it.
function likeOf(hit) {
  const { path, kind, score, relevance, start, end, page, snippet, moments, pieces } = hit;
  if (pieces) return { hit: { path, kind, score, relevance, start, end, page, snippet, moments, pieces } };
  return { path, start, end, page };
}

function add(hit, wanted) {
  const kind = hit.kind ?? hit.modality, picture = kind === "text" ? null : service.preview(hit);
  parts.push({ name: nameOf(hit.path), picture, wanted, like: likeOf(hit) });
  showParts();
  window.scrollTo({ top: 0 });
  get("#words").focus();
  askAnew();
}

async function addFiles(files, told = {}) {
  const problems = [], before = parts.length;
  for (const file of files) {
    const name = told.name ?? file.name;
    say(`Sending ${name}…`);
    try {
      const kept = await service.upload(file, file.name);
      const picture = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
      parts.push({ ...told, name, picture, wanted: true, like: { upload: kept.upload } });
    } catch (error) {
      problems.push(`${name}: ${error.message}`);
    }
  }
  showParts();
  if (parts.length > before) await askAnew();
  if (problems.length) {
    show("answers");
    say([...(parts.length > before ? [said.textContent] : []), ...problems].join("; "), true);
  }
  return !problems.length;
}

// Who lets the page hear something looks for what can be heard, unless other kinds are chosen.
let hasChosenKinds = false;
function listenFor(isWanted) {
  const heard = [...get("#ask").querySelectorAll("[name=kind]")].filter((each) => ["audio", "video"].includes(each.value));
  if (isWanted ? chosenKinds().length : !hasChosenKinds) return;
  for (const each of heard) each.checked = isWanted;
  hasChosenKinds = isWanted;
  chooseKinds(chosenKinds());
}

async function addRecording(file) {
  listenFor(true);
  if (!(await addFiles([file], { name: "your recording", isRecording: true }))) return;
  const best = cards()[0];
  if (!best || !["audio", "video"].includes(best.hit.kind) || best.hit.relevance < LIKELY) return;
  best.querySelector("button.picture").click();
  say(`${said.textContent.replace(/[:.]?$/, ".")} Playing ${nameOf(best.hit.path)} from ${clock(best.hit.start ?? 0)}.`);
}

// --- answers or map

function show(shown) {
  const isMap = shown === "map";
  get("#answers").hidden = isMap;
  get("#map").hidden = !isMap;
  get("#show-answers").setAttribute("aria-pressed", String(!isMap));
  get("#show-map").setAttribute("aria-pressed", String(isMap));
}
const chosenKinds = () => new FormData(get("#ask")).getAll("kind");
const viewPoint = (point) => view(point, [get("#words").value], (each) => add(each, true));
let areOfOtherKinds = false; // the answers, since other kinds were chosen beside the map
get("#show-answers").addEventListener("click", () => {
  show("answers");
  if (areOfOtherKinds) askAnew();
  areOfOtherKinds = false;
});
get("#show-map").addEventListener("click", () => {
  show("map");
  chooseKinds(chosenKinds());
  showMap(viewPoint).catch((error) => { get("#pointed").textContent = error.message; });
});

// --- the query's words and filters

get("#ask").addEventListener("submit", (event) => { event.preventDefault(); askAnew(); });
get("#words").addEventListener("search", () => { if (!get("#words").value) askAnew(); }); // the box's own cross
get("#kinds").addEventListener("change", () => { hasChosenKinds = false; chooseKinds(chosenKinds()); if (get("#map").hidden) askAnew(); else areOfOtherKinds = true; });
get("#further").addEventListener("click", () => { limit += PAGE; ask(); });
get("#choose").addEventListener("click", () => get("#file").click());
get("#file").addEventListener("change", (event) => { addFiles([...event.target.files]); event.target.value = ""; });
get("#record").addEventListener("click", startRecorder(get("#record"), say, addRecording));

const fields = () => [...get("#filters").querySelectorAll("input")];
function showFilters() {
  const count = fields().filter((each) => (each.type === "checkbox" ? each.checked : each.value)).length;
  get("#more-filters").textContent = count ? `Filters (${count})` : "Filters";
  askAnew();
}
get("#filters").addEventListener("change", showFilters);
function clearFilters() {
  for (const each of fields()) { each.value = each.type === "checkbox" ? each.value : ""; each.checked = false; }
  showFilters();
}
get("#clear").addEventListener("click", clearFilters);
get("#unfilter").addEventListener("click", () => {
  for (const each of get("#kinds").querySelectorAll("input")) each.checked = false;
  chooseKinds([]);
  clearFilters();
});
get("#more-filters").addEventListener("click", () => {
  get("#filters").hidden = !get("#filters").hidden;
  get("#more-filters").setAttribute("aria-expanded", String(!get("#filters").hidden));
});

// --- dropping anywhere

let depth = 0;
const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
window.addEventListener("dragenter", (event) => { if (holdsFiles(event)) { depth += 1; get("#drop").hidden = false; } });
window.addEventListener("dragleave", () => { depth = Math.max(0, depth - 1); get("#drop").hidden = depth === 0; });
window.addEventListener("dragover", (event) => { if (holdsFiles(event)) event.preventDefault(); });
window.addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  depth = 0;
  get("#drop").hidden = true;
  addFiles([...event.dataTransfer.files]);
});
window.addEventListener("paste", (event) => { if (event.clipboardData?.files.length) addFiles([...event.clipboardData.files]); });

// --- keys: / to the box; arrows between answers; Enter opens; m and l for more and less like it

const cards = () => [...document.querySelectorAll(".hits > li")];

// Up and down go by rows, of as many columns as the window has room for.
function columns() {
  const all = cards(), second = all.findIndex((each) => each.offsetTop !== all[0].offsetTop);
  return second > 0 ? second : all.length;
}

function step(item, by) {
  const all = cards(), at = all.indexOf(item) + by;
  if (at < 0) get("#words").focus();
  else all[Math.min(at, all.length - 1)].focus();
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input:not([type=checkbox]), textarea, select");
  if (event.ctrlKey || event.altKey || event.metaKey || get("#viewer").open) return;
  if (event.key === "/" && !isTyping) { event.preventDefault(); get("#words").select(); return; }
  if (event.key === "ArrowDown" && event.target === get("#words") && cards().length) { event.preventDefault(); cards()[0].focus(); return; }
  const item = event.target.closest?.(".hits > li");
  if (!item || event.target !== item) return;
  const act = {
    ArrowRight: () => step(item, 1), ArrowLeft: () => step(item, -1), ArrowDown: () => step(item, columns()), ArrowUp: () => step(item, -columns()),
    Enter: () => item.querySelector("button.picture")?.click(), m: () => item.querySelector(".more").click(), l: () => item.querySelector(".less").click(),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
});

if (matchMedia("(max-width: 48rem)").matches) get("#words").placeholder = "Words, or a picture, a sound";

// What another program asks: /#words=...
function askLinked() {
  const linked = new URLSearchParams(location.hash.slice(1)).get("words");
  if (linked) { get("#words").value = linked; askAnew(); }
}
window.addEventListener("hashchange", askLinked);
showLibrary().catch((error) => { get("#library").textContent = error.message; }).then(askLinked);

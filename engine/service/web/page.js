// The page: a query is built from words, files, recordings and earlier answers, and asked again whenever it changes.
import * as service from "/web/service.js";
import { card, nameOf } from "/web/hits.js";
import { showMap } from "/web/map.js";

const get = (selector) => document.querySelector(selector);
const said = get("#said"), hits = get("#hits");
let parts = []; // {name, like, wanted}: files, recordings and hits, beside the words in the box
let asking = null;

function say(text) { said.textContent = text; }

function showParts() {
  get("#parts").replaceChildren(...parts.map((part) => {
    const item = document.createElement("li"), name = document.createElement("span"), remove = document.createElement("button");
    item.classList.toggle("unwanted", !part.wanted);
    name.className = "name";
    name.textContent = `${part.wanted ? "like" : "not like"} ${part.name}`;
    Object.assign(remove, { type: "button", textContent: "✕" });
    remove.setAttribute("aria-label", `Remove ${part.name}`);
    remove.addEventListener("click", () => { parts = parts.filter((each) => each !== part); showParts(); ask(); });
    item.append(name, remove);
    return item;
  }));
}

function query() {
  const words = get("#words").value.trim(), form = new FormData(get("#ask"));
  const asked = { words: words ? [{ text: words }] : [], like: [], not_like: [], kinds: form.getAll("kind"), limit: 24 };
  for (const part of parts) (part.wanted ? asked.like : asked.not_like).push(part.like);
  for (const name of ["under", "after", "before"]) if (form.get(name)) asked[name] = name === "under" ? form.get(name) : `${form.get(name)}T00:00:00`;
  if (form.get("glob")) asked.globs = [form.get("glob")];
  if (form.get("moments")) asked.moments = true;
  return asked;
}

async function ask() {
  asking?.abort();
  const asked = query();
  if (!asked.words.length && !asked.like.length) {
    hits.replaceChildren();
    say(asked.not_like.length ? "Say what to look for, too." : "");
    return;
  }
  const mine = (asking = new AbortController());
  show("answers");
  say("Searching…");
  try {
    const answer = await service.search(asked, mine.signal);
    const words = asked.words.map((each) => each.text);
    hits.replaceChildren(...answer.hits.map((hit) => card(hit, words, { more: (each) => add(each, true), less: (each) => add(each, false) })));
    const count = answer.hits.length === 1 ? "1 answer" : `${answer.hits.length} answers`;
    say(!answer.hits.length ? "Nothing found." : answer.close === false ? `Nothing close. The nearest ${count}:` : count);
  } catch (error) {
    if (error.name !== "AbortError") { hits.replaceChildren(); say(`That did not work: ${error.message}`); }
  }
}

function add(hit, wanted) {
  const { path, kind, score, relevance, start, end, page, snippet, moments, pieces } = hit;
  parts.push({ name: nameOf(path), wanted, like: { hit: { path, kind, score, relevance, start, end, page, snippet, moments, pieces } } });
  showParts();
  ask();
  get("#words").focus();
}

async function addFiles(files) {
  for (const file of files) {
    say(`Sending ${file.name}…`);
    try {
      const kept = await service.upload(file, file.name);
      parts.push({ name: file.name, wanted: true, like: { upload: kept.upload } });
    } catch (error) {
      say(`${file.name}: ${error.message}`);
      return;
    }
  }
  showParts();
  await ask();
}

// --- the microphone

let recorder = null;
async function record() {
  if (recorder) { recorder.stop(); return; }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false } });
    const chunks = [];
    recorder = new MediaRecorder(stream);
    recorder.addEventListener("dataavailable", (event) => chunks.push(event.data));
    recorder.addEventListener("stop", async () => {
      const extension = recorder.mimeType.includes("ogg") ? "ogg" : recorder.mimeType.includes("mp4") ? "m4a" : "webm";
      stream.getTracks().forEach((track) => track.stop());
      recorder = null;
      showRecording();
      await addFiles([new File(chunks, `recording.${extension}`)]);
    });
    recorder.start();
    say("Recording; press again to search with it.");
  } catch (error) {
    recorder = null;
    say(`The microphone cannot be used: ${error.message}`);
  }
  showRecording();
}
function showRecording() {
  get("#record").setAttribute("aria-pressed", String(recorder != null));
  get("#record .label").textContent = recorder ? "Stop" : "Record";
}

// --- answers or map

function show(view) {
  const isMap = view === "map";
  get("#answers").hidden = isMap;
  get("#map").hidden = !isMap;
  get("#show-answers").setAttribute("aria-pressed", String(!isMap));
  get("#show-map").setAttribute("aria-pressed", String(isMap));
}
get("#show-answers").addEventListener("click", () => show("answers"));
get("#show-map").addEventListener("click", () => { show("map"); showMap().catch((error) => { get("#pointed").textContent = error.message; }); });

get("#ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
get("#filters").addEventListener("change", ask);
get("#choose").addEventListener("click", () => get("#file").click());
get("#file").addEventListener("change", (event) => { addFiles([...event.target.files]); event.target.value = ""; });
get("#record").addEventListener("click", record);

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

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, textarea, select");
  if (event.key === "/" && !isTyping) { event.preventDefault(); get("#words").select(); return; }
  if (event.key === "ArrowDown" && event.target === get("#words") && hits.firstElementChild) { event.preventDefault(); hits.firstElementChild.focus(); return; }
  const item = event.target.closest?.("#hits > li");
  if (!item || event.target !== item || event.ctrlKey || event.altKey || event.metaKey) return;
  const act = {
    ArrowRight: () => item.nextElementSibling?.focus(), ArrowDown: () => item.nextElementSibling?.focus(),
    ArrowLeft: () => item.previousElementSibling?.focus(),
    ArrowUp: () => (item.previousElementSibling ?? get("#words")).focus(),
    Enter: () => item.querySelector("button.picture")?.click(), m: () => item.querySelector(".more").click(), l: () => item.querySelector(".less").click(),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
});

// --- the library

const CALLED = { text: ["text", "texts"], image: ["picture", "pictures"], document: ["document", "documents"], audio: ["sound", "sounds"], video: ["video", "videos"] };
async function showLibrary() {
  const state = await service.status();
  const counts = Object.entries(CALLED).filter(([kind]) => state.sources[kind]).map(([kind, [one, many]]) => `${state.sources[kind]} ${state.sources[kind] === 1 ? one : many}`);
  get("#library").textContent = counts.length ? counts.join(", ") : "The library is empty: synesthete index FOLDER fills it.";
}
get("#refresh").addEventListener("click", () => service.index().catch((error) => { get("#indexing").textContent = error.message; }));
let wasRunning = false;
service.progress((state) => {
  get("#indexing").textContent = state.running ? `Indexing ${state.done} of ${state.total} ${state.name}` : state.problem ?? "";
  get("#refresh").disabled = state.running;
  if (wasRunning && !state.running) showLibrary();
  wasRunning = state.running;
});
const linked = new URLSearchParams(location.hash.slice(1)).get("words"); // what another program asks: /#words=...
if (linked) { get("#words").value = linked; ask(); }
showLibrary().catch((error) => { get("#library").textContent = error.message; });

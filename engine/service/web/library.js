// What the library holds, and what is being done to it: the line at the bottom, and the tiles before anything is asked.
import * as service from "/web/service.js";

export const CALLED = { text: ["text", "texts"], image: ["picture", "pictures"], document: ["document", "documents"], audio: ["sound", "sounds"], video: ["video", "videos"] };
const get = (selector) => document.querySelector(selector);
const counted = (count, [one, many]) => `${count.toLocaleString()} ${count === 1 ? one : many}`;
export let roots = [];

function tile(kind, count) {
  const item = document.createElement("li"), number = document.createElement("strong");
  item.className = kind;
  number.textContent = count.toLocaleString();
  item.append(number, CALLED[kind][count === 1 ? 0 : 1]);
  return item;
}

export async function showLibrary() {
  const state = await service.status();
  roots = Object.keys(state.roots);
  const held = Object.keys(CALLED).filter((kind) => state.sources[kind]);
  const total = held.reduce((sum, kind) => sum + state.sources[kind], 0);
  get("#library").textContent = total
    ? counted(total, ["file", "files"]) + (state.failed ? `, ${state.failed} could not be read` : "")
    : "The library is empty.";
  get("#empty").hidden = total > 0;
  get("#tiles").replaceChildren(...held.map((kind) => tile(kind, state.sources[kind])));
}

let wasRunning = false, timer = null;
function showJob(state) {
  const bar = get("#done");
  get("#indexing").textContent = state.running ? `Indexing ${state.total ? `${state.done} of ${state.total}` : ""} ${state.name}` : state.problem ?? "";
  bar.hidden = !state.running;
  if (state.total) Object.assign(bar, { max: state.total, value: state.done }); else bar.removeAttribute("value");
  get("#refresh").disabled = state.running;
  if (wasRunning && !state.running) showLibrary();
  wasRunning = state.running;
}

function showWatch(state) {
  get("#refresh").hidden = state.running; // it would find nothing that the watcher does not
  const doing = state.notice ?? (state.ready ? "up to date" : "looking through them");
  get("#watching").textContent = state.problem ?? (state.running ? `Watching ${counted(state.folders.length, ["folder", "folders"])}: ${doing}` : "");
  get("#watching").title = state.folders.join("\n");
  clearTimeout(timer);
  timer = setTimeout(showLibrary, 1000); // once a burst of changes is over
}

get("#refresh").addEventListener("click", () => service.index().catch((error) => { get("#indexing").textContent = error.message; }));
service.progress({ progress: showJob, watch: showWatch });

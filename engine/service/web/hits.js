// One answer: what it shows, how it plays, what can be done with it.
import { media, preview } from "/web/service.js";

const CALLED = { text: "text", image: "picture", document: "document", audio: "sound", video: "video" };

export function clock(seconds) {
  const tenths = Math.round(seconds * 10), whole = Math.floor(tenths / 10), rest = tenths % 10;
  const minutes = Math.floor(whole / 60), text = String(whole % 60).padStart(2, "0") + (rest ? `.${rest}` : "");
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${text}` : `${minutes}:${text}`;
}

const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1);
const folderOf = (path) => path.slice(0, path.lastIndexOf("/"));

function place(hit) {
  if (hit.start != null) return `${clock(hit.start)} to ${clock(hit.end)}`;
  return hit.page != null ? `page ${hit.page}` : "";
}

// Text is only ever set as text; words of the query are wrapped in <mark>.
function showMarked(element, text, words) {
  const wanted = words.flatMap((each) => each.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? []);
  element.replaceChildren();
  for (const part of text.split(/([\p{L}\p{N}]+)/u)) {
    const isWanted = wanted.some((word) => part.toLowerCase().startsWith(word) && part.length <= word.length + 3);
    element.append(isWanted ? Object.assign(document.createElement("mark"), { textContent: part }) : part);
  }
}

export function play(hit, stage, start = hit.start, end = hit.end) {
  const player = document.createElement(hit.kind === "video" ? "video" : "audio");
  player.controls = true;
  player.autoplay = true;
  player.src = media(hit.path, start, end);
  player.addEventListener("loadedmetadata", () => { if (start != null) player.currentTime = start; }, { once: true });
  player.setAttribute("aria-label", `${nameOf(hit.path)} from ${clock(start ?? 0)}`);
  stage.replaceChildren(player);
  player.play().catch(() => { /* the controls are there */ });
  return player;
}

export function view(hit) {
  const viewer = document.querySelector("#viewer"), stage = document.querySelector("#stage");
  document.querySelector("#viewed").textContent = [nameOf(hit.path), place(hit)].filter(Boolean).join(", ");
  if (hit.kind === "video" || hit.kind === "audio") play(hit, stage);
  else {
    const picture = document.createElement("img");
    picture.alt = `${CALLED[hit.kind]} ${nameOf(hit.path)} ${place(hit)}`;
    picture.src = hit.kind === "image" ? media(hit.path) : preview(hit, "large");
    // Browsers do not show every kind of picture; the service does.
    picture.addEventListener("error", () => { picture.src = preview(hit, "large"); }, { once: true });
    stage.replaceChildren(picture);
  }
  viewer.addEventListener("close", () => stage.replaceChildren(), { once: true });
  viewer.showModal();
}

export function card(hit, words, { more, less }) {
  const item = document.querySelector("#hit").content.firstElementChild.cloneNode(true);
  const get = (selector) => item.querySelector(selector);
  item.classList.add(hit.kind);
  item.hit = hit;
  get("h2").textContent = nameOf(hit.path);
  get(".where").textContent = [place(hit), folderOf(hit.path)].filter(Boolean).join(" · ");
  if (hit.snippet) showMarked(get(".snippet"), hit.snippet, words);
  else get(".snippet").remove();

  const picture = get(".picture");
  const kind = Object.assign(document.createElement("span"), { className: "kind", textContent: CALLED[hit.kind] });
  picture.setAttribute("aria-label", hit.kind === "text" ? `Open ${nameOf(hit.path)}` : `${hit.start != null ? "Play" : "Show"} ${nameOf(hit.path)} ${place(hit)}`);
  if (hit.kind !== "text") {
    const image = Object.assign(document.createElement("img"), { loading: "lazy", alt: "", src: preview(hit) });
    image.addEventListener("error", () => image.remove(), { once: true });
    picture.append(image);
  }
  picture.append(kind);
  const start = (from, to) => {
    const stage = document.createElement("div");
    stage.className = "picture playing";
    get(".picture").replaceWith(stage);
    return play(hit, stage, from, to);
  };
  picture.addEventListener("click", () => {
    if (hit.kind === "video" || hit.kind === "audio") start(hit.start, hit.end);
    else if (hit.kind === "text") get(".open").click();
    else view(hit);
  });

  const others = hit.moments.filter((each) => each.start >= hit.end || each.end <= hit.start).slice(0, 4);
  if (others.length) {
    get(".also").append("also at ");
    for (const moment of others) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: clock(moment.start) });
      button.addEventListener("click", () => start(moment.start, moment.end));
      get(".also").append(button);
    }
  } else get(".also").remove();
  get(".more").addEventListener("click", () => more(hit));
  get(".less").addEventListener("click", () => less(hit));
  get(".open").href = media(hit.path, hit.start, hit.end) + (hit.page != null ? `#page=${hit.page}` : "");
  get(".open").setAttribute("aria-label", `Open ${nameOf(hit.path)}`);
  return item;
}

export { nameOf };

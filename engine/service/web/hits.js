// One answer: what it shows, how it plays, what can be done with it.
import { showMarked } from "/web/marks.js";
import { media, preview, textOf } from "/web/service.js";

export const CALLED = { text: "text", image: "picture", document: "document", audio: "sound", video: "video" };
const PLAY = '<svg viewBox="0 0 24 24"><path d="M7 4.5v15l12-7.5z"/></svg>';

const make = (tag, fields = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), fields);
  element.append(...children);
  return element;
};

export function clock(seconds) {
  const tenths = Math.round(seconds * 10), whole = Math.floor(tenths / 10), rest = tenths % 10;
  const minutes = Math.floor(whole / 60), text = String(whole % 60).padStart(2, "0") + (rest ? `.${rest}` : "");
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${text}` : `${minutes}:${text}`;
}

export const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1);

// The folder, told from the indexed folder that holds it on: what comes before is the same for all.
function folderOf(path, roots) {
  const folder = path.slice(0, path.lastIndexOf("/"));
  const root = roots.filter((each) => folder === each || folder.startsWith(`${each}/`)).sort((a, b) => b.length - a.length)[0];
  return root ? folder.slice(root.lastIndexOf("/") + 1) : folder;
}

export function place(hit) {
  if (hit.start != null) return hit.end == null ? clock(hit.start) : `${clock(hit.start)}–${clock(hit.end)}`;
  return hit.page != null ? `page ${hit.page}` : "";
}

// Only one thing is heard at a time. What the browser cannot play is shown as a picture, and said.
export function play(hit, stage, start = hit.start, end = hit.end) {
  for (const other of document.querySelectorAll("video, audio")) other.pause();
  const player = make(hit.kind === "video" ? "video" : "audio", { controls: true, autoplay: true, src: media(hit.path, start, end) });
  player.addEventListener("loadedmetadata", () => {
    if (start != null && Math.abs(player.currentTime - start) > 0.01) player.currentTime = start;
  }, { once: true });
  player.addEventListener("error", () => {
    stage.replaceChildren(make("img", { src: preview(hit, "large"), alt: "" }), make("p", { className: "untold", textContent: "This browser cannot play it; Open gives the file." }));
  }, { once: true });
  player.setAttribute("aria-label", `${nameOf(hit.path)} from ${clock(start ?? 0)}`);
  stage.replaceChildren(...(hit.kind === "audio" ? [make("img", { src: preview({ ...hit, start, end }), alt: "" })] : []), player);
  if (hit.kind === "audio" && end > start) follow(player, stage, start, end);
  player.play().catch(() => { /* the controls are there */ });
  return player;
}

// Keep a line in the waveform where it is heard.
function follow(player, stage, start, end) {
  stage.style.setProperty("--played", Math.min(1, Math.max(0, (player.currentTime - start) / (end - start))).toFixed(3));
  if (player.isConnected) requestAnimationFrame(() => follow(player, stage, start, end));
}

async function showText(hit, stage, words) {
  const page = make("pre", { tabIndex: 0 });
  page.setAttribute("aria-label", "Text");
  stage.replaceChildren(page);
  try {
    showMarked(page, await textOf(hit.path), words);
  } catch (error) { page.textContent = hit.snippet ?? error.message; }
  const passage = hit.snippet?.slice(0, 40), at = passage ? page.textContent.indexOf(passage) : -1;
  if (at > 0) page.scrollTop = (at / page.textContent.length) * page.scrollHeight - page.clientHeight / 3;
  else page.querySelector("mark")?.scrollIntoView({ block: "center" });
}

export function view(hit, words, more) {
  const get = (selector) => document.querySelector(selector), viewer = get("#viewer"), stage = get("#stage");
  get("#viewed").textContent = [nameOf(hit.path), place(hit)].filter(Boolean).join(" · ");
  get("#viewed-open").href = addressOf(hit);
  get("#viewed-more").onclick = () => { viewer.close(); more(hit); };
  stage.className = hit.kind;
  if (hit.kind === "video" || hit.kind === "audio") play(hit, stage);
  else if (hit.kind === "text") showText(hit, stage, words);
  else {
    const picture = make("img", { alt: `${CALLED[hit.kind]} ${nameOf(hit.path)} ${place(hit)}` });
    if (hit.kind === "image") {
      // Browsers do not show every kind of picture; the service does.
      picture.addEventListener("error", () => { picture.src = preview(hit, "large"); }, { once: true });
      picture.src = media(hit.path);
    } else {
      const large = make("img", { src: preview(hit, "large") });
      large.addEventListener("load", () => { picture.src = large.src; }, { once: true });
      picture.src = preview(hit); // which is there already, until the page is drawn anew
    }
    stage.replaceChildren(picture);
  }
  viewer.addEventListener("close", () => stage.replaceChildren(), { once: true });
  viewer.showModal();
}

const addressOf = (hit) => media(hit.path, hit.start, hit.end) + (hit.page != null ? `#page=${hit.page}` : "");

function fillPicture(picture, hit, words) {
  const isTimed = hit.kind === "video" || hit.kind === "audio";
  if (hit.kind === "text") {
    picture.classList.add("paper");
    const excerpt = make("span", { className: "excerpt" });
    showMarked(excerpt, hit.snippet ?? "", words);
    picture.append(excerpt);
  } else {
    picture.setAttribute("aria-label", [isTimed ? "Play" : "Show", nameOf(hit.path), place(hit)].filter(Boolean).join(" "));
    picture.classList.add("loading");
    const image = make("img", { loading: "lazy", alt: "" });
    image.addEventListener("load", () => {
      picture.classList.remove("loading");
      // What is much taller than its frame is shown whole.
      image.classList.toggle("tall", hit.kind === "image" && image.naturalWidth < 1.1 * image.naturalHeight);
    }, { once: true });
    image.addEventListener("error", () => picture.classList.add("unshown"), { once: true });
    image.src = preview(hit);
    picture.append(image);
    if (isTimed) picture.append(make("span", { className: "play", innerHTML: PLAY }));
  }
  picture.append(make("span", { className: "kind", textContent: [CALLED[hit.kind], hit.start != null ? clock(hit.start) : place(hit)].filter(Boolean).join(" · ") }));
}

export function card(hit, words, roots, { more, less }) {
  const item = document.querySelector("#hit").content.firstElementChild.cloneNode(true);
  const get = (selector) => item.querySelector(selector);
  item.classList.add(hit.kind);
  item.hit = hit;
  Object.assign(get(".open"), { textContent: nameOf(hit.path), href: addressOf(hit), title: hit.path });
  get(".where").textContent = [hit.start != null && place(hit), folderOf(hit.path, roots)].filter(Boolean).join(" · ");
  get(".where").title = hit.path;
  if (hit.snippet && hit.kind !== "text") showMarked(get(".snippet"), hit.snippet, words);
  else get(".snippet").remove();

  const start = (from, to) => {
    const stage = make("div", { className: "picture playing" }), held = get(".picture"), hadFocus = held.contains(document.activeElement);
    held.replaceWith(stage);
    const player = play(hit, stage, from, to);
    if (hadFocus) player.focus();
  };
  fillPicture(get(".picture"), hit, words);
  get(".picture").addEventListener("click", () => {
    if (hit.kind === "video" || hit.kind === "audio") start(hit.start, hit.end);
    else view(hit, words, more);
  });
  const others = hit.moments.filter((each) => each.start >= hit.end || each.end <= hit.start).slice(0, 4);
  if (others.length) {
    get(".also").append("also at");
    for (const moment of others) {
      const button = make("button", { type: "button", textContent: clock(moment.start) });
      button.addEventListener("click", () => start(moment.start, moment.end));
      get(".also").append(button);
    }
  } else get(".also").remove();
  get(".more").addEventListener("click", () => more(hit));
  get(".less").addEventListener("click", () => less(hit));
  return item;
}

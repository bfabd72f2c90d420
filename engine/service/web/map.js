// The library as points: drag to move, wheel or pinch to zoom, point to see, click to open.
import { map as fetchMap, preview } from "/web/service.js";
import { nameOf, place as placeOf } from "/web/hits.js";

const CALLED = { text: "texts", image: "pictures", document: "pages", audio: "sounds", video: "moments of video" };
const KINDS = Object.keys(CALLED);
const get = (selector) => document.querySelector(selector);
const canvas = get("#points"), said = get("#pointed"), tip = get("#tip");
const seen = { x: 0, y: 0, zoom: 1 };
let points = [], shown = [], pointed = null, open = () => {}, kinds = new Set();

const colour = (kind) => getComputedStyle(document.documentElement).getPropertyValue(`--${kind}`).trim();
const told = (point) => [nameOf(point.path), placeOf(point)].filter(Boolean).join(" · ");
// Pixels from one edge of the map (-1) to its middle (0), across and down, without a border for the points.
const halves = () => [canvas.clientWidth / 2 - 14, canvas.clientHeight / 2 - 14];

function draw() {
  const ratio = window.devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
  if (canvas.width !== Math.round(wide * ratio)) canvas.width = Math.round(wide * ratio);
  if (canvas.height !== Math.round(high * ratio)) canvas.height = Math.round(high * ratio);
  const pen = canvas.getContext("2d"), [across, down] = halves();
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, wide, high);
  const colours = Object.fromEntries(KINDS.map((kind) => [kind, colour(kind)]));
  const size = Math.min(9, (points.length > 1000 ? 3 : 4.5) * seen.zoom ** 0.25);
  shown = points.filter((point) => !kinds.size || kinds.has(point.modality));
  for (const point of shown) {
    point.at = wide / 2 + (point.x - seen.x) * seen.zoom * across;
    point.down = high / 2 + (point.y - seen.y) * seen.zoom * down;
    pen.fillStyle = colours[point.modality];
    pen.globalAlpha = point === pointed ? 1 : 0.8;
    pen.beginPath();
    pen.arc(point.at, point.down, point === pointed ? size + 3 : size, 0, 7);
    pen.fill();
  }
}

function zoom(factor, at = canvas.clientWidth / 2, down = canvas.clientHeight / 2) {
  const before = seen.zoom, [wide, high] = halves();
  seen.zoom = Math.min(200, Math.max(1, seen.zoom * factor));
  const change = 1 / before - 1 / seen.zoom;
  move(((at - canvas.clientWidth / 2) / wide) * change, ((down - canvas.clientHeight / 2) / high) * change);
}

// There is always something of the map to be seen.
function move(x, y) {
  const edge = 1 - 0.5 / seen.zoom;
  seen.x = Math.min(edge, Math.max(-edge, seen.x + x));
  seen.y = Math.min(edge, Math.max(-edge, seen.y + y));
  draw();
}

function nearest(at, down, within) {
  let best = null, least = within ** 2;
  for (const point of shown) {
    const distance = (point.at - at) ** 2 + (point.down - down) ** 2;
    if (distance < least) [best, least] = [point, distance];
  }
  return best;
}

function point(at) {
  if (at === pointed) return;
  pointed = at;
  canvas.classList.toggle("over", at != null);
  tip.hidden = at == null;
  if (at != null) {
    said.textContent = told(at);
    tip.querySelector("p").textContent = told(at);
    const picture = tip.querySelector("img"), has = at.modality !== "text";
    picture.hidden = !has;
    if (has) picture.src = preview(at); else picture.removeAttribute("src");
    tip.style.left = `${Math.min(canvas.clientWidth - 200, Math.max(4, at.at - 96))}px`;
    tip.style.top = at.down > canvas.clientHeight / 2 ? "auto" : `${at.down + 16}px`;
    tip.style.bottom = at.down > canvas.clientHeight / 2 ? `${canvas.clientHeight - at.down + 16}px` : "auto";
  }
  draw();
}
tip.querySelector("img").addEventListener("error", (event) => { event.target.hidden = true; });

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  point(null);
  zoom(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), event.offsetX, event.offsetY);
}, { passive: false });

const fingers = new Map(); // where each pointer that is down is
let far = 0; // how far they have gone: a click does not move
const spread = () => { const [a, b] = fingers.values(); return Math.hypot(a.x - b.x, a.y - b.y); };
canvas.addEventListener("pointerdown", (event) => {
  if (!fingers.size) far = 0;
  fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  const finger = fingers.get(event.pointerId);
  if (!finger) { point(nearest(event.offsetX, event.offsetY, 14)); return; }
  const before = fingers.size === 2 ? spread() : 0, [wide, high] = halves();
  const across = event.offsetX - finger.x, down = event.offsetY - finger.y;
  Object.assign(finger, { x: event.offsetX, y: event.offsetY });
  far += Math.abs(across) + Math.abs(down);
  if (far > 5) point(null);
  if (fingers.size === 2) {
    const [a, b] = fingers.values();
    zoom(spread() / Math.max(before, 1), (a.x + b.x) / 2, (a.y + b.y) / 2);
  } else move(-across / (wide * seen.zoom), -down / (high * seen.zoom));
});
const lift = (event) => {
  const isClick = event.type === "pointerup" && fingers.size === 1 && far < 6;
  fingers.delete(event.pointerId);
  const at = isClick ? nearest(event.offsetX, event.offsetY, 18) : null;
  if (at) open({ ...at, kind: at.modality });
};
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);
canvas.addEventListener("pointerleave", () => point(null));
canvas.addEventListener("keydown", (event) => {
  const step = 0.15 / seen.zoom, moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  const middle = () => nearest(canvas.clientWidth / 2, canvas.clientHeight / 2, 1e4);
  if (event.key === "+" || event.key === "=") zoom(1.4);
  else if (event.key === "-") zoom(1 / 1.4);
  else if (event.key === "Enter") { const at = middle(); if (at) open({ ...at, kind: at.modality }); }
  else if (moves[event.key]) { move(...moves[event.key]); point(middle()); }
  else return;
  event.preventDefault();
});
get("#zoom-in").addEventListener("click", () => zoom(1.6));
get("#zoom-out").addEventListener("click", () => zoom(1 / 1.6));
get("#zoom-all").addEventListener("click", () => { Object.assign(seen, { x: 0, y: 0, zoom: 1 }); draw(); });
new ResizeObserver(() => { if (points.length) draw(); }).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (points.length) draw(); });

// Only points of these kinds; none chosen means all.
export function chooseKinds(chosen) {
  kinds = new Set(chosen);
  draw();
}

export async function showMap(onOpen) {
  open = onOpen;
  points = await fetchMap();
  const held = KINDS.filter((kind) => points.some((each) => each.modality === kind));
  get("#legend").replaceChildren(...held.map((kind) => Object.assign(document.createElement("li"), { className: kind, textContent: CALLED[kind] })));
  draw();
  said.textContent = points.length ? `${points.length} pieces` : "The library is empty.";
}

// The library as points: drag to move, wheel or pinch to zoom, point to see, click to open.
import { map as fetchMap } from "/web/service.js";
import { nameOf, view, clock } from "/web/hits.js";

const KINDS = ["text", "image", "document", "audio", "video"];
const CALLED = { text: "texts", image: "pictures", document: "pages", audio: "sounds", video: "moments of video" };
const canvas = document.querySelector("#points"), said = document.querySelector("#pointed");
const seen = { x: 0, y: 0, zoom: 1 };
let points = [], pointed = null;

const colour = (kind) => getComputedStyle(document.documentElement).getPropertyValue(`--${kind}`).trim();

function draw() {
  const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  canvas.width = box.width * ratio;
  canvas.height = box.height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const colours = Object.fromEntries(KINDS.map((kind) => [kind, colour(kind)]));
  for (const point of points) {
    [point.at, point.down] = place(point, box);
    pen.fillStyle = colours[point.modality];
    pen.globalAlpha = point === pointed ? 1 : 0.75;
    pen.beginPath();
    pen.arc(point.at, point.down, point === pointed ? 8 : 4, 0, 7);
    pen.fill();
  }
}

function place(point, box) {
  const scale = seen.zoom * Math.min(box.width, box.height) * 0.47;
  return [box.width / 2 + (point.x - seen.x) * scale * (box.width / Math.min(box.width, box.height)), box.height / 2 + (point.y - seen.y) * scale];
}

function zoom(factor, at = canvas.getBoundingClientRect().width / 2, down = canvas.getBoundingClientRect().height / 2) {
  const box = canvas.getBoundingClientRect(), before = seen.zoom;
  seen.zoom = Math.min(200, Math.max(0.5, seen.zoom * factor));
  const unit = Math.min(box.width, box.height) * 0.47, wide = box.width / Math.min(box.width, box.height);
  seen.x += ((at - box.width / 2) / (unit * wide)) * (1 / before - 1 / seen.zoom);
  seen.y += ((down - box.height / 2) / unit) * (1 / before - 1 / seen.zoom);
  draw();
}

function nearest(event) {
  let best = null, least = 14 ** 2;
  for (const point of points) {
    const distance = (point.at - event.offsetX) ** 2 + (point.down - event.offsetY) ** 2;
    if (distance < least) [best, least] = [point, distance];
  }
  return best;
}

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
}, { passive: false });

let dragged = null;
canvas.addEventListener("pointerdown", (event) => { dragged = { far: 0 }; canvas.setPointerCapture(event.pointerId); });
canvas.addEventListener("pointermove", (event) => {
  if (dragged) {
    const box = canvas.getBoundingClientRect(), unit = Math.min(box.width, box.height) * 0.47 * seen.zoom;
    dragged.far += Math.abs(event.movementX) + Math.abs(event.movementY);
    seen.x -= event.movementX / (unit * (box.width / Math.min(box.width, box.height)));
    seen.y -= event.movementY / unit;
  } else {
    pointed = nearest(event);
    if (pointed) said.textContent = `${nameOf(pointed.path)}${pointed.start != null ? ` at ${clock(pointed.start)}` : pointed.page != null ? ` page ${pointed.page}` : ""}`;
  }
  draw();
});
canvas.addEventListener("pointerup", (event) => {
  const point = dragged && dragged.far < 5 ? nearest(event) : null;
  dragged = null;
  if (point) view({ ...point, kind: point.modality });
});
canvas.addEventListener("keydown", (event) => {
  const step = 0.15 / seen.zoom, moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (event.key === "+" || event.key === "=") zoom(1.4);
  else if (event.key === "-") zoom(1 / 1.4);
  else if (moves[event.key]) { seen.x += moves[event.key][0]; seen.y += moves[event.key][1]; draw(); }
  else return;
  event.preventDefault();
});
window.addEventListener("resize", () => { if (points.length) draw(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (points.length) { legend(); draw(); } });

function legend() {
  document.querySelector("#legend").replaceChildren(...KINDS.map((kind) => {
    const dot = document.createElement("span"), item = document.createElement("li");
    dot.style.background = colour(kind);
    item.append(dot, CALLED[kind]);
    return item;
  }));
}

export async function showMap() {
  points = await fetchMap();
  legend();
  draw();
  said.textContent = `${points.length} pieces`;
}

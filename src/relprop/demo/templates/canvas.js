// The picture, and squares painted onto it: drawn here at once, then by the server as the network sees them.
const canvas = element.querySelector("canvas");
const pen = canvas.getContext("2d");
const sides = element.querySelector("select");
const picture = new Image();
const SOLID = { black: "#000", white: "#fff" };
let state = { size: 0, mean: "#888" };
let paint = "mean";
let sent = []; // strokes that the server has not answered yet
let stroke = null; // Map from "row,column" to [row, column] while the pointer is down
let at = null; // the square below the pointer, or that the keys have chosen

const side = () => Number(sides.value) || 1;
const last = () => Math.floor((state.size - 1) / side());
const keep = (index) => Math.min(Math.max(index, 0), last());

function rectangle([row, column], edge = side()) {
  const zoom = canvas.width / state.size;
  const [top, left] = [row * edge, column * edge];
  const [height, width] = [Math.min(edge, state.size - top), Math.min(edge, state.size - left)];
  return [left * zoom, top * zoom, width * zoom, height * zoom];
}

function fillSquares(squares) {
  pen.fillStyle = SOLID[squares.paint] || state.mean;
  if (squares.paint === "blur") pen.globalAlpha = 0.6;
  for (const cell of squares.cells) pen.fillRect(...rectangle(cell, squares.side));
  pen.globalAlpha = 1;
}

function draw() {
  if (!state.size || !picture.complete || !picture.naturalWidth) return;
  pen.imageSmoothingEnabled = state.size > 64;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  sent.forEach(fillSquares);
  if (stroke) fillSquares({ paint, side: side(), cells: [...stroke.values()] });
  if (at) {
    const [x, y, width, height] = rectangle(at);
    pen.lineWidth = 3;
    pen.strokeStyle = "#fff";
    pen.strokeRect(x + 2, y + 2, width - 4, height - 4);
    pen.lineWidth = 1.5;
    pen.strokeStyle = "#2f5d8c";
    pen.strokeRect(x + 2, y + 2, width - 4, height - 4);
  }
}

function offerSides(size) {
  const wanted = [...new Set([1, 2, 4, 8, 16, 32, 64].filter((n) => n <= size / 2 && n >= size / 56))];
  if (sides.options.length === wanted.length && sides.options[0]?.value === String(wanted[0])) return;
  sides.replaceChildren(...wanted.map((n) => new Option(`${n} px`, n)));
  sides.value = String(wanted[Math.max(0, wanted.length - 3)]);
}

function show() {
  const before = state.strokes;
  state = props.value?.size ? props.value : { size: 0, caption: "", strokes: 0 };
  sent = state.strokes > before ? sent.slice(state.strokes - before) : [];
  if (!state.size) {
    element.querySelector(".caption").textContent = "";
    pen.clearRect(0, 0, canvas.width, canvas.height);
    return;
  }
  offerSides(state.size);
  canvas.width = canvas.height = state.size > 64 ? 448 : Math.round(448 / state.size) * state.size;
  element.querySelector(".caption").textContent = state.caption;
  element.querySelector(".undo").disabled = element.querySelector(".clear").disabled = !state.strokes;
  canvas.dataset.strokes = state.strokes;
  picture.onload = draw;
  picture.src = state.image;
}

function cellOf(event) {
  const box = canvas.getBoundingClientRect();
  const place = (offset, length) => keep(Math.floor((offset / length) * state.size / side()));
  return [place(event.clientY - box.top, box.height), place(event.clientX - box.left, box.width)];
}

function touch(cell) {
  at = cell;
  if (stroke) stroke.set(String(cell), cell);
  draw();
}

function send() {
  if (stroke && stroke.size) {
    sent.push({ paint, side: side(), cells: [...stroke.values()] });
    trigger("stroke", { stroke: sent.at(-1) });
  }
  stroke = null;
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !state.size) return;
  canvas.setPointerCapture(event.pointerId);
  stroke = new Map();
  touch(cellOf(event));
});
canvas.addEventListener("pointermove", (event) => {
  const moves = event.getCoalescedEvents?.() ?? [];
  if (state.size) (moves.length ? moves : [event]).forEach((move) => touch(cellOf(move)));
});
canvas.addEventListener("pointerup", send);
canvas.addEventListener("pointercancel", () => { stroke = null; draw(); });
canvas.addEventListener("pointerleave", () => { if (!stroke) { at = null; draw(); } });
canvas.addEventListener("keydown", (event) => {
  const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (way && state.size) {
    const [row, column] = at || [keep(Math.floor(last() / 2)), keep(Math.floor(last() / 2))];
    touch(at ? [keep(row + way[0]), keep(column + way[1])] : [row, column]);
  } else if (at && (event.key === "Enter" || event.key === " ")) {
    stroke = new Map([[String(at), at]]);
    draw();
    send();
  } else {
    return;
  }
  event.preventDefault();
});
sides.addEventListener("change", () => { at = null; draw(); });
element.querySelector(".undo").addEventListener("click", () => trigger("undo"));
element.querySelector(".clear").addEventListener("click", () => trigger("clear"));
for (const name of props.paints) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.paint = name;
  button.textContent = name;
  button.setAttribute("aria-pressed", String(name === paint));
  button.addEventListener("click", () => {
    paint = name;
    for (const each of element.querySelectorAll(".paints button")) {
      each.setAttribute("aria-pressed", String(each === button));
    }
  });
  element.querySelector(".paints").append(button);
}
watch("value", show);
show();

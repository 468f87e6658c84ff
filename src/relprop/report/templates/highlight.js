// Brings one method's curves out: that of the name or row under the pointer or focus, or the nearest curve to the pointer.
const near = 24; // in units of the picture
const plots = [...document.querySelectorAll(".plot")];
const names = [...document.querySelectorAll(".choice")].map((choice) => choice.textContent.trim());

function light(method) {
  for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit");
  for (const part of document.querySelectorAll(`[data-lights="${method}"]`)) part.classList.add("lit");
  for (const plot of plots) {
    const curves = plot.querySelectorAll(`.curve[data-method="${method}"]:not([hidden])`);
    for (const curve of curves) curve.classList.add("lit");
    plot.classList.toggle("lighting", curves.length > 0);
    plot.querySelector(".reading").textContent = curves.length ? names[method] : "";
    plot.querySelector(".cursor").toggleAttribute("hidden", true);
  }
}

// Where a line is at x, between its points; undefined beyond its ends.
function height(points, x) {
  for (let next = 0; next < points.length; next++) {
    const { x: right, y: top } = points[next];
    if (right < x) continue;
    if (right === x) return top;
    if (next === 0) return undefined;
    const { x: left, y: bottom } = points[next - 1];
    return bottom + ((x - left) / (right - left)) * (top - bottom);
  }
  return undefined;
}

function value(place, scale) {
  const [low, high, start, end] = scale.split(" ").map(Number);
  return low + ((place - start) / (end - start)) * (high - low);
}

function nearest(svg, { x, y }) {
  const found = [...svg.querySelectorAll(".curve:not([hidden])")]
    .map((curve) => ({ method: curve.dataset.method, y: height([...curve.querySelector("polyline").points], x) }))
    .filter((curve) => Math.abs(curve.y - y) <= near);
  return found.sort((one, other) => Math.abs(one.y - y) - Math.abs(other.y - y))[0];
}

function follow(plot, svg, event) {
  const pointer = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const curve = nearest(svg, pointer);
  light(curve?.method);
  if (!curve) return;
  const numbers = [value(pointer.x, plot.dataset.x), value(curve.y, plot.dataset.y)];
  const [x, y] = numbers.map((number) => Number(number.toPrecision(3)));
  plot.querySelector(".reading").textContent = `${names[curve.method]}: ${y} at ${x}`;
  const cursor = svg.querySelector(".cursor");
  cursor.setAttribute("class", `cursor fill-${curve.method}`);
  cursor.setAttribute("cx", pointer.x);
  cursor.setAttribute("cy", curve.y);
  cursor.removeAttribute("hidden");
}

for (const plot of plots) {
  const svg = plot.querySelector("svg");
  for (const kind of ["pointermove", "pointerdown"]) svg.addEventListener(kind, (event) => follow(plot, svg, event));
  svg.addEventListener("pointerleave", () => light());
}
for (const [begin, end] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
  document.addEventListener(begin, ({ target }) => {
    const part = target.closest?.("[data-lights]");
    if (part) light(part.dataset.lights);
  });
  document.addEventListener(end, ({ target }) => {
    if (target.closest?.("[data-lights]")) light();
  });
}

// The way back through the layers: all its stops have come with the value, the slider shows one.
const slider = element.querySelector("input");
const walk = element.querySelector(".walk");
const figure = element.querySelector(".stop img");
let stops = [];

function row(name, value) {
  const line = document.createElement("tr");
  for (const [kind, text] of [["th", name], ["td", value]]) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    line.append(cell);
  }
  return line;
}

function showStop() {
  const index = Number(slider.value);
  const stop = stops[index];
  if (!stop) return;
  figure.src = stop.image;
  figure.className = stop.small ? "small" : "";
  figure.style.aspectRatio = `${stop.width} / ${stop.height}`;
  figure.alt = `Relevance at ${stop.name}`;
  element.querySelector(".stop figcaption").textContent = stop.caption;
  element.querySelector(".stop h3").textContent = stop.name;
  element.querySelector(".stop tbody").replaceChildren(...stop.facts.map(([name, value]) => row(name, value)));
  element.querySelector(".stop .note").textContent = stop.note;
  slider.setAttribute("aria-valuetext", `${stop.name}, step ${index} of ${stops.length - 1}`);
  const x = (600 * index) / Math.max(1, stops.length - 1);
  const mark = element.querySelector(".under-way line");
  mark.setAttribute("x1", x);
  mark.setAttribute("x2", x);
}

function show() {
  const given = props.value || {};
  const before = stops[Number(slider.value)]?.name;
  stops = given.stops || [];
  walk.hidden = !stops.length;
  element.querySelector(".empty").textContent = stops.length ? "" : given.reason || "";
  if (!stops.length) return;
  slider.max = String(stops.length - 1);
  const same = stops.findIndex((stop) => stop.name === before);
  slider.value = String(same < 0 ? given.first : same);
  element.querySelector(".position span").textContent = given.conserved
    ? "back from the class to the image; the area is the relevance still under way"
    : "back from the class to the image; these rules do not conserve relevance";
  const shares = stops.map((stop) => (given.conserved ? stop.left / (stops[0].left || 1) : 0));
  const top = Math.max(1, ...shares);
  const points = shares.map((share, i) => `${(600 * i) / Math.max(1, stops.length - 1)},${60 - 58 * Math.max(0, share / top)}`);
  element.querySelector(".under-way path").setAttribute("d", `M0,60 L${points.join(" L")} L600,60 Z`);
  showStop();
}

slider.addEventListener("input", showStop);
watch("value", show);
show();

// Gives every picture its data, and shows the one that is clicked at full size, small ones enlarged by a whole factor.
const enlarged = 640; // pixels of the screen, up to which pictures are enlarged
const sources = JSON.parse(document.getElementById("sources").textContent);
const viewer = document.getElementById("viewer");
const picture = document.getElementById("viewer-picture");
let opened;

for (const image of document.querySelectorAll("img[data-source]")) image.src = sources[image.dataset.source];

function show(button) {
  opened = button;
  const image = button.querySelector("img");
  const [width, height] = [Number(image.getAttribute("width")), Number(image.getAttribute("height"))];
  const room = [0.9 * innerWidth, 0.8 * innerHeight].map((side) => Math.min(side, enlarged));
  const factor = Math.max(1, Math.floor(Math.min(room[0] / width, room[1] / height)));
  picture.src = image.src;
  picture.alt = image.alt;
  picture.style.width = `${width * factor}px`;
  picture.style.height = `${height * factor}px`;
  picture.classList.toggle("enlarged", factor > 1);
  document.getElementById("viewer-title").textContent = button.dataset.title;
  if (!viewer.open) viewer.showModal();
}

function visible(buttons) {
  return [...buttons].filter((button) => button.getClientRects().length);
}

// Left and right: the section's pictures one after the other. Up and down: what other methods have in the same place.
function step(by, slot) {
  const buttons = visible(opened.closest("section").querySelectorAll(".picture"));
  const row = slot ? buttons.filter((button) => button.dataset.slot === slot) : buttons;
  const next = row[row.indexOf(opened) + by];
  if (next) show(next);
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest(".picture");
  if (button) show(button);
});
viewer.addEventListener("click", ({ target }) => {
  const by = target.dataset.step;
  if (by === undefined || by === "close") viewer.close();
  else step(Number(by));
});
viewer.addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: [-1], ArrowRight: [1], ArrowUp: [-1, opened.dataset.slot], ArrowDown: [1, opened.dataset.slot] };
  if (!steps[event.key]) return;
  event.preventDefault();
  step(...steps[event.key]);
});
viewer.addEventListener("close", () => opened.focus());

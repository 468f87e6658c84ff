// Shows what belongs to the methods that are checked and fit the search, and hides the rest.
const boxes = [...document.querySelectorAll(".choice input")];
const search = document.getElementById("search");

function fits(box) {
  return box.parentElement.textContent.toLowerCase().includes(search.value.trim().toLowerCase());
}

function apply() {
  const shown = new Set(boxes.filter((box) => box.checked && fits(box)).map((box) => box.value));
  for (const box of boxes) box.parentElement.toggleAttribute("hidden", !fits(box));
  for (const part of document.querySelectorAll("[data-method]")) {
    part.toggleAttribute("hidden", !shown.has(part.dataset.method));
  }
  // A heading says nothing over rows that are all hidden.
  for (const heading of document.querySelectorAll("tr.heading")) {
    heading.hidden = !heading.parentElement.querySelector("tr[data-method]:not([hidden])");
  }
  document.getElementById("count").textContent = `${shown.size} of ${boxes.length}`;
  document.getElementById("nothing").hidden = shown.size > 0;
}

// All and none mean those that fit the search: the others are out of sight.
for (const button of document.querySelectorAll("[data-check]")) {
  button.addEventListener("click", () => {
    for (const box of boxes.filter(fits)) box.checked = button.dataset.check === "all";
    apply();
  });
}
for (const box of boxes) box.addEventListener("change", apply);
search.addEventListener("input", apply);
apply();

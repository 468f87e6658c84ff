// Sorts a table's rows, within each block, by the column whose header is clicked; absent values are always last.
const words = new Intl.Collator("en", { numeric: true });

function compare(one, other) {
  if (one.kind !== other.kind) return one.kind === "number" ? -1 : 1;
  if (one.kind === "text") return words.compare(one.text, other.text);
  return one.order < other.order ? -1 : one.order > other.order ? 1 : 0;
}

function key(row, place) {
  const cell = row.cells[place];
  return { row, kind: cell.className, text: cell.textContent, order: Number(cell.dataset.order) };
}

function sort(block, place, sign) {
  const keys = [...block.querySelectorAll("tr[data-method]")].map((row) => key(row, place));
  const there = keys.filter(({ kind }) => kind !== "absent").sort((one, other) => sign * compare(one, other));
  block.append(...[...there, ...keys.filter(({ kind }) => kind === "absent")].map(({ row }) => row));
}

for (const header of document.querySelectorAll("th[data-place]")) {
  header.querySelector("button").addEventListener("click", () => {
    const table = header.closest("table");
    const other = { ascending: "descending", descending: "ascending" };
    const direction = other[header.getAttribute("aria-sort")] ?? header.dataset.first;
    for (const sorted of table.querySelectorAll("[aria-sort]")) sorted.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    for (const block of table.tBodies) sort(block, Number(header.dataset.place), sign);
  });
}

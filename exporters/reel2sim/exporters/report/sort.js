"use strict";
// Without this script the table is as complete, in one order.
const body = document.querySelector("tbody");
const heads = [...document.querySelectorAll("th[data-kind]")];
const words = new Intl.Collator("en", { numeric: true });

// Sorts the rows by a column; what has no value there comes last, whichever way.
function sortBy(head, ascending) {
  const keyOf = (row) => row.cells[head.cellIndex].dataset.key;
  const numbers = head.dataset.kind === "number";
  const compare = (a, b) => (numbers ? Number(a) - Number(b) : words.compare(a, b));
  const keyed = [...body.rows].map((row) => [keyOf(row), row]);
  keyed.sort(([a], [b]) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return ascending ? compare(a, b) : compare(b, a);
  });
  for (const other of heads) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  body.append(...keyed.map(([, row]) => row));
}

for (const head of heads) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.addEventListener("click", () => {
    sortBy(head, head.getAttribute("aria-sort") !== "ascending");
  });
  head.append(button);
}

const find = document.getElementById("find");
const field = find.querySelector("input");
find.hidden = false;
field.addEventListener("input", () => {
  const wanted = field.value.trim().toLowerCase();
  let shown = 0;
  for (const row of body.rows) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
    shown += !row.hidden;
  }
  find.querySelector("[role=status]").textContent =
    wanted ? `${shown} of ${body.rows.length} rows` : "";
});

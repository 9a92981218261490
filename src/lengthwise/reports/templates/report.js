// The tooltip of a point shows the same text as its label for screen readers.
const tip = document.getElementById("tip");
for (const figure of document.querySelectorAll("figure")) {
  figure.addEventListener("pointermove", event => {
    const mark = event.target.closest(".role-mark [aria-label]");
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.getAttribute("aria-label").split(" · ").join("\n");
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, room))}px`;
    tip.style.top = `${event.clientY + 18}px`;
  });
  figure.addEventListener("pointerleave", () => { tip.hidden = true; });
}

// A click on a heading sorts the table by this column: numbers from the largest, words from A. A second click reverses
// the order, a third click restores it. A row without a name stays under the row above it, and in its section.
for (const table of document.querySelectorAll("table:has(thead)")) {
  const sections = [];
  for (const row of table.tBodies[0].rows) {
    const opens = row.classList.contains("section");
    if (opens || !sections.length) sections.push({ title: opens ? [row] : [], groups: [] });
    const { groups } = sections.at(-1);
    if (opens) continue;
    if (row.cells[0].textContent.trim() || !groups.length) groups.push([row]);
    else groups.at(-1).push(row);
  }
  if (!sections.some(section => section.groups.length > 1)) continue;
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const known = sections.flatMap(section => section.groups).map(([row]) => value(row.cells[column]));
    const orders = ["ascending", "descending"];
    if (known.some(found => typeof found === "number")) orders.reverse();
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const order = orders[orders.indexOf(heading.ariaSort) + 1];
      headings.forEach(other => other.removeAttribute("aria-sort"));
      if (order) heading.setAttribute("aria-sort", order);
      for (const { title, groups } of sections) {
        const by = ([one], [other]) => compared(value(one.cells[column]), value(other.cells[column]), order);
        table.tBodies[0].append(...title, ...(order ? groups.toSorted(by) : groups).flat());
      }
    });
  });
}

function compared(one, other, order) {
  if (one === null || other === null) return (one === null) - (other === null); // what is unknown comes last
  const way = order === "descending" ? -1 : 1;
  if (typeof one === typeof other) return way * (typeof one === "number" ? one - other : one.localeCompare(other));
  return typeof one === "number" ? -1 : 1;
}

function value(cell) {
  const shown = [...cell?.childNodes ?? []].filter(node => node.nodeName !== "SMALL");
  const text = shown.map(node => node.textContent).join("").trim();
  const number = parseFloat(text.replaceAll(",", "").replace("−", "-"));
  return text === "" || text === "–" ? null : Number.isNaN(number) ? text : number;
}

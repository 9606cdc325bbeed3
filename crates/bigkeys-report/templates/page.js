
"use strict";
{
  const $ = id => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const make = (name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // The treemap. The rows of the table have the places of the rectangles.
  const table = $("group-table");
  if (table) {
    const rows = [...table.tBodies[0].rows];
    const below = new Map();
    for (const row of rows) {
      const parent = row.dataset.in;
      if (parent === undefined) continue;
      if (!below.has(parent)) below.set(parent, []);
      below.get(parent).push(row);
    }
    // These are drawn within a tenth of a second. The rows come largest first.
    const MOST_RECTANGLES = 300, MOST_ROWS = 100;
    const number = row => row.id.slice(1);
    const name = row => row.cells[0].textContent;

    const rectangle = row => {
      const [x, y, width, height] = row.dataset.at.split(" ");
      const cell = make("svg", { class: `cell c${row.dataset.c}`, x: `${x}%`, y: `${y}%`, width: `${width}%`, height: `${height}%` });
      const share = row.cells[1].textContent, bytes = row.cells[2].textContent;
      cell.append(make("title", {}, `\u2068${name(row)}\u2069: ${bytes}, ${share}, keys: ${row.cells[3].textContent}`));
      cell.append(make("rect", { width: "100%", height: "100%" }));
      if (width > 3 && height > 3) {
        cell.append(make("text", { x: 6, y: 17, "aria-hidden": true }, name(row)));
        cell.append(make("text", { x: 6, y: 34, "aria-hidden": true }, bytes));
      }
      if (!below.has(number(row))) return cell;
      const link = make("a", { href: `#${row.id}`, "aria-label": `${name(row)}, ${bytes}, ${share}` });
      link.append(cell);
      return link;
    };

    let shown = rows;
    const open = row => {
      while (!below.has(number(row))) {
        if (row.dataset.in === undefined) return;
        row = $(`g${row.dataset.in}`);
      }
      const inside = below.get(number(row));
      $("map").replaceChildren(...inside.slice(0, MOST_RECTANGLES).map(rectangle));
      const above = [];
      for (let at = row; at; at = at.dataset.in === undefined ? null : $(`g${at.dataset.in}`)) above.unshift(at);
      $("path").replaceChildren(...above.map(at => {
        const step = document.createElement(at === row ? "span" : "a");
        step.textContent = name(at);
        if (at === row) {
          step.setAttribute("aria-current", "true");
          step.tabIndex = -1;
        } else step.href = `#${at.id}`;
        return step;
      }));
      $("path").hidden = false;
      for (const one of shown) one.hidden = true;
      shown = [row, ...inside.slice(0, MOST_ROWS)];
      for (const one of shown) one.hidden = false;
      const more = inside.slice(MOST_ROWS);
      $("more").hidden = more.length === 0;
      $("more").textContent = `Show ${more.length} more`;
      $("more").onclick = () => {
        for (const one of more) one.hidden = false;
        shown.push(...more);
        $("more").hidden = true;
      };
      table.classList.add("drilled");
    };
    const follow = () => {
      const row = /^#g\d+$/.test(location.hash) ? $(location.hash.slice(1)) : null;
      if (row) {
        open(row);
        $("groups").scrollIntoView();
        // The link that was followed is gone.
        $("path").lastChild.focus({ preventScroll: true });
      } else if (location.hash === "" || shown === rows) {
        open(rows[0]);
      }
    };
    addEventListener("hashchange", follow);
    follow();
  }

  // The list of keys: search, filter, sort.
  const keys = $("key-table");
  if (keys) {
    const body = keys.tBodies[0];
    const rows = [...body.rows].map(row => ({ row, name: row.cells[0].textContent.toLowerCase(), type: row.cells[1].textContent }));
    const select = () => {
      const text = $("search").value.toLowerCase(), type = $("type").value;
      let found = 0;
      for (const { row, name, type: its } of rows) {
        row.hidden = !(name.includes(text) && (type === "" || its === type));
        found += !row.hidden;
      }
      $("found").textContent = found === rows.length ? "" : `${found} of ${rows.length}`;
    };
    document.querySelector(".controls").hidden = false;
    $("search").addEventListener("input", select);
    $("type").addEventListener("change", select);
    [...keys.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const isNumber = body.rows[0].cells[column].dataset.v !== undefined;
        const was = head.getAttribute("aria-sort");
        const descending = was ? was === "ascending" : isNumber;
        for (const other of keys.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const value = ({ row }) => isNumber ? BigInt(row.cells[column].dataset.v) : row.cells[column].textContent;
        const order = (a, b) => a < b ? -1 : a > b ? 1 : 0;
        const sorted = rows.map(one => [value(one), one.row]).sort(([a], [b]) => descending ? order(b, a) : order(a, b));
        for (const [, row] of sorted) body.append(row);
      });
    });
  }
}

// The card around a chart: its controls, its table, and how a table becomes CSV and a chart a file.
"use strict";

// `replace` makes the node's controls anew: who has come to one of them by keyboard stays there.
function keepingFocus(node, replace) {
  const controls = () => [...node.querySelectorAll("input, select, summary")];
  const at = controls().indexOf(document.activeElement);
  replace();
  if (at >= 0 && controls()[at]) controls()[at].focus({ preventScroll: true });
}

function csvField(value) {
  const text = value === undefined || value === null ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

// table: {columns: [name with unit], rows: [[value]]}. Numbers are written in full.
function csvOf(table) {
  return [table.columns, ...table.rows].map((row) => row.map(csvField).join(",")).join("\n") + "\n";
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch (refused) {
    // A page that was opened from disk may have no clipboard of its own.
    const area = element("textarea", { class: "offscreen" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

// What a reader must not miss: of a verdict, or of a status.
const BAD_WORDS = ["INVALID", "failed", "stopped", "unfinished", "not reached"];

function cellElement(value) {
  if (typeof value === "number") return element("td", { class: "number" }, digits(value, 4));
  if (value === undefined || value === null) return element("td", { class: "unknown" }, UNKNOWN);
  return element("td", { class: BAD_WORDS.includes(value) ? "bad" : null }, String(value));
}

function tableElement(table) {
  return element(
    "div",
    { class: "scroll" },
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element("tr", {}, ...table.columns.map((name) => element("th", { scope: "col" }, name))),
      ),
      element("tbody", {}, ...table.rows.map((row) => element("tr", {}, ...row.map(cellElement)))),
    ),
  );
}

// Colours of the page are variables; a file of its own has none.
function resolveColors(svg, original) {
  const style = getComputedStyle(document.body);
  const resolve = (value) =>
    value.replace(
      /var\((--[\w-]+)\)/g,
      (whole, name) => style.getPropertyValue(name).trim() || whole,
    );
  for (const node of [svg, ...svg.querySelectorAll("*")]) {
    for (const { name, value } of [...node.attributes]) {
      if (value.includes("var(")) node.setAttribute(name, resolve(value));
    }
  }
  svg.setAttribute("color", getComputedStyle(original).color);
}

// Around a chart that is a file: a page brings its own.
const FILE_MARGIN = 12;

// All drawings of a card below one another.
function svgFileOf(drawing) {
  const parts = [...drawing.querySelectorAll("svg")].filter(
    (svg) => !svg.parentElement.closest("svg"),
  );
  const pixels = (svg, side) => Number(svg.getAttribute(side)) || 0;
  const around = 2 * FILE_MARGIN;
  const width = around + Math.max(...parts.map((svg) => pixels(svg, "width")));
  const height = around + d3.sum(parts, (svg) => pixels(svg, "height"));
  const file = svgElement("svg", {
    xmlns: SVG,
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    "font-family": "system-ui, sans-serif",
  });
  file.append(
    svgElement("rect", {
      width,
      height,
      fill: getComputedStyle(document.body).getPropertyValue("--paper").trim(),
    }),
  );
  let y = FILE_MARGIN;
  for (const part of parts) {
    const copy = part.cloneNode(true);
    // A file has no pointer, and styles that are meant for pages.
    for (const node of copy.querySelectorAll("style, [aria-label=tip]")) node.remove();
    copy.removeAttribute("style");
    copy.setAttribute("font-size", part.style.fontSize || part.getAttribute("font-size"));
    resolveColors(copy, part);
    copy.setAttribute("x", FILE_MARGIN);
    copy.setAttribute("y", y);
    copy.setAttribute("overflow", "visible");
    y += pixels(part, "height");
    file.append(copy);
  }
  return new XMLSerializer().serializeToString(file);
}

function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = element("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// A chart is {id, title, wide, says(view), kind(view), controls(redraw), draw(view, width),
// table(view)}. draw gives nodes, or a sentence that says why there is nothing to draw.
class Card {
  constructor(chart) {
    this.chart = chart;
    this.drawing = element("div", { class: "drawing" });
    this.says = element("p", { class: "says" });
    this.kind = element("span", { class: "kind" });
    this.table = element(
      "details",
      { ontoggle: () => this.showTable() },
      element("summary", {}, "Numbers"),
    );
    this.copy = element("button", { type: "button", onclick: () => this.copyCsv() }, "Copy CSV");
    this.controls = chart.controls ? element("div", { class: "controls" }) : null;
    this.node = element(
      "section",
      { class: chart.wide ? "card wide" : "card", id: chart.id },
      element("div", { class: "title" }, element("h2", {}, chart.title), this.kind),
      this.says,
      this.controls,
      this.drawing,
      this.table,
    );
    this.tools = element(
      "div",
      { class: "tools" },
      this.copy,
      element("button", { type: "button", onclick: () => this.saveSvg() }, "Save SVG"),
    );
  }

  copyCsv() {
    copyText(csvOf(this.chart.table(this.view))).then(() => {
      this.copy.textContent = "Copied";
      setTimeout(() => {
        this.copy.textContent = "Copy CSV";
      }, 1500);
    });
  }

  saveSvg() {
    save(`${this.chart.id}.svg`, "image/svg+xml", svgFileOf(this.drawing));
  }

  show(view) {
    this.view = view;
    if (this.controls)
      keepingFocus(this.controls, () =>
        this.controls.replaceChildren(...this.chart.controls(view, () => this.show(this.view))),
      );
    this.says.textContent = this.chart.says(view);
    this.kind.textContent = this.chart.kind(view);
    const width = Math.floor(this.drawing.clientWidth) || 640;
    const drawn = view.runs.length > 0 ? this.chart.draw(view, width) : "No run is chosen.";
    const empty = typeof drawn === "string";
    this.drawing.replaceChildren(...(empty ? [element("p", { class: "empty" }, drawn)] : drawn));
    this.node.setAttribute("data-drawn", empty ? "empty" : "chart");
    this.showTable();
  }

  // Only while somebody looks: a step's timeline may have thousands of rows.
  showTable() {
    const rows = this.table.open ? [this.tools, tableElement(this.chart.table(this.view))] : [];
    this.table.replaceChildren(this.table.firstChild, ...rows);
  }
}

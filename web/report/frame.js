// What all charts share: colours, legends, bars, and labels that do not overlap.
"use strict";

// Okabe and Ito's palette, which people with any colour vision tell apart; CSS has a variant for
// dark pages.
const SERIES_COLORS = d3.range(7).map((i) => `var(--series-${i})`);
const DASHES = ["none", "6 3", "2 3"];
const TERM_COLORS = Object.fromEntries(TERMS.map(([name]) => [name, `var(--term-${name})`]));
const TRAFFIC_COLORS = Object.fromEntries(TRAFFIC.map(([name], i) => [name, `var(--series-${i})`]));

const colorOf = (group) => SERIES_COLORS[group.index % SERIES_COLORS.length];
// After the last colour they begin anew, with other lines.
const dashOf = (group) => DASHES[Math.floor(group.index / SERIES_COLORS.length) % DASHES.length];

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

const FONT_PX = 12;
const measure = (() => {
  const context = document.createElement("canvas").getContext("2d");
  return (text, weight = 400) => {
    context.font = `${weight} ${FONT_PX}px system-ui, sans-serif`;
    return context.measureText(text).width;
  };
})();

// Room for the label of the y axis, and for ticks and label of the x axis.
const [TOP, BOTTOM] = [24, 42];

// Options that all plots have.
function plot(width, options) {
  return Plot.plot({
    width,
    marginTop: TOP,
    marginBottom: BOTTOM,
    ...options,
    style: { fontSize: `${FONT_PX}px`, overflow: "visible" },
  });
}

const SVG = "http://www.w3.org/2000/svg";

function svgElement(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

// Part of the drawing, so that a saved chart has it, too. items: {label, color, dash, mark: "line"
// | "square"}.
function legend(items, width) {
  const [row, gap, key] = [20, 18, 18];
  let [x, y] = [0, row / 2];
  const svg = svgElement("svg", { class: "legend", "font-size": FONT_PX, fill: "currentColor" });
  for (const item of items) {
    const length = key + 6 + measure(item.label);
    if (x > 0 && x + length > width) [x, y] = [0, y + row];
    svg.append(
      item.mark === "square"
        ? svgElement("rect", { x, y: y - 6, width: 12, height: 12, rx: 2, fill: item.color })
        : svgElement("line", {
            x1: x,
            x2: x + key,
            y1: y,
            y2: y,
            stroke: item.color,
            "stroke-width": 2.5,
            "stroke-dasharray": item.dash || "none",
          }),
    );
    svg.append(
      svgElement(
        "text",
        { x: x + (item.mark === "square" ? 18 : key + 6), y, dy: "0.35em" },
        item.label,
      ),
    );
    x += length + gap;
  }
  const height = y + row / 2 + 4;
  for (const [name, value] of [
    ["width", width],
    ["height", height],
    ["viewBox", `0 0 ${width} ${height}`],
  ])
    svg.setAttribute(name, value);
  return svg;
}

function heading(text, width) {
  const svg = svgElement("svg", {
    width,
    height: 26,
    viewBox: `0 0 ${width} 26`,
    "font-size": 13,
    fill: "currentColor",
    "font-weight": 600,
  });
  svg.append(svgElement("text", { x: 0, y: 17 }, text));
  return svg;
}

// Heights for labels that begin at (x, y) and are `width` long, in pixels: those that would overlap
// move apart, in their order, within [top, bottom]. Down first, then back up from the bottom.
function spread(labels, top, bottom) {
  const gap = 15;
  const order = d3.sort(d3.range(labels.length), (i) => labels[i].y);
  const moved = labels.map((label) => label.y);
  const beside = (i, j) =>
    labels[i].x < labels[j].x + labels[j].width && labels[j].x < labels[i].x + labels[i].width;
  order.forEach((i, place) => {
    const above = order
      .slice(0, place)
      .filter((j) => beside(i, j))
      .map((j) => moved[j] + gap);
    moved[i] = Math.max(moved[i], top, ...above);
  });
  order.reverse().forEach((i, place) => {
    const below = order
      .slice(0, place)
      .filter((j) => beside(i, j))
      .map((j) => moved[j] - gap);
    moved[i] = Math.min(moved[i], bottom, ...below);
  });
  return moved;
}

// Where lines have room for their names at their ends. On a phone, or with many lines, a legend has
// them.
const labelsFit = (groups, width) => width >= 560 && groups.length <= 8;

function groupLegend(groups, width) {
  return legend(
    groups.map((group) => ({ label: group.label, color: colorOf(group), dash: dashOf(group) })),
    width,
  );
}

// Room for the names of rows at the left of bars.
function rowMargin(labels, width) {
  return Math.min(Math.max(...labels.map(measure), 40) + 14, width * 0.42);
}

const cut = (label, pixels) => {
  if (measure(label) <= pixels) return label;
  let end = label.length;
  while (end > 1 && measure(label.slice(0, end) + "…") > pixels) --end;
  return label.slice(0, end) + "…";
};

// Horizontal bars: rows of {label, parts: [{name, value, color}], value text, title}.
function stackedBars(
  width,
  rows,
  {
    unit,
    xLabel,
    marks = [],
    left = rowMargin(
      rows.map((row) => row.label),
      width,
    ),
  },
) {
  const parts = rows.flatMap((row) => {
    let from = 0;
    return row.parts.map((part) => ({
      ...part,
      row: row.label,
      x1: from / unit.size,
      x2: (from += part.value) / unit.size,
    }));
  });
  const totals = rows.map((row) => ({
    row: row.label,
    x: d3.sum(row.parts, (part) => part.value) / unit.size,
    text: row.text,
  }));
  const right = Math.min(
    Math.max(...totals.map((total) => measure(total.text)), 10) + 14,
    width * 0.34,
  );
  const shown = (part) => part.x2 > part.x1;
  return plot(width, {
    height: 50 + rows.length * 34,
    marginTop: 6,
    marginLeft: left,
    marginRight: right,
    x: { label: xLabel, grid: true, nice: true, ticks: Math.max(2, Math.round(width / 130)) },
    y: {
      domain: rows.map((row) => row.label),
      label: null,
      tickSize: 0,
      tickFormat: (label) => cut(label, left - 12),
      padding: 0.32,
    },
    marks: [
      Plot.barX(parts.filter(shown), {
        x1: "x1",
        x2: "x2",
        y: "row",
        fill: "color",
        insetRight: 0.5,
      }),
      Plot.text(totals, {
        x: "x",
        y: "row",
        text: "text",
        textAnchor: "start",
        dx: 7,
        fontVariant: "tabular-nums",
      }),
      ...marks,
      Plot.tip(
        parts.filter(shown),
        Plot.pointer({
          x: (part) => (part.x1 + part.x2) / 2,
          y: "row",
          title: (part) => `${part.row}\n${part.name}: ${part.title}`,
        }),
      ),
    ],
  });
}

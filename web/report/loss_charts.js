// What the loss does over steps and over time.
"use strict";

const lossChoice = {
  curve: "train_loss_mean",
  reach: null,
  target: null,
  steps: null,
  axis: "auto",
};

// Validation has a point where something was evaluated: only once, in short runs.
function lossesWithPoints(view, least) {
  return Object.keys(LOSSES).filter((name) =>
    view.runs.some((run) => pointsOf(run, "step", name).length >= least),
  );
}

function select(title, names, labelOf, chosen, choose) {
  const box = element(
    "select",
    { onchange: (event) => choose(event.target.value) },
    ...names.map((name) =>
      element("option", { value: name, selected: name === chosen }, labelOf(name)),
    ),
  );
  return element("label", {}, title, " ", box);
}

function curveControls(view, redraw) {
  const names = lossesWithPoints(view, 2);
  if (!names.includes(lossChoice.curve)) lossChoice.curve = names[0] || "train_loss_mean";
  return [
    select(
      "Show",
      names,
      (name) => LOSSES[name].title,
      lossChoice.curve,
      (name) => {
        lossChoice.curve = name;
        showCurves();
      },
    ),
    select(
      "Loss axis",
      ["auto", "whole", "close"],
      (name) => LOSS_AXES[name],
      lossChoice.axis,
      (name) => {
        lossChoice.axis = name;
        showCurves();
      },
    ),
  ];
}

// Both charts of curves show the same.
function showCurves() {
  for (const card of CARDS) if (card.chart.controls === curveControls) card.show(card.view);
}

const LOSS_AXES = { auto: "as it fits", whole: "whole", close: "without the first tenth" };

// Of a long run, the fall at its beginning leaves no room for what people ask for: how the lines
// differ at the end.
function lossDomain(lines) {
  const domainOf = (points) =>
    d3.nice(
      d3.min(points, (p) => p.low),
      d3.max(points, (p) => p.high),
      6,
    );
  const late = lines.flatMap((line) =>
    line.filter((point) => point.x >= 0.1 * line[line.length - 1].x),
  );
  const [whole, close] = [domainOf(lines.flat()), domainOf(late)];
  const narrow = whole[1] - whole[0] > 3 * (close[1] - close[0]);
  return lossChoice.axis === "close" || (lossChoice.axis === "auto" && narrow) ? close : whole;
}

const seedsNote = (groups) =>
  groups.some((group) => group.runs.length > 1)
    ? " Lines are means over seeds, bands go from the lowest to the highest."
    : "";

// Rules where networks changed, each with the new one's name where there is room for it: at its
// right, or, of the last one, at its left. `right`: where the chart ends, in pixels.
function changeMarks(changes, x, pixelsOf, right) {
  const needs = (change) => measure(change.network) + 10;
  const roomAfter = (change, i) =>
    (i + 1 < changes.length ? pixelsOf(changes[i + 1]) : right) - pixelsOf(change);
  const named = changes.filter((change, i) => roomAfter(change, i) > needs(change));
  const last = changes.slice(-1).filter((change) => !named.includes(change));
  const color = (change) => colorOf(change.group);
  const names = (which, options) =>
    Plot.text(which, {
      x,
      text: "network",
      frameAnchor: "top",
      fill: color,
      stroke: "var(--paper)",
      strokeWidth: 4,
      ...options,
    });
  return [
    Plot.ruleX(changes, { x, stroke: color, strokeDasharray: "2 3", strokeOpacity: 0.8 }),
    names(named, { textAnchor: "start", dx: 4 }),
    names(last, { textAnchor: "end", dx: -4 }),
  ];
}

// Lines of groups with bands, names at their ends. `lines`: of lineOf, none empty; `changes`: of
// changesOf.
function linePlot(
  lines,
  width,
  { xLabel, xUnit, yLabel, height = 340, labels = true, what, changes = [] },
) {
  const groups = lines.map((line) => line[0].group);
  const named = labels && labelsFit(groups, width);
  const marginRight = named
    ? Math.max(...groups.map((group) => measure(group.label, 600))) + 16
    : 16;
  const all = lines.flat();
  const yDomain = lossDomain(lines);
  const [top, bottom] = [TOP, height - BOTTOM];
  const yScale = d3.scaleLinear(yDomain, [bottom, top]);
  const xScale = d3.scaleLinear(
    d3.extent(all, (point) => point.x),
    [48, width - marginRight],
  );
  const ends = lines.map((line) => line[line.length - 1]);
  const moved = spread(
    ends.map((end) => ({
      x: xScale(end.x),
      y: yScale(end.y),
      width: measure(end.group.label, 600),
    })),
    top,
    bottom,
  );
  const names = ends.map((end, i) => ({
    x: end.x / xUnit.size,
    y: yScale.invert(moved[i]),
    group: end.group,
  }));
  const x = (point) => point.x / xUnit.size;
  const single = (line) => line.length < 2;
  return plot(width, {
    height,
    marginRight,
    marginLeft: 48,
    clip: true,
    x: { label: xLabel, nice: false, ticks: Math.max(3, Math.round(width / 110)) },
    y: { label: yLabel, domain: yDomain, grid: true, ticks: 6 },
    marks: [
      ...lines
        .filter((line) => line[0].group.runs.length > 1)
        .map((line) =>
          Plot.areaY(line, {
            x,
            y1: "low",
            y2: "high",
            fill: colorOf(line[0].group),
            fillOpacity: 0.16,
          }),
        ),
      ...lines.map((line) =>
        single(line)
          ? Plot.dot(line, { x, y: "y", fill: colorOf(line[0].group), r: 4 })
          : Plot.lineY(line, {
              x,
              y: "y",
              stroke: colorOf(line[0].group),
              strokeWidth: 1.8,
              strokeDasharray: dashOf(line[0].group),
              strokeLinejoin: "round",
            }),
      ),
      ...changeMarks(
        d3.sort(changes, x),
        x,
        (change) => xScale(change.x),
        width - marginRight,
      ),
      named
        ? Plot.text(names, {
            x: "x",
            y: "y",
            text: (name) => name.group.label,
            fill: (name) => colorOf(name.group),
            textAnchor: "start",
            dx: 7,
            fontWeight: 600,
            stroke: "var(--paper)",
            strokeWidth: 4,
            clip: false,
          })
        : null,
      Plot.tip(
        all.filter((point) => point.y <= yDomain[1]),
        Plot.pointer({ x, y: "y", title: what, clip: false }),
      ),
    ],
  });
}

// Of many runs whose networks change, the rules would hide the lines.
const MOST_CHANGES = 60;

function drawnChanges(groups, x) {
  const changes = groups.flatMap((group) => changesOf(group, x));
  return changes.length <= MOST_CHANGES ? changes : [];
}

const changesNote = (groups) =>
  drawnChanges(groups, "step").length > 0
    ? " Dotted lines: the network changed, to the one named there."
    : "";

const nothingOf = (name) => `No run has ${LOSSES[name].title} at two steps or more.`;

const lossPerStep = {
  id: "loss-steps",
  title: "Loss against steps",
  wide: true,
  kind: () => "measured",
  says: (view) =>
    `The network changes how long a step takes, never its loss.${seedsNote(view.groups)}` +
    changesNote(view.groups),
  controls: curveControls,
  draw(view, width) {
    const lines = view.groups
      .map((group) => lineOf(group, "step", lossChoice.curve))
      .filter((line) => line.length > 0);
    if (lines.length === 0) return nothingOf(lossChoice.curve);
    const groups = lines.map((line) => line[0].group);
    const chart = linePlot(lines, width, {
      xLabel: "step →",
      xUnit: { size: 1 },
      yLabel: "↑ loss (nats per token)",
      changes: drawnChanges(groups, "step"),
      what: (point) =>
        `${point.group.label}\nstep ${digits(Math.round(point.x), 7)}\nloss ${lossText(point)}`,
    });
    return labelsFit(groups, width) ? [chart] : [groupLegend(groups, width), chart];
  },
  table: (view) => ({
    columns: [
      "run",
      "seed",
      "steps",
      "training loss (nats)",
      "validation loss (nats)",
      "validation windows",
      "status",
    ],
    rows: view.runs.map(({ name, config, summary }) => [
      name,
      config ? String(config.seed) : undefined,
      summary.steps,
      fact(summary, "final.train_loss"),
      fact(summary, "final.val_loss"),
      windowsOf(summary),
      summary.status,
    ]),
  }),
};

const lossText = (point) =>
  point.high > point.low
    ? `${loss(point.y)} (${loss(point.low)} to ${loss(point.high)})`
    : loss(point.y);

function windowsOf(summary) {
  if (!summary.val_windows) return undefined;
  return summary.val_windows_total
    ? `${summary.val_windows} of ${summary.val_windows_total}`
    : String(summary.val_windows);
}

const lossPerSecond = {
  id: "loss-time",
  title: "Loss against wall-clock time, by network",
  wide: true,
  kind: (view) => view.clock,
  says: (view) =>
    `Each network has its own time axis.${seedsNote(view.groups)}${changesNote(view.groups)}`,
  controls: curveControls,
  draw(view, width) {
    const lines = view.groups
      .map((group) => lineOf(group, "wall_seconds", lossChoice.curve))
      .filter((line) => line.length > 0);
    if (lines.length === 0) return nothingOf(lossChoice.curve);
    const groups = lines.map((line) => line[0].group);
    const nodes = labelsFit(groups, width) ? [] : [groupLegend(groups, width)];
    for (const network of unique(groups.map((group) => group.runs[0].network))) {
      const here = withoutNetwork(groups.filter((group) => group.runs[0].network === network)).map(
        (group) => lineOf(group, "wall_seconds", lossChoice.curve),
      );
      const unit = unitFor(
        TIME_UNITS,
        d3.max(here.flat(), (point) => point.x),
      );
      nodes.push(
        heading(network, width),
        linePlot(here, width, {
          xLabel: `wall-clock time (${unit.name}, ${view.clock}) →`,
          xUnit: unit,
          yLabel: "↑ loss (nats per token)",
          height: 280,
          changes: drawnChanges(
            here.map((line) => line[0].group),
            "wall_seconds",
          ),
          labels: labelsFit(groups, width),
          what: (point) =>
            tipText(
              point.group.label,
              seconds(point.x),
              point.step && `step ${point.step}`,
              `loss ${lossText(point)}`,
            ),
        }),
      );
    }
    return nodes;
  },
  table: (view) => ({
    columns: [
      "run",
      "network",
      `wall-clock time (s, ${view.clock})`,
      "steps",
      "training loss (nats)",
      "validation loss (nats)",
    ],
    rows: view.runs.map(({ name, network, summary }) => [
      name,
      network,
      summary.wall_seconds,
      summary.steps,
      fact(summary, "final.train_loss"),
      fact(summary, "final.val_loss"),
    ]),
  }),
};

// What the loss does: over steps, over time, until a value is reached, and against the number of sync points.
"use strict";

const lossChoice = { curve: "train_loss_mean", reach: null, target: null, steps: null, axis: "auto" };

// Validation has a point where something was evaluated: only once, in short runs.
function lossesWithPoints(view, least) {
  return Object.keys(LOSSES).filter((name) => view.runs.some((run) => pointsOf(run, "step", name).length >= least));
}

function select(title, names, labelOf, chosen, choose) {
  const box = element("select", { onchange: (event) => choose(event.target.value) },
    ...names.map((name) => element("option", { value: name, selected: name === chosen }, labelOf(name))));
  return element("label", {}, title, " ", box);
}

function curveControls(view, redraw) {
  const names = lossesWithPoints(view, 2);
  if (!names.includes(lossChoice.curve)) lossChoice.curve = names[0] || "train_loss_mean";
  return [select("Show", names, (name) => LOSSES[name].title, lossChoice.curve, (name) => {
    lossChoice.curve = name;
    showCurves();
  }), select("Loss axis", ["auto", "whole", "close"], (name) => LOSS_AXES[name], lossChoice.axis, (name) => {
    lossChoice.axis = name;
    showCurves();
  })];
}

// Both charts of curves show the same.
function showCurves() {
  for (const card of CARDS) if (card.chart.controls === curveControls) card.show(card.view);
}

const LOSS_AXES = { auto: "as it fits", whole: "whole", close: "without the first tenth" };

// Of a long run, the fall at its beginning leaves no room for what people ask for: how the lines differ at the end.
function lossDomain(lines) {
  const domainOf = (points) => d3.nice(d3.min(points, (p) => p.low), d3.max(points, (p) => p.high), 6);
  const late = lines.flatMap((line) => line.filter((point) => point.x >= 0.1 * line[line.length - 1].x));
  const [whole, close] = [domainOf(lines.flat()), domainOf(late)];
  const narrow = whole[1] - whole[0] > 3 * (close[1] - close[0]);
  return lossChoice.axis === "close" || (lossChoice.axis === "auto" && narrow) ? close : whole;
}

const seedsNote = (groups) => (groups.some((group) => group.runs.length > 1)
  ? " Lines are means over seeds, bands go from the lowest to the highest." : "");

// Lines of groups with bands, names at their ends. `lines`: of lineOf, none empty.
function linePlot(lines, width, { xLabel, xUnit, yLabel, height = 340, labels = true, what }) {
  const groups = lines.map((line) => line[0].group);
  const named = labels && labelsFit(groups, width);
  const marginRight = named ? Math.max(...groups.map((group) => measure(group.label, 600))) + 16 : 16;
  const all = lines.flat();
  const yDomain = lossDomain(lines);
  const [top, bottom] = [TOP, height - BOTTOM];
  const yScale = d3.scaleLinear(yDomain, [bottom, top]);
  const xScale = d3.scaleLinear(d3.extent(all, (point) => point.x), [48, width - marginRight]);
  const ends = lines.map((line) => line[line.length - 1]);
  const moved = spread(ends.map((end) => ({ x: xScale(end.x), y: yScale(end.y), width: measure(end.group.label, 600) })), top, bottom);
  const names = ends.map((end, i) => ({ x: end.x / xUnit.size, y: yScale.invert(moved[i]), group: end.group }));
  const x = (point) => point.x / xUnit.size;
  const single = (line) => line.length < 2;
  return plot(width, {
    height, marginRight, marginLeft: 48, clip: true,
    x: { label: xLabel, nice: false, ticks: Math.max(3, Math.round(width / 110)) },
    y: { label: yLabel, domain: yDomain, grid: true, ticks: 6 },
    marks: [
      ...lines.filter((line) => line[0].group.runs.length > 1).map((line) =>
        Plot.areaY(line, { x, y1: "low", y2: "high", fill: colorOf(line[0].group), fillOpacity: 0.16 })),
      ...lines.map((line) => single(line)
        ? Plot.dot(line, { x, y: "y", fill: colorOf(line[0].group), r: 4 })
        : Plot.lineY(line, { x, y: "y", stroke: colorOf(line[0].group), strokeWidth: 1.8, strokeDasharray: dashOf(line[0].group), strokeLinejoin: "round" })),
      named ? Plot.text(names, {
        x: "x", y: "y", text: (name) => name.group.label, fill: (name) => colorOf(name.group), textAnchor: "start", dx: 7,
        fontWeight: 600, stroke: "var(--paper)", strokeWidth: 4, clip: false,
      }) : null,
      Plot.tip(all.filter((point) => point.y <= yDomain[1]), Plot.pointer({ x, y: "y", title: what, clip: false })),
    ],
  });
}

const nothingOf = (name) => `No run has ${LOSSES[name].title} at two steps or more.`;

const lossPerStep = {
  id: "loss-steps",
  title: "Loss against steps",
  wide: true,
  kind: () => "measured",
  says: (view) => `The network changes how long a step takes, never its loss.${seedsNote(view.groups)}`,
  controls: curveControls,
  draw(view, width) {
    const lines = view.groups.map((group) => lineOf(group, "step", lossChoice.curve)).filter((line) => line.length > 0);
    if (lines.length === 0) return nothingOf(lossChoice.curve);
    const groups = lines.map((line) => line[0].group);
    const chart = linePlot(lines, width, {
      xLabel: "step →", xUnit: { size: 1 }, yLabel: "↑ loss (nats per token)",
      what: (point) => `${point.group.label}\nstep ${digits(Math.round(point.x), 7)}\nloss ${lossText(point)}`,
    });
    return labelsFit(groups, width) ? [chart] : [groupLegend(groups, width), chart];
  },
  table: (view) => ({
    columns: ["run", "seed", "steps", "training loss (nats)", "validation loss (nats)", "validation windows", "status"],
    rows: view.runs.map(({ name, config, summary }) => [name, config ? String(config.seed) : undefined, summary.steps,
      fact(summary, "final.train_loss"), fact(summary, "final.val_loss"), windowsOf(summary), summary.status]),
  }),
};

const lossText = (point) => (point.high > point.low ? `${loss(point.y)} (${loss(point.low)} to ${loss(point.high)})` : loss(point.y));

function windowsOf(summary) {
  if (!summary.val_windows) return undefined;
  return summary.val_windows_total ? `${summary.val_windows} of ${summary.val_windows_total}` : String(summary.val_windows);
}

const lossPerSecond = {
  id: "loss-time",
  title: "Loss against wall-clock time, by network",
  wide: true,
  kind: (view) => view.clock,
  says: (view) => `Each network has its own time axis.${seedsNote(view.groups)}`,
  controls: curveControls,
  draw(view, width) {
    const lines = view.groups.map((group) => lineOf(group, "wall_seconds", lossChoice.curve)).filter((line) => line.length > 0);
    if (lines.length === 0) return nothingOf(lossChoice.curve);
    const groups = lines.map((line) => line[0].group);
    const nodes = labelsFit(groups, width) ? [] : [groupLegend(groups, width)];
    for (const network of unique(groups.map((group) => group.runs[0].network))) {
      const here = withoutNetwork(groups.filter((group) => group.runs[0].network === network))
        .map((group) => lineOf(group, "wall_seconds", lossChoice.curve));
      const unit = unitFor(TIME_UNITS, d3.max(here.flat(), (point) => point.x));
      nodes.push(heading(network, width), linePlot(here, width, {
        xLabel: `wall-clock time (${unit.name}, ${view.clock}) →`, xUnit: unit, yLabel: "↑ loss (nats per token)", height: 280,
        labels: labelsFit(groups, width),
        what: (point) => `${point.group.label}\n${seconds(point.x)}${point.step ? `, step ${point.step}` : ""}\nloss ${lossText(point)}`,
      }));
    }
    return nodes;
  },
  table: (view) => ({
    columns: ["run", "network", `wall-clock time (s, ${view.clock})`, "steps", "training loss (nats)", "validation loss (nats)"],
    rows: view.runs.map(({ name, network, summary }) => [name, network, summary.wall_seconds, summary.steps,
      fact(summary, "final.train_loss"), fact(summary, "final.val_loss")]),
  }),
};

// The first recorded point at or below the target; undefined if there is none.
function reached(run, name, target) {
  return pointsOf(run, "wall_seconds", name).find((point) => point.y <= target);
}

const bestOf = (run, name) => d3.min(pointsOf(run, "step", name), (point) => point.y);

const timeToLoss = {
  id: "time-to-loss",
  title: "Time to reach a loss",
  wide: true,
  kind: (view) => view.clock,
  says: (view) => `Wall-clock time until the first point at or below the chosen loss; of several seeds, their mean.`,
  controls(view, redraw) {
    if (view.runs.length === 0) return [];
    const names = lossesWithPoints(view, 2).filter((name) => name !== "train_loss");
    if (!names.includes(lossChoice.reach)) [lossChoice.reach, lossChoice.target] = [names[0] || "train_loss_mean", null];
    const name = lossChoice.reach;
    const best = view.runs.map((run) => bestOf(run, name)).filter(Number.isFinite);
    const worst = view.runs.map((run) => (pointsOf(run, "step", name)[0] || {}).y).filter(Number.isFinite);
    const [low, high] = [d3.min(best) || 0, d3.max(worst) || 1];
    // At first, what all of them reach.
    if (lossChoice.target === null) lossChoice.target = Math.ceil(100 * (d3.max(best) || 1)) / 100;
    const output = element("output", {}, lossChoice.target.toFixed(2));
    const slider = element("input", {
      type: "range", min: Math.ceil(low * 100) / 100, max: Math.floor(high * 100) / 100, step: 0.01, value: lossChoice.target, "aria-label": "Loss to reach",
      oninput: (event) => { output.textContent = Number(event.target.value).toFixed(2); },
      onchange: (event) => { lossChoice.target = Number(event.target.value); redraw(); },
    });
    return [
      select("Of", names, (each) => LOSSES[each].title, name, (each) => {
        [lossChoice.reach, lossChoice.target] = [each, null];
        redraw();
      }),
      element("label", {}, "Loss ", slider, " ", output),
    ];
  },
  draw(view, width) {
    const [name, target] = [lossChoice.reach, lossChoice.target];
    const times = view.groups.map((group) => {
      const each = overRuns(group, (run) => (reached(run, name, target) || {}).wall);
      return each !== undefined && each.count === group.runs.length ? each : undefined;
    });
    const largest = d3.max(times, (time) => time && time.mean);
    if (!(largest > 0)) return `No run reaches a loss of ${target.toFixed(2)}.`;
    const unit = unitFor(TIME_UNITS, largest);
    const inUnit = (value) => `${digits(value / unit.size, 3)} ${unit.name}`;
    const rows = view.groups.map((group, i) => {
      if (times[i] !== undefined) {
        const text = withSpread(times[i], inUnit);
        return { label: group.label, text, parts: [{ name: `reaches ${target.toFixed(2)}`, value: times[i].mean, color: colorOf(group), title: text }] };
      }
      const best = overRuns(group, (run) => bestOf(run, name));
      return { label: group.label, text: `not reached: ${best === undefined ? UNKNOWN : loss(best.low)}`, parts: [] };
    });
    return [stackedBars(width, rows, { unit, xLabel: `time to loss ${target.toFixed(2)} (${unit.name}, ${view.clock}) →` })];
  },
  table: (view) => ({
    columns: ["run", `time to loss ${(lossChoice.target || 0).toFixed(2)} (s, ${view.clock})`, "step", "best loss (nats)", "of"],
    rows: view.runs.map((run) => {
      const point = reached(run, lossChoice.reach, lossChoice.target);
      return [run.name, point ? point.wall : "not reached", point ? point.step : "", bestOf(run, lossChoice.reach), LOSSES[lossChoice.reach].title];
    }),
  }),
};

// Nobody has fewer sync points and no more loss, or less loss and no more sync points.
function isOnFront(point, points) {
  return !points.some((other) => other !== point && other.x <= point.x && other.y <= point.y && (other.x < point.x || other.y < point.y));
}

const stepsOf = (view) => unique(view.runs.map((run) => run.summary.steps).filter(Number.isFinite)).sort(d3.ascending);

// Runs of one length can be compared; at first, those of the length that most of them have.
function chosenSteps(view) {
  const known = stepsOf(view);
  if (known.includes(lossChoice.steps)) return lossChoice.steps;
  return d3.greatest(known, (steps) => view.runs.filter((run) => run.summary.steps === steps).length);
}

function syncPoints({ groups, ...rest }) {
  const steps = chosenSteps(rest);
  const runs = rest.runs.filter((run) => run.summary.steps === steps);
  return syncPointsOf({ runs, groups: groups.map((group) => ({ ...group, runs: group.runs.filter((run) => runs.includes(run)) })).filter((group) => group.runs.length > 0) });
}

function syncPointsOf(view) {
  const measure = view.runs.every((run) => Number.isFinite(fact(run.summary, "final.val_loss"))) ? "val_loss" : "train_loss";
  const points = view.groups.map((group) => {
    const final = overRuns(group, (run) => fact(run.summary, `final.${measure}`));
    const x = fact(group.runs[0].summary, "sync_points_forward");
    const shares = (group.runs[0].summary.strategy || "tensor") === "tensor";
    if (final === undefined || x === undefined || !shares) return null;
    return { group, x, y: final.mean, low: final.low, high: final.high, done: group.runs.every((run) => run.summary.status === "done") };
  }).filter(Boolean);
  const finished = points.filter((point) => point.done);
  return { measure, points: points.map((point) => ({ ...point, front: point.done && isOnFront(point, finished) })) };
}

const syncAgainstLoss = {
  id: "sync-loss",
  title: "Sync points against final loss",
  wide: true,
  kind: () => "measured",
  says(view) {
    return `After ${count(chosenSteps(view) || 0, "step")}. Ringed: the Pareto front. No other finished run has fewer sync points and as little loss.`;
  },
  controls(view, redraw) {
    const known = stepsOf(view);
    return known.length < 2 ? [] : [select("Runs of", known.map(String), (steps) => count(Number(steps), "step"), String(chosenSteps(view)), (steps) => {
      lossChoice.steps = Number(steps);
      redraw();
    })];
  },
  draw(view, width) {
    const { measure: name, points } = syncPoints(view);
    if (points.length === 0) return "No run shares its blocks among ranks and says its final loss.";
    const height = 340;
    const front = d3.sort(points.filter((point) => point.front), (point) => point.x);
    const named = width >= 560 && points.length <= 12;
    const [low, high] = [d3.min(points, (p) => p.low), d3.max(points, (p) => p.high)];
    const yDomain = d3.nice(low, high + 0.1 * (high - low), 6);  // room for names above
    const yScale = d3.scaleLinear(yDomain, [height - BOTTOM, TOP]);
    // Above a point that is alone in its column; beside those of a column, moved apart.
    const columns = [...d3.group(points, (point) => point.x).values()];
    const alone = columns.filter((column) => column.length === 1).flat();
    const beside = columns.filter((column) => column.length > 1).flatMap((column) => {
      const moved = spread(column.map((point) => ({ x: 0, y: yScale(point.y), width: 1 })), TOP, height - BOTTOM);
      return column.map((point, i) => ({ ...point, y: yScale.invert(moved[i]) }));
    });
    const labels = { x: "x", y: "y", text: (p) => p.group.label, fill: (p) => colorOf(p.group), fontWeight: 600, stroke: "var(--paper)", strokeWidth: 4 };
    const most = d3.max(points, (point) => point.x);
    const chart = plot(width, {
      height, marginLeft: 48, marginRight: named ? Math.max(...points.map((point) => measure(point.group.label, 600))) + 24 : 20,
      x: { label: "sync points of a forward pass →", domain: [0, most + Math.max(1, most * 0.04)], ticks: Math.min(most + 1, 12), tickFormat: "d" },
      y: { label: `↑ final ${name === "val_loss" ? "validation" : "training"} loss (nats per token)`, grid: true, domain: yDomain, ticks: 6 },
      marks: [
        Plot.line(front, { x: "x", y: "y", stroke: "var(--quiet)", strokeDasharray: "4 3", curve: "step-after" }),
        Plot.ruleX(points.filter((point) => point.high > point.low), { x: "x", y1: "low", y2: "high", stroke: (p) => colorOf(p.group), strokeWidth: 5, strokeOpacity: 0.3, strokeLinecap: "round" }),
        Plot.dot(front, { x: "x", y: "y", r: 9, stroke: "var(--ink)", strokeWidth: 1.2 }),
        Plot.dot(points, { x: "x", y: "y", r: 5, fill: (p) => (p.done ? colorOf(p.group) : "var(--paper)"), stroke: (p) => colorOf(p.group), strokeWidth: 1.5 }),
        named ? [Plot.text(alone, { ...labels, dy: -19 }), Plot.text(beside, { ...labels, textAnchor: "start", dx: 14 })] : null,
        Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: (p) => `${p.group.label}\n${count(p.x, "sync point")}\nloss ${lossText(p)}${p.front ? "\non the Pareto front" : ""}` })),
      ],
    });
    return named ? [chart] : [groupLegend(points.map((point) => point.group), width), chart];
  },
  table(view) {
    const { measure: name, points } = syncPoints(view);
    return {
      columns: ["runs", "sync points (forward)", `${name === "val_loss" ? "validation" : "training"} loss, mean (nats)`, "lowest (nats)", "highest (nats)", "seeds", "Pareto front"],
      rows: points.map((p) => [p.group.label, p.x, p.y, p.low, p.high, p.group.runs.length, p.front ? "yes" : p.done ? "no" : "not finished"]),
    };
  },
};

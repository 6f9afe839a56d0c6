// The data of the page and what is chosen of it. Nothing here touches the page itself.
"use strict";

// docs/formats.md describes it.
let REPORT;
// Its runs, with what charts ask of them.
let RUNS;
// Network by network, the most sync points first; their place gives them their colours.
let GROUPS;
let GROUP_BY_ID;

// The page's data from now on. A live page calls it again and again.
function takeReport(report) {
  REPORT = report;
  RUNS = report.runs.map((run, index) => ({
    ...run,
    index,
    model: run.summary.model || "unknown",
    clock: run.summary.clock || "unknown",
    what: whatOf(run.summary),
    network: run.summary.network || "unknown",
  }));
  GROUPS = sortedGroups();
  GROUP_BY_ID = new Map(GROUPS.map((group) => [group.id, group]));
}

function unique(values) {
  return [...new Set(values)];
}

// The terms of a step, in the order in which a step meets them, with the words that explain them.
const TERMS = [
  ["compute", "arithmetic"],
  ["staging", "copies between an accelerator and memory"],
  ["software", "inside a collective, but not waiting"],
  ["queueing", "behind earlier messages"],
  ["serialization", "bytes through the link's rate"],
  ["propagation", "the link's delay"],
  ["jitter", "the delay's variation, and retransmission"],
  ["straggler", "until the last rank has entered"],
  ["transit", "on the real network between hosts"],
];

const TRAFFIC = [
  ["activation_fwd", "activations, forward"],
  ["activation_bwd", "activations, backward"],
  ["grad_sync", "gradients, or weights of replicas"],
  ["scalar", "scalars"],
  ["control", "control"],
];

// What a run is compared by: its pattern, or how it shares the work.
function whatOf(summary) {
  const strategy = summary.strategy;
  return strategy && strategy !== "tensor" ? strategy : summary.pattern || "unknown";
}

function sortedGroups() {
  const networks = unique(RUNS.map((run) => run.network));
  const firstOf = (group) => RUNS[group.runs[0]];
  const sorted = d3.sort(
    REPORT.groups.map((group, id) => ({ ...group, id })),
    (group) => networks.indexOf(firstOf(group).network),
    (group) => -(firstOf(group).summary.sync_points_forward || 0),
  );
  return sorted.map((group, index) => ({ ...group, index }));
}

// One of these is shown at a time: losses of different models, and times of different clocks, must
// not be compared.
const SINGLE_FILTERS = [
  { key: "model", title: "Model" },
  { key: "clock", title: "Times" },
];
// All of these are shown, but for what is taken out.
const MULTIPLE_FILTERS = [
  { key: "what", title: "Pattern" },
  { key: "network", title: "Network" },
];

// What is shown at first: of a live page, what runs.
function firstChoice(key) {
  const run = RUNS.find(({ name }) => name === REPORT.current) || RUNS[0];
  return run && run[key];
}

// "#model=minigpt&what=ssss,sppp&off=run-3": what is not named there is as it is at first.
function readFragment() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const state = { off: new Set(listOf(asked, "off")) };
  for (const { key } of SINGLE_FILTERS) {
    const known = unique(RUNS.map((run) => run[key]));
    state[key] = known.includes(asked.get(key)) ? asked.get(key) : firstChoice(key);
  }
  for (const { key } of MULTIPLE_FILTERS) {
    const known = unique(RUNS.map((run) => run[key]));
    const wanted = listOf(asked, key).filter((value) => known.includes(value));
    state[key] = new Set(wanted.length > 0 ? wanted : known);
  }
  return state;
}

// Values are encoded one by one, so that a comma within one is none between two.
function listOf(parameters, key) {
  return (parameters.get(key) || "").split(",").filter(Boolean).map(decodeURIComponent);
}

function writeFragment(state) {
  const parts = new URLSearchParams();
  for (const { key } of SINGLE_FILTERS) {
    if (state[key] !== firstChoice(key)) parts.set(key, state[key]);
  }
  for (const { key } of MULTIPLE_FILTERS) {
    const known = unique(RUNS.map((run) => run[key]));
    if (state[key].size < known.length)
      parts.set(key, [...state[key]].map(encodeURIComponent).join(","));
  }
  if (state.off.size > 0) parts.set("off", [...state.off].map(encodeURIComponent).join(","));
  history.replaceState(null, "", "#" + parts.toString());
}

// The runs of one model and one clock: what all other filters choose from.
function candidatesOf(state) {
  return RUNS.filter((run) => SINGLE_FILTERS.every(({ key }) => run[key] === state[key]));
}

// What charts draw: the chosen runs, and the groups that they are in.
function viewOf(state) {
  const chosen = candidatesOf(state).filter(
    (run) =>
      MULTIPLE_FILTERS.every(({ key }) => state[key].has(run[key])) && !state.off.has(run.name),
  );
  const runs = d3.sort(chosen, (run) => GROUP_BY_ID.get(run.group).index);
  const groups = GROUPS.map((group) => ({
    ...group,
    runs: runs.filter((run) => run.group === group.id),
  })).filter((group) => group.runs.length > 0);
  return { runs, groups: withoutNetwork(groups), clock: state.clock, model: state.model };
}

// What all of them have in common tells none of them apart: "ssss, wifi-5" is "ssss".
function withoutNetwork(groups) {
  const networks = unique(groups.map((group) => group.runs[0].network));
  if (networks.length !== 1) return groups;
  const shorter = groups.map((group) => group.label.replace(`, ${networks[0]}`, ""));
  return unique(shorter).length < groups.length
    ? groups
    : groups.map((group, i) => ({ ...group, label: shorter[i] }));
}

// The value at "final.val_loss" of a summary; undefined where it does not say.
function fact(summary, path) {
  const value = path.split(".").reduce((at, key) => (at == null ? undefined : at[key]), summary);
  return value === null ? undefined : value;
}

// Mean, lowest and highest over the runs of a group that say it; undefined where none does.
function overRuns(group, read) {
  const values = group.runs.map(read).filter((value) => Number.isFinite(value));
  if (values.length === 0) return undefined;
  return { mean: d3.mean(values), low: d3.min(values), high: d3.max(values), count: values.length };
}

const LOSSES = {
  train_loss_mean: {
    get title() {
      return `training loss, mean of ${REPORT.mean_window_steps} steps`;
    },
    columns: "curve",
  },
  train_loss: { title: "training loss of each batch", columns: "curve" },
  val_loss: { title: "validation loss", columns: "evaluations" },
};

// The points of a run's curve: x is "step", "wall_seconds" or "joules".
function pointsOf(run, x, loss) {
  const columns = run[LOSSES[loss].columns];
  if (!columns[x] || !columns[loss]) return [];
  return columns[x].map((at, i) => ({
    x: at,
    y: columns[loss][i],
    step: columns.step[i],
    wall: columns.wall_seconds[i],
  }));
}

// Where the network of a group's only run changed. x: as of pointsOf.
function changesOf(group, x) {
  const columns = group.runs.length === 1 && group.runs[0].network_changes;
  if (!columns || !columns[x]) return [];
  return columns[x].map((at, i) => ({ x: at, network: columns.network[i], group }));
}

function interpolate(points, x) {
  const at = d3.bisector((point) => point.x).left(points, x);
  if (at === 0) return points[0].y;
  if (at >= points.length) return points[points.length - 1].y;
  const [left, right] = [points[at - 1], points[at]];
  const share = right.x > left.x ? (x - left.x) / (right.x - left.x) : 1;
  return left.y + share * (right.y - left.y);
}

const GRID_POINTS = 300;

// A group's line: of one run its points; of several, which differ in their seed, mean, lowest and
// highest where all of them have points.
function lineOf(group, x, loss) {
  const lines = group.runs
    .map((run) => pointsOf(run, x, loss))
    .filter((points) => points.length > 0);
  if (lines.length === 0) return [];
  if (lines.length === 1)
    return lines[0].map((point) => ({ ...point, low: point.y, high: point.y, group }));
  const begin = d3.max(lines, (points) => points[0].x);
  const end = d3.min(lines, (points) => points[points.length - 1].x);
  if (!(end >= begin)) return [];
  const steps =
    x === "step" ? Math.min(GRID_POINTS, Math.max(1, Math.round(end - begin))) : GRID_POINTS;
  const grid =
    loss === "val_loss" && x === "step"
      ? lines[0].map((point) => point.x).filter((at) => at >= begin && at <= end)
      : d3.range(steps + 1).map((i) => begin + ((end - begin) * i) / steps);
  return grid.map((at) => {
    const values = lines.map((points) => interpolate(points, at));
    return { x: at, y: d3.mean(values), low: d3.min(values), high: d3.max(values), group };
  });
}

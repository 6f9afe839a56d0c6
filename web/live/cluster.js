// What the cluster does now: the run under way, the links, the workers. Data: GET /api/state
// (docs/live.md).
"use strict";

const rate = (bits) => {
  if (!Number.isFinite(bits)) return "no limit";
  const units = [
    { name: "bit/s", size: 1 },
    { name: "kbit/s", size: 1e3 },
    { name: "Mbit/s", size: 1e6 },
    { name: "Gbit/s", size: 1e9 },
  ];
  return withUnit(units, bits);
};

const span = (value) => (value < 1e-9 ? "0" : seconds(value));

const activeRun = (state) =>
  state.runs.find((run) => run.state === "running" || run.state === "preparing");

// How fast the run goes, by the clock of whoever looks; from the first look at it.
const pace = { run: null };

function secondsLeft(run) {
  const now = performance.now() / 1000;
  if (pace.run !== run.run || run.step < pace.step) {
    Object.assign(pace, { run: run.run, step: run.step, begin: now });
    return undefined;
  }
  const [steps, spent] = [run.step - pace.step, now - pace.begin];
  return steps > 0 && spent > 3 ? ((run.steps - run.step) / steps) * spent : undefined;
}

function runFacts(run) {
  const recorded = RUNS && RUNS.find(({ name }) => name === run.run);
  const last = (column) => recorded && recorded.curve[column].at(-1);
  const validation = recorded && recorded.evaluations.val_loss.at(-1);
  return [
    ["training loss", loss(last("train_loss_mean"))],
    ["validation loss", loss(validation)],
    ["last step", seconds(last("step_seconds"))],
    ["left", seconds(secondsLeft(run))],
  ].filter(([, text]) => text !== UNKNOWN);
}

function showNow(state) {
  const run = activeRun(state);
  const waiting = state.runs.filter(({ state }) => state === "queued").length;
  const queue = waiting > 0 ? `${count(waiting, "run")} in the queue.` : "";
  const node = document.getElementById("now");
  if (!run) {
    node.replaceChildren(
      element("h2", {}, "No run is under way"),
      element("p", { class: "says" }, queue || "Start one with `edgetp train --server=…`."),
    );
    return;
  }
  const share = run.steps > 0 ? run.step / run.steps : 0;
  node.replaceChildren(
    element(
      "div",
      { class: "title" },
      element("h2", {}, run.run),
      element("span", { class: "kind" }, run.state),
    ),
    element(
      "p",
      { class: "says" },
      `${run.pattern}, ${count(run.workers, "worker")}, ${run.network}. ${queue}`,
    ),
    element("progress", { max: 1, value: share, "aria-label": "steps done" }),
    element(
      "p",
      { class: "steps" },
      `step ${run.step.toLocaleString("en-US")} of ${run.steps.toLocaleString("en-US")}`,
      element("span", {}, percent(share)),
    ),
    element(
      "dl",
      {},
      ...runFacts(run).map(([name, text]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, text)),
      ),
    ),
  );
}

function linkName(link) {
  return link.source === undefined ? "every link" : `${link.source} → ${link.destination}`;
}

function linksTable(state) {
  const cut = state.links.some((link) => !link.connected);
  return {
    columns: ["link", "delay, one way", "jitter", "rate", "loss", ...(cut ? ["state"] : [])],
    rows: state.links.map((link) => [
      linkName(link),
      span(link.delay_seconds),
      link.jitter_of_quantiles ? "a table" : span(link.jitter_seconds),
      link.rate_of_trace
        ? `${rate(link.rate_bits_per_second)}, a trace`
        : rate(link.rate_bits_per_second ?? Infinity),
      percent(link.loss),
      ...(cut ? [link.connected ? "connected" : "partitioned"] : []),
    ]),
  };
}

function showLinks(state) {
  const next = state.network.next.map((event) =>
    element("li", {}, `in ${seconds(event.in_seconds)}: ${event.what}`),
  );
  document
    .getElementById("links")
    .replaceChildren(
      element(
        "div",
        { class: "title" },
        element("h2", {}, "Network"),
        element("span", { class: "kind" }, state.network.name),
      ),
      tableElement(linksTable(state)),
      ...(next.length > 0 ? [element("ul", { class: "next" }, ...next)] : []),
    );
}

function showWorkers(state) {
  const table = {
    columns: ["worker", "host", "device", "state", "rank", "heard"],
    rows: state.workers.map((worker) => [
      worker.id,
      worker.host,
      worker.device,
      worker.state,
      worker.rank === undefined ? "–" : String(worker.rank),
      `${worker.seconds_since_heartbeat.toFixed(1)} s ago`,
    ]),
  };
  const present = state.workers.filter(({ state }) => state !== "gone").length;
  const node = document.getElementById("workers");
  node.replaceChildren(
    element("h2", {}, count(present, "worker")),
    state.workers.length > 0
      ? tableElement(table)
      : element("p", { class: "empty" }, "No worker has joined."),
  );
}

function showCluster(state) {
  showNow(state);
  showLinks(state);
  showWorkers(state);
  document.getElementById("cluster").hidden = false;
}

// Puts the page together: head, filters, charts, and what redraws them.
"use strict";

const CARDS = [
  lossPerStep,
  lossPerSecond,
  timeToLoss,
  stepTime,
  syncAgainstLoss,
  timeline,
  linkFidelity,
  traffic,
  energy,
].map((chart) => new Card(chart));

let state;
// Which of the head's lists somebody has opened or closed.
const opened = {};

// Of runs that went back to a checkpoint.
const LOST = [
  ["attempts", "attempts"],
  ["steps done twice", "steps_repeated"],
  ["time lost (s)", "seconds_lost"],
];

function runsTable(view) {
  const lost = view.runs.some((run) => run.summary.attempts > 1) ? LOST : [];
  return {
    columns: [
      "run",
      "pattern",
      "network",
      "workers",
      "status",
      "steps",
      "training loss (nats)",
      "validation loss (nats)",
      `median step (s, ${view.clock})`,
      `wall-clock (s, ${view.clock})`,
      "verdict",
      "device",
      ...lost.map(([title]) => title),
    ],
    rows: view.runs.map(({ name, what, network, summary }) => [
      name,
      what,
      network,
      summary.workers,
      summary.status,
      summary.steps,
      fact(summary, "final.train_loss"),
      fact(summary, "final.val_loss"),
      fact(summary, "step_seconds.median"),
      summary.wall_seconds,
      verdictOf(summary),
      summary.device === "" ? "this host" : summary.device,
      ...lost.map(([, key]) => summary[key]),
    ]),
  };
}

function chip(label, checked, type, toggle) {
  const input = element("input", { type, checked, onchange: toggle });
  return element("label", { class: "chip" }, input, element("span", {}, label));
}

function singleFilter({ key, title }) {
  const values = unique(RUNS.map((run) => run[key]));
  if (values.length < 2) return null;
  return element(
    "fieldset",
    {},
    element("legend", {}, title),
    ...values.map((value) =>
      chip(value, state[key] === value, "radio", () => {
        state[key] = value;
        update();
      }),
    ),
  );
}

function multipleFilter({ key, title }) {
  const values = unique(candidatesOf(state).map((run) => run[key]));
  if (values.length < 2) return null;
  return element(
    "fieldset",
    {},
    element("legend", {}, title),
    ...values.map((value) =>
      chip(value, state[key].has(value), "checkbox", (event) => {
        event.target.checked ? state[key].add(value) : state[key].delete(value);
        update();
      }),
    ),
  );
}

function runFilter() {
  const runs = candidatesOf(state);
  if (runs.length < 2) return null;
  const chosen = runs.filter((run) => !state.off.has(run.name)).length;
  return element(
    "details",
    {
      class: "runs",
      open: runFilter.open,
      ontoggle: (event) => {
        runFilter.open = event.target.open;
      },
    },
    element("summary", {}, `Runs: ${chosen} of ${runs.length}`),
    ...runs.map((run) =>
      chip(run.name, !state.off.has(run.name), "checkbox", (event) => {
        event.target.checked ? state.off.delete(run.name) : state.off.add(run.name);
        update();
      }),
    ),
  );
}

function showFilters() {
  const filters = [
    ...SINGLE_FILTERS.map(singleFilter),
    ...MULTIPLE_FILTERS.map(multipleFilter),
    runFilter(),
  ].filter(Boolean);
  const form = document.getElementById("filters");
  keepingFocus(form, () => form.replaceChildren(...filters));
}

// Attributes of a list that is made anew with the page and stays as its reader left it.
function staysOpen(name, atFirst) {
  return {
    open: opened[name] ?? atFirst,
    ontoggle: (event) => {
      if (event.target.open !== atFirst || name in opened) opened[name] = event.target.open;
    },
  };
}

function showHead(view) {
  const networks = unique(view.runs.map((run) => run.network));
  const runs = count(view.runs.length, "run");
  const over = networks.join(", ") || "no network";
  const said = view.model
    ? `${runs} of ${view.model}, ${view.clock}, over ${over}`
    : "No run has made a step yet.";
  const table = runsTable(view);
  const copy = element(
    "button",
    { type: "button", onclick: () => copyText(csvOf(table)) },
    "Copy CSV",
  );
  document
    .getElementById("head")
    .replaceChildren(
      element(
        REPORT.live ? "h2" : "h1",
        {},
        "What each pattern costs, and what it does to the loss",
      ),
      element("p", { class: "lead" }, said),
      ...(REPORT.warnings.length === 0
        ? []
        : [
            element(
              "details",
              { class: "warnings", ...staysOpen("warnings", REPORT.warnings.length <= 4) },
              element("summary", {}, count(REPORT.warnings.length, "note")),
              element("ul", {}, ...REPORT.warnings.map((warning) => element("li", {}, warning))),
            ),
          ]),
      element(
        "details",
        { class: "overview", ...staysOpen("overview", view.runs.length <= 12) },
        element("summary", {}, "All runs"),
        element("div", { class: "tools" }, copy),
        tableElement(table),
      ),
    );
}

function update() {
  writeFragment(state);
  show();
}

// `held`: cards that stay as they are, because somebody is at them.
function show(held = () => false) {
  const view = viewOf(state);
  showFilters();
  showHead(view);
  for (const card of CARDS) if (!held(card)) card.show(view);
  document.body.setAttribute("data-runs", view.runs.length);
}

function showFoot() {
  document
    .getElementById("foot")
    .replaceChildren(
      element(
        "p",
        {},
        "measured: from a run. emulated: real processes that wait for the emulated network. " +
          "simulated: the same training, its time by a virtual clock. predicted: by the simulator.",
      ),
      element("p", {}, `edgetp ${REPORT.edgetp}. Charts: Observable Plot and D3 (ISC licence).`),
    );
}

// The page with other data. What was chosen stays chosen: the address says it.
function refresh(report, held) {
  takeReport(report);
  state = readFragment();
  if (PICTURE.has("picture")) showPicture(CARDS, viewOf(state));
  else show(held);
}

function redrawWithTheWindow() {
  let width = innerWidth;
  let redraw = null;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a phone's address bar comes and goes
    width = innerWidth;
    clearTimeout(redraw);
    redraw = setTimeout(() => show(), 150);
  });
}

function begin(report) {
  document.getElementById("charts").append(...CARDS.map((card) => card.node));
  refresh(report);
  showFoot();
  addEventListener("hashchange", () => {
    state = readFragment();
    show();
  });
  redrawWithTheWindow();
  document.body.setAttribute("data-ready", "yes");
}

// Of a report; a live page asks for its data.
const DATA = document.getElementById("data");
if (DATA) begin(JSON.parse(DATA.textContent));

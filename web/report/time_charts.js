// Where a step's time goes, whether the emulation kept what it promised, and what a step takes of a
// battery.
"use strict";

const stepTime = {
  id: "step-time",
  title: "Where a step’s time goes",
  wide: true,
  kind: (view) => view.clock,
  says: () => "A mean step, mean over its ranks. What runs under compute is hidden, and in no bar.",
  draw(view, width) {
    const rows = view.groups
      .map((group) => {
        const parts = TERMS.map(([name, words]) => {
          const value = overRuns(group, (run) => fact(run.summary, `breakdown_seconds.${name}`));
          return (
            value && {
              name,
              value: value.mean,
              color: TERM_COLORS[name],
              title: `${withSpread(value, seconds)}\n${words}`,
            }
          );
        }).filter(Boolean);
        return { label: group.label, parts, text: seconds(d3.sum(parts, (part) => part.value)) };
      })
      .filter((row) => row.parts.length > 0);
    if (rows.length === 0) return "No run says where its time went.";
    const used = TERMS.filter(([name]) =>
      rows.some((row) => row.parts.some((part) => part.name === name && part.value > 0)),
    );
    const unit = unitFor(
      TIME_UNITS,
      d3.max(rows, (row) => d3.sum(row.parts, (part) => part.value)),
    );
    return [
      legend(
        used.map(([name]) => ({ label: name, color: TERM_COLORS[name], mark: "square" })),
        width,
      ),
      stackedBars(width, rows, { unit, xLabel: `time of a step (${unit.name}, ${view.clock}) →` }),
    ];
  },
  table: (view) => ({
    columns: [
      "run",
      `median step (s, ${view.clock})`,
      "p99 (s)",
      ...TERMS.map(([name]) => `${name} (s)`),
      "hidden (s)",
    ],
    rows: view.runs.map(({ name, summary }) => [
      name,
      fact(summary, "step_seconds.median"),
      fact(summary, "step_seconds.p99"),
      ...TERMS.map(([term]) => fact(summary, `breakdown_seconds.${term}`)),
      summary.hidden_seconds,
    ]),
  }),
};

// Limits of common/network/verdict.h.
const LATE_LIMIT = 0.015;

// One row for each network that a run's steps ended under: what the profile asks for, by the
// simulator, and what came.
function askedAndRealised(view) {
  return view.runs.flatMap((run) =>
    (run.summary.networks || [])
      .map((row) => ({
        run,
        network: row.network,
        steps: row.steps,
        asked: row.predicted_step_seconds,
        realised: row.step_seconds,
        label: run.summary.networks.length > 1 ? `${run.name}, ${row.network}` : run.name,
      }))
      .filter((row) => row.asked > 0 && row.realised > 0),
  );
}

function askedPlot(rows, width) {
  const unit = unitFor(
    TIME_UNITS,
    d3.max(rows, (row) => Math.max(row.asked, row.realised)),
  );
  const left = rowMargin(
    rows.map((row) => row.label),
    width,
  );
  const color = (row) => colorOf(GROUP_BY_ID.get(row.run.group));
  const error = (row) =>
    `${row.realised >= row.asked ? "+" : "−"}${percent(Math.abs(row.realised / row.asked - 1))}`;
  return plot(width, {
    height: 50 + rows.length * 28,
    marginTop: 6,
    marginLeft: left,
    marginRight: 70,
    x: {
      label: `median step (${unit.name}) →`,
      grid: true,
      nice: true,
      zero: true,
      ticks: Math.max(2, Math.round(width / 130)),
    },
    y: {
      domain: rows.map((row) => row.label),
      label: null,
      tickSize: 0,
      tickFormat: (label) => cut(label, left - 12),
    },
    marks: [
      Plot.link(rows, {
        x1: (row) => row.asked / unit.size,
        x2: (row) => row.realised / unit.size,
        y1: "label",
        y2: "label",
        stroke: color,
        strokeWidth: 2,
        strokeOpacity: 0.5,
      }),
      Plot.dot(rows, {
        x: (row) => row.asked / unit.size,
        y: "label",
        r: 5.5,
        stroke: color,
        strokeWidth: 2,
        fill: "var(--paper)",
      }),
      Plot.dot(rows, { x: (row) => row.realised / unit.size, y: "label", r: 4, fill: color }),
      Plot.text(rows, {
        x: (row) => Math.max(row.asked, row.realised) / unit.size,
        y: "label",
        text: error,
        textAnchor: "start",
        dx: 11,
      }),
      Plot.tip(
        rows,
        Plot.pointer({
          x: (row) => row.realised / unit.size,
          y: "label",
          title: (row) =>
            tipText(
              row.label,
              `asked ${seconds(row.asked)} (predicted)`,
              `realised ${seconds(row.realised)} (emulated)`,
              `${error(row)}, ${count(row.steps, "step")}`,
            ),
        }),
      ),
    ],
  });
}

function lateRows(view) {
  return view.runs
    .filter((run) => fact(run.summary, "verdict.judged") !== false && run.summary.fidelity)
    .map((run) => ({
      run,
      late: fact(run.summary, "verdict.late_share") || 0,
      overrun: fact(run.summary, "verdict.overrun_share") || 0,
    }));
}

function latePlot(rows, width) {
  const left = rowMargin(
    rows.map((row) => row.run.name),
    width,
  );
  const parts = rows.flatMap((row) => [
    {
      row,
      label: row.run.name,
      name: "late",
      share: row.late,
      color: "var(--term-jitter)",
      dy: -5,
    },
    {
      row,
      label: row.run.name,
      name: "compute overrun",
      share: row.overrun,
      color: "var(--term-compute)",
      dy: 5,
    },
  ]);
  const most = Math.max(
    d3.max(parts, (part) => part.share),
    LATE_LIMIT * 1.3,
  );
  return plot(width, {
    height: 66 + rows.length * 28,
    marginLeft: left,
    marginRight: 70,
    x: {
      label: "share of step time (%) →",
      grid: true,
      domain: [0, most * 100],
      nice: true,
      ticks: Math.max(2, Math.round(width / 130)),
    },
    y: {
      domain: rows.map((row) => row.run.name),
      label: null,
      tickSize: 0,
      tickFormat: (label) => cut(label, left - 12),
    },
    marks: [
      Plot.ruleX([LATE_LIMIT * 100], { stroke: "var(--ink)", strokeDasharray: "4 3" }),
      Plot.text([LATE_LIMIT * 100], {
        x: (x) => x,
        frameAnchor: "top",
        text: () => "limit of each",
        dy: -8,
        textAnchor: "start",
        dx: 4,
      }),
      ...[-5, 5].map((dy) =>
        Plot.dot(
          parts.filter((part) => part.dy === dy),
          { x: (part) => part.share * 100, y: "label", fill: "color", r: 4.5, dy },
        ),
      ),
      Plot.tip(
        parts,
        Plot.pointer({
          x: (part) => part.share * 100,
          y: "label",
          title: (part) =>
            tipText(
              part.label,
              `${part.name}: ${percent(part.share)}`,
              verdictOf(part.row.run.summary),
            ),
        }),
      ),
    ],
  });
}

const linkFidelity = {
  id: "fidelity",
  title: "Link fidelity: asked against realised",
  wide: true,
  kind: (view) => (view.clock === "emulated" ? "predicted and emulated" : view.clock),
  says: () =>
    "Hollow: the step time that the profile asks for, as the simulator predicts it. " +
    "Filled: the emulated one. Below: what this host added.",
  draw(view, width) {
    const rows = askedAndRealised(view);
    const late = lateRows(view);
    if (rows.length + late.length === 0) {
      return view.clock === "simulated"
        ? "Nothing was emulated: the simulated clock keeps every promise."
        : "No run says how well its links were emulated.";
    }
    const nodes = rows.length > 0 ? [askedPlot(rows, width)] : [];
    if (late.length > 0) {
      nodes.push(
        heading("Late messages and compute overruns", width),
        legend(
          [
            { label: "late", color: "var(--term-jitter)", mark: "square" },
            { label: "compute overrun", color: "var(--term-compute)", mark: "square" },
          ],
          width,
        ),
        latePlot(late, width),
      );
    }
    return nodes;
  },
  table: (view) => ({
    columns: [
      "run",
      "median step, predicted (s)",
      "median step, emulated (s)",
      "messages",
      "late messages",
      "late (share)",
      "overrun (share)",
      "release error p99 (µs)",
      "release error, largest (µs)",
      "clocks of the hosts known to (µs)",
      "verdict",
    ],
    rows: view.runs
      .filter((run) => run.clock === "emulated")
      .map(({ name, summary }) => [
        name,
        summary.predicted_step_seconds,
        fact(summary, "step_seconds.median"),
        fact(summary, "fidelity.messages"),
        fact(summary, "fidelity.late_messages"),
        fact(summary, "verdict.late_share"),
        fact(summary, "verdict.overrun_share"),
        fact(summary, "fidelity.error_p99_us"),
        fact(summary, "fidelity.error_max_us"),
        fact(summary, "fidelity.clock_bound_us"),
        verdictOf(summary),
      ]),
  }),
};

function verdictOf(summary) {
  if (!summary.verdict) return undefined;
  if (summary.verdict.judged === false) return "not judged";
  return summary.verdict.valid ? "valid" : "INVALID";
}

const energy = {
  id: "energy",
  title: "Energy of a step",
  kind: (view) => view.clock,
  says: () => "Of all devices together, from the watts of their profiles and the time of the step.",
  draw(view, width) {
    const rows = view.groups
      .map((group) => {
        const joules = overRuns(group, (run) => fact(run.summary, "energy.joules_per_step"));
        if (joules === undefined) return null;
        const format = (value) => `${digits(value, 3)} J`;
        return {
          label: group.label,
          text: format(joules.mean),
          parts: [
            {
              name: "energy",
              value: joules.mean,
              color: colorOf(group),
              title: withSpread(joules, format),
            },
          ],
        };
      })
      .filter(Boolean);
    if (rows.length === 0) return "Not known: no device profile of these runs says its watts.";
    return [
      stackedBars(width, rows, {
        unit: { size: 1 },
        xLabel: `energy (J per step, ${view.clock}) →`,
      }),
    ];
  },
  table: (view) => ({
    columns: [
      "run",
      "energy (J per step)",
      "energy (J per token)",
      "mean power (W)",
      "energy of the run (Wh)",
    ],
    rows: view.runs.map(({ name, summary }) => [
      name,
      fact(summary, "energy.joules_per_step"),
      fact(summary, "energy.joules_per_token"),
      fact(summary, "energy.mean_watts"),
      fact(summary, "energy.watt_hours_per_run"),
    ]),
  }),
};

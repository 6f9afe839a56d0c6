// How long it takes until a loss is reached.
"use strict";

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
  says: () =>
    "Wall-clock time until the first point at or below the loss; of several seeds, the mean.",
  controls(view, redraw) {
    if (view.runs.length === 0) return [];
    const names = lossesWithPoints(view, 2).filter((name) => name !== "train_loss");
    if (!names.includes(lossChoice.reach))
      [lossChoice.reach, lossChoice.target] = [names[0] || "train_loss_mean", null];
    const name = lossChoice.reach;
    const best = view.runs.map((run) => bestOf(run, name)).filter(Number.isFinite);
    const worst = view.runs
      .map((run) => (pointsOf(run, "step", name)[0] || {}).y)
      .filter(Number.isFinite);
    const [low, high] = [d3.min(best) || 0, d3.max(worst) || 1];
    // At first, what all of them reach.
    if (lossChoice.target === null) lossChoice.target = Math.ceil(100 * (d3.max(best) || 1)) / 100;
    const output = element("output", {}, lossChoice.target.toFixed(2));
    const slider = element("input", {
      type: "range",
      min: Math.ceil(low * 100) / 100,
      max: Math.floor(high * 100) / 100,
      step: 0.01,
      value: lossChoice.target,
      "aria-label": "Loss to reach",
      oninput: (event) => {
        output.textContent = Number(event.target.value).toFixed(2);
      },
      onchange: (event) => {
        lossChoice.target = Number(event.target.value);
        redraw();
      },
    });
    return [
      select(
        "Of",
        names,
        (each) => LOSSES[each].title,
        name,
        (each) => {
          [lossChoice.reach, lossChoice.target] = [each, null];
          redraw();
        },
      ),
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
        return {
          label: group.label,
          text,
          parts: [
            {
              name: `reaches ${target.toFixed(2)}`,
              value: times[i].mean,
              color: colorOf(group),
              title: text,
            },
          ],
        };
      }
      const best = overRuns(group, (run) => bestOf(run, name));
      return {
        label: group.label,
        text: `not reached: ${best === undefined ? UNKNOWN : loss(best.low)}`,
        parts: [],
      };
    });
    return [
      stackedBars(width, rows, {
        unit,
        xLabel: `time to loss ${target.toFixed(2)} (${unit.name}, ${view.clock}) →`,
      }),
    ];
  },
  table: (view) => ({
    columns: [
      "run",
      `time to loss ${(lossChoice.target || 0).toFixed(2)} (s, ${view.clock})`,
      "step",
      "best loss (nats)",
      "of",
    ],
    rows: view.runs.map((run) => {
      const point = reached(run, lossChoice.reach, lossChoice.target);
      return [
        run.name,
        point ? point.wall : "not reached",
        point ? point.step : "",
        bestOf(run, lossChoice.reach),
        LOSSES[lossChoice.reach].title,
      ];
    }),
  }),
};

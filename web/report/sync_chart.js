// The loss at the end against the number of sync points.
"use strict";

// Nobody has fewer sync points and no more loss, or less loss and no more sync points.
function isOnFront(point, points) {
  return !points.some(
    (other) =>
      other !== point &&
      other.x <= point.x &&
      other.y <= point.y &&
      (other.x < point.x || other.y < point.y),
  );
}

const stepsOf = (view) =>
  unique(view.runs.map((run) => run.summary.steps).filter(Number.isFinite)).sort(d3.ascending);

// Runs of one length can be compared; at first, those of the length that most of them have.
function chosenSteps(view) {
  const known = stepsOf(view);
  if (known.includes(lossChoice.steps)) return lossChoice.steps;
  return d3.greatest(
    known,
    (steps) => view.runs.filter((run) => run.summary.steps === steps).length,
  );
}

function syncPoints({ groups, ...rest }) {
  const steps = chosenSteps(rest);
  const runs = rest.runs.filter((run) => run.summary.steps === steps);
  return syncPointsOf({
    runs,
    groups: groups
      .map((group) => ({ ...group, runs: group.runs.filter((run) => runs.includes(run)) }))
      .filter((group) => group.runs.length > 0),
  });
}

function syncPointsOf(view) {
  const measure = view.runs.every((run) => Number.isFinite(fact(run.summary, "final.val_loss")))
    ? "val_loss"
    : "train_loss";
  const points = view.groups
    .map((group) => {
      const final = overRuns(group, (run) => fact(run.summary, `final.${measure}`));
      const x = fact(group.runs[0].summary, "sync_points_forward");
      const shares = (group.runs[0].summary.strategy || "tensor") === "tensor";
      if (final === undefined || x === undefined || !shares) return null;
      return {
        group,
        x,
        y: final.mean,
        low: final.low,
        high: final.high,
        done: group.runs.every((run) => run.summary.status === "done"),
      };
    })
    .filter(Boolean);
  const finished = points.filter((point) => point.done);
  return {
    measure,
    points: points.map((point) => ({ ...point, front: point.done && isOnFront(point, finished) })),
  };
}

const syncAgainstLoss = {
  id: "sync-loss",
  title: "Sync points against final loss",
  wide: true,
  kind: () => "measured",
  says(view) {
    return (
      `After ${count(chosenSteps(view) || 0, "step")}. Ringed: the Pareto front. ` +
      "No other finished run has fewer sync points and as little loss."
    );
  },
  controls(view, redraw) {
    const known = stepsOf(view);
    return known.length < 2
      ? []
      : [
          select(
            "Runs of",
            known.map(String),
            (steps) => count(Number(steps), "step"),
            String(chosenSteps(view)),
            (steps) => {
              lossChoice.steps = Number(steps);
              redraw();
            },
          ),
        ];
  },
  draw(view, width) {
    const { measure: name, points } = syncPoints(view);
    if (points.length === 0) return "No run shares its blocks among ranks and says its final loss.";
    const height = 340;
    const front = d3.sort(
      points.filter((point) => point.front),
      (point) => point.x,
    );
    const named = width >= 560 && points.length <= 12;
    const [low, high] = [d3.min(points, (p) => p.low), d3.max(points, (p) => p.high)];
    const yDomain = d3.nice(low, high + 0.1 * (high - low), 6); // room for names above
    const yScale = d3.scaleLinear(yDomain, [height - BOTTOM, TOP]);
    // Above a point that is alone in its column; beside those of a column, moved apart.
    const columns = [...d3.group(points, (point) => point.x).values()];
    const alone = columns.filter((column) => column.length === 1).flat();
    const beside = columns
      .filter((column) => column.length > 1)
      .flatMap((column) => {
        const moved = spread(
          column.map((point) => ({ x: 0, y: yScale(point.y), width: 1 })),
          TOP,
          height - BOTTOM,
        );
        return column.map((point, i) => ({ ...point, y: yScale.invert(moved[i]) }));
      });
    const labels = {
      x: "x",
      y: "y",
      text: (p) => p.group.label,
      fill: (p) => colorOf(p.group),
      fontWeight: 600,
      stroke: "var(--paper)",
      strokeWidth: 4,
    };
    const most = d3.max(points, (point) => point.x);
    const chart = plot(width, {
      height,
      marginLeft: 48,
      marginRight: named
        ? Math.max(...points.map((point) => measure(point.group.label, 600))) + 24
        : 20,
      x: {
        label: "sync points of a forward pass →",
        domain: [0, most + Math.max(1, most * 0.04)],
        ticks: Math.min(most + 1, 12),
        tickFormat: "d",
      },
      y: {
        label: `↑ final ${name === "val_loss" ? "validation" : "training"} loss (nats per token)`,
        grid: true,
        domain: yDomain,
        ticks: 6,
      },
      marks: [
        Plot.line(front, {
          x: "x",
          y: "y",
          stroke: "var(--quiet)",
          strokeDasharray: "4 3",
          curve: "step-after",
        }),
        Plot.ruleX(
          points.filter((point) => point.high > point.low),
          {
            x: "x",
            y1: "low",
            y2: "high",
            stroke: (p) => colorOf(p.group),
            strokeWidth: 5,
            strokeOpacity: 0.3,
            strokeLinecap: "round",
          },
        ),
        Plot.dot(front, { x: "x", y: "y", r: 9, stroke: "var(--ink)", strokeWidth: 1.2 }),
        Plot.dot(points, {
          x: "x",
          y: "y",
          r: 5,
          fill: (p) => (p.done ? colorOf(p.group) : "var(--paper)"),
          stroke: (p) => colorOf(p.group),
          strokeWidth: 1.5,
        }),
        named
          ? [
              Plot.text(alone, { ...labels, dy: -19 }),
              Plot.text(beside, { ...labels, textAnchor: "start", dx: 14 }),
            ]
          : null,
        Plot.tip(
          points,
          Plot.pointer({
            x: "x",
            y: "y",
            title: (p) =>
              tipText(
                p.group.label,
                count(p.x, "sync point"),
                `loss ${lossText(p)}`,
                p.front && "on the Pareto front",
              ),
          }),
        ),
      ],
    });
    return named
      ? [chart]
      : [
          groupLegend(
            points.map((point) => point.group),
            width,
          ),
          chart,
        ];
  },
  table(view) {
    const { measure: name, points } = syncPoints(view);
    return {
      columns: [
        "runs",
        "sync points (forward)",
        `${name === "val_loss" ? "validation" : "training"} loss, mean (nats)`,
        "lowest (nats)",
        "highest (nats)",
        "seeds",
        "Pareto front",
      ],
      rows: points.map((p) => [
        p.group.label,
        p.x,
        p.y,
        p.low,
        p.high,
        p.group.runs.length,
        p.front ? "yes" : p.done ? "no" : "not finished",
      ]),
    };
  },
};

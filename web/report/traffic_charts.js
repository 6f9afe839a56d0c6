// What a rank sends.
"use strict";

const traffic = {
  id: "bytes",
  title: "Bytes on the wire",
  kind: (view) => `predicted, with the ${view.clock} total`,
  says: (view) =>
    "Payload that a rank sends in a mean step. Bars: by class, as planned. " +
    `Mark: what the ${view.clock} run sent.`,
  draw(view, width) {
    const rows = view.groups
      .map((group) => {
        const classes = group.predicted_bytes_per_step_per_rank;
        if (!classes) return null;
        const parts = TRAFFIC.filter(([name]) => classes[name] > 0).map(([name, words]) => ({
          name: words,
          value: classes[name],
          color: TRAFFIC_COLORS[name],
          title: bytes(classes[name]),
        }));
        const sent = overRuns(group, (run) => fact(run.summary, "bytes_on_the_wire_per_rank"));
        return {
          label: group.label,
          parts,
          text: bytes(sent ? sent.mean : d3.sum(parts, (part) => part.value)),
          sent: sent && sent.mean,
        };
      })
      .filter(Boolean);
    const largest = d3.max(rows, (row) =>
      Math.max(
        row.sent || 0,
        d3.sum(row.parts, (part) => part.value),
      ),
    );
    if (!(largest > 0)) return "Nothing is sent, or no run's config can be read.";
    const unit = unitFor(BYTE_UNITS, largest);
    const used = TRAFFIC.filter(([, words]) =>
      rows.some((row) => row.parts.some((part) => part.name === words)),
    );
    const marks = [
      Plot.tickX(
        rows.filter((row) => row.sent > 0),
        {
          x: (row) => row.sent / unit.size,
          y: "label",
          stroke: "var(--ink)",
          strokeWidth: 2,
          insetTop: -4,
          insetBottom: -4,
        },
      ),
    ];
    return [
      legend(
        used.map(([name, words]) => ({
          label: words,
          color: TRAFFIC_COLORS[name],
          mark: "square",
        })),
        width,
      ),
      stackedBars(width, rows, {
        unit,
        xLabel: `payload (${unit.name} per step and rank) →`,
        marks,
      }),
    ];
  },
  table: (view) => ({
    columns: [
      "runs",
      ...TRAFFIC.map(([, words]) => `${words}, predicted (bytes)`),
      `total, ${view.clock} (bytes)`,
    ],
    rows: view.groups.map((group) => {
      const classes = group.predicted_bytes_per_step_per_rank;
      const sent = overRuns(group, (run) => fact(run.summary, "bytes_on_the_wire_per_rank"));
      return [
        group.label,
        ...TRAFFIC.map(([name]) => (classes ? classes[name] || 0 : undefined)),
        sent && sent.mean,
      ];
    }),
  }),
};

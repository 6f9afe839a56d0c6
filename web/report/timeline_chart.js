// One step, rank by rank, as the simulator predicts it.
"use strict";

const timelineChoice = { group: null };
const SPAN_COLORS = { ...TERM_COLORS, exchange: "var(--series-3)" };

function chosenTimeline(view) {
  const drawn = view.groups.filter((group) => group.timeline);
  return drawn.find((group) => group.index === timelineChoice.group) || drawn[0];
}

const ROW = 30;

const timeline = {
  id: "timeline",
  title: "One step, rank by rank",
  wide: true,
  kind: () => "predicted",
  says(view) {
    const group = chosenTimeline(view);
    if (!group) return "";
    const { ranks, ranks_shown: shown, algorithm, step_seconds: length } = group.timeline;
    const all = shown < ranks ? ` The first ${shown} of ${ranks} ranks are shown.` : "";
    const sums = algorithm ? ` All-reduces: ${algorithm}.` : "";
    return (
      `The simulator’s third step of ${group.label}: ${seconds(length)}, ` +
      `with one draw of the network’s jitter.${sums}${all}`
    );
  },
  controls(view, redraw) {
    const drawn = view.groups.filter((group) => group.timeline);
    const group = chosenTimeline(view);
    return drawn.length < 2
      ? []
      : [
          select(
            "Run",
            drawn.map((each) => String(each.index)),
            (index) => drawn.find((each) => String(each.index) === index).label,
            String(group.index),
            (index) => {
              timelineChoice.group = Number(index);
              redraw();
            },
          ),
        ];
  },
  draw(view, width) {
    const group = chosenTimeline(view);
    if (!group) return `No timeline: ${(view.groups[0] || {}).no_timeline || "no run is chosen"}.`;
    const { spans, ranks_shown: ranks } = group.timeline;
    const rows = spans.map(([rank, lane, kind, begin, end]) => ({ rank, lane, kind, begin, end }));
    const unit = unitFor(
      TIME_UNITS,
      d3.max(rows, (span) => span.end),
    );
    const lanes = d3.max(rows, (span) => span.lane) + 1;
    const top = (span) => span.rank + (span.lane === 0 ? 0.1 : 0.66);
    const bottom = (span) => span.rank + (span.lane === 1 ? 0.92 : lanes > 1 ? 0.6 : 0.86);
    const kinds = [...TERMS.map(([name]) => name), "exchange"].filter((kind) =>
      rows.some((span) => span.kind === kind),
    );
    return [
      legend(
        kinds.map((kind) => ({
          label: kind === "exchange" ? "exchange under compute" : kind,
          color: SPAN_COLORS[kind],
          mark: "square",
        })),
        width,
      ),
      plot(width, {
        marginTop: 4,
        height: 48 + ranks * (lanes > 1 ? 1.5 : 1) * ROW,
        marginLeft: 58,
        marginRight: 16,
        x: {
          label: `time (${unit.name}, predicted) →`,
          grid: true,
          ticks: Math.max(3, Math.round(width / 110)),
        },
        y: {
          domain: [0, ranks],
          reverse: true,
          ticks: d3.range(ranks).map((rank) => rank + 0.48),
          tickFormat: (at) => `rank ${Math.floor(at)}`,
          tickSize: 0,
          label: null,
        },
        marks: [
          Plot.rect(rows, {
            x1: (s) => s.begin / unit.size,
            x2: (s) => s.end / unit.size,
            y1: top,
            y2: bottom,
            fill: (s) => SPAN_COLORS[s.kind],
          }),
          Plot.tip(
            rows,
            Plot.pointer({
              x: (s) => (s.begin + s.end) / 2 / unit.size,
              y: (s) => (top(s) + bottom(s)) / 2,
              title: (s) =>
                `rank ${s.rank}: ${s.kind}\n${seconds(s.end - s.begin)}, from ${seconds(s.begin)}`,
            }),
          ),
        ],
      }),
    ];
  },
  table(view) {
    const group = chosenTimeline(view);
    return {
      columns: ["rank", "what", "from (s, predicted)", "until (s, predicted)"],
      rows: group
        ? group.timeline.spans.map(([rank, , kind, begin, end]) => [rank, kind, begin, end])
        : [],
    };
  },
};

"""Real time under real delays: patterns over emulated networks, and where each starts to pay. Takes minutes; the machine
should have nothing else to do."""

import tempfile

import drawing
import measuring
import page
import patterns
from training import Training, load, steps_to

PATTERNS = ["tttt", "ssss", "sppp", "pppp"]
# Steps of each run: enough for a mean, and four minutes in all.
STEPS = {"ethernet-1g": 200, "ethernet-100m": 50, "wifi-5": 60, "lte": 8}
GOAL = 1.9  # validation loss
TERMS = ["compute", "software", "queueing", "serialization", "propagation", "jitter", "straggler"]
COLUMNS = [
    page.Column("network", "network"),
    page.Column("pattern", "pattern", page.code),
    page.Column("steps", "steps"),
    page.Column("mean step, ms", "mean_step_ms", page.fixed(1)),
    page.Column("predicted median, ms", "predicted_step_ms", page.fixed(1)),
    page.Column("median, ms", "median_step_ms", page.fixed(1)),
    *(page.Column(term, f"{term}_ms", page.fixed(1)) for term in TERMS),
    page.Column("times tttt", "times_tttt", page.fixed(2)),
    page.Column("one process alone, times", "times_alone", page.fixed(2)),
    page.Column(f"minutes to validation {GOAL}", "minutes_to_goal", page.fixed(1)),
    page.Column("verdict", "verdict"),
]
SHOWS = "Where the time of a step goes, for four patterns over four networks"


def steps_to_goal(pattern):
    """Mean over the seeds whose trainings are there."""
    records = [load(Training(pattern, seed=seed)) for seed in patterns.SEEDS]
    steps = [steps_to(record["evaluations"], GOAL) for record in records if record]
    known = [value for value in steps if value is not None]
    return sum(known) / len(known) if known else None


def measured(pattern, network, steps, workers=2):
    """A short run with real waiting: its summary."""
    training = Training(pattern, workers=workers, steps=steps)
    flags = [f"--steps={steps}", f"--network={network}", "--set=train.eval_windows=1"]
    with tempfile.TemporaryDirectory(prefix="edgetp-experiment-") as folder:
        return measuring.edgetp("train", *training.shape(), *flags, f"--runs={folder}", timeout_s=600)


def row_of(pattern, network, summary, dense, alone):
    mean = summary["mean_step_seconds"]
    goal = steps_to_goal(pattern)
    verdict = summary["verdict"]
    return {
        "network": network, "pattern": pattern, "steps": summary["steps"], "mean_step_ms": 1e3 * mean,
        "predicted_step_ms": 1e3 * summary["predicted_step_seconds"], "median_step_ms": 1e3 * summary["step_seconds"]["median"],
        **{f"{term}_ms": 1e3 * summary["breakdown_seconds"][term] for term in TERMS},
        "times_tttt": mean / dense, "times_alone": mean / alone,
        "minutes_to_goal": goal and goal * mean / 60,
        "verdict": "valid" if verdict["valid"] else "INVALID",
    }


def draw(rows, options):
    figure, axes = drawing.panels(len(STEPS), width=11, height=3.4)
    for panel, network in zip(axes, STEPS):
        of_network = [row for row in rows if row["network"] == network]
        bottom = [0.0] * len(of_network)
        for number, term in enumerate(TERMS):
            heights = [row[f"{term}_ms"] for row in of_network]
            panel.bar([row["pattern"] for row in of_network], heights, bottom=bottom, color=drawing.COLOURS[number], label=term)
            bottom = [low + height for low, height in zip(bottom, heights)]
        panel.set(title=network)
    axes[0].set(ylabel="ms of a mean step (emulated, measured)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="upper center", ncol=len(TERMS), bbox_to_anchor=(0.5, 0.0))
    drawing.save(figure, "delays", options)


def block(options):
    """Emulated: only an idle machine gives a table whose verdicts are valid."""
    alone = measured("tttt", "none", 20 if options.quick else 300, workers=1)["mean_step_seconds"]
    rows = []
    for network, steps in STEPS.items():
        summaries = {pattern: measured(pattern, network, 3 if options.quick else steps) for pattern in PATTERNS}
        dense = summaries["tttt"]["mean_step_seconds"]
        rows += [row_of(pattern, network, summary, dense, alone) for pattern, summary in summaries.items()]
    if not options.quick:
        draw(rows, options)
    facts = (measuring.preamble("scripts/experiments/delays", ["libtorch-dev"]) + f" One process alone: {1e3 * alone:.1f} ms a step. "
             "Values: [delays.csv](experiments/delays.csv).")
    return f"{page.picture('delays', SHOWS)}\n\n{page.block('delays', COLUMNS, rows, options, facts)}"

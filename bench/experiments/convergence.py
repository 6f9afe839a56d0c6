"""Until validation stops falling: lowest and last loss, and text side by side."""

import drawing
import page
from training import PROMPT, Training, load

PATTERNS = ["tttt", "ssss", "sppp", "pppp"]
STEPS = 15000
EVALUATIONS = "--set=train.eval_interval=500"
TRAININGS = [Training(pattern, steps=STEPS, flags=(EVALUATIONS,), sample_tokens=300) for pattern in PATTERNS]
COLUMNS = [
    page.Column("pattern", "pattern", page.code),
    page.Column("sync points", "sync_points"),
    page.Column("steps", "steps"),
    page.Column("train", "train_loss", page.fixed(3)),
    page.Column("validation at the end", "val_loss", page.fixed(4)),
    page.Column("lowest before, of 200 windows", "lowest_val_loss", page.fixed(4)),
    page.Column("after step", "lowest_at_step"),
    page.Column("change over the last 1000 steps of those", "last_change", page.signed(4)),
]
SHOWS = "Training and validation loss against steps, for patterns with fewer and fewer sync points"


def rows(found):
    for training in TRAININGS:
        record = found.get(training)
        # The last evaluation takes the whole split, the others a part: compared is what was evaluated alike.
        alike = record["evaluations"][:-1] if record else []
        lowest = min(alike, key=lambda point: point[1], default=(None, None))
        yield {
            "pattern": training.pattern,
            "sync_points": record and record["sync_points_forward"],
            "steps": training.steps,
            "train_loss": record and record["train_loss"],
            "val_loss": record and record["val_loss"],
            "lowest_val_loss": lowest[1],
            "lowest_at_step": lowest[0],
            "last_change": alike[-1][1] - alike[-3][1] if len(alike) > 2 else None,
        }


def draw(found, _, options):
    figure, axes = drawing.panels(1, width=7.0, height=3.6)
    for number, (training, record) in enumerate(found.items()):
        steps, losses = zip(*record["evaluations"])
        colour = drawing.COLOURS[number]
        axes.plot(steps, losses, color=colour, marker=drawing.MARKS[number], markersize=4, label=f"{training.pattern}, validation")
        axes.plot(*zip(*record["train_curve"]), color=colour, linewidth=0.8, alpha=0.5)
    axes.set(xlabel="step", ylabel="loss", title="MiniGPT, two workers; thin: training loss", ylim=(None, 2.4))
    axes.legend()
    drawing.save(figure, "convergence", options)


def texts():
    """What each trained model makes of the same prompt."""
    records = {training.pattern: load(training) for training in TRAININGS}
    samples = [f"`{pattern}`:\n\n```text\n{record['sample'].strip()}\n```" for pattern, record in records.items() if record]
    return [f"What each makes of `{PROMPT}`, at temperature 0.8, with the same seed:", *samples] if samples else []


def block(options):
    table = page.trained_block("convergence", options, wanted=TRAININGS, columns=COLUMNS, rows=rows, draw=draw, shows=SHOWS)
    return "\n\n".join([table, *texts()])

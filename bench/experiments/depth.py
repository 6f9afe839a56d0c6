"""Twelve layers: how few sync points still train, and which merge of the streams."""

import drawing
import page
from training import Training

# Those of configs/runs/gpt2-sync*.textproto.
PATTERNS = ["t*12", "(ts)*6", "(tss)*4", "s*12", "(spps)*3", "(sppp)*3", "(sp5)*2", "sp10s", "sp11", "p*12"]
MERGED = ["p*12", "sp11", "(sp5)*2", "(sppp)*3"]
MERGES = ["MERGE_MEAN", "MERGE_SUM"]
MODEL = ("--set=model.layers=12", "--set=model.channels=64")
STEPS = 1000


def training(pattern, merge=None):
    """`merge` None is the default, SUM_LAST."""
    return Training(pattern, steps=STEPS, flags=(*MODEL, *([f"--set=merge={merge}"] if merge else [])))


TRAININGS = [*(training(pattern) for pattern in PATTERNS),
             *(training(pattern, merge) for pattern in MERGED for merge in MERGES)]


def _loss(value):
    return value if isinstance(value, str) else f"{value:.3f}"


COLUMNS = [
    page.Column("pattern", "pattern", page.code),
    page.Column("sync points", "sync_points"),
    page.Column("MiB per step and rank", "mib_per_step", page.fixed(2)),
    page.Column("train", "train_loss", page.fixed(3)),
    page.Column("validation", "val_loss", page.fixed(3)),
    page.Column("validation, `MEAN`", "val_loss_mean", _loss),
    page.Column("validation, `SUM`", "val_loss_sum", _loss),
]
SHOWS = "Validation loss against sync points, for three ways to merge"


def rows(found):
    def merged(pattern, merge):
        """The other merges of some patterns alone: elsewhere nothing is missing."""
        if pattern not in MERGED:
            return "untried"
        record = found.get(training(pattern, merge))
        return record and record["val_loss"]

    for pattern in PATTERNS:
        record = found.get(training(pattern))
        yield {
            "pattern": pattern,
            "sync_points": record and record["sync_points_forward"],
            "mib_per_step": record and record["bytes_per_step_per_rank"] / 2**20,
            "train_loss": record and record["train_loss"],
            "val_loss": record and record["val_loss"],
            "val_loss_mean": merged(pattern, "MERGE_MEAN"),
            "val_loss_sum": merged(pattern, "MERGE_SUM"),
        }


def draw(found, _, options):
    figure, axes = drawing.panels(1, width=7.0, height=3.6)
    for number, merge in enumerate([None, *MERGES]):
        points = [(record["sync_points_forward"], record["val_loss"], each.pattern) for pattern in PATTERNS
                  for each, record in [(training(pattern, merge), found.get(training(pattern, merge)))] if record]
        if not points:
            continue
        axes.plot([x for x, _, _ in points], [y for _, y, _ in points], **drawing.style(number), markersize=5,
                  label=(merge or "MERGE_SUM_LAST").removeprefix("MERGE_") + ("" if merge else " (default)"))
        if merge is None:
            for x, y, pattern in points:
                axes.annotate(pattern, (x, y), textcoords="offset points", xytext=(0, -13), ha="center", fontsize=7)
    axes.set(xscale="log", xlabel="sync points in a forward pass", ylabel="validation loss, whole split",
             title=f"Twelve layers of 64 channels after {STEPS} steps, two workers")
    axes.margins(y=0.2)
    axes.set_xticks([1, 2, 3, 4, 6, 9, 12, 18, 24], ["1", "2", "3", "4", "6", "9", "12", "18", "24"])
    axes.minorticks_off()
    axes.legend(title="merge")
    drawing.save(figure, "depth", options)


def block(options):
    return page.trained_block("depth", options, wanted=TRAININGS, columns=COLUMNS, rows=rows, draw=draw, shows=SHOWS)

"""Parity: the dense model on one, two and four workers is one curve."""

import drawing
import page
from training import Training

TRAININGS = [Training("tttt", config="minigpt-shakespeare", workers=workers) for workers in (1, 2, 4)]
COLUMNS = [
    page.Column("workers", "workers"),
    page.Column("sync points", "sync_points"),
    page.Column("train", "train_loss", page.fixed(4)),
    page.Column("validation", "val_loss", page.fixed(4)),
    page.Column("validation beside P = 1", "val_distance", lambda value: f"{value:+.0e}" if value else "0"),
    page.Column("training curves at most apart", "largest_distance", lambda value: f"{value:.0e}" if value else "below 1e-5"),
]


def distance(curve, of):
    """Largest difference of two training curves, which are means of 50 steps each, stored to five digits."""
    return max(abs(loss - other) for (_, loss), (_, other) in zip(curve, of))
SHOWS = "The training curves of one, two and four workers lie on one another"


def rows(found):
    one = found.get(TRAININGS[0])
    for training in TRAININGS:
        record = found.get(training)
        known = record and one
        yield {
            "workers": training.workers,
            "sync_points": record and record["sync_points_forward"],
            "train_loss": record and record["train_loss"],
            "val_loss": record and record["val_loss"],
            "val_distance": record["val_loss"] - one["val_loss"] if known else None,
            "largest_distance": distance(record["train_curve"], one["train_curve"]) if known else None,
        }


def draw(found, _, options):
    figure, axes = drawing.panels(1, width=6.0, height=3.4)
    for number, (training, record) in enumerate(found.items()):
        steps, losses = zip(*record["train_curve"])
        axes.plot(steps, losses, linewidth=(6, 3, 1)[number], color=drawing.COLOURS[number], label=f"P = {training.workers}")
    axes.set(xlabel="step", ylabel="training loss, mean of 50 steps", title="tttt on 1, 2 and 4 workers: one curve")
    axes.legend()
    drawing.save(figure, "parity", options)


def block(options):
    return page.trained_block("parity", options, wanted=TRAININGS, columns=COLUMNS, rows=rows, draw=draw, shows=SHOWS)

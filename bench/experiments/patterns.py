"""The ten patterns of the reference experiments and the dense one, three seeds: which differences are real?"""

import statistics

import drawing
import page
import spread
from training import Training

PATTERNS = ["tttt", "tstt", "tsst", "tsss", "ssss", "psss", "spss", "spps", "sspp", "sppp", "pppp"]
# Without biases an isolated p computes what s computes: they would count one pattern three times.
EQUAL_TO_SSSS = ("psss", "spss")
SEEDS = [1337, 1338, 1339]
TRAININGS = [Training(pattern, seed=seed) for seed in SEEDS for pattern in PATTERNS]
REFERENCE = (1.76, 1.81)
COLUMNS = [
    page.Column("pattern", "pattern", page.code),
    page.Column("sync points", "sync_points"),
    page.Column("MiB per step and rank", "mib_per_step", page.fixed(2)),
    page.Column("seeds", "seeds"),
    page.Column("train", "train_loss", page.fixed(3)),
    page.Column("validation", "val_loss", page.fixed(4)),
    page.Column("lowest to highest seed", "val_range"),
    page.Column("beside tttt, the same seeds", "beside_tttt", page.signed(4)),
    page.Column("95 % interval", "interval"),
    page.Column("real?", "real"),
]
SHOWS = "Validation loss of each pattern, a point for each seed"


def losses_of(found, key="val_loss"):
    """{pattern: {seed: loss}}"""
    losses = {}
    for training, record in found.items():
        losses.setdefault(training.pattern, {})[training.seed] = record[key]
    return losses


def error_of(losses):
    """Over the seeds that most patterns have, of patterns that are not the same model."""
    return spread.residual_error({pattern: row for pattern, row in losses.items() if pattern not in EQUAL_TO_SSSS and len(row) > 1})


def beside(pattern, losses, error):
    """The last three columns."""
    empty = {"beside_tttt": None, "interval": None, "real": None}
    if pattern == "tttt":
        return {"beside_tttt": 0.0, "interval": "n/a", "real": "n/a"}
    if pattern not in losses or not set(losses[pattern]) & set(losses.get("tttt", {})):
        return empty
    mean, seeds = spread.difference(losses[pattern], losses["tttt"])
    if error is None:
        return {**empty, "beside_tttt": mean}
    half = spread.half_width(error, seeds, comparisons=len(PATTERNS) - 1 - len(EQUAL_TO_SSSS))
    return {"beside_tttt": mean, "interval": f"{mean - half:+.4f} to {mean + half:+.4f}", "real": "yes" if abs(mean) > half else "no"}


def rows(found):
    validation, train, error = losses_of(found), losses_of(found, "train_loss"), error_of(losses_of(found))
    for pattern in PATTERNS:
        row = validation.get(pattern, {})
        record = next((record for training, record in found.items() if training.pattern == pattern), None)
        yield {
            "pattern": pattern,
            "sync_points": record and record["sync_points_forward"],
            "mib_per_step": record and record["bytes_per_step_per_rank"] / 2**20,
            "seeds": len(row),
            "train_loss": statistics.fmean(train[pattern].values()) if row else None,
            "val_loss": statistics.fmean(row.values()) if row else None,
            "val_range": f"{min(row.values()):.4f} to {max(row.values()):.4f}" if row else None,
            **beside(pattern, validation, error),
        }


def draw(found, _, options):
    figure, axes = drawing.panels(1, width=7.0, height=3.6)
    losses = {pattern: row for pattern, row in losses_of(found).items() if pattern not in EQUAL_TO_SSSS}
    shown = [pattern for pattern in PATTERNS if pattern in losses]
    for number, seed in enumerate(SEEDS):
        points = [(at, losses[pattern][seed]) for at, pattern in enumerate(shown) if seed in losses[pattern]]
        if points:
            axes.plot(*zip(*points), "o", markersize=5, color=drawing.COLOURS[number], label=f"seed {seed}", zorder=3)
    means = [statistics.fmean(losses[pattern].values()) for pattern in shown]
    axes.hlines(means, [at - 0.3 for at in range(len(shown))], [at + 0.3 for at in range(len(shown))], color="#000000", label="mean")
    axes.axhspan(*REFERENCE, color="#eeeeee", zorder=0, label="the reference's patterns")
    points = {training.pattern: record["sync_points_forward"] for training, record in found.items()}
    axes.set_xticks(range(len(shown)), [f"{pattern}\n{points[pattern]}" for pattern in shown])
    axes.set(xlabel="pattern, sync points in a forward pass", ylabel="validation loss, whole split",
             title="MiniGPT after 2000 steps, two workers")
    axes.legend(ncol=2)
    drawing.save(figure, "patterns", options)


def remark(found):
    error = error_of(losses_of(found))
    return error and (f" What neither pattern nor seed explains: standard deviation {error[0]:.4f}, {error[1]} degrees of freedom. "
                      "The intervals hold together (Bonferroni).") or ""


def block(options):
    return page.trained_block("patterns", options, wanted=TRAININGS, columns=COLUMNS, rows=rows, draw=draw, shows=SHOWS, remark=remark)

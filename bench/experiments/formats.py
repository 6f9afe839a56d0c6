"""Wire formats: what each costs in validation loss, and what it saves in bytes and simulated time."""

import drawing
import page
from training import Training, simulated

PATTERNS = ["tttt", "sppp"]
FORMATS = ["bf16", "fp8e4m3", "int8", "int4", "int4+hadamard", "mxfp4"]
# What travels in the format; the rest as fp32.
DIRECTIONS = {"forward only": "--wire_forward", "both ways": "--wire"}
NETWORKS = ["wifi-5", "lte"]
DEVICE = "raspberry-pi-5"


def _cells():
    """(pattern, format, direction, training), in the order of the table."""
    for pattern in PATTERNS:
        yield pattern, "fp32", "-", Training(pattern)
        for wire in FORMATS:
            for direction, flag in DIRECTIONS.items():
                yield pattern, wire, direction, Training(pattern, flags=(f"{flag}={wire}",))


CELLS = list(_cells())
TRAININGS = [training for *_, training in CELLS]
COLUMNS = [
    page.Column("pattern", "pattern", page.code),
    page.Column("format", "format", page.code),
    page.Column("activations", "activations"),
    page.Column("validation loss", "val_loss", page.fixed(4)),
    page.Column("beside fp32", "beside_fp32", lambda value: f"{100 * value:+.1f} %"),
    page.Column("MiB per step and rank", "mib_per_step", page.fixed(2)),
    *(page.Column(f"ms per step, {network}", f"step_{network}_ms", page.fixed(1)) for network in NETWORKS),
]
SHOWS = "Validation loss against bytes, for two patterns and seven formats"


def rows(found):
    """Of all cells: times of those that nobody has trained yet are known, too."""
    for pattern, wire, direction, training in CELLS:
        record, plain = found.get(training), found.get(Training(pattern))
        times = {network: simulated(training, network, DEVICE) for network in NETWORKS}
        yield {
            "pattern": pattern,
            "format": wire,
            "activations": direction,
            "val_loss": record and record["val_loss"],
            "beside_fp32": record and plain and record["val_loss"] / plain["val_loss"] - 1,
            "mib_per_step": times[NETWORKS[0]]["bytes_on_the_wire_per_rank"] / 2**20,
            **{f"step_{network}_ms": 1e3 * times[network]["mean_step_seconds"] for network in NETWORKS},
        }


def draw(_, values, options):
    figure, axes = drawing.panels(len(PATTERNS), width=9.0, height=3.8, sharex=True, sharey=True)
    for panel, pattern in zip(axes, PATTERNS):
        for number, wire in enumerate(["fp32", *FORMATS]):
            style = drawing.style(number)
            for direction, fill in {"-": "full", "both ways": "full", "forward only": "none"}.items():
                points = [(row["mib_per_step"], row["val_loss"]) for row in values
                          if (row["pattern"], row["format"], row["activations"]) == (pattern, wire, direction) and row["val_loss"]]
                if points:
                    panel.plot(*zip(*points), color=style["color"], marker=style["marker"], linestyle="", markersize=6,
                               fillstyle=fill, label=wire if fill == "full" else f"{wire}, {direction}")
        panel.set(xscale="log", xlabel="MiB per step and rank", title=pattern)
        panel.set_xticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
        panel.minorticks_off()
    axes[0].set(ylabel="validation loss, whole split")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncol=5, fontsize=8, bbox_to_anchor=(0.5, 0.0))
    drawing.save(figure, "formats", options)


def block(options):
    return page.trained_block("formats", options, wanted=TRAININGS, columns=COLUMNS, rows=rows, draw=draw, shows=SHOWS)

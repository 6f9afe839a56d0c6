"""Pictures of the experiments: one look for all of them, as SVG in docs/images. Needs python3-matplotlib."""

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({
    "svg.hashsalt": "edgetp",  # the same data gives the same file
    "font.size": 9, "axes.titlesize": 10, "axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.6,
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
})
import matplotlib.pyplot as plt

import measuring

# Okabe and Ito: colours that differ for most eyes.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999", "#7f3c8d", "#a05d00",
           "#117733", "#882255", "#332288", "#44aa99", "#661100", "#ddaa33"]
MARKS = "os^DvPX*<>dph"
DASHES = ["-", "--", "-.", ":"]


def panels(columns, width=9.0, height=3.6, rows=1, **options):
    return plt.subplots(rows, columns, figsize=(width, height), **options)


def style(number):
    """Colour and mark of the n-th line: no two of the first forty are alike."""
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKS[number % len(MARKS)],
            "linestyle": DASHES[number // len(COLOURS) % len(DASHES)]}


def save(figure, name, options):
    """docs/images/experiment-NAME.svg; nothing with --quick."""
    figure.tight_layout()
    if not options.quick:
        figure.savefig(measuring.ROOT / "docs" / "images" / f"experiment-{name}.svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)

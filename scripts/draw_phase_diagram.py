#!/usr/bin/env python3
"""Draws docs/images/allreduce_phases.svg: the cheapest all-reduce for each size and delay.

Every cell is one row of `edgetp simulate --bytes --allreduce=... --format=json`: the picture shows
what the simulator says, and nothing else. Of the rings it has the one that passes whole chunks on.
Needs matplotlib (Debian: python3-matplotlib).

  scripts/draw_phase_diagram.py --edgetp=build/bin/edgetp --out=docs/images/allreduce_phases.svg
"""

import argparse
import json
import subprocess

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "edgetp"  # the same data gives the same file
import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

WORKERS = [2, 4, 8]
# What a row of panels adds to the command line. wifi-5 without its jitter is a shared medium of any delay and rate.
SCENES = {
    "links of their own,\nsoftware costs nothing": ["--network=none"],
    "links of their own,\nraspberry-pi-5: 0.5 ms per message": ["--network=none",
                                                                "--device=raspberry-pi-5"],
    "one shared medium,\nsoftware costs nothing": ["--network=wifi-5", "--jitter=0s"],
}
SIZES_BYTES = [4 * 2 ** (i / 2) for i in range(2 * 24 + 1)]  # 4 B to 64 MiB
DELAYS_US = [10 * 10 ** (i / 8) for i in range(8 * 4 + 1)]  # 10 us to 100 ms
# In the order of the registry; colours that differ in grey, too.
COLOURS = {
    "direct": "#fde725",
    "two_phase": "#21918c",
    "ring": "#d95f02",
    "halving_doubling": "#3b528b",
    "star": "#888888",
}


def whole_elements(size_bytes: float) -> int:
    """The nearest multiple of four: a float32."""
    return 4 * round(size_bytes / 4)


def prices(edgetp: str, scene: list[str], delay_us: float, rate: str) -> list[dict]:
    """All rows for one delay: sizes x workers x algorithms."""
    sizes = ",".join(str(whole_elements(size)) for size in SIZES_BYTES)
    command = [
        edgetp,
        "simulate",
        f"--bytes={sizes}",
        f"--workers={','.join(map(str, WORKERS))}",
        f"--allreduce={','.join(COLOURS)}",
        f"--delay={delay_us:.3f}us",
        f"--rate={rate}",
        "--format=json",
        *scene,
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return json.loads(output.stdout)["rows"]


def cheapest(edgetp: str, scene: list[str], rate: str) -> dict[int, list[list[int]]]:
    """Index of the cheapest algorithm by workers, delay and size. Of equals, the registry's first."""
    names = list(COLOURS)
    grids: dict[int, list[list[int]]] = {workers: [] for workers in WORKERS}
    for delay_us in DELAYS_US:
        found = {(row["workers"], row["bytes"]): row["algorithm"]
                 for row in prices(edgetp, scene, delay_us, rate) if row["cheapest"]}
        for workers in WORKERS:
            grids[workers].append([names.index(found[workers, whole_elements(size)])
                                   for size in SIZES_BYTES])
    return grids


def draw_panel(panel: plt.Axes, grid: list[list[int]]) -> None:
    """One world size: bytes to the right, delay upwards."""
    panel.pcolormesh(SIZES_BYTES, DELAYS_US, grid, cmap=ListedColormap(list(COLOURS.values())),
                     vmin=-0.5, vmax=len(COLOURS) - 0.5, shading="nearest", rasterized=True)
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    panel.set_xticks([2 ** 2, 2 ** 10, 2 ** 18, 2 ** 26], ["4 B", "1 KiB", "256 KiB", "64 MiB"])
    panel.set_yticks([10, 100, 1e3, 1e4, 1e5], ["10 us", "100 us", "1 ms", "10 ms", "100 ms"])


def draw(edgetp: str, rate: str, out: str) -> None:
    """A row of panels per scene, a column per world size, and one legend for all of them."""
    figure, rows = plt.subplots(len(SCENES), len(WORKERS), figsize=(11, 3 * len(SCENES) + 1),
                                sharex=True, sharey=True)
    used = set()
    for row, (name, scene) in zip(rows, SCENES.items()):
        grids = cheapest(edgetp, scene, rate)
        used.update(index for grid in grids.values() for line in grid for index in line)
        for panel, workers in zip(row, WORKERS):
            draw_panel(panel, grids[workers])
        row[0].set_ylabel(f"{name}\n\ndelay, one-way")
    for panel, workers in zip(rows[0], WORKERS):
        panel.set_title(f"P = {workers}")
    for panel in rows[-1]:
        panel.set_xlabel("bytes")
    figure.legend(handles=[Patch(color=colour, label=name)
                           for index, (name, colour) in enumerate(COLOURS.items()) if index in used],
                  loc="lower center", ncol=len(COLOURS), frameon=False)
    figure.suptitle(f"Cheapest all-reduce at {rate.replace('mbit', ' Mbit')}/s, simulated")
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(out, dpi=150, metadata={"Date": None} if out.endswith(".svg") else None)


def main() -> None:
    """Parses the command line and draws."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edgetp", default="build/bin/edgetp")
    parser.add_argument("--rate", default="300mbit")
    parser.add_argument("--out", default="docs/images/allreduce_phases.svg")
    arguments = parser.parse_args()
    draw(arguments.edgetp, arguments.rate, arguments.out)


if __name__ == "__main__":
    main()

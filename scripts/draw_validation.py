#!/usr/bin/env python3
"""Draws docs/images/validation.svg: what edgetp predicts over what others measured.

Every point is one row of `edgetp validate --format=json`. Needs matplotlib (Debian: python3-matplotlib).

  scripts/draw_validation.py --edgetp=build/bin/edgetp --out=docs/images/validation.svg
"""

import argparse
import json
import subprocess

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "edgetp"  # the same data gives the same file
import matplotlib.pyplot as plt

# Colours that differ for most eyes, and marks that differ without them.
STYLES = [("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"),
          ("#e69f00", "v"), ("#56b4e9", "P"), ("#000000", "X")]
# Panel, and how a value becomes one of its axis. Shares and speed-ups have no place on either.
AXES = {"s": ("time", lambda value: value), "tok/s": ("time", lambda value: 1 / value),
        "KiB": ("bytes", lambda value: 1024 * value), "GiB": ("bytes", lambda value: 2 ** 30 * value)}
TITLES = {"time": ("seconds", "time of an all-reduce, a message, a step, a token"),
          "bytes": ("bytes", "bytes of a token, memory of a device")}
BAND = 0.1


def points(source: dict, panel: str) -> dict[str, list[tuple[float, float]]]:
    """(measured, predicted) of one source by what they are for; inputs are no predictions."""
    found: dict[str, list[tuple[float, float]]] = {"predict": [], "aside": []}
    for rows in source["sets"]:
        for row in rows["rows"]:
            name, convert = AXES.get(row["unit"], ("", None))
            if name == panel and row["use"] in found:
                found[row["use"]].append((convert(row["measured"]), convert(row["predicted"])))
    return found


def draw_panel(panel: plt.Axes, name: str, sources: list[dict]) -> None:
    """One unit: measured to the right, predicted upwards."""
    everything = []
    for source, (colour, mark) in zip(sources, STYLES):
        for use, pairs in points(source, name).items():
            everything += [value for pair in pairs for value in pair]
            panel.scatter([x for x, _ in pairs], [y for _, y in pairs], s=22, marker=mark, linewidths=0.8,
                          facecolors=colour if use == "predict" else "none", edgecolors=colour, alpha=0.75, zorder=3)
    low, high = min(everything) / 1.6, max(everything) * 1.6
    panel.plot([low, high], [low, high], color="#444444", linewidth=0.8, zorder=1)
    panel.fill_between([low, high], [low * (1 - BAND), high * (1 - BAND)], [low * (1 + BAND), high * (1 + BAND)],
                       color="#dddddd", zorder=0)
    unit, title = TITLES[name]
    panel.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal", title=title,
              xlabel=f"measured, {unit}", ylabel=f"predicted, {unit}")


def draw(sources: list[dict], out: str) -> None:
    """Two panels and one legend with each source's mean error."""
    figure, panels = plt.subplots(1, 2, figsize=(11, 6.4))
    for panel, name in zip(panels, TITLES):
        draw_panel(panel, name, sources)
    handles = [plt.Line2D([], [], color=colour, marker=mark, linestyle="",
                          label=f"{source['name']}: {source['predicted_rows']} rows, {100 * source['mean_error']:.1f} %")
               for source, (colour, mark) in zip(sources, STYLES)]
    handles.append(plt.Line2D([], [], color="#444444", marker="o", markerfacecolor="none", linestyle="",
                              label="hollow: not counted"))
    figure.legend(handles=handles, loc="lower center", ncol=3, frameon=False,
                  title=f"source: rows, mean error; grey: within {100 * BAND:.0f} %")
    figure.tight_layout(rect=(0, 0.18, 1, 1))
    figure.savefig(out, dpi=150, metadata={"Date": None} if out.endswith(".svg") else None)


def main() -> None:
    """Parses the command line and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edgetp", default="build/bin/edgetp")
    parser.add_argument("--out", default="docs/images/validation.svg")
    arguments = parser.parse_args()
    output = subprocess.run([arguments.edgetp, "validate", "--format=json"], check=True, capture_output=True, text=True,
                            timeout=600)
    draw(json.loads(output.stdout)["sources"], arguments.out)


if __name__ == "__main__":
    main()

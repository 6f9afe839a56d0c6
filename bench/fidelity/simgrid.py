"""The block `simgrid`: our simulator beside SimGrid, which replays the same schedules on the same platform."""

import json

import measuring

PACKAGES = ("libsimgrid-dev",)
# name: (one-way delay in us, bits per second)
NETWORKS = {"Ethernet": (100, 941e6), "Wi-Fi": (3000, 300e6), "LTE": (35000, 12e6)}
WORLDS = (2, 4, 8)
ALGORITHMS = ("direct", "two_phase", "ring", "halving_doubling", "star")
SIZES = (4096, 393216, 37748736)
# name: (platform of simgrid_replay, what it is)
UNEVEN = (("slow_link", "one link at a tenth of the rate"), ("slow_device", "one device at a tenth of the rate"),
          ("fast_interface", "interfaces of four times the links' rate"))


def difference(network, workers, algorithm, size, platform="uniform"):
    """Ours against SimGrid's time, as a share."""
    delay_us, rate = NETWORKS[network]
    # With a delay and two bottlenecks in a row, SimGrid lets a flow pass faster than its slowest link: unexplained.
    delay_us = delay_us if platform == "uniform" else 0
    command = [measuring.BIN / "simgrid_replay", delay_us, f"{rate:.0f}", workers, algorithm, size, platform]
    times = json.loads(measuring.run(command, 120))
    return times["seconds"] / times["simgrid_seconds"] - 1


def compare(sizes, platform):
    """(rows by algorithm of the largest differences, the worst one, how many cells)"""
    worst = 0.0
    cells = 0
    rows = []
    for algorithm in ALGORITHMS:
        row = [f"`{algorithm}`"]
        for workers in WORLDS:
            found = [difference(network, workers, algorithm, size, platform) for network in NETWORKS for size in sizes]
            largest = max(found, key=abs)
            worst = max(worst, abs(largest))
            cells += len(found)
            row.append(f"{100 * largest:+.4f} %")
        rows.append(row)
    return rows, worst, cells


def block(options):
    if not (measuring.BIN / "simgrid_replay").exists():
        return "SimGrid is not installed: nothing was compared."
    sizes = SIZES[:2] if options.quick else SIZES
    header = ["largest difference"] + [f"P = {workers}" for workers in WORLDS]
    rows, worst, cells = compare(sizes, "uniform")
    parts = [measuring.preamble("scripts/measure.sh fidelity --only=simgrid", PACKAGES),
             f"Ours against SimGrid, the largest of {', '.join(NETWORKS)} and {len(sizes)} sizes from 4 KiB to "
             f"{sizes[-1] // 1024} KiB; the worst of {cells} cells is {100 * worst:.4f} %.", measuring.table(header, rows)]
    for platform, words in UNEVEN:
        rows, worst, cells = compare(sizes, platform)
        parts += [f"With {words}, without delay; the worst of {cells} cells is {100 * worst:.4f} %:", measuring.table(header, rows)]
    return "\n\n".join(parts)

"""The block `simgrid`: our simulator beside SimGrid, which replays the same schedules on the same platform."""

import json

import measuring

PACKAGES = ("libsimgrid-dev",)
# name: (one-way delay in us, bits per second)
NETWORKS = {"Ethernet": (100, 941e6), "Wi-Fi": (3000, 300e6), "LTE": (35000, 12e6)}
WORLDS = (2, 4, 8)
ALGORITHMS = ("direct", "two_phase", "ring", "halving_doubling", "star")
SIZES = (4096, 393216, 37748736)


def difference(network, workers, algorithm, size):
    """Ours against SimGrid's time, as a share."""
    delay_us, rate = NETWORKS[network]
    command = [measuring.BIN / "simgrid_replay", delay_us, f"{rate:.0f}", workers, algorithm, size]
    times = json.loads(measuring.run(command, 120))
    return times["seconds"] / times["simgrid_seconds"] - 1


def block(options):
    if not (measuring.BIN / "simgrid_replay").exists():
        return "SimGrid is not installed: nothing was compared."
    sizes = SIZES[:2] if options.quick else SIZES
    worst = 0.0
    cells = 0
    rows = []
    for algorithm in ALGORITHMS:
        row = [f"`{algorithm}`"]
        for workers in WORLDS:
            found = [difference(network, workers, algorithm, size) for network in NETWORKS for size in sizes]
            largest = max(found, key=abs)
            worst = max(worst, abs(largest))
            cells += len(found)
            row.append(f"{100 * largest:+.4f} %")
        rows.append(row)
    text = measuring.table(["largest difference"] + [f"P = {workers}" for workers in WORLDS], rows)
    return (f"{measuring.preamble('scripts/measure.sh fidelity --only=simgrid', PACKAGES)}\n\n"
            f"Ours against SimGrid, the largest of {', '.join(NETWORKS)} and {len(sizes)} sizes from 4 KiB to "
            f"{sizes[-1] // 1024} KiB; the worst of {cells} cells is {100 * worst:.4f} %.\n\n{text}")

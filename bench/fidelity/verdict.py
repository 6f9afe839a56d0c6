"""Does the verdict tell good runs from bad ones? A grid of runs from an idle host to one that is far too busy."""

import os
import tempfile

import measuring
import probe

MODEL = ["--batch=2", "--sequence=16", "--set=model.layers=4", "--set=model.heads=8", "--set=model.channels=32",
         "--set=train.eval_interval=1000000", "--set=train.eval_windows=1", "--set=train.replica_check_interval=1000000"]
NETWORKS = {
    "0.1 ms": ["--delay=100us"],
    "2 ms, 1 Gbit/s": ["--delay=2ms", "--rate=1gbit"],
    "10 ms": ["--delay=10ms"],
}


def run(folder, workers, processes, flags, steps):
    with probe.busy_cores(processes):
        return measuring.edgetp("train", f"--workers={workers}", "--pattern=tttt", f"--steps={steps}", f"--runs={folder}",
                                f"--run=verdict-{workers}-{processes}-{abs(hash(tuple(flags)))}", "--log_level=warn", *MODEL, *flags)


def verdict(options):
    """The block `verdict`."""
    cores = os.cpu_count()
    loads = (0, 2 * cores) if options.quick else (0, cores, 2 * cores)
    rows, missed, alarms = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for network, flags in NETWORKS.items():
            for workers in (2, 8) if options.quick else (2, 4, 8):
                for processes in loads:
                    summary = run(folder, workers, processes, flags, 10 if options.quick else 25)
                    error = summary["mean_step_seconds"] / summary["predicted_step_seconds"] - 1
                    late = summary["verdict"]["late_share"]
                    valid = summary["verdict"]["valid"]
                    missed += valid and error > 0.05
                    alarms += not valid and error < 0.02
                    rows.append((network, workers, processes, f"{summary['mean_step_seconds'] * 1000:.1f} ms",
                                 f"{summary['predicted_step_seconds'] * 1000:.1f} ms", f"{100 * error:+.1f} %", f"{100 * late:.1f} %",
                                 "valid" if valid else "INVALID"))
    header = ("network", "workers", "busy processes", "step, mean", "predicted", "error", "late", "verdict")
    return (measuring.table(header, rows) +
            f"\n\nOf {len(rows)} runs: {missed} valid with an error above 5 %, {alarms} INVALID with an error below 2 %.")

"""Predicted before it ran: this host is calibrated once, and then runs of other shapes, patterns, numbers of workers and
networks are predicted from that device profile alone. No time of a run is fed to its prediction."""

import os
import pathlib
import statistics
import tempfile

import measuring

ETHERNET = "ethernet-1g"
# name, network, workers, pattern, fields of the run. None is a shape that `edgetp calibrate` measures, but for the first
# row's, which is the model that it is told to calibrate for; that one only without a network.
CELLS = [
    ("base", ETHERNET, 2, "tttt", {}),
    ("base", ETHERNET, 2, "ssss", {}),
    ("base", ETHERNET, 2, "sppp", {}),
    ("base", ETHERNET, 2, "pppp", {}),
    ("base", "ethernet-100m", 2, "tttt", {}),
    ("base", "ethernet-100m", 2, "pppp", {}),
    ("base", "lte", 2, "pppp", {}),
    ("base", "none", 2, "sppp", {}),
    ("batch 2", ETHERNET, 2, "tttt", {"train.batch": 2}),
    ("batch 6", ETHERNET, 2, "sppp", {"train.batch": 6}),
    ("batch 48", ETHERNET, 2, "tttt", {"train.batch": 48}),
    ("batch 48", ETHERNET, 2, "pppp", {"train.batch": 48}),
    ("batch 24", "none", 2, "tttt", {"train.batch": 24}),
    ("sequence 256", ETHERNET, 2, "tttt", {"model.sequence": 256}),
    ("sequence 256", ETHERNET, 2, "sppp", {"model.sequence": 256}),
    ("sequence 128", "none", 2, "ssss", {"model.sequence": 128}),
    ("8 layers", ETHERNET, 2, "t*8", {"model.layers": 8}),
    ("8 layers", ETHERNET, 2, "(sppp)*2", {"model.layers": 8}),
    ("2 layers", "none", 2, "tt", {"model.layers": 2}),
    ("256 channels", ETHERNET, 2, "tttt", {"model.channels": 256}),
    ("512 channels", ETHERNET, 2, "tttt", {"model.channels": 512}),
    ("512 channels", ETHERNET, 2, "sppp", {"model.channels": 512}),
    ("512 channels", "none", 2, "tttt", {"model.channels": 512}),
    ("P = 1", "none", 1, "tttt", {}),
    ("P = 1, batch 48", "none", 1, "tttt", {"train.batch": 48}),
    ("P = 1, 512 channels", "none", 1, "tttt", {"model.channels": 512}),
]
# An evaluation is no part of a step; the last one need not be long.
ALONE = ["--set=train.eval_interval=1000000", "--set=train.eval_windows=1"]


def options_of(cell):
    _, network, workers, pattern, fields = cell
    return ["--model=minigpt", f"--network={network}", f"--workers={workers}", f"--pattern={pattern}",
            *(f"--set={field}={value}" for field, value in fields.items())]


def steps_of(network, quick):
    if quick:
        return 6
    return 12 if network == "lte" else 40


def row_of(cell, profile, quick):
    """The cell's measured and predicted step, each with its compute, and the error."""
    name, network, workers, pattern, _ = cell
    run = measuring.edgetp("train", *options_of(cell), *ALONE, f"--steps={steps_of(network, quick)}", timeout_s=300)
    predicted = measuring.edgetp("simulate", *options_of(cell), f"--device={profile}", "--steps=1")
    error = predicted["step_seconds"] / run["step_seconds"]["median"] - 1
    verdict = run["verdict"]
    says = ("valid" if verdict["valid"] else "INVALID") if verdict.get("judged", True) else "not judged"
    return error, says, [name, network, workers, f"`{pattern}`", f"{run['step_seconds']['median'] * 1e3:.4g}",
                         f"{predicted['step_seconds'] * 1e3:.4g}", f"{error * 100:+.1f} %",
                         f"{run['breakdown_seconds']['compute'] * 1e3:.3g}", f"{predicted['breakdown_seconds']['compute'] * 1e3:.3g}",
                         says]


def calibrate(folder):
    path = pathlib.Path(folder) / "host.textproto"
    report = measuring.edgetp("calibrate", "--model=minigpt", f"--out={path}")
    fit = max(abs(shape["fitted_seconds"] / shape["compute_seconds"] - 1) for shape in report["shapes"])
    return path, (f"Calibrated: products {report['flops_per_second'] / 1e9:.0f} GFLOP/s, element-wise "
                  f"{report['elementwise_bytes_per_second'] / 1e9:.1f} GB/s, optimizer {report['optimizer_bytes_per_second'] / 1e9:.1f} GB/s, "
                  f"{report['operation_overhead_us']:.2f} us an operation, {report['segment_overhead_us']:.1f} us a segment, "
                  f"{report['message_overhead_us']:.1f} us a message at each end, {report['message_bytes_per_second'] / 1e9:.2f} GB/s of its bytes; "
                  f"the {len(report['shapes'])} shapes that were measured are fitted within {fit * 100:.1f} %.")


def block(options):
    cells = [cell for cell in CELLS if cell[2] <= os.cpu_count()]
    if options.quick:
        cells = cells[::5]
    intro = measuring.preamble("scripts/measure.sh fidelity --only=apriori", ["libtorch1.13", "libopenblas0-openmp"])
    with tempfile.TemporaryDirectory() as folder:
        measuring.say("calibrating")
        profile, calibrated = calibrate(folder)
        measuring.say(f"predicting and running {len(cells)} cells")
        found = [row_of(cell, profile, options.quick) for cell in cells]
    errors = [abs(error) for error, _, _ in found]
    summary = (f"{len(errors)} runs: mean error {statistics.mean(errors) * 100:.1f} % (to reach: 4 %), worst {max(errors) * 100:.1f} % "
               f"(to reach: 10 %).")
    header = ["run", "network", "P", "pattern", "median step, ms", "predicted, ms", "error", "compute, ms (mean)", "predicted, ms", "verdict"]
    return "\n\n".join([intro, calibrated, measuring.table(header, [row for _, _, row in found]), summary])

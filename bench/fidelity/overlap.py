"""Exchanges under compute on this host, which is paced to nothing: measured, and predicted twice. Once with the compute that
the run itself measured, and once before it ran, from a calibrated device profile."""

import tempfile

import apriori
import measuring

# name, options of the run
CELLS = [
    ("tttt", ["--pattern=tttt"]),
    ("l*4", ["--pattern=l*4"]),
    ("tttt, DW", ["--pattern=tttt", "--overlap=dw"]),
    ("tttt, ROWS(2)", ["--pattern=tttt", "--overlap=rows(2)"]),
]
RUN = ["--model=minigpt", "--network=ethernet-1g", "--workers=2"]


def milliseconds(seconds):
    return f"{seconds * 1e3:.4g}"


def row_of(cell, profile, quick):
    name, options = cell
    run = measuring.edgetp("train", *RUN, *options, *apriori.ALONE, f"--steps={6 if quick else 100}", timeout_s=300)
    before = measuring.edgetp("simulate", *RUN, *options, f"--device={profile}", "--steps=3")
    measured = run["step_seconds"]["median"]
    verdict = "valid" if run["verdict"]["valid"] else "INVALID"
    return [name, milliseconds(measured),
            milliseconds(run["predicted_step_seconds"]), f"{(run['predicted_step_seconds'] / measured - 1) * 100:+.1f} %",
            milliseconds(before["step_seconds"]), f"{(before['step_seconds'] / measured - 1) * 100:+.1f} %",
            milliseconds(run["breakdown_seconds"]["compute"]), milliseconds(before["breakdown_seconds"]["compute"]),
            milliseconds(run["hidden_seconds"]), milliseconds(before["hidden_seconds"]), verdict]


def block(options):
    intro = measuring.preamble("scripts/measure.sh fidelity --only=overlap", ["libtorch1.13", "libopenblas0-openmp"])
    with tempfile.TemporaryDirectory() as folder:
        measuring.say("calibrating")
        profile, _ = apriori.calibrate(folder)
        measuring.say(f"predicting and running {len(CELLS)} cells")
        rows = [row_of(cell, profile, options.quick) for cell in CELLS]
    header = ["MiniGPT, ethernet-1g, P = 2", "median step, ms", "predicted with its compute, ms", "error", "predicted before, ms", "error",
              "compute, ms (mean)", "predicted, ms", "hidden, ms (mean)", "predicted, ms", "verdict"]
    return "\n\n".join([intro, measuring.table(header, rows)])

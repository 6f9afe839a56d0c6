"""A network that changes, and one that is cut in two, in the middle of a training run."""

import json
import pathlib
import tempfile

import measuring

PROFILE = """
name: "base" link { delay_us: 5000 }
events { at_seconds: 2 network { name: "far" link { delay_us: 20000 } } }
events { at_seconds: 5 network { name: "slow" link { delay_us: 5000 rate_bits_per_second: 2e6 } } }
events { at_seconds: 8 restore {} }
events { at_seconds: 10 partition { groups { ranks: 0 } } }
events { at_seconds: 11.5 restore {} }
"""
STALL_S = 1.5
TINY = ["--batch=2", "--sequence=16", "--set=model.layers=2", "--set=model.heads=2", "--set=model.channels=16",
        "--set=train.eval_interval=1000000", "--set=train.eval_windows=1", "--set=train.replica_check_interval=1000000"]


def changes(options):
    """The block `changes`."""
    steps = 60 if options.quick else 190
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "net.textproto").write_text(PROFILE)
        summary = measuring.edgetp("train", f"--network={folder}/net.textproto", "--pattern=ts", "--workers=2", f"--steps={steps}",
                                   f"--runs={folder}", "--run=changes", *TINY)
        lines = (pathlib.Path(folder) / "changes" / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    predicted = {row["network"]: row["predicted_step_seconds"] for row in summary["networks"]}
    rows, before = [], None
    for name, of_state in _states(records):
        begin = of_state[0]["wall_seconds"]
        inner = [record["step_seconds"] for record in of_state[1:]] or [of_state[0]["step_seconds"]]
        middle, longest = measuring.median(inner), max(record["step_seconds"] for record in of_state)
        asked = name.split("@")[1].split(":")[0] if "@" in name else "0 s"
        rows.append((f"`{name}`", asked, f"{begin:.2f} s", len(of_state), f"{middle * 1000:.1f} ms", f"{predicted[name] * 1000:.1f} ms",
                     f"{100 * (middle / predicted[name] - 1):+.1f} %", f"{longest * 1000:.0f} ms"))
        before = name
    header = ("network in force", "asked from", "first step that ended under it", "steps", "step, median", "predicted", "error", "longest step")
    return measuring.table(header, rows)


def _states(records):
    """Consecutive records of one network."""
    states = []
    for record in records:
        if not states or states[-1][0] != record["network"]:
            states.append((record["network"], []))
        states[-1][1].append(record)
    return states

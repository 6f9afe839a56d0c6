"""The block `scale`: the simulator on a plan of GPT-3's size."""

import json
import os
import subprocess

import measuring

WORLDS = (64, 128, 256, 512, 1024)
# GPT-3 has 96 heads, and every rank needs one: 1024 narrower ones keep the matrices as large as they are.
COMMAND = ("simulate", "--model=gpt3", "--set", "model.heads=1024", "--pattern=t*96", "--network=ethernet-1g", "--device=mac-mini-m4", "--steps=1")


def simulate(workers, algorithm):
    """(events, CPU seconds, peak MiB) of one simulation."""
    command = [str(measuring.BIN / "edgetp"), *COMMAND, f"--workers={workers}", f"--allreduce={algorithm}", "--format=json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=measuring.ROOT)
    output = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        raise RuntimeError(f"{' '.join(command)}: status {status}")
    return json.loads(output)["events"], usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row_of(workers, algorithm, rounds):
    runs = [simulate(workers, algorithm) for _ in range(rounds)]
    events, seconds, peak = runs[0][0], measuring.median(run[1] for run in runs), max(run[2] for run in runs)
    return [f"{workers}, {algorithm}", f"{events / 1e6:.2f} million", f"{seconds:.2f}", f"{events / seconds / 1e6:.2f} million", f"{peak:.0f} MiB"], seconds


def block(options):
    rounds = 1 if options.quick else 3
    rows, times = [], {}
    for workers in WORLDS:
        row, times[workers] = row_of(workers, "ring", rounds)
        rows.append(row)
    rows.append(row_of(WORLDS[-1], "halving_doubling", rounds)[0])
    growth = times[WORLDS[-1]] / times[WORLDS[0]]
    return "\n\n".join([
        measuring.preamble("scripts/measure.sh performance --only=scale", ()),
        f"`edgetp {' '.join(COMMAND)} --workers=P --allreduce=NAME`, one core.",
        measuring.table(["P", "events", "CPU seconds", "events per CPU second", "peak memory"], rows),
        f"From {WORLDS[0]} to {WORLDS[-1]} workers a ring's messages grow {(WORLDS[-1] * (WORLDS[-1] - 1)) / (WORLDS[0] * (WORLDS[0] - 1)):.0f} times, the simulation's CPU time {growth:.0f} times."])

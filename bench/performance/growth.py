"""The blocks `growth` (a step's time and memory against workers, layers and payload; what waiting costs; what an emulated link
without limits costs) and `start` (from nothing to the first step)."""

import contextlib
import pathlib
import subprocess
import tempfile
import time

import cluster
import measuring
import processes

PACKAGES = ("libgrpc++1.51", "libtorch1.13", "libopenblas0-openmp")
WORLDS = (1, 2, 4, 8, 16)
LAYERS = (2, 4, 8, 16)
BATCHES = (3, 6, 12, 24)
STEPS = 12  # of a run; its step time is the median
# MiniGPT with a head for each of 16 workers, and without an evaluation at the end that would take longer than the steps.
MODEL = ("--model=minigpt", "--set", "model.heads=16", "--set", "train.eval_windows=1", "--network=none")
# Emulated, but never in the way: 8 Tbit/s and no delay.
FREE_LINK = "--rate=8000gbit"


def ms(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.001 else f"{seconds * 1e6:.0f} us"


def percent(share):
    return f"{share * 100:.2f} %"


def train(server, workers, *parts, pattern="tttt", steps=STEPS):
    return measuring.edgetp("train", f"--server={server}", f"--workers={workers}", f"--pattern={pattern}", f"--steps={steps}", *MODEL, *parts, timeout_s=240)


def step_and_memory(workers, rounds, layers=4, batch=12):
    """(median step seconds, largest resident MiB of a worker) of a cluster of its own: memory starts from nothing."""
    with cluster.local_cluster(workers) as local:
        pids, times = processes.workers_of(local.pid), []
        with processes.MemoryWatch(pids) as watch:
            for _ in range(rounds):
                times.append(train(local.address, workers, "--set", f"model.layers={layers}", f"--batch={batch}", pattern="t" * layers)["step_seconds"]["median"])
    return measuring.median(times), watch.peak_mib


def against_workers(rounds, seconds):
    rows = []
    for workers in WORLDS:
        with cluster.local_cluster(workers) as local:
            pids = processes.workers_of(local.pid)
            joined = max(map(processes.resident_mib, pids))
            time.sleep(1)  # what the start has left to do
            idle, _ = processes.cpu_share(pids, lambda: time.sleep(seconds))
            with processes.MemoryWatch(pids) as watch:
                times = [train(local.address, workers)["step_seconds"]["median"] for _ in range(rounds)]
        rows.append([workers, ms(measuring.median(times)), f"{joined:.0f} MiB", f"{watch.peak_mib:.0f} MiB", percent(idle)])
    return measuring.table(["P", "step", "memory of a worker, joined", "training", "CPU of a worker without a job"], rows)


def against_size(rounds):
    rows = []
    for layers in LAYERS:
        step, peak = step_and_memory(2, rounds, layers=layers)
        rows.append([f"{layers} layers, 384 KiB", ms(step), f"{peak:.0f} MiB"])
    for batch in BATCHES:
        step, peak = step_and_memory(2, rounds, batch=batch)
        rows.append([f"4 layers, {batch * 32} KiB", ms(step), f"{peak:.0f} MiB"])
    return measuring.table(["two workers, `t` blocks; payload of an all-reduce", "step", "memory of a worker, training"], rows)


def waiting_in_a_collective(iterations):
    """Share of a core that a worker uses while it waits for a link of 300 ms."""
    with cluster.local_cluster(2) as local:
        pids = processes.workers_of(local.pid)
        body = lambda: measuring.edgetp("bench", "allreduce", f"--server={local.address}", "--workers=2", "--bytes=384KiB", "--delay=300ms",
                                        f"--iterations={iterations}")
        return processes.cpu_share(pids, body)[0]


def free_link(rounds):
    """Rows: what a link without limits costs over no emulation; both in turns on one cluster."""
    cells = {"all-reduce, 384 KiB": lambda server, link: all_reduce(server, link, "384KiB", 1500),
             "all-reduce, 36 MiB": lambda server, link: all_reduce(server, link, "36MiB", 12),
             "training step, MiniGPT": lambda server, link: train(server, 2, *link, steps=40)["step_seconds"]["median"]}
    rows = []
    with cluster.local_cluster(2) as local:
        for name, cell in cells.items():
            plain, free = [], []
            for _ in range(rounds):
                plain.append(cell(local.address, ()))
                free.append(cell(local.address, (FREE_LINK,)))
            ratios = [b / a for a, b in zip(plain, free)]
            costs = measuring.median(ratios) - 1
            rows.append([name, ms(measuring.median(plain)), ms(measuring.median(free)), f"{costs * 100:+.1f} %", "yes" if costs < 0.03 else "**no**"])
    return rows


def all_reduce(server, link, size, iterations):
    row = measuring.edgetp("bench", "allreduce", f"--server={server}", "--workers=2", f"--bytes={size}", f"--iterations={iterations}", *link)["rows"][0]
    return row["median_us"] / 1e6


def growth(options):
    rounds = 1 if options.quick else 3
    seconds = 2 if options.quick else 5
    waiting = waiting_in_a_collective(4 if options.quick else 12)
    free = free_link(1 if options.quick else 7)
    return "\n\n".join([
        measuring.preamble("scripts/measure.sh performance --only=growth", PACKAGES),
        "MiniGPT (C 128, T 64, B 12) with 16 heads, `tttt`, one thread per worker. More workers than cores take turns on them.",
        against_workers(rounds, seconds),
        against_size(rounds),
        f"A worker that waits in an all-reduce for a link of 300 ms uses {percent(waiting)} of a core (to reach: less than 2 %).",
        f"An emulated link without limits (`{FREE_LINK}`) against no emulation, two workers, in turns (to reach: less than 3 %):",
        measuring.table(["", "no emulation", "emulated", "costs", "reached"], free)])


def first_step_seconds(workers):
    """From the start of `edgetp train` until the first step stands in the run's metrics, and until the command has ended."""
    with tempfile.TemporaryDirectory() as runs, contextlib.ExitStack() as stack:
        command = [measuring.BIN / "edgetp", "train", f"--workers={workers}", "--pattern=tttt", *MODEL, "--steps=1", f"--runs={runs}", "--format=json"]
        begin = time.monotonic()
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=measuring.ROOT)
        stack.callback(process.stderr.close)
        first = None
        while process.poll() is None:
            if first is None and any(path.stat().st_size > 0 for path in pathlib.Path(runs).glob("*/metrics.jsonl")):
                first = time.monotonic() - begin
            time.sleep(0.002)
        if process.returncode != 0 or first is None:
            raise RuntimeError(f"edgetp train: exit code {process.returncode}: {process.stderr.read().decode()[-2000:]}")
        return first, time.monotonic() - begin


def start(options):
    rounds = 1 if options.quick else 5
    times = {workers: [] for workers in (1, 2, 4, 8)}
    for _ in range(rounds):
        for workers in times:
            times[workers].append(first_step_seconds(workers))
    rows = []
    for workers, pairs in times.items():
        first, low, high = measuring.spread([pair[0] for pair in pairs])
        rows.append([workers, f"{first:.2f} s", f"{low:.2f} to {high:.2f} s", f"{measuring.median(pair[1] for pair in pairs):.2f} s"])
    return "\n\n".join([
        measuring.preamble("scripts/measure.sh performance --only=start", PACKAGES),
        f"`edgetp train --workers=P --steps=1`: a server and P workers from nothing; {rounds} rounds.",
        measuring.table(["P", "to the first step", "range", "until the command has ended"], rows)])

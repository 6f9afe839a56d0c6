"""The block `memory`: what a training step takes of each worker's memory, beside what `edgetp plan` says. It does not depend on a quiet machine."""

import json

import cluster
import measuring
import processes

PACKAGES = ("libtorch1.13", "libopenblas0-openmp")
GIB = 2**30
MIB = 2**20
GPT2 = ("--model=gpt2", "--set", "model.vocabulary=50257")
MINIGPT = ("--model=minigpt", "--set", "model.vocabulary=65")

PLAIN, AGAIN = (), ("--recompute",)
# (model, what a run is given, workers, with and without recomputation)
RUNS = (
    ("MiniGPT, B 64, T 64", (*MINIGPT, "--batch=64"), 2, (PLAIN, AGAIN)),
    ("GPT-2 124M, B 1, T 256", (*GPT2, "--batch=1", "--sequence=256"), 1, (PLAIN, AGAIN)),
    ("GPT-2 124M, B 1, T 256", (*GPT2, "--batch=1", "--sequence=256"), 2, (PLAIN, AGAIN)),
    ("GPT-2 124M, B 12, T 1024", (*GPT2, "--batch=12", "--sequence=1024"), 2, (PLAIN, AGAIN)),
)


def planned(model, workers):
    """Bytes of each rank, largest first."""
    plan = json.loads(measuring.run([measuring.BIN / "edgetp", "plan", f"--workers={workers}", *model, "--format=json"], 60))
    return sorted((rank["total"] for rank in plan["memory_bytes_per_rank"]), reverse=True)


def measured(model, workers):
    """Peak resident bytes of each worker of a cluster of its own, largest first; which worker has which rank is chance."""
    with cluster.local_cluster(workers) as local:
        pids = processes.workers_of(local.pid)
        measuring.edgetp("train", f"--server={local.address}", f"--workers={workers}", "--steps=1", "--network=none", "--set", "train.eval_windows=1", *model,
                         timeout_s=3600)
        return sorted((processes.peak_bytes(pid) for pid in pids), reverse=True)


def size(amount):
    return f"{amount / GIB:.2f} GiB" if amount >= GIB else f"{amount / MIB:.0f} MiB"


def block(options):
    rows = []
    for title, model, workers, ways in RUNS[:1] if options.quick else RUNS:
        for recompute in ways:
            measuring.say(f"{title}, P={workers} {' '.join(recompute)}")
            says, takes = planned((*model, *recompute), workers), measured((*model, *recompute), workers)
            for plan, peak in zip(says, takes):
                rows.append([title, workers, "yes" if recompute else "no", size(peak), size(plan), f"{plan / peak:.2f}"])
    return "\n\n".join([
        measuring.preamble("scripts/measure.sh performance --only=memory", PACKAGES),
        "Peak resident memory (VmHWM) of each worker from its start to the checkpoint after one step, largest first; the worker that puts the checkpoint "
        "together is rank 0.",
        measuring.table(["model", "P", "`--recompute`", "measured", "plan", "plan / measured"], rows)])

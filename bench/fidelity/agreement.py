"""Emulated against simulated: the step time that real processes take, paced to a device and held by an emulated network,
beside what `edgetp simulate` says of the same run: the same plan, seed, steps and messages."""

import statistics

import measuring

NETWORKS = ["ethernet-1g", "ethernet-100m", "wifi-5", "5g-nsa", "lte"]
PATTERNS = ["tttt", "ssss", "sppp", "pppp"]
WORKERS = [2, 4]
ALGORITHMS = ["direct", "ring"]
# A board slow enough for this host to play four of them, and a batch that keeps a step below a second.
RUN = ["--model=minigpt", "--batch=4", "--device=raspberry-pi-4", "--set=device.flops_per_second=6e9", "--seed=7"]
# Nothing but training steps sends messages before the last one: both draw the same jitter for each.
ALONE = ["--set=train.eval_interval=1000000", "--set=train.replica_check_interval=1000000", "--set=train.eval_windows=4"]


def key(row):
    return row["network"], row["pattern"], row["workers"]


def cells(options):
    """(network, pattern, workers, algorithm) -> (emulated summary, simulated report)"""
    networks = NETWORKS[:2] if options.quick else NETWORKS
    steps = 3 if options.quick else 6
    found = {}
    for algorithm in ALGORITHMS:
        same = [f"--patterns={','.join(PATTERNS)}", f"--networks={','.join(networks)}", f"--workers={','.join(map(str, WORKERS))}",
                f"--allreduce={algorithm}", f"--steps={steps}", *RUN]
        measuring.say(f"emulating {algorithm}: {len(networks) * len(PATTERNS) * len(WORKERS)} runs of {steps} steps")
        emulated = measuring.edgetp("sweep", *same, *ALONE, timeout_s=600)["rows"]
        simulated = {key(row): row for row in measuring.edgetp("simulate", *same)["rows"]}
        for row in emulated:
            found[(*key(row), algorithm)] = (row, simulated[key(row)])
    return found


def error(pair):
    emulated, simulated = pair
    return emulated["step_seconds"]["median"] / simulated["step_seconds"] - 1


def same_order(found, network, workers, algorithm):
    """The patterns in the order of their step times; those that the simulator says are equal may swap."""
    pairs = [found[network, pattern, workers, algorithm] for pattern in PATTERNS]
    by_simulation = sorted(pairs, key=lambda pair: pair[1]["step_seconds"])
    times = [pair[0]["step_seconds"]["median"] for pair in by_simulation]
    return all(a <= b for a, b in zip(times, times[1:]))


def milliseconds(seconds):
    return f"{seconds * 1e3:.4g}"


def agreement(options):
    found = cells(options)
    rows, orders = [], []
    for network, workers, algorithm in sorted({(n, w, a) for n, _, w, a in found}, key=str):
        pairs = [found[network, pattern, workers, algorithm] for pattern in PATTERNS]
        orders.append(same_order(found, network, workers, algorithm))
        rows.append([network, workers, algorithm,
                     *(f"{milliseconds(e['step_seconds']['median'])} / {milliseconds(s['step_seconds'])}" for e, s in pairs),
                     f"{max((error(pair) for pair in pairs), key=abs) * 100:+.2f} %", "yes" if orders[-1] else "NO"])
    errors = [abs(error(pair)) for pair in found.values()]
    invalid = [cell for cell, (emulated, _) in found.items() if not emulated["verdict"]["valid"]]
    summary = (f"{len(errors)} runs: mean error {statistics.mean(errors) * 100:.2f} % (limit 2 %), worst {max(errors) * 100:.2f} % (limit 5 %); "
               f"the patterns are in the same order in {sum(orders)} of {len(orders)} groups; "
               + ("all runs are `valid`." if not invalid else f"INVALID: {', '.join(map(str, invalid))}."))
    header = ["network", "P", "all-reduce", *(f"{pattern}, ms" for pattern in PATTERNS), "worst error", "same order"]
    return "\n\n".join([measuring.preamble("scripts/measure.sh fidelity --only=agreement", []),
                        "Median step, emulated / simulated:", measuring.table(header, rows), summary])

"""Emulated against simulated: the step time that real processes take, paced to a device and held by an emulated network,
beside what `edgetp simulate` says of the same run: the same plan, seed, steps and messages."""

import collections
import statistics

import measuring

NETWORKS = ["ethernet-1g", "ethernet-100m", "wifi-5", "5g-nsa", "lte"]
# What removes exchanges or makes them smaller, and what runs them under compute.
Way = collections.namedtuple("Way", "name pattern overlap", defaults=(None,))
REMOVED = [*(Way(pattern, pattern) for pattern in ("tttt", "ssss", "sppp", "pppp", "g*4", "d*4", "t@0.5*4"))]
HIDDEN = [Way("tttt", "tttt"), Way("l*4", "l*4"), Way("t~2*4", "t~2*4"), Way("tttt, DW", "tttt", "dw"),
          Way("tttt, ROWS(2)", "tttt", "rows(2)")]
WAYS = list(dict.fromkeys(REMOVED + HIDDEN))
WORKERS = [2, 4]
ALGORITHMS = ["direct", "ring"]
# A board slow enough for this host to play four of them, and a batch that keeps a step below a second.
RUN = ["--model=minigpt", "--batch=4", "--device=raspberry-pi-4", "--set=device.flops_per_second=6e9", "--seed=7"]
# Nothing but training steps sends messages before the last one: both draw the same jitter for each.
ALONE = ["--set=train.eval_interval=1000000", "--set=train.replica_check_interval=1000000", "--set=train.eval_windows=4"]
# Steps that the simulator says are equal so far may swap.
TIE = 0.002


def options_of(way):
    return [f"--patterns={way.pattern}"] + ([f"--overlap={way.overlap}"] if way.overlap else [])


def cells(options):
    """(network, workers, algorithm) -> {way: (emulated summary, simulated report)}"""
    networks = NETWORKS[:2] if options.quick else NETWORKS
    steps = 3 if options.quick else 6
    found = collections.defaultdict(dict)
    for algorithm in ALGORITHMS:
        for way in WAYS:
            same = [*options_of(way), f"--networks={','.join(networks)}", f"--workers={','.join(map(str, WORKERS))}",
                    f"--allreduce={algorithm}", f"--steps={steps}", *RUN]
            measuring.say(f"emulating {way.name}, {algorithm}: {len(networks) * len(WORKERS)} runs of {steps} steps")
            emulated = measuring.edgetp("sweep", *same, *ALONE, timeout_s=600)["rows"]
            simulated = {(row["network"], row["workers"]): row for row in measuring.edgetp("simulate", *same)["rows"]}
            for row in emulated:
                place = row["network"], row["workers"]
                found[(*place, algorithm)][way] = row, simulated[place]
    return found


def error(pair):
    emulated, simulated = pair
    return emulated["step_seconds"]["median"] / simulated["step_seconds"] - 1


def same_order(pairs):
    """The ways in the order of their step times."""
    by_simulation = sorted(pairs, key=lambda pair: pair[1]["step_seconds"])
    for (before, predicted), (after, longer) in zip(by_simulation, by_simulation[1:]):
        tied = longer["step_seconds"] <= (1 + TIE) * predicted["step_seconds"]
        if not tied and before["step_seconds"]["median"] > after["step_seconds"]["median"]:
            return False
    return True


def milliseconds(seconds):
    return f"{seconds * 1e3:.4g}"


def block(found, ways, cell):
    """The table of some ways: a row for each place, a column for each way, the worst error and the order."""
    rows = []
    for place, pairs in sorted(found.items(), key=str):
        shown = [pairs[way] for way in ways]
        rows.append([*place, *(cell(pair) for pair in shown), f"{max(map(error, shown), key=abs) * 100:+.2f} %",
                     "yes" if same_order(shown) else "NO"])
    header = ["network", "P", "all-reduce", *(f"{way.name}, ms" for way in ways), "worst error", "same order"]
    return measuring.table(header, rows)


def step(pair):
    emulated, simulated = pair
    return f"{milliseconds(emulated['step_seconds']['median'])} / {milliseconds(simulated['step_seconds'])}"


def step_and_hidden(pair):
    emulated, simulated = pair
    return f"{step(pair)} ({milliseconds(emulated['hidden_seconds'])} / {milliseconds(simulated['hidden_seconds'])})"


def agreement(options):
    found = cells(options)
    errors = [abs(error(pair)) for pairs in found.values() for pair in pairs.values()]
    orders = [same_order(list(pairs.values())) for pairs in found.values()]
    invalid = [f"{way.name} {place}" for place, pairs in found.items() for way, (emulated, _) in pairs.items()
               if not emulated["verdict"]["valid"]]
    summary = (f"{len(errors)} runs: mean error {statistics.mean(errors) * 100:.2f} % (limit 2 %), worst {max(errors) * 100:.2f} % (limit 5 %); "
               f"all columns of both tables are in the same order in {sum(orders)} of {len(orders)} groups; "
               + ("all runs are `valid`." if not invalid else f"INVALID: {', '.join(invalid)}."))
    return "\n\n".join([measuring.preamble("scripts/measure.sh fidelity --only=agreement", []),
                        "Median step, emulated / simulated:", block(found, REMOVED, step),
                        "What runs under compute; in brackets, how much of the exchanges did, of a mean step:",
                        block(found, HIDDEN, step_and_hidden), summary])

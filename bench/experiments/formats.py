"""Wire formats: what each costs in validation loss, and what it saves in bytes and time. Each cell trains once: with one
all-reduce for all cells, a network changes times and never losses, so the times of both networks come from the simulator."""

import measuring

PATTERNS = ["tttt", "sppp"]
FORMATS = ["fp32", "bf16", "fp8e4m3", "int8", "int4", "int4+hadamard", "mxfp4"]
DIRECTIONS = {"forward only": ["--wire_forward"], "both ways": ["--wire_forward", "--wire_backward"]}
NETWORKS = ["wifi-5", "lte"]
DEVICE = "raspberry-pi-5"
# Two ranks: nothing sends less than `direct`, and its parts are encoded once.
SAME = ["--config=minigpt-shakespeare-torch", "--workers=2", "--allreduce=direct", f"--device={DEVICE}"]


def flags(pattern, directions, wire):
    return [*SAME, f"--pattern={pattern}", *(f"{flag}={wire}" for flag in directions)]


def simulated_seconds(pattern, directions, wire, network):
    """Of a median step."""
    return measuring.edgetp("simulate", *flags(pattern, directions, wire), f"--network={network}")["step_seconds"]


def cell(pattern, direction, wire, options):
    """A row of the table: losses of a run under the simulated clock, bytes of its plan, times of the simulator."""
    directions = DIRECTIONS[direction]
    steps = ["--steps=30", "--set=train.eval_windows=20"] if options.quick else []
    summary = measuring.edgetp("train", *flags(pattern, directions, wire), "--clock=simulated", f"--network={NETWORKS[0]}",
                               *steps, timeout_s=3600)
    seconds = [simulated_seconds(pattern, directions, wire, network) for network in NETWORKS]
    return {"pattern": pattern, "direction": direction, "wire": wire, "loss": summary["final"]["val_loss"],
            "bytes": summary["bytes_on_the_wire_per_rank"], "seconds": seconds}


def percent(value, base):
    return f"{100 * (value / base - 1):+.1f} %"


def rows(cells):
    base = {each["pattern"]: each for each in cells if each["wire"] == "fp32"}
    lines = []
    for each in cells:
        of = base[each["pattern"]]
        direction = "" if each["wire"] == "fp32" else each["direction"]
        lines.append([f"`{each['pattern']}`", f"`{each['wire']}`", direction, f"{each['loss']:.4f}", percent(each["loss"], of["loss"]),
                      f"{each['bytes'] / 2**20:.2f}"] + [f"{1e3 * seconds:.1f}" for seconds in each["seconds"]])
    return lines


def formats(options):
    wanted = FORMATS[:1] + FORMATS[-2:] if options.quick else FORMATS
    cells = []
    for pattern in PATTERNS[:1] if options.quick else PATTERNS:
        for wire in wanted:
            for direction in DIRECTIONS if wire != "fp32" else ["both ways"]:
                measuring.say(f"training {pattern}, {wire} {direction}")
                cells.append(cell(pattern, direction, wire, options))
    header = ["pattern", "format", "activations", "validation loss", "beside fp32", "MiB per step and rank",
              *(f"ms per step, {network}" for network in NETWORKS)]
    return "\n\n".join([measuring.preamble("scripts/measure.sh experiments --only=formats", ["libtorch-dev"]),
                        measuring.table(header, rows(cells))])

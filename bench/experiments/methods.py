"""All that makes a step cheaper on a slow network, each method once: loss against bytes, and against seconds."""

import dataclasses

import drawing
import page
from training import Training, loss_at, simulated, steps_to

DEVICE = "raspberry-pi-5"
NETWORKS = ["wifi-5", "lte"]
BUDGET_MIB = 1024  # sent per rank
BUDGET_S = {"wifi-5": 300, "lte": 1800}
GOAL = 1.9  # validation loss
# Half the batch each, so that a step has as many tokens as the others' have.
REPLICAS = "--batch=6"
# Instead of DiLoCo's outer momentum.
AVERAGING = ("--set=parallel.outer_learning_rate=1", "--set=parallel.outer_momentum=0")
DATA = Training("tttt", flags=("--strategy=data", REPLICAS))


@dataclasses.dataclass(frozen=True)
class Method:
    """`timed` is what is simulated, where that is another command than what was trained."""

    label: str
    training: Training
    timed: Training | None = None


def _letters(pattern, wire=None):
    return Method(f"{pattern} {wire}" if wire else pattern, Training(pattern, flags=(f"--wire={wire}",) if wire else ()))


def _local(inner_steps, label="DiLoCo", *flags):
    return Method(f"{label}, H = {inner_steps}",
                  Training("tttt", flags=("--strategy=local", f"--inner_steps={inner_steps}", REPLICAS, *flags)))


DENSE = Training("tttt")
METHODS = [
    # The dense model is the same on one board, and the same batch in two halves.
    Method("one board alone", DENSE, dataclasses.replace(DENSE, workers=1)),
    Method("data parallel", DENSE, DATA),
    *(_letters(pattern) for pattern in ("tttt", "ssss", "gggg", "dddd", "llll", "t@0.5*4", "t~2*4", "sppp", "pppp")),
    *(_letters(pattern, "int8") for pattern in ("tttt", "t@0.5*4", "llll", "gggg", "sppp", "pppp")),
    *(_letters(pattern, "int4+hadamard") for pattern in ("tttt", "sppp")),
    *(_local(inner_steps) for inner_steps in (20, 100)),
    *(_local(inner_steps, "plain averaging", *AVERAGING) for inner_steps in (20, 100)),
]
TRAININGS = list(dict.fromkeys(method.training for method in METHODS))


def _seconds(value):
    return value if isinstance(value, str) else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _loss(value):
    return value if isinstance(value, str) else f"{value:.3f}"


COLUMNS = [
    page.Column("method", "method"),
    page.Column("validation after 2000 steps", "val_loss", page.fixed(4)),
    page.Column("MiB per step and rank", "mib_per_step", lambda value: f"{value:.3g}"),
    *(page.Column(f"ms per step, {network}", f"step_{network}_ms", lambda value: f"{value:.0f}") for network in NETWORKS),
    page.Column(f"validation at {BUDGET_MIB} MiB", "val_loss_at_bytes", _loss),
    *(page.Column(f"validation at {BUDGET_S[network]} s, {network}", f"val_loss_at_{network}", _loss) for network in NETWORKS),
    *(page.Column(f"s to {GOAL}, {network}", f"to_goal_{network}_s", _seconds) for network in NETWORKS),
]
SHOWS = "Loss against bytes, and against simulated seconds on Wi-Fi and LTE"


def at_budget(record, budget, per_step):
    """Validation loss when the budget is spent; of a run that ends before, its last."""
    steps = budget / per_step if per_step else float("inf")
    evaluations = record["evaluations"]
    if steps >= evaluations[-1][0]:
        return record["val_loss"]
    loss = loss_at(evaluations, steps)
    return "early" if loss is None else loss


def row_of(method, record):
    """Without a record, times are known all the same."""
    times = {network: simulated(method.timed or method.training, network, DEVICE) for network in NETWORKS}
    mib = times[NETWORKS[0]]["bytes_on_the_wire_per_rank"] / 2**20
    row = {"method": method.label, "mib_per_step": mib, "val_loss": record and record["val_loss"],
           "val_loss_at_bytes": record and at_budget(record, BUDGET_MIB, mib)}
    goal_steps = record and steps_to(record["evaluations"], GOAL)
    never = record and goal_steps is None
    for network in NETWORKS:
        seconds = times[network]["mean_step_seconds"]
        row[f"step_{network}_ms"] = 1e3 * seconds
        row[f"val_loss_at_{network}"] = record and at_budget(record, BUDGET_S[network], seconds)
        row[f"to_goal_{network}_s"] = "never" if never else goal_steps and goal_steps * seconds
    return row


def _look(method):
    return method.label.removesuffix(" int8").removesuffix(" int4+hadamard")


def draw(found, rows, options):
    """Loss against bytes, and against the seconds of each network: each line is one method's evaluations. A colour and mark
    for what is trained, a dash for its format."""
    by_label = {row["method"]: row for row in rows}
    axes_of = {"mib_per_step": ("MiB sent per rank", 1)}
    axes_of |= {f"step_{network}_ms": (f"simulated seconds, {network}", 1e-3) for network in NETWORKS}
    figure, axes = drawing.panels(3, width=12, height=5.4, sharey=True)
    looks = list(dict.fromkeys(_look(method) for method in METHODS))
    for method in METHODS:
        if method.training not in found:
            continue
        style = drawing.style(looks.index(_look(method)))
        style["linestyle"] = "--" if "int8" in method.label else ":" if "int4" in method.label else "-"
        for panel, (key, (_, unit)) in zip(axes, axes_of.items()):
            per_step = by_label[method.label][key] * unit
            if per_step:
                points = [(step * per_step, loss) for step, loss in found[method.training]["evaluations"]]
                panel.plot(*zip(*points), **style, markersize=4, linewidth=1.2, label=method.label)
    for panel, (label, _) in zip(axes, axes_of.values()):
        panel.set(xscale="log", xlabel=label)
    axes[0].set(ylabel="validation loss", ylim=(None, 2.3))
    handles, labels = axes[1].get_legend_handles_labels()
    figure.suptitle("MiniGPT on two Raspberry Pi 5, 2000 steps: further left is cheaper, further down is better", fontsize=10)
    figure.legend(handles, labels, loc="upper center", ncol=7, bbox_to_anchor=(0.5, 0.0))
    drawing.save(figure, "methods", options)


def rows(found):
    """Of all methods: the times of those that nobody has trained yet are known, too."""
    return [row_of(method, found.get(method.training)) for method in METHODS]


def block(options):
    return page.trained_block("methods", options, wanted=TRAININGS, columns=COLUMNS, rows=rows, draw=draw, shows=SHOWS)

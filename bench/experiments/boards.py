"""GPT-2 124M on boards: how much faster than one of them n are, by the best way of each kind. Nothing is trained."""

import drawing
import measuring
import page

DEVICES = ["raspberry-pi-5", "jetson-orin-nano", "laptop-i7-1165g7"]
COUNTS = [2, 4, 8]
DRAWN = 4  # of COUNTS
NETWORKS = ["ethernet-1g", "wifi-5", "lte"]
# Of an optimizer step, on all devices together: then loss per step is the same.
TOKENS = 12288
# What is compared: a kind of answer, whether only what is exact counts, and the strategies that belong to it.
KINDS = {
    "tensor": (True, ("tensor",)),
    "data": (True, ("data",)),
    "pipeline": (True, ("pipeline",)),
    "mesh": (True, None),  # two of them at once
    "tensor_any": (False, ("tensor",)),
    "local": (False, ("local",)),
}


def _shown(value):
    if isinstance(value, str):
        return value
    text = f"{value:.2f}"
    return f"**{text}**" if value > 1.005 else text


COLUMNS = [
    page.Column("devices", "devices"),
    page.Column("network", "network"),
    page.Column("one alone, tokens/s", "alone_tokens_per_s", page.fixed(0)),
    page.Column("tensor `t`", "tensor", _shown),
    page.Column("data", "data", _shown),
    page.Column("pipeline", "pipeline", _shown),
    page.Column("mesh", "mesh", _shown),
    page.Column("tensor, any letter and format", "tensor_any", _shown),
    page.Column("which", "tensor_any_which"),
    page.Column("DiLoCo", "local", _shown),
    page.Column("the fastest exact way", "best_exact"),
]
SHOWS = "Four devices against one of them, over three networks"


def answers(devices, network, exact):
    """The best candidate of each strategy, and the best of all."""
    command = ["advise", "--model=gpt2", f"--devices={devices}", f"--network={network}", f"--batch_tokens={TOKENS}"]
    found = measuring.edgetp(*command, *(["--exact"] if exact else []), timeout_s=900)
    return {row["strategy"]: row for row in found["best_of_strategy"]}, found["best_exact"]


def fastest(rows, strategies):
    """The fastest candidate of these strategies that fits; of all with an '=' (meshes), where None."""
    fitting = [row for name, row in rows.items()
               if (name in strategies if strategies else "=" in name) and all(row["predicted"]["fits"])]
    return max(fitting, key=lambda row: row["predicted"]["tokens_per_second"], default=None)


def row_of(device, count, network):
    by_exactness = {}
    for exact in (True, False):
        by_exactness[exact], best = answers(f"{device}*{count}", network, exact)
    alone = by_exactness[True]["one"]["predicted"]["tokens_per_second"]
    row = {"devices": f"{count} x {device}", "network": network, "alone_tokens_per_s": alone}
    for kind, (exact, strategies) in KINDS.items():
        found = fastest(by_exactness[exact], strategies)
        row[kind] = "none" if found is None else found["predicted"]["tokens_per_second"] / alone
        if kind == "tensor_any":
            row["tensor_any_which"] = f"`{found['pattern']}` {found['wire']} on {found['workers']}"
    used = best["workers"]
    row["best_exact"] = "one alone" if best["strategy"] == "one" else f"{best['strategy']} on {used}"
    return row


def draw(rows, options):
    """Bars: speed-up over one device. Hatched: what computes another model."""
    figure, axes = drawing.panels(3, width=11, height=3.6, sharey=True)
    labels = {"tensor": "tensor t", "data": "data", "pipeline": "pipeline", "tensor_any": "tensor, any letter and format (changes the loss)",
              "local": "DiLoCo (changes the loss)"}
    for panel, device in zip(axes, DEVICES):
        of_device = [row for row in rows if row["devices"] == f"{DRAWN} x {device}"]
        for number, (kind, label) in enumerate(labels.items()):
            heights = [0 if isinstance(row[kind], str) else row[kind] for row in of_device]
            at = [index + (number - 2) * 0.16 for index in range(len(of_device))]
            panel.bar(at, heights, width=0.15, color=drawing.COLOURS[number], label=label, edgecolor="#ffffff", linewidth=0,
                      hatch="" if KINDS[kind][0] else "///")
        panel.axhline(1, color="#000000", linewidth=0.8)
        panel.set_xticks(range(len(of_device)), [row["network"] for row in of_device])
        panel.set(title=f"{DRAWN} x {device}")
    axes[0].set(ylabel="times one device alone (simulated)")
    figure.suptitle("Training GPT-2 124M on four devices: above the line, it is faster than on one", fontsize=10)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="upper center", ncol=5, bbox_to_anchor=(0.5, 0.0))
    drawing.save(figure, "boards", options)


def block(options):
    cells = [(device, count, network) for device in DEVICES for count in COUNTS for network in NETWORKS]
    rows = [row_of(*cell) for cell in (cells[:1] if options.quick else cells)]
    if not options.quick:
        draw(rows, options)
    facts = page.simulated_facts("boards", f"`edgetp advise`, GPT-2 124M, {TOKENS} tokens in an optimizer step")
    return f"{page.picture('boards', SHOWS)}\n\n{page.block('boards', COLUMNS, rows, options, facts)}"

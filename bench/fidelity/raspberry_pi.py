"""The block `raspberry_pi`: what was published of Raspberry Pis beside what the simulator says of them."""

import measuring


def ms(seconds):
    return f"{1e3 * seconds:.1f}"


def ratio(row, key):
    return f"x {row[key]:.2f}" if key in row else "-"


def error(row):
    if row["use"] == "predict":
        return f"{100 * row['error_share']:+.0f} %"
    return {"fit_compute": "fitted: compute", "fit_software": "fitted: software"}[row["use"]]


def cells(row):
    published_kib = row["published_transfer_bytes"] / 1024
    return [f"{row['model']}, {row['boards']}", ms(row["published_token_seconds"]), ms(row["token_seconds"]), error(row),
            ratio(row, "published_ratio"), ratio(row, "ratio"), ms(row["published_compute_seconds"]), ms(row["compute_seconds"]),
            ms(row["published_transfer_seconds"]), ms(row["transfer_seconds"]),
            f"{published_kib:.0f}" if published_kib else "-", f"{row['transfer_bytes'] / 1024:.0f}" if published_kib else "-"]


HEADER = ["model, boards", "ms per token, published", "simulated", "error", "against fewer boards, published", "simulated",
          "compute, published", "simulated", "transfer, published", "simulated", "KiB per token, published", "by the plan"]


def block(_):
    report = measuring.edgetp("simulate", "--scenario=raspberry-pi-tp", timeout_s=60)
    text = "`edgetp simulate --scenario=raspberry-pi-tp` (deterministic: the same on every machine)."
    for boards in report["sets"]:
        rate = boards["memory_bytes_per_second"] * 1e-9
        text += (f"\n\n**{boards['name']}**. Fitted: {rate:.2f} GB/s of weights on one board, "
                 f"{boards['message_overhead_us']:.0f} us of software per message at each end on two.\n\n"
                 f"{measuring.table(HEADER, [cells(row) for row in boards['rows']])}")
    return text

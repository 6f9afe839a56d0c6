"""What may change a loss and what may not: networks, algorithms, repetition; the number of workers, pattern by pattern."""

import json
import pathlib
import tempfile

import measuring

MODEL = ["--batch=4", "--sequence=32", "--set=model.layers=4", "--set=model.heads=12", "--set=model.channels=96", "--set=model.dropout=0",
         "--set=train.eval_interval=1000000", "--set=train.eval_windows=10", "--set=train.warmup_steps=10"]
PATTERNS = ("tttt", "tsts", "ssss", "tspp", "sppp", "pppp")


def _losses(folder, name, *more):
    summary = measuring.edgetp("train", f"--runs={folder}", f"--run={name}", *MODEL, *more)
    lines = (pathlib.Path(folder) / name / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["train_loss"] for line in lines] + [summary["final"]["val_loss"]]


def _apart(left, right):
    return max(abs(a - b) for a, b in zip(left, right, strict=True))


def identical(options):
    """The block `identical`: everything against the same run without a network."""
    steps = 5 if options.quick else 20
    variants = {
        "again": ["--network=none", "--allreduce=direct"],
        "`two_phase`": ["--network=none", "--allreduce=two_phase"],
        "`ethernet-1g`, direct": ["--network=ethernet-1g", "--allreduce=direct"],
        "2 ms, jitter 1 ms, loss 0.1 %, two_phase": ["--delay=2ms", "--jitter=1ms", "--loss=0.1%", "--allreduce=two_phase"],
        "100 Mbit/s, auto": ["--delay=1ms", "--rate=100mbit"],
        "`ring`": ["--network=none", "--allreduce=ring"],
        "`halving_doubling`": ["--network=none", "--allreduce=halving_doubling"],
        "`star`": ["--network=none", "--allreduce=star"],
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for pattern in ("tttt", "tspp"):
            common = [f"--pattern={pattern}", "--workers=3", f"--steps={steps}"]
            base = _losses(folder, f"{pattern}-base", *common, "--network=none", "--allreduce=direct")
            for index, (name, flags) in enumerate(variants.items()):
                apart = _apart(base, _losses(folder, f"{pattern}-{index}", *common, *flags))
                rows.append((name, f"`{pattern}`", len(base), "identical" if apart == 0 else "differs", f"{apart:.1e}" if apart else "0"))
    header = ("against `direct` over `none`", "pattern", "losses", "bits", "largest difference")
    return measuring.table(header, rows)


def workers(options):
    """The block `workers`: P=1 against P=n."""
    steps = 5 if options.quick else 40
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for pattern in PATTERNS:
            common = [f"--pattern={pattern}", f"--steps={steps}", "--network=none"]
            base = _losses(folder, f"{pattern}-1", *common, "--workers=1")
            cells = []
            for count in (2, 4):
                other = _losses(folder, f"{pattern}-{count}", *common, f"--workers={count}")
                cells += [f"{abs(other[0] - base[0]):.1e}", f"{_apart(base, other):.1e}"]
            rows.append((f"`{pattern}`", f"{base[-2]:.4f}", *cells))
    header = ("pattern", f"train loss at step {steps}, P=1", "P=2: first step", "P=2: largest", "P=4: first step", "P=4: largest")
    return measuring.table(header, rows)

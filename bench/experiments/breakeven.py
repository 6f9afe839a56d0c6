"""Where a pattern starts to pay: the longest delay, and the lowest rate, at which two boards are faster than one. Simulated."""

import measuring
import page

DEVICE = "raspberry-pi-5"
MODELS = {"MiniGPT, 12 x 64 tokens": (["--config=minigpt-shakespeare-torch"], ["tttt", "ssss", "sppp", "pppp"]),
          "GPT-2 124M, 1 x 1024 tokens": (["--model=gpt2", "--batch=1", "--sequence=1024"], ["t*12", "s*12", "(sppp)*3", "p*12"])}
FAST_MBIT, SHORT_MS = 941, 0.1  # what is held while the other is varied: gigabit Ethernet
DELAYS_MS = (0.001, 1000)
RATES_MBIT = (0.1, 100000)
HALVINGS = 16  # of the range's logarithm: to a thousandth


def _limit(value):
    return value if isinstance(value, str) else f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


COLUMNS = [
    page.Column("model", "model"),
    page.Column("pattern", "pattern", page.code),
    page.Column("one board, ms", "alone_ms", page.fixed(1)),
    page.Column("two over gigabit Ethernet, ms", "ethernet_ms", page.fixed(1)),
    page.Column("pays up to a delay of, ms", "longest_delay_ms", _limit),
    page.Column("pays from a rate of, Mbit/s", "lowest_rate_mbit", _limit),
]


def step_ms(model, pattern, workers, delay_ms, rate_mbit):
    flags = [*model, f"--pattern={pattern}", f"--workers={workers}", f"--device={DEVICE}", "--network=none", "--steps=1", "--draws=0",
             "--max_step=3600s"]
    link = [f"--delay={delay_ms:.6f}ms", f"--rate={rate_mbit:.4f}mbit"] if workers > 1 else []
    return 1e3 * measuring.edgetp("simulate", *flags, *link)["mean_step_seconds"]


def limit(pays, good, bad):
    """The value between `good`, where it pays, and `bad`, where it does not; a word where one of them is otherwise."""
    if not pays(good):
        return "never"
    if pays(bad):
        return f"beyond {bad:g}"
    for _ in range(HALVINGS):
        middle = (good * bad) ** 0.5
        good, bad = (middle, bad) if pays(middle) else (good, middle)
    return good


def row_of(name, model, pattern):
    alone = step_ms(model, pattern, 1, 0, 0)
    return {
        "model": name, "pattern": pattern, "alone_ms": alone, "ethernet_ms": step_ms(model, pattern, 2, SHORT_MS, FAST_MBIT),
        "longest_delay_ms": limit(lambda delay: step_ms(model, pattern, 2, delay, FAST_MBIT) < alone, *DELAYS_MS),
        "lowest_rate_mbit": limit(lambda rate: step_ms(model, pattern, 2, SHORT_MS, rate) < alone, *reversed(RATES_MBIT)),
    }


def block(options):
    rows = [row_of(name, model, pattern) for name, (model, patterns) in MODELS.items()
            for pattern in (patterns[:1] if options.quick else patterns)]
    facts = page.simulated_facts("breakeven", f"two {DEVICE}; the delay is one-way and varies at {FAST_MBIT} Mbit/s, the rate at "
                                 f"{SHORT_MS} ms; no jitter")
    return page.block("breakeven", COLUMNS, rows, options, facts)

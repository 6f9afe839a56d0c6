"""Jitter and loss: the distribution that a profile asks for against the one that messages show."""

import math
import statistics

import measuring
import probe

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
JITTER_US = 1_000
DELAY_US = 10_000
PERIOD_S = 0.015  # so that nobody sends when others' messages are due
LINKS = 4  # at once, each between two ranks of its own: a sender that also receives could fall behind its period
TABLE = ((0.0, -2_000), (0.5, 0), (0.85, 800), (1.0, 4_000))  # probability, jitter in us


def _table_quantile(share):
    for (below, low), (above, high) in zip(TABLE, TABLE[1:]):
        if share <= above:
            return low + (share - below) / (above - below) * (high - low)
    raise ValueError(share)


# Inverse distribution functions in us, by their textbook formulas: nothing of the model's code.
DISTRIBUTIONS = {
    "normal": lambda share: JITTER_US * statistics.NormalDist().inv_cdf(share),
    "uniform": lambda share: JITTER_US * (2 * share - 1),
    # Shape 3, which has mean 1.5 and variance 0.75, moved to mean 0 and standard deviation `jitter`.
    "pareto": lambda share: JITTER_US * ((1 - share) ** (-1 / 3) - 1.5) / math.sqrt(0.75),
    "quantiles": _table_quantile,
}


def _profile(name, correlation=0.0):
    table = "" if name != "quantiles" else " ".join(
        f"quantiles {{ probability: {probability} jitter_us: {jitter_us} }}" for probability, jitter_us in TABLE)
    jitter = "" if name == "quantiles" else f"jitter_us: {JITTER_US}"
    return (f'name: "probe" link {{ delay_us: {DELAY_US} {jitter} distribution: DISTRIBUTION_{name.upper()} {table} '
            f"correlation: {correlation} }}")


def _jitters_us(name, rounds, correlation=0.0):
    """By link: (realised, drawn by the model), in us. So far apart that hardly a message waits for the one before."""
    flows = [(2 * number, 2 * number + 1) for number in range(LINKS)]
    messages = probe.send(_profile(name, correlation), flows, 64, rounds=rounds, period_s=PERIOD_S)
    return {source: [(message.delay_s * 1e6 - DELAY_US, message.asked_s * 1e6 - DELAY_US) for message in messages if message.source == source]
            for source, _ in flows}


def _correlation(values):
    """Of ranks, which a few late messages do not move."""
    ranks = {value: rank for rank, value in enumerate(sorted(values))}
    values = [ranks[value] for value in values]
    mean = statistics.mean(values)
    return sum((a - mean) * (b - mean) for a, b in zip(values, values[1:])) / sum((a - mean) ** 2 for a in values)


def _spread(values):
    return probe.quantile(values, 0.75) - probe.quantile(values, 0.1)


def jitter(options):
    """The block `jitter`."""
    rounds = 50 if options.quick else 700
    rows = []
    for name, inverse in DISTRIBUTIONS.items():
        pairs = [pair for of_link in _jitters_us(name, rounds).values() for pair in of_link]
        realised, drawn = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        rows.append((name, *(f"{inverse(share):+.0f} / {probe.quantile(realised, share):+.0f}" for share in SHARES),
                     f"{100 * (_spread(realised) / (inverse(0.75) - inverse(0.1)) - 1):+.1f} %",
                     f"{100 * (_spread(realised) / _spread(drawn) - 1):+.1f} %"))
    header = ("distribution", *(f"{round(100 * share)} %" for share in SHARES), "spread (10 to 75 %) against the formula", "against the draws")
    correlated = []
    for asked in (0.0, 0.5, 0.9):
        by_link = _jitters_us("uniform", rounds, asked).values()
        correlated.append(f"{asked:g}: {statistics.mean(_correlation([pair[0] for pair in of_link]) for of_link in by_link):.2f}")
    return "\n\n".join((
        f"{rounds * LINKS} messages each over links of {DELAY_US / 1000:g} ms with jitter {JITTER_US / 1000:g} ms; asked (the distribution's formula) / realised, in us:",
        measuring.table(header, rows),
        "Rank correlation of successive messages (uniform), asked: realised. " + ", ".join(correlated) + "."))


def _expected_rounds(loss, packets):
    """Distribution of rounds of retransmission: all packets of a message, each lost again and again with `loss`."""
    done = [(1 - loss ** (k + 1)) ** packets for k in range(8)]
    return [done[0]] + [b - a for a, b in zip(done, done[1:])]


def loss(options):
    """The block `loss`: as common/network/impairment.h defines it."""
    rounds = 10 if options.quick else 40
    ranks, size, delay_s = 8, 100 * 1448, 0.010
    flows = [(rank, (rank + 1) % ranks) for rank in range(ranks)]
    rows = []
    for share in (0.001, 0.01, 0.03):
        messages = probe.send(probe.link(delay_us=delay_s * 1e6, loss=share), flows, size, rounds=rounds, period_s=0.3)
        added = [message.delay_s - delay_s for message in messages]
        by_rounds = _expected_rounds(share, 100)
        # A round costs an RTT, or an RTO of 200 ms where one of its last three packets was lost.
        timeout = (1 - (1 - share) ** 3) / (1 - (1 - share) ** 100)
        one_round = 2 * delay_s * (1 - timeout) + 0.200 * timeout
        whole, one_rtt = sum(a < delay_s for a in added) / len(added), sum(delay_s < a < 3 * delay_s for a in added) / len(added)
        errors_us = [(message.delay_s - message.asked_s) * 1e6 for message in messages]
        rows.append((f"{100 * share:g} %", len(messages), f"{100 * by_rounds[0]:.0f} / {100 * whole:.0f} %",
                     f"{100 * by_rounds[1] * (1 - timeout):.0f} / {100 * one_rtt:.0f} %",
                     f"{1000 * by_rounds[1] * one_round / max(1e-9, by_rounds[1]):.0f} ms",
                     f"{1000 * statistics.mean(added):.1f} ms",
                     f"{statistics.mean(errors_us):+.0f} us", f"{probe.quantile(errors_us, 0.99):+.0f} us"))
    header = ("loss", "messages", "no round: asked / realised", "one RTT: asked / realised", "a round costs, mean", "added, mean", "error to the draw, mean", "p99")
    return "\n\n".join((f"Messages of 100 packets over {delay_s * 1000:g} ms, {ranks} links at once. The draws depend on the seed alone; so does their distance from the probabilities:",
                        measuring.table(header, rows)))

"""Delay and rate of a link: asked against realised, by the host's clock."""

import os
import statistics

import measuring
import probe

DELAYS_US = (100, 200, 500, 1_000, 5_000, 20_000, 100_000, 500_000)
RATES = (1e6, 1e7, 1e8, 1e9, 2e9, 5e9, 1e10)
SIZE_BYTES = 64 * 1024
DELAY_S = 0.001  # of the links whose rate is measured
LOADS = (("idle", 0), ("busy", os.cpu_count()))

HOW = ("Between worker processes through the streams, stamps and holds of a run (`bench/fidelity/link_probe.cc`), by the host's clock: from just before the "
       "sender's call until the receiver has the bytes. *Busy*: so many processes that only compute beside it as there are cores.")


def _delay_rows(delay_us, quick):
    """4 KiB messages without a rate, so far apart that none waits for another."""
    rows = []
    rounds = 20 if quick else 400 if delay_us < 50_000 else 100
    for load, processes in LOADS:
        with probe.busy_cores(processes):
            messages = probe.send(probe.link(delay_us=delay_us), [(0, 1)], 4096, rounds=rounds, period_s=0.004)
        errors_us = [message.delay_s * 1e6 - delay_us for message in messages]
        mean = statistics.mean(errors_us)
        rows.append((f"{delay_us / 1000:g} ms", load, len(messages), f"{delay_us / 1000 + mean / 1000:.3f} ms", f"{mean:+.0f} us",
                     f"{100 * mean / delay_us:+.2f} %", f"{probe.quantile(errors_us, 0.5):+.0f} us",
                     f"{probe.quantile(errors_us, 0.99):+.0f} us", f"{max(errors_us):+.0f} us"))
    return rows


def delay(options):
    """The block `delay`."""
    delays = DELAYS_US[::3] if options.quick else DELAYS_US
    rows = sorted((row for delay_us in delays for row in _delay_rows(delay_us, options.quick)), key=lambda row: row[1], reverse=True)
    header = ("delay asked", "cores", "messages", "realised, mean", "error, mean", "of the delay", "median", "p99", "largest")
    return "\n\n".join((measuring.preamble("scripts/measure.sh fidelity", ["libgrpc++1.51"]), HOW,
                        measuring.table(header, rows)))


def _rate_row(rate, load, processes, quick):
    """Bursts of messages, one behind the other: all of a burst, over the time until its last one less the link's delay."""
    airtime_s = 8 * SIZE_BYTES / rate
    burst = max(3, min(256, round((0.05 if quick else 0.2) / airtime_s)))
    rounds = 3 if quick else max(5, min(30, round(1.5 / (burst * airtime_s))))
    with probe.busy_cores(processes):
        messages = probe.send(probe.link(delay_us=DELAY_S * 1e6, rate_bits_per_second=rate), [(0, 1)], SIZE_BYTES, burst=burst, rounds=rounds,
                              period_s=1.2 * burst * airtime_s + 0.02)
    realised = [8 * SIZE_BYTES * burst / (message.delay_s - DELAY_S) / rate for message in messages if message.index == burst - 1]
    typical, low, high = measuring.spread(realised)
    lone = [message.delay_s - DELAY_S - airtime_s for message in messages if message.index == 0]
    return (bits(rate), load, f"{rounds} x {burst}", bits(rate * typical), f"{100 * (typical - 1):+.2f} %",
            f"{100 * (low - 1):+.2f} to {100 * (high - 1):+.2f} %", f"{statistics.median(lone) * 1e6:+.0f} us of {airtime_s * 1e6:.0f} us")


def rate(options):
    """The block `rate`."""
    rates = RATES[::3] if options.quick else RATES
    rows = [_rate_row(value, load, processes, options.quick) for load, processes in LOADS for value in rates]
    header = ("rate asked", "cores", "bursts x messages", "realised, median burst", "error", "of all bursts", "first message: error, of its time on the wire")
    return measuring.table(header, rows)


def bits(rate_bits_per_second):
    for unit, size in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if rate_bits_per_second >= size:
            return f"{rate_bits_per_second / size:.4g} {unit}"
    return f"{rate_bits_per_second:.4g} bit/s"

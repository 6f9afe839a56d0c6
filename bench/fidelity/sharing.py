"""One interface for all links of a device, one medium for all devices: what each gets of it."""

import measuring
import probe
from links import LOADS, bits

RATE = 1e8
SIZE_BYTES = 64 * 1024
RANKS = 4


def _shares(messages, key, total_rate, skip=1):
    """By key(message): bits per second from the end of round `skip - 1` on, as a share of what each of them should have."""
    groups = {}
    for message in messages:
        groups.setdefault(key(message), []).append(message)
    fair = total_rate / len(groups)
    shares = []
    for group in groups.values():
        group.sort(key=lambda message: message.received_ns)
        seconds = (group[-1].received_ns - group[skip - 1].received_ns) * 1e-9
        shares.append(8 * SIZE_BYTES * (len(group) - skip) / seconds / fair)
    return shares


def _row(name, network, flows, load, processes, burst, rounds, key):
    with probe.busy_cores(processes):
        messages = probe.send(network, flows, SIZE_BYTES, burst=burst, rounds=rounds)
    shares = _shares(messages, key, RATE, skip=burst if rounds > 1 else 1)
    whole = sum(shares) / len(shares)
    return (name, load, len(messages), bits(whole * RATE), f"{100 * (whole - 1):+.2f} %", " ".join(f"{100 * (share - 1):+.2f}" for share in shares) + " %")


def sharing(options):
    """The block `sharing`."""
    count = 12 if options.quick else 60
    link = probe.link(delay_us=1000, rate_bits_per_second=RATE)
    medium = probe.link(delay_us=1000, rate_bits_per_second=RATE, extra="shared_medium: true")
    out = [(0, rank) for rank in range(1, RANKS)]
    back = [(rank, 0) for rank in range(1, RANKS)]
    ring = [(rank, (rank + 1) % RANKS) for rank in range(RANKS)]
    rows = []
    for load, processes in LOADS:
        rows += [
            _row("one device sends to three", link, out, load, processes, count, 1, lambda message: message.destination),
            _row("three devices send to one", link, back, load, processes, count, 1, lambda message: message.source),
            _row("four devices on one medium", medium, ring, load, processes, 1, count, lambda message: message.source),
        ]
    header = ("who shares 100 Mbit/s", "cores", "messages", "realised together", "error", "each one's share against a fair one")
    return measuring.table(header, rows)

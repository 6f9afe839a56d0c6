"""Emulated rates beside those of the kernel's own token bucket (tc tbf between two network namespaces). Needs root and tc.
Run by itself inside fresh namespaces (`--inside`), it sets them up and prints what it measured as JSON."""

import json
import os
import shutil
import subprocess
import sys

import measuring
import probe
from links import bits

RATES = (1e7, 1e8, 1e9)
STREAM_BYTES, EXCHANGE_BYTES = 256 * 1024, 384 * 1024
# What a frame of the kernel's link carries: 1448 bytes of payload in 1514 that the token bucket counts.
WIRE_SHARE = 1448 / 1514
OTHER = "edgetp_fidelity"


def _run(command):
    subprocess.run(command.split(), check=True)


def _set_up():
    os.makedirs("/run/netns", exist_ok=True)
    _run("mount -t tmpfs tmpfs /run/netns")  # seen, like all that follows, by this process and its children alone
    _run(f"ip netns add {OTHER}")
    _run(f"ip link add here type veth peer name there netns {OTHER}")
    for prefix, device, address in (("", "here", "10.251.7.1"), (f"ip netns exec {OTHER} ", "there", "10.251.7.2")):
        _run(f"{prefix}ip link set lo up")
        _run(f"{prefix}ip address add {address}/24 dev {device}")
        _run(f"{prefix}ip link set {device} up")


def _set_rate(rate):
    """So that payload flows at `rate`. The bucket holds a millisecond, the queue before it whatever is sent."""
    wire = round(rate / WIRE_SHARE)
    for prefix, device in (("", "here"), (f"ip netns exec {OTHER} ", "there")):
        _run(f"{prefix}tc qdisc replace dev {device} root tbf rate {wire}bit burst {max(3000, round(wire / 8000))} latency 2s")


def _stream_and_exchange(network, rate, quick, **where):
    airtime_s = 8 * STREAM_BYTES / rate
    burst = max(4, min(64, round((0.1 if quick else 0.5) / airtime_s)))
    rounds = 1 if quick else 3
    stream = probe.send(network, [(0, 1)], STREAM_BYTES, burst=burst, rounds=rounds, period_s=1.2 * burst * airtime_s + 0.05, **where)
    # From the second arrival on: the bucket is full at first, and the host's caches are cold.
    arrivals = [[message.received_ns for message in stream if message.round == number] for number in range(rounds)]
    seconds = measuring.median([(times[-1] - times[1]) * 1e-9 for times in arrivals])
    rounds = max(3, min(50, round((0.3 if quick else 1.5) / (8 * EXCHANGE_BYTES / rate))))
    exchange = probe.send(network, [(0, 1), (1, 0)], EXCHANGE_BYTES, rounds=rounds, **where)
    of_round = {}
    for message in exchange:
        of_round[message.round] = max(of_round.get(message.round, 0), message.delay_s)
    return 8 * STREAM_BYTES * (burst - 2) / seconds, measuring.median(of_round.values())


def _inside(quick):
    _set_up()
    where = {"listen": ("10.251.7.1:0", "10.251.7.2:0"), "prefixes": ((), ("ip", "netns", "exec", OTHER))}
    rows = []
    for rate in RATES:
        _set_rate(rate)
        kernel = _stream_and_exchange('name: "none"', rate, quick, **where)
        emulated = _stream_and_exchange(probe.link(rate_bits_per_second=rate), rate, quick)
        rows.append((rate, *kernel, *emulated))
    print(json.dumps(rows))


def kernel(options):
    """The block `kernel`."""
    if os.geteuid() != 0 or shutil.which("tc") is None:
        return "Skipped: making network namespaces and token buckets needs root and `tc` (iproute2)."
    command = ["unshare", "--net", "--mount", sys.executable, __file__, "--inside"] + (["--quick"] if options.quick else [])
    rows = []
    for rate, kernel_rate, kernel_s, emulated_rate, emulated_s in json.loads(measuring.run(command, 200).splitlines()[-1]):
        rows.append((bits(rate), bits(kernel_rate), bits(emulated_rate), f"{100 * (emulated_rate / kernel_rate - 1):+.2f} %",
                     f"{8e3 * EXCHANGE_BYTES / rate:.2f} ms", f"{kernel_s * 1000:.2f} ms", f"{emulated_s * 1000:.2f} ms",
                     f"{100 * (emulated_s / kernel_s - 1):+.2f} %"))
    header = ("rate asked", "stream, tbf", "stream, emulated", "difference", "384 KiB both ways, asked", "tbf", "emulated", "difference")
    return measuring.table(header, rows)


if __name__ == "__main__":
    _inside("--quick" in sys.argv)

"""Several hosts, with real programs: hosts of network and time namespaces, 100 Mbit/s between them. Emulated times are what
they are on one host, and what the real network takes has its name. Needs root and iproute2: exits 77 without.

  hosts_test.py BINARIES      starts itself again in namespaces of its own"""

import json
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

import virtual_hosts  # noqa: E402

TINY = ["--data=text.txt", "--set=model.layers=4", "--set=model.heads=6",
        "--set=model.channels=96", "--set=train.eval_windows=4", "--format=json"]
# A hop of 20 ms: what a busy machine adds is small beside it.
SLOW = 'name: "slow" link { delay_us: 20000 rate_bits_per_second: 5e6 }\n'
# What docs/fidelity.md has for valid runs on one host.
LIMIT = 0.05
REAL_RATE = 100e6
# A busy machine may be late; docs/fidelity.md says how such a run is called.
ATTEMPTS = 8

failures = []


def expect(what, holds, facts):
    print(f"{'ok  ' if holds else 'FAIL'} {what}: {facts}", flush=True)
    if not holds:
        failures.append(what)


def train(cluster, *more, batch=2, sequence=16):
    code, out, err = cluster.edgetp("train", *TINY, f"--batch={batch}", f"--sequence={sequence}", *more)
    if code != 0:
        raise RuntimeError(f"edgetp train: exit code {code}: {err[-2000:]}")
    return json.loads(out)


def emulated_times_are_those_of_one_host(cluster, workers):
    for pattern in ("tttt", "sppp"):
        for _ in range(ATTEMPTS):
            run = train(cluster, "--network=./slow.textproto", f"--pattern={pattern}", f"--workers={workers}", "--steps=6")
            if run["verdict"]["valid"]:
                break
        step, predicted = run["step_seconds"]["median"], run["predicted_step_seconds"]
        name = f"{pattern} on {workers} hosts"
        expect(f"{name}: valid", run["verdict"]["valid"], run["verdict"]["reason"])
        expect(f"{name}: the step is the predicted one", abs(step / predicted - 1) < LIMIT, f"{step:.4f} s, {predicted:.4f} s")
        expect(f"{name}: receivers hold", not run["fidelity"].get("held_by_senders", False), run["fidelity"])
        expect(f"{name}: the clocks' bound is shown", 0 < run["fidelity"]["clock_bound_us"] < 2000, run["fidelity"]["clock_bound_us"])
        expect(f"{name}: the verdict names it", "clocks of the hosts known to" in run["verdict"]["reason"], run["verdict"]["reason"])


def short_delays_are_held_by_their_senders(cluster):
    run = train(cluster, "--network=none", "--delay=10us", "--pattern=tttt", "--workers=2", "--steps=6")
    expect("10 us: the senders hold", run["fidelity"].get("held_by_senders", False), run["verdict"]["reason"])


def the_real_network_has_a_name(cluster):
    run = train(cluster, "--network=none", "--pattern=tttt", "--workers=2", "--steps=6", batch=8, sequence=64)
    terms = run["breakdown_seconds"]
    # Both directions at once: what a rank sends has to come through, and so has what it is sent.
    least = run["bytes_on_the_wire_per_rank"] * 8 / REAL_RATE
    expect("none: transit is what the wire takes, at least", terms["transit"] > 0.8 * least, f"{terms}, wire {least:.4f} s")
    expect("none: it is not called software", terms["software"] < terms["transit"], terms)


def training_is_the_same(cluster):
    one = train(cluster, "--network=none", "--pattern=sppp", "--workers=2", "--steps=4")
    slow = train(cluster, "--network=./slow.textproto", "--pattern=sppp", "--workers=2", "--steps=4")
    expect("losses are the same, whatever the network", one["final"] == slow["final"], (one["final"], slow["final"]))


def hosts_that_are_apart_are_named(folder, binaries):
    cluster = virtual_hosts.Hosts(folder, binaries, 2, apart=True, ready_s=8)
    try:
        code, _, err = cluster.edgetp("train", *TINY, "--batch=2", "--sequence=16", "--workers=2", "--steps=2")
        line = err.strip().splitlines()[-1]
        expect("apart: the run ends", code == 1, code)
        expect("apart: place and rule in a line", re.search(r"rank 0 cannot reach rank 1 at 10\.251\.10[01]\.1:\d+: ", line)
               and "every worker must reach the others" in line, line)
    finally:
        cluster.stop()


def text(folder):
    (pathlib.Path(folder) / "slow.textproto").write_text(SLOW)
    (pathlib.Path(folder) / "text.txt").write_text(
        "".join(f"the quick brown fox jumps over the lazy dog {line}\n" for line in range(400)))


def inside(what, binaries):
    with tempfile.TemporaryDirectory() as folder:
        text(folder)
        if what == "apart":
            hosts_that_are_apart_are_named(folder, binaries)
        else:
            cluster = virtual_hosts.Hosts(folder, binaries, 3, REAL_RATE)
            try:
                emulated_times_are_those_of_one_host(cluster, 2)
                emulated_times_are_those_of_one_host(cluster, 3)
                short_delays_are_held_by_their_senders(cluster)
                the_real_network_has_a_name(cluster)
                training_is_the_same(cluster)
            finally:
                cluster.stop()
    return 1 if failures else 0


def main():
    if len(sys.argv) == 3:
        return inside(sys.argv[1], sys.argv[2])
    reason = virtual_hosts.missing()
    if reason:
        print(f"skipped: {reason}")
        return 77
    return max(virtual_hosts.confined([__file__, what, sys.argv[1]], 240) for what in ("together", "apart"))


if __name__ == "__main__":
    sys.exit(main())

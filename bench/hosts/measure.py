"""The block of docs/operations.md on several hosts: MiniGPT over emulated networks, on one host, and on hosts of network
and time namespaces with 100 Mbit/s between them. Started again inside (`--inside`), it prints what it measured as JSON."""

import json
import pathlib
import sys
import tempfile

import measuring
import virtual_hosts

RATE = 100e6
NETWORKS = ("lte", "wifi-5", "ethernet-1g", "none")
PATTERNS = ("tttt", "sppp")
WORKERS = (2, 4)
LIMIT_S = 600


def _arguments(pattern, network, workers, steps):
    return ["train", f"--pattern={pattern}", f"--network={network}", f"--workers={workers}", f"--steps={steps}",
            "--set=train.eval_interval=1000000", "--set=train.eval_windows=1", "--format=json"]


def _grid(quick):
    networks = NETWORKS[:1] if quick else NETWORKS
    for network in networks:
        for pattern in PATTERNS:
            for workers in WORKERS[:1] if quick else WORKERS:
                yield pattern, network, workers


def _steps(quick, network):
    return 5 if quick else 6 if network == "lte" else 30


def _inside(quick, corpus):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        cluster = virtual_hosts.Hosts(folder, measuring.BIN, max(WORKERS), RATE)
        try:
            for pattern, network, workers in _grid(quick):
                code, out, err = cluster.edgetp(*_arguments(pattern, network, workers, _steps(quick, network)), f"--data={corpus}")
                if code != 0:
                    raise RuntimeError(err)
                rows.append(json.loads(out))
        finally:
            cluster.stop()
    print(json.dumps(rows))


def _ms(seconds):
    return f"{1e3 * seconds:.0f} ms" if seconds >= 1 else f"{1e3 * seconds:.1f} ms"


def _row(key, one, many):
    pattern, network, workers = key
    step, predicted = many["step_seconds"]["median"], many["predicted_step_seconds"]
    on_one, predicted_on_one = one["step_seconds"]["median"], one["predicted_step_seconds"]
    fidelity, verdict = many["fidelity"], many["verdict"]
    called = "not judged" if not verdict["judged"] else "valid" if verdict["valid"] else "INVALID"
    if fidelity["held_by_senders"]:
        called += ", held by the senders"
    return (f"`{network}`, `{pattern}`", workers, _ms(on_one), f"{100 * (on_one / predicted_on_one - 1):+.1f} %",
            _ms(step), f"{100 * (step / predicted - 1):+.1f} %", _ms(many["breakdown_seconds"]["transit"]),
            f"{100 * verdict['late_share']:.2f} %", f"{fidelity['clock_bound_us']:.0f} us" if fidelity["clock_bound_us"] else "-", called)


def block(options):
    """The block `hosts`."""
    reason = virtual_hosts.missing()
    if reason:
        return f"Skipped: {reason}."
    corpus = measuring.ROOT / "data" / "tinyshakespeare.txt"
    several = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, __file__,
               "--inside", corpus] + (["--quick"] if options.quick else [])
    many = json.loads(measuring.run(several, LIMIT_S).splitlines()[-1])
    rows = []
    for key, run in zip(_grid(options.quick), many):
        with tempfile.TemporaryDirectory() as folder:
            one = measuring.edgetp(*_arguments(*key, _steps(options.quick, key[1]))[:-1], f"--data={corpus}", f"--runs={folder}")
        rows.append(_row(key, one, run))
    header = ("network, pattern", "workers", "step on one host", "against its prediction", "on as many hosts",
              "against its prediction", "transit", "late", "clocks known to", "verdict")
    return f"{measuring.preamble('scripts/measure.sh hosts', [])}\n\n{measuring.table(header, rows)}"


if __name__ == "__main__":
    if "--inside" in sys.argv:
        _inside("--quick" in sys.argv, pathlib.Path(sys.argv[sys.argv.index("--inside") + 1]))
    else:
        measuring.measure("operations.md", {"hosts": block}, measuring.arguments(__doc__).parse_args())

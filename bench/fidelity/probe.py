"""Runs link_probe: one process per rank, messages over an emulated network, and when each was handed over and handed on."""

import collections
import contextlib
import subprocess
import tempfile
import threading
import time

import measuring

PROGRAM = measuring.BIN / "link_probe"
TIMEOUT_S = 120

# `delay_s`: from just before the sender's call until the receiver had it; `asked_s`: what the model asked for.
Message = collections.namedtuple("Message", "round source destination index sent_ns received_ns delay_s asked_s")


@contextlib.contextmanager
def busy_cores(processes):
    """So many processes that do nothing but compute."""
    burners = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(processes)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


class _Process:
    """A link_probe with its lines in and out; killed when it takes too long."""

    def __init__(self, *flags, prefix=()):
        self.process = subprocess.Popen([*prefix, PROGRAM, *map(str, flags)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.alarm = threading.Timer(TIMEOUT_S, self.process.kill)
        self.alarm.start()

    def expect(self, word):
        line = self.process.stdout.readline().split()
        if not line or line[0] != word:
            raise RuntimeError(f"link_probe: no {word}: {self.process.stderr.read()[-2000:]}")
        return line[1:]

    def tell(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def lines(self):
        """Until `done`."""
        result = []
        for line in iter(self.process.stdout.readline, "done\n"):
            if not line:
                raise RuntimeError(f"link_probe: {self.process.stderr.read()[-2000:]}")
            result.append(line.split())
        return result

    def end(self):
        self.alarm.cancel()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def send(network, flows, size_bytes, burst=1, rounds=1, period_s=0.0, seed=1, listen=None, prefixes=None):
    """Sends rounds of `burst` messages over each of `flows` [(source, destination)]; every `period_s`, or, without one, as
    soon as the round before has ended. `network` is the text of a profile. `listen` and
    `prefixes`, of the command, by rank, where ranks do not all live here. Messages in the order of their arrival by rank."""
    world_size = max(max(flow) for flow in flows) + 1
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".textproto"))
        file.write(network)
        file.flush()

        def start(*flags, prefix=()):
            process = _Process(*flags, prefix=prefix)
            stack.callback(process.end)
            return process

        common = ["--network", file.name, "--bytes", size_bytes, "--burst", burst, "--rounds", rounds, "--seed", seed,
                  "--period_us", round(period_s * 1e6)]
        for flow in flows:
            common += ["--flow", "%d:%d" % flow]
        if "shared_medium: true" in network:
            common += ["--medium", start("--arbiter").expect("address")[0]]
        ranks = [start("--rank", rank, *common, "--listen", listen[rank] if listen else "127.0.0.1:0",
                       prefix=prefixes[rank] if prefixes else ()) for rank in range(world_size)]
        addresses = " ".join(rank.expect("address")[0] for rank in ranks)
        for rank in ranks:
            rank.tell(addresses)
        for rank in ranks:
            rank.expect("ready")
        begin_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC) + 50_000_000
        for rank in ranks:
            rank.tell(str(begin_ns))
        return _messages([rank.lines() for rank in ranks])


def _messages(lines_by_rank):
    sent_ns = {(rank, int(line[1])): int(line[2]) for rank, lines in enumerate(lines_by_rank) for line in lines
               if line[0] == "sent"}
    result = []
    for rank, lines in enumerate(lines_by_rank):
        for line in lines:
            if line[0] != "received":
                continue
            number, source, index, received_ns, asked_ns = map(int, line[1:])
            sent = sent_ns[source, number]
            result.append(Message(number, source, rank, index, sent, received_ns, (received_ns - sent) * 1e-9, asked_ns * 1e-9))
    return result


def link(interface_sharing=True, **fields):
    """The text of a profile whose links all have `fields` of LinkConfig; `extra` is text of the profile itself."""
    extra = fields.pop("extra", "")
    inner = " ".join(f"{name}: {value}" for name, value in fields.items())
    return f'name: "probe" link {{ {inner} }} interface_sharing: {str(interface_sharing).lower()} {extra}'


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]

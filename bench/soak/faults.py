"""What can happen to a cluster, when, to whom, and what must come of it; and a schedule of it from a seed."""

import dataclasses
import random

PHASES = ("join", "assign", "dial", "step", "evaluation", "checkpoint", "shut-down")
# Of the run: in these phases a worker has a rank.
RUNNING = ("assign", "dial", "step", "evaluation", "checkpoint")


@dataclasses.dataclass(frozen=True)
class Limits:
    """Of the cluster, in seconds, and how long a fault lasts that is meant to be shorter or longer than they are."""
    heartbeat_s: float = 0.2
    silence_s: float = 1.5      # heartbeat limit of the server
    collective_s: float = 1.5   # deadline of a collective
    ready_s: float = 20         # to get ready, to wait for workers
    keepalive_s: float = 5      # 1 s to a ping and 4 s to its answer (common/rpc/channel.cc)

    @property
    def short_s(self):
        return 0.3

    @property
    def long_s(self):
        return self.silence_s + 1

    @property
    def longest_s(self):
        return self.keepalive_s + 1.5

    @property
    def jump_s(self):
        return 1.5  # the clock's library looks once a second


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str     # a row of KINDS
    victim: str   # server, rank 0, another rank, client
    phase: str
    delay_s: float  # from the phase's first sign

    def __str__(self):
        return f"{self.kind}, {self.victim}, {self.phase}"


@dataclasses.dataclass(frozen=True)
class Kind:
    """`comes`: what must come of it by victim: ENDS, GOES_ON or CLIENT_ENDS. `lasts` is a field of Limits, "" for what cannot be
    undone. `says`: of the error; {pid} is the victim's, {ranks} its rank and those at the other end of its link."""
    name: str
    comes: dict
    phases: tuple = PHASES
    lasts: str = ""
    says: str = ""


ENDS = "ended"            # the run, with an error that names the culprit
GOES_ON = "went on"
CLIENT_ENDS = "went on without its client"  # which told why
EITHER = "either"
SHUT_DOWN = "was shut down"
WORKERS = ("rank 0", "another rank")
SERVER_LOST = r"server"


def _kind(name, server=None, workers=None, client=None, **more):
    comes = {"server": server, "client": client, **{each: workers for each in WORKERS}}
    return Kind(name, {victim: what for victim, what in comes.items() if what is not None}, **more)


KINDS = (
    _kind("killed", server=ENDS, workers=ENDS, client=CLIENT_ENDS, says=r"pid {pid}\).*lost: stream closed"),
    _kind("stopped, short", server=GOES_ON, workers=GOES_ON, client=GOES_ON, lasts="short_s"),
    _kind("stopped, long", server=ENDS, workers=ENDS, client=GOES_ON, lasts="long_s", says=r"pid {pid}\).*no heartbeat"),
    _kind("server connection reset", workers=ENDS, client=CLIENT_ENDS, says=r"pid {pid}\).*lost: stream closed"),
    _kind("server link dead, short", workers=GOES_ON, client=GOES_ON, lasts="short_s"),
    _kind("server link dead, long", workers=ENDS, client=CLIENT_ENDS, lasts="long_s", says=r"pid {pid}\).*no heartbeat"),
    _kind("peer connection reset", workers=ENDS, phases=RUNNING[1:], says=r"rank ({ranks}) "),
    _kind("peer link dead, short", workers=GOES_ON, phases=RUNNING[1:], lasts="short_s"),
    _kind("peer link dead, long", workers=ENDS, phases=RUNNING[1:], lasts="long_s", says=r"rank ({ranks}) "),
    _kind("disk full", server=ENDS, phases=("assign", "step", "evaluation", "checkpoint", "shut-down"), says=r"No space left on device"),
    _kind("clock an hour back", server=GOES_ON, workers=GOES_ON, client=GOES_ON, lasts="jump_s"),
    _kind("clock an hour on", server=GOES_ON, workers=GOES_ON, client=GOES_ON, lasts="jump_s"),
)
BY_NAME = {kind.name: kind for kind in KINDS}


def is_clock(fault):
    return fault.kind.startswith("clock")


def lasts_s(fault, limits):
    """How long until it is undone; 0 for what cannot be. The server's silence is noticed by everybody's connections to it."""
    kind = BY_NAME[fault.kind]
    if kind.lasts == "long_s" and ("server" == fault.victim or "client" == fault.victim and "link" in fault.kind):
        return limits.longest_s
    return getattr(limits, kind.lasts) if kind.lasts else 0


def expected(fault):
    """What must come of it."""
    comes = BY_NAME[fault.kind].comes[fault.victim]
    if fault.phase == "shut-down":
        return SHUT_DOWN
    if comes == GOES_ON:
        return GOES_ON
    # A worker that is lost before it has a rank is no part of a run, and a supervisor starts it again; a client that only asks how
    # many have joined may find its connection made again.
    if fault.phase == "join" and fault.victim != "server":
        return CLIENT_ENDS if fault.kind == "killed" and fault.victim == "client" else EITHER
    # Peers that are not connected yet dial again.
    if fault.phase == "dial" and "peer" in fault.kind:
        return EITHER
    # The deadline of a collective is for steps: what is between them has more time.
    if fault.phase in ("evaluation", "checkpoint") and fault.kind == "peer link dead, long":
        return EITHER
    return comes


def words(fault, pid, ranks):
    """What the error must say: who it was."""
    if fault.victim == "server" and fault.kind != "disk full" or fault.victim == "client":
        return SERVER_LOST
    return BY_NAME[fault.kind].says.format(pid=pid, ranks="|".join(map(str, sorted(ranks))))


def _order(fault):
    """Leaks are looked for in those who live long: first come the faults that the server and most workers outlive."""
    server_ends = fault.victim == "server" and expected(fault) == ENDS and fault.kind != "disk full" or fault.phase == "shut-down"
    return 2 * is_clock(fault) + server_ends


def schedule(seed, count, skip=()):
    """`count` faults: every kind, victim and phase that go together as often as any other, in an order from the seed."""
    generator = random.Random(seed)
    cells = [(kind.name, victim, phase) for kind in KINDS if kind.name not in skip for victim in kind.comes for phase in kind.phases
             if not (phase == "join" and victim == "rank 0")]
    chosen = []
    while len(chosen) < count:
        generator.shuffle(cells)
        chosen += cells[:count - len(chosen)]
    return sorted((Fault(*cell, delay_s=generator.uniform(0, 0.15)) for cell in chosen), key=_order)

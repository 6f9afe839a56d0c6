"""One fault after another against a living cluster; after each, what came of it is compared with what had to, and the cluster must
be idle and take the next run."""

import dataclasses
import re
import shutil
import signal
import time

import faults
import measuring
from cluster import Cluster, await_true, read_run

MODEL = ("--pattern=ts", "--batch=2", "--sequence=16", "--set=model.layers=2", "--set=model.heads=3", "--set=model.channels=24",
         "--steps=1000000", "--set=train.replica_check_interval=1000", "--delay=1ms")
# What makes a run spend its time in one phase.
PLAIN = ("--set=train.eval_interval=1000000", "--set=train.eval_windows=1")
WORK = {"evaluation": ("--set=train.eval_interval=1", "--set=train.eval_windows=50"),
        "checkpoint": (*PLAIN, "--set=train.checkpoint_interval=1")}
END_LIMIT_S = 8     # from the fault, or its end, to the run's: what a lost connection takes, and a busy machine
IDLE_LIMIT_S = 20   # until everybody who died has been started again and all are idle
GO_ON_LIMIT_S = 10  # until a run that goes on has reported more steps


@dataclasses.dataclass
class Result:
    fault: faults.Fault
    outcome: str = ""
    ended_s: float = 0  # from the fault to the run's end
    idle_s: float = 0   # from the fault, or the run's last sign of life, to an idle cluster
    error: str = ""
    wrong: list = dataclasses.field(default_factory=list)


class Soak:
    """Not thread-safe: one fault at a time."""

    def __init__(self, folder, limits, workers=3, fake_clocks=False):
        self.folder, self.limits = folder, limits
        self.cluster = Cluster(folder, workers, limits, fake_clocks)
        self.usage = []  # of everybody at rest: {"fault", "name", "pid", "rss_kib", "threads", "descriptors"}
        self.number = 0
        self.client = None

    def start(self):
        self.cluster.revive()
        if not self.await_idle():
            raise RuntimeError(f"the cluster did not start: {self.cluster.server.log()[-2000:]}")

    def await_idle(self):
        """Everybody lives and rests, and still does a moment later: one that is about to die is not idle."""
        def idle():
            self.cluster.revive()
            return self.cluster.idle()

        def stays_idle():
            pids = [member.pid for member in self.cluster.members()] if idle() else None
            if pids is not None:
                time.sleep(0.1)
            return pids is not None and idle() and pids == [member.pid for member in self.cluster.members()]
        return await_true(stays_idle, IDLE_LIMIT_S)

    def one(self, fault):
        """Runs a job, strikes, waits for what comes of it, and until the cluster is idle again."""
        self.number += 1
        result = Result(fault)
        run = f"fault-{self.number}"
        begin = self.begin(fault, run)
        if not self.await_phase(fault.phase, run, begin):
            result.wrong.append(f"the phase did not come; the client said: {self.client.log()[-500:]}")
        else:
            time.sleep(fault.delay_s)
            index, process = self.victim(fault, run)
            ranks = self.ranks_concerned(fault, index, run)
            if fault.phase == "shut-down":
                for member in self.cluster.members():
                    member.signal(signal.SIGTERM)
                time.sleep(fault.delay_s / 3)
            struck = time.monotonic()
            undo = begin["undo"] or self.strike(fault, index, process, run)
            self.watch(fault, result, run, undo, struck)
            self.judge(fault, result, faults.words(fault, process.pid, ranks))
        self.settle(fault, result, run)
        return result

    # --- before the fault ---

    def begin(self, fault, run):
        """Starts the run of the fault, and remembers what there was before it."""
        cluster = self.cluster
        before = {"joins": [link.connections for link in cluster.server_links],
                  "dials": sum(link.connections for link in cluster.peer_links), "undo": None}
        if fault.phase == "join":
            self.newcomer = self.number % len(cluster.workers)
            cluster.workers[self.newcomer].signal(signal.SIGTERM)
            cluster.workers[self.newcomer].end(10)
        if fault.phase == "assign" and fault.kind == "disk full":
            before["undo"] = self.fill_disk()
        self.client = cluster.start_client(run, [*MODEL, *WORK.get(fault.phase, PLAIN), f"--data={self.folder / 'text.txt'}",
                                                 f"--set=collective.deadline_seconds={self.limits.collective_s}"])
        if fault.phase == "join":
            cluster.start_worker(self.newcomer)
        return before

    def lines(self, run):
        path = self.cluster.runs / run / "metrics.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def await_phase(self, phase, run, before):
        """Whether the phase's first sign was seen in time. A disk that was full before the run is a phase of its own."""
        cluster = self.cluster
        if before["undo"] is not None:
            return True
        signs = {"join": lambda: cluster.server_links[self.newcomer].connections > before["joins"][self.newcomer],
                 "assign": lambda: f"run {run}: {len(cluster.workers)} workers" in cluster.server.log(),
                 "dial": lambda: sum(link.connections for link in cluster.peer_links) > before["dials"]}
        sign = signs.get(phase, lambda: self.lines(run) >= 2)
        return await_true(lambda: sign() or not self.client.alive(), self.limits.ready_s) and self.client.alive()

    def victim(self, fault, run):
        """(index if it is a worker, process)"""
        cluster = self.cluster
        if fault.victim == "server":
            return None, cluster.server
        if fault.victim == "client":
            return None, self.client
        if fault.phase == "join":
            return self.newcomer, cluster.workers[self.newcomer]
        ranks = self.ranks(run)
        rank = 0 if fault.victim == "rank 0" else 1 + self.number % (len(ranks) - 1)
        return ranks[rank], cluster.workers[ranks[rank]]

    def ranks(self, run):
        """Indexes of the workers by rank, which they write into their logs a moment after the server has given it."""
        indexes = range(len(self.cluster.workers))
        await_true(lambda: all(self.cluster.rank(index, run) is not None for index in indexes), 2)
        return sorted(indexes, key=lambda index: self.cluster.rank(index, run) or 0)

    def ranks_concerned(self, fault, index, run):
        """Its own, and those at the other ends of its link to peers."""
        if index is None or fault.phase == "join":
            return set()
        rank = self.ranks(run).index(index)
        if "peer" not in fault.kind:
            return {rank}
        return {0, 1} if rank == 0 else set(range(rank + 1))

    # --- the fault ---

    def strike(self, fault, index, process, run):
        """Returns what undoes it."""
        kind, cluster = fault.kind, self.cluster
        nothing = lambda: None
        if kind == "killed":
            process.signal(signal.SIGKILL)
            return nothing
        if kind.startswith("stopped"):
            process.signal(signal.SIGSTOP)
            return lambda: process.signal(signal.SIGCONT)
        if kind.startswith("clock"):
            process.jump(-3600 if kind.endswith("back") else 3600)
            return nothing  # the clock that was set stays so
        if kind == "disk full":
            return self.fill_disk()
        if "peer" in kind:
            # The lower rank dials: what reaches rank 0 goes through the links of the others.
            ranks = self.ranks(run)
            cut = cluster.peer_links[ranks[1] if index == ranks[0] else index]
        else:
            cut = cluster.client_link if index is None else cluster.server_links[index]
        if "reset" in kind:
            cut.reset()
            return nothing
        cut.hold()
        return cut.release

    def fill_disk(self):
        ballast = self.cluster.runs / ".ballast"
        with open(ballast, "wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    pass
        return lambda: ballast.unlink(missing_ok=True)

    # --- what comes of it ---

    def watch(self, fault, result, run, undo, struck):
        """Until the run has ended, or has gone on after the fault."""
        lasts_s = faults.lasts_s(fault, self.limits)
        comes = faults.expected(fault)
        undone = lines = None
        limit_s = END_LIMIT_S + lasts_s + (GO_ON_LIMIT_S if comes in (faults.GOES_ON, faults.EITHER) else 0)
        while time.monotonic() - struck < limit_s:
            if undone is None and time.monotonic() - struck >= lasts_s and fault.kind != "disk full":
                undo()
                undone, lines = time.monotonic(), self.lines(run)
            if not self.client.alive() and result.ended_s == 0:
                result.ended_s = time.monotonic() - struck
                if fault.kind == "disk full" or comes not in (faults.CLIENT_ENDS, faults.EITHER):
                    break
            if undone is not None and comes in (faults.GOES_ON, faults.CLIENT_ENDS, faults.EITHER) and self.lines(run) >= lines + 3:
                break
            if fault.phase == "join":
                self.cluster.revive()
            if comes in (faults.CLIENT_ENDS, faults.EITHER) and not self.client.alive() and self.nothing_runs():
                break
            time.sleep(0.01)
        undo()
        gone_on = lines is not None and self.lines(run) >= lines + 3
        if comes == faults.CLIENT_ENDS and gone_on:
            await_true(lambda: not self.client.alive(), max(0, limit_s - (time.monotonic() - struck)))
        result.outcome = ("went on" if self.client.alive() else faults.CLIENT_ENDS) if gone_on else "hung" if self.client.alive() else "ended"
        if fault.phase == "shut-down" and not self.client.alive():
            result.outcome = faults.SHUT_DOWN
        self.rest_since = struck if result.outcome == "ended" else time.monotonic()

    def nothing_runs(self):
        counts = self.cluster.counts()
        return counts is not None and counts["busy"] == 0 and counts["queued"] == 0

    def judge(self, fault, result, words):
        """Was it what had to come of it, and does the error say who it was?"""
        comes = faults.expected(fault)
        client_killed = fault.victim == "client" and fault.kind == "killed"
        allowed = {faults.EITHER: ("went on", "ended", faults.CLIENT_ENDS)}.get(comes, (comes,))
        if client_killed:
            allowed += ("ended",) if fault.phase == "join" else ()
        if result.outcome not in allowed:
            result.wrong.append(f"{result.outcome}, not {' or '.join(allowed)}")
        if self.client.alive() or client_killed:
            return
        result.error = " ".join(line for line in self.client.log().splitlines() if "waiting for" not in line)[-600:]
        code = self.client.end(0)
        if code != 1 and not (code == 2 and fault.phase == "join"):
            result.wrong.append(f"the client's exit code is {code}")
        if comes != faults.SHUT_DOWN and not re.search(words, result.error):
            result.wrong.append(f"the error does not name the culprit (want {words})")
        if comes == faults.SHUT_DOWN and not result.error:
            result.wrong.append("the client said nothing")

    # --- afterwards ---

    def settle(self, fault, result, run):
        """Ends what still runs, starts who is dead, and looks at what is left."""
        cluster = self.cluster
        if fault.phase == "shut-down" and result.outcome:
            late = [member.name for member in cluster.members() if member.end(max(0.1, END_LIMIT_S)) is None]
            if late:
                result.wrong.append(f"did not shut down: {', '.join(late)}")
        killed = (fault.kind, fault.victim) == ("killed", "server")  # it may take a moment to be seen dead
        server_lived = cluster.server.alive() and not killed
        if self.client.alive():
            self.client.signal(signal.SIGINT)
            code = self.client.end(END_LIMIT_S)
            if code != 130:
                result.wrong.append(f"the client's exit code after SIGINT is {code}")
        elif server_lived and not self.nothing_runs():
            cluster.stop_run(run)  # the client is gone, and the run goes on without it
        self.client.signal(signal.SIGKILL)
        self.client.end(5)
        if not self.await_idle():
            result.wrong.append(f"not idle after {IDLE_LIMIT_S} s: {self.describe()}")
            self.keep(fault)
            cluster.kill()
            self.start()
        result.idle_s = time.monotonic() - self.rest_since if result.outcome else 0
        result.wrong += [f"stray process {stray}" for stray in cluster.strays({member.pid for member in cluster.members()})]
        folder = cluster.runs / run
        if folder.exists():
            result.wrong += read_run(folder, whole=server_lived, room=fault.kind != "disk full")
        if result.wrong:
            self.keep(fault)
        shutil.rmtree(folder, ignore_errors=True)
        for member in cluster.members():
            usage = member.usage()
            if usage is None:
                result.wrong.append(f"{member.name} died when all was over: {member.log()[-300:]}")
            else:
                self.usage.append({"fault": self.number, "name": member.name, "pid": member.pid, **usage})

    def describe(self):
        """Who does what, for whoever reads about a cluster that did not come to rest."""
        parts = [f"server says {self.cluster.counts()}"]
        for member in self.cluster.members():
            last = member.log().strip().splitlines()[-1:] or ["nothing"]
            parts.append(f"{member.name} {'lives' if member.alive() else 'is dead'}, last said: {last[0][-160:]}")
        return "; ".join(parts)

    def keep(self, fault):
        """The logs of a fault that went wrong."""
        kept = self.folder / "kept" / f"{self.number:03d}"
        kept.mkdir(parents=True, exist_ok=True)
        for log in self.folder.glob("*.log"):
            shutil.copy(log, kept)
        (kept / "fault.txt").write_text(f"{fault}\n")

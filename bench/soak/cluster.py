"""A real cluster of real processes that is watched closely: a server, workers and one client at a time, each behind a link that can
be cut, each started again when it has died, as a supervisor would."""

import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

import links
import measuring

FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
MARKER = "EDGETP_SOAK"  # in the environment of all that belongs to this soak, to find strays
POLL_S = 0.005


def await_true(condition, limit_s):
    """Whether the condition came true in time."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def _end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no soak leaves anybody behind, whatever ends it


class Process:
    """One process, its log, and what it takes."""

    def __init__(self, name, command, folder, environment, clock_file=None):
        self.name, self.log_path = name, folder / f"{name.replace(' ', '_')}.log"
        self.clock_file = clock_file
        environment = {**os.environ, **environment}
        if clock_file is not None:
            clock_file.write_text("+0\n")
            environment |= {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock_file), "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                            "FAKETIME_CACHE_DURATION": "1"}
        self.log_begin = self.log_path.stat().st_size if self.log_path.exists() else 0
        self.out_path = self.log_path.with_suffix(".out")
        with open(self.log_path, "ab") as log, open(self.out_path, "wb") as out:
            self.child = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=log, cwd=folder,
                                          env=environment, preexec_fn=_end_with_parent)
        self.pid = self.child.pid

    def alive(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.alive():
            self.child.send_signal(number)

    def end(self, limit_s):
        """Exit code; None if it is still there after the limit."""
        try:
            return self.child.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            return None

    def log(self):
        """What this process has written, not those of the same name before it."""
        with open(self.log_path, "rb") as file:
            file.seek(self.log_begin)
            return file.read().decode(errors="replace")

    def jump(self, seconds):
        self.clock_file.write_text(f"{seconds:+d}\n")

    def usage(self):
        """{"rss_kib", "threads", "descriptors"}; None if it is dead"""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        if "VmRSS" not in status:
            return None
        field = lambda name: int(re.search(rf"^{name}:\s+(\d+)", status, re.M).group(1))
        return {"rss_kib": field("VmRSS"), "threads": field("Threads"), "descriptors": len(os.listdir(f"/proc/{self.pid}/fd"))}


class Cluster:
    """Server, workers, and the links of everybody."""

    def __init__(self, folder, workers, limits, fake_clocks=False):
        self.folder, self.limits, self.fake_clocks = folder, limits, fake_clocks
        self.runs = folder / "runs"
        self.environment = {MARKER: str(folder)}
        switchboard = links.Switchboard()
        self.server_port, self.metrics_port = links.free_port(), links.free_port()
        self.peer_ports = [links.free_port() for _ in range(workers)]
        self.client_link = switchboard.link(self.server_port)
        self.server_links = [switchboard.link(self.server_port) for _ in range(workers)]
        self.peer_links = [switchboard.link(port) for port in self.peer_ports]
        self.server, self.workers = None, [None] * workers
        self.restarts = 0

    def _start(self, name, command):
        clock = self.folder / f"{name.replace(' ', '_')}.clock" if self.fake_clocks else None
        return Process(name, command, self.folder, self.environment, clock)

    def start_server(self):
        self.server = self._start("server", [
            measuring.BIN / "edgetp_server", f"--listen=127.0.0.1:{self.server_port}", f"--metrics=127.0.0.1:{self.metrics_port}",
            f"--runs={self.runs}", f"--heartbeat_seconds={self.limits.heartbeat_s}", f"--heartbeat_limit_seconds={self.limits.silence_s}",
            f"--worker_wait_seconds={self.limits.ready_s}", f"--ready_seconds={self.limits.ready_s}"])

    def start_worker(self, index):
        self.workers[index] = self._start(f"worker {index}", [
            measuring.BIN / "edgetp_worker", f"--server=127.0.0.1:{self.server_links[index].port}",
            f"--listen=127.0.0.1:{self.peer_ports[index]}", f"--advertise=127.0.0.1:{self.peer_links[index].port}",
            f"--connect_seconds={self.limits.ready_s}"])

    def start_client(self, run, options):
        return self._start("client", [
            measuring.BIN / "edgetp", "train", f"--server=127.0.0.1:{self.client_link.port}", f"--run={run}", f"--workers={len(self.workers)}",
            f"--worker_wait_seconds={self.limits.ready_s}", "--format=json", *options])

    def revive(self):
        """Starts who is dead, as a supervisor does."""
        if self.server is None or not self.server.alive():
            self.restarts += self.server is not None
            self.start_server()
        for index, worker in enumerate(self.workers):
            if worker is None or not worker.alive():
                self.restarts += worker is not None
                self.start_worker(index)

    def stop_run(self, run):
        """As `edgetp stop`; True if there was a run to stop."""
        command = [measuring.BIN / "edgetp", "stop", run, f"--server=127.0.0.1:{self.server_port}"]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20).returncode == 0

    def counts(self):
        """{"idle": n, "busy": n, "queued": n} as the server's metrics say; None if it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=2) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        found = dict(re.findall(r'^edgetp_workers\{state="(\w+)"\} (\d+)', text, re.M))
        queued = re.search(r"^edgetp_queued_runs (\d+)", text, re.M)
        return {"idle": int(found.get("idle", 0)), "busy": int(found.get("busy", 0)), "queued": int(queued.group(1)) if queued else 0}

    def idle(self):
        alive = self.server.alive() and all(worker.alive() for worker in self.workers)
        return alive and self.counts() == {"idle": len(self.workers), "busy": 0, "queued": 0} and all(map(self._at_rest, self.workers))

    @staticmethod
    def _at_rest(worker):
        """Whether it has left its last job; the server knows only who it would give one."""
        jobs = re.findall(r"job \S+: (rank \d+ of|rank \d+:|done)", worker.log())
        return not jobs or not jobs[-1].endswith(" of")

    def rank(self, index, run):
        """Of a worker in a run; None if it has none."""
        found = re.search(rf"job {re.escape(run)}: rank (\d+) of", self.workers[index].log())
        return int(found.group(1)) if found else None

    def members(self):
        return [process for process in [self.server, *self.workers] if process is not None]

    def strays(self, known):
        """Processes of this soak that nobody knows of: 'pid name'."""
        marker = f"{MARKER}={self.folder}".encode()
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if marker in (path / "environ").read_bytes() and int(path.name) not in known:
                    found.append(f"{path.name} {(path / 'comm').read_text().strip()}")
            except (OSError, ValueError):
                pass  # it has just ended, or is somebody else's
        return found

    def end(self):
        for process in reversed(self.members()):
            process.signal(signal.SIGTERM)
            process.signal(signal.SIGCONT)
        return [process.name for process in self.members() if process.end(10) is None]

    def kill(self):
        for process in self.members():
            process.signal(signal.SIGKILL)
            process.end(5)


def read_run(folder, whole, room):
    """What is wrong with a run directory: a list of sentences. `whole`: its server lived to the end; `room`: and its disk was not full."""
    wrong = []
    config = folder / "config.textproto"
    if not config.exists() or "pattern" not in config.read_text():
        wrong.append("config.textproto is missing or not whole")
    lines = (folder / "metrics.jsonl").read_text().split("\n") if (folder / "metrics.jsonl").exists() else [""]
    for number, line in enumerate(lines[:-1] + ([lines[-1]] if whole and lines[-1] else []), 1):
        try:
            json.loads(line)
        except ValueError:
            wrong.append(f"metrics.jsonl:{number} is not JSON: {line[:80]!r}")
    summary = folder / "summary.json"
    if summary.exists():
        try:
            json.loads(summary.read_text())
        except ValueError:
            wrong.append("summary.json is not JSON")
    elif whole and room:
        wrong.append("summary.json is missing")
    if whole:
        wrong += [f"{path.name} was left" for path in folder.rglob("*.tmp")]
    return wrong

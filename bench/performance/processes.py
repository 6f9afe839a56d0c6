"""What the kernel knows about the processes of a local cluster: memory and CPU time. Linux alone."""

import os
import pathlib
import threading
import time


def workers_of(pid):
    """The edgetp_worker children of an `edgetp` process, oldest first."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if "edgetp_worker" in pathlib.Path(f"/proc/{child}/cmdline").read_text()]


def resident_mib(pid):
    line = next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def peak_bytes(pid):
    """The largest resident size that the process has had."""
    line = next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_share(pids, body):
    """(mean share of a core that a process used while body() ran, what body returned)"""
    begin, before = time.monotonic(), sum(map(cpu_seconds, pids))
    result = body()
    return (sum(map(cpu_seconds, pids)) - before) / (time.monotonic() - begin) / len(pids), result


class MemoryWatch:
    """with MemoryWatch(pids) as watch: ...; then watch.peak_mib: the largest resident size of any of them."""

    def __init__(self, pids):
        self.pids, self.peak_mib, self._done = pids, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self._done.wait(0.02):
            self.peak_mib = max([self.peak_mib, *map(resident_mib, self.pids)])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

"""A local cluster that stays while a block measures: no start-up between the cells of a table."""

import collections
import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
import time

import measuring

START_S = 60

# The server's HOST:PORT, and the process of `edgetp up`.
Cluster = collections.namedtuple("Cluster", "address pid")


def _address(process):
    """From the line that `edgetp up` prints when all workers have joined."""
    deadline = time.monotonic() + START_S
    text = ""
    while time.monotonic() < deadline:
        if select.select([process.stderr], [], [], 1)[0]:
            line = os.read(process.stderr.fileno(), 65536).decode()
            if not line:
                break
            text += line
            found = re.search(r"Server: (\S+)", text)
            if found:
                return found.group(1)
    raise RuntimeError(f"edgetp up did not start: {text[-2000:]}")


@contextlib.contextmanager
def local_cluster(workers):
    """Yields a Cluster."""
    with tempfile.TemporaryDirectory() as runs:
        command = [measuring.BIN / "edgetp", "up", f"--workers={workers}", "--listen=127.0.0.1:0", "--metrics=127.0.0.1:0", f"--runs={runs}"]
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            yield Cluster(_address(process), process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stderr.close()

"""Programs that run beside the examples: servers, workers, and the clusters made of them."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(sys.argv[1]).resolve()
READY_S = 40


class Failed(Exception):
    pass


class Daemon:
    """A server, a worker or `edgetp up` in the background."""

    READY = {
        "edgetp_server": r"listening on (\S+)",
        "edgetp_worker": r"joined|peers (\S+) status port",
        "edgetp": r"Server: (\S+)|step (\d+)/",
    }

    def __init__(self, words: list[str], environment: dict[str, str], folder: pathlib.Path, place: str):
        self.words, self.place = words, place
        self.log = tempfile.NamedTemporaryFile("w+", dir=folder, suffix=".log", delete=False)
        self.process = subprocess.Popen(
            [BINARIES / words[0], *words[1:]], cwd=folder, env=environment, stdout=self.log, stderr=subprocess.STDOUT
        )
        self.ready = self._await_ready()
        self.address = self.ready.group(1) or ""

    def output(self) -> str:
        return pathlib.Path(self.log.name).read_text()

    def _await_ready(self) -> re.Match[str]:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            ready = re.search(self.READY[self.words[0]], self.output())
            if ready:
                return ready
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        code = self.process.poll()
        self.process.kill()
        raise Failed(f"{self.place}: `{' '.join(self.words)}` is not ready (exit code {code}):\n{self.output()}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        if code not in (0, 130):  # 130: a command that was interrupted
            raise Failed(f"{self.place}: `{' '.join(self.words)}` ended with {code}:\n{self.output()}")


class Clusters:
    """Running clusters for the commands that want one, by what their security is."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.running = folder, {}

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EDGETP_")}
        return inherited | {"EDGETP_CONFIG_PATH": str(ROOT / "configs"), "PATH": f"{BINARIES}:{os.environ['PATH']}"}

    def at(self, tls: bool, token: bool) -> tuple[Daemon, list[Daemon]]:
        # Some lines write another token, or other keys.
        key = (tls, token, *((self.folder / name).read_text() for name in ("token", "ca.crt") if token or tls))
        if key not in self.running:
            security = ["--token_file=token"] if token else []
            as_server, as_worker = (
                ["--tls_ca=ca.crt", f"--tls_cert={role}.crt", f"--tls_key={role}.key"] if tls else []
                for role in ("server", "worker")
            )
            server = Daemon(
                ["edgetp_server", "--listen=127.0.0.1:0", "--metrics=127.0.0.1:0", *security, *as_server],
                self.environment(), self.folder, "a server for the examples",
            )
            worker = ["edgetp_worker", f"--server={server.address}", *security, *as_worker]
            workers = [
                Daemon(worker, self.environment(), self.folder, "a worker for the examples")
                for _ in range(4)
            ]
            self.running[key] = (server, workers)
        return self.running[key]

    def stop(self) -> None:
        for server, workers in self.running.values():
            for daemon in (*workers, server):
                daemon.process.terminate()
                daemon.process.wait(timeout=30)

"""A server, two workers, and jobs that take milliseconds a step, for tests that look at a cluster."""

import pathlib
import re
import signal
import subprocess

LIMIT_S = 60
TINY = ["--batch=2", "--sequence=16", "--set=model.layers=2", "--set=model.heads=2", "--set=model.channels=16",
        "--set=train.eval_windows=4", "--set=train.eval_interval=20"]


class SmallCluster:
    def __init__(self, edgetp: pathlib.Path, folder: pathlib.Path, *flags: str, security: tuple[str, ...] = ()):
        self.edgetp, self.folder = edgetp, folder
        (folder / "text.txt").write_text("".join(f"the quick brown fox jumps over the lazy dog {i}\n" for i in range(400)))
        self.server = self.start("edgetp_server", "--listen=127.0.0.1:0", "--page=127.0.0.1:0", *flags, *security)
        said = re.match(r"edgetp_server listening on (\S+) metrics \S+ page (\S+)\n", self.server.stdout.readline())
        assert said, "the server has ended"
        self.address, self.page = said.groups()
        self.workers = [self.start("edgetp_worker", f"--server={self.address}", "--listen=127.0.0.1:0", *security)
                        for _ in range(2)]

    def start(self, program: str, *words: str) -> subprocess.Popen:
        return subprocess.Popen([self.edgetp.with_name(program), *words], cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)

    def train(self, name: str, *flags: str) -> subprocess.Popen:
        """A job that does not end by itself."""
        return self.start("edgetp", "train", f"--server={self.address}", "--data=text.txt", "--pattern=ts", f"--run={name}",
                          "--steps=1000000", "--network=none", "--delay=5ms", *TINY, *flags)

    def close(self):
        for process in [*self.workers, self.server]:
            process.send_signal(signal.SIGTERM)
            process.wait(LIMIT_S)
            process.stdout.close()

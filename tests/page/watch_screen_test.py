#!/usr/bin/env python3
"""`edgetp watch` on a terminal of 80 columns: it draws over itself, fits, leaves colours away where it is told to, and ends
with Ctrl-C. Usage: watch_screen_test.py EDGETP."""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from small_cluster import LIMIT_S, SmallCluster

EDGETP = pathlib.Path(sys.argv[1]).resolve()
COLUMNS, ROWS = 80, 40
COLOR = re.compile(r"\x1b\[[0-9;]*m")
DRAWN_OVER = re.compile(r"\x1b\[\d+A\r")


class Terminal:
    """A command whose stdin, stdout and stderr are a terminal."""

    def __init__(self, words: list[str], **environment: str):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG")}
        self.process = subprocess.Popen([EDGETP, *words], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        env=kept | {"TERM": "xterm", "LANG": "C.UTF-8"} | environment)
        os.close(slave)
        self.master, self.text = master, ""

    def read(self, until):
        deadline = time.monotonic() + LIMIT_S
        while not until(self.text):
            assert time.monotonic() < deadline, self.text[-3000:]
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.master, 1 << 16).decode(errors="replace")
                except OSError:  # the other side has ended
                    break
        return self.text

    def close(self) -> int:
        code = self.process.wait(LIMIT_S)
        self.read(lambda _: False) if select.select([self.master], [], [], 0)[0] else None
        os.close(self.master)
        return code


def frames(text: str) -> list[list[str]]:
    """What was drawn, one after the other, without escapes."""
    plain = [re.sub(r"\x1b\[[0-9;]*[KJ]", "", COLOR.sub("", frame)) for frame in DRAWN_OVER.split(text)]
    return [frame.replace("\r", "").split("\n") for frame in plain]


class WatchScreenTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="edgetp-watch-")
        cls.cluster = SmallCluster(EDGETP, pathlib.Path(cls.temporary.name))
        cls.server = f"--server={cls.cluster.address}"
        cls.train = cls.cluster.train("first")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()
        cls.train.wait(LIMIT_S)
        cls.train.stdout.close()
        cls.temporary.cleanup()

    def setUp(self):
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            status = subprocess.run([EDGETP, "status", self.server, "--format=json"], capture_output=True, text=True, timeout=LIMIT_S)
            if any(run["state"] == "running" and run["step"] > 30 for run in json.loads(status.stdout)["runs"]):
                break
            time.sleep(0.1)

    def watch(self, *words: str, **environment: str) -> Terminal:
        return Terminal(["watch", self.server, *words], **environment)

    def test_it_draws_over_itself_and_ctrl_c_ends_it(self):
        terminal = self.watch()
        text = terminal.read(lambda seen: len(DRAWN_OVER.findall(seen)) >= 3)
        terminal.process.send_signal(signal.SIGINT)
        self.assertEqual(terminal.close(), 130)
        last = frames(text)[-2]
        self.assertIn("first", last[0])
        self.assertIn("running", last[0])
        shown = "\n".join(last)
        for word in ("step ", "loss ", "compute", "propagation", "every link", "5 ms", "█"):
            self.assertIn(word, shown)
        self.assertTrue(COLOR.search(text))
        for frame in frames(text)[:-1]:
            for line in frame:
                self.assertLessEqual(len(line), COLUMNS, line)

    def test_no_color_and_no_utf_8_are_respected(self):
        terminal = self.watch(NO_COLOR="1", LANG="C")
        text = terminal.read(lambda seen: len(DRAWN_OVER.findall(seen)) >= 2)
        terminal.process.send_signal(signal.SIGINT)
        self.assertEqual(terminal.close(), 130)
        self.assertIsNone(COLOR.search(text))
        self.assertTrue(text.isascii())

    def test_once_prints_one_screen_and_ends(self):
        terminal = self.watch("--once")
        text = terminal.read(lambda _: terminal.process.poll() is not None)
        self.assertEqual(terminal.close(), 0)
        self.assertEqual(DRAWN_OVER.findall(text), [])
        self.assertIn("where a step's time goes", COLOR.sub("", text))

    def test_elsewhere_than_on_a_terminal_it_prints_lines(self):
        watch = subprocess.Popen([EDGETP, "watch", self.server], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = watch.stderr.readline()
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=LIMIT_S)
        self.assertTrue(line.startswith("first: "), line)
        self.assertNotIn("\x1b", line)
        once = subprocess.run([EDGETP, "watch", "first", "--once", self.server], capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual(json.loads(once.stdout)["run"]["run"], "first")
        self.assertGreater(json.loads(once.stdout)["last_step"]["train_loss"], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

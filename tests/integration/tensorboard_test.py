#!/usr/bin/env python3
"""Trains, goes back to a checkpoint, and compares what TensorBoard would show with metrics.jsonl. The event files are read
by code that shares nothing with their writer. Usage: tensorboard_test.py EDGETP
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import event_files

EDGETP = pathlib.Path(sys.argv[1]).resolve()
TINY = ["--model=minigpt", "--set", "model.layers=2", "--set", "model.channels=32", "--set", "model.sequence=16",
        "--batch=2", "--pattern=sp", "--workers=2", "--data=text.txt", "--clock=simulated", "--network=wifi-5",
        "--checkpoint_interval=2", "--set", "train.eval_interval=3", "--set", "train.eval_windows=2"]
# Tag -> place in a line of metrics.jsonl.
SCALARS = {
    "loss/train": "train_loss", "loss/validation": "val_loss", "optimizer/learning_rate": "learning_rate",
    "optimizer/gradient_norm": "gradient_norm", "step/seconds": "step_seconds", "step/hidden_seconds": "hidden_seconds",
    "step/tokens_per_second": "tokens_per_second",
} | {f"breakdown_seconds/{term}": f"breakdown_seconds.{term}" for term in (
    "compute", "staging", "software", "queueing", "serialization", "propagation", "jitter", "straggler",
    "transit")}


def place(line: dict, path: str) -> float | None:
    for key in path.split("."):
        line = line.get(key) if isinstance(line, dict) else None
    return line


class Crc32cTest(unittest.TestCase):
    def test_the_readers_own_checksum_is_right(self) -> None:
        self.assertEqual(event_files.crc32c(b"123456789"), 0xE3069283)
        self.assertEqual(event_files.crc32c(bytes(32)), 0x8A9136AA)


class TensorboardTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="edgetp-tensorboard-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        (cls.folder / "text.txt").write_text("to be or not to be, that is the question\n" * 200)
        cls.train(*TINY, "--run=a", "--steps=6")
        cls.run_folder = cls.folder / "runs/a"
        for path in (cls.run_folder / "checkpoints").glob("step-000006*"):
            path.unlink()  # so that steps 5 and 6 are done again
        first = next((cls.run_folder / "tensorboard").iterdir())
        with first.open("ab") as file:
            file.write(b"\x20\0\0\0\0\0\0\0\1\2")  # half a record of a server that was killed
        cls.train("--resume=a", "--run=a", "--steps=8")
        cls.board = event_files.Board(cls.run_folder / "tensorboard")
        lines = [json.loads(line) for line in (cls.run_folder / "metrics.jsonl").read_text().splitlines()]
        cls.lines = {line["step"]: line for line in lines}  # of a step that is there twice, the later one

    @classmethod
    def train(cls, *arguments: str) -> None:
        done = subprocess.run([EDGETP, "train", "--format=json", *arguments], cwd=cls.folder, capture_output=True, text=True,
                              timeout=200)
        assert done.returncode == 0, done.stderr

    def test_each_opening_of_the_run_is_a_file_that_sorts_behind_the_earlier_ones(self) -> None:
        self.assertEqual(len(self.board.files), 2)
        self.assertEqual(self.board.starts, [1, 5])

    def test_every_step_has_its_numbers_once_and_those_of_the_last_attempt(self) -> None:
        self.assertEqual(sorted(self.lines), list(range(1, 9)))
        for tag, path in SCALARS.items():
            wanted = {step: place(line, path) for step, line in self.lines.items() if place(line, path) is not None}
            self.assertEqual(sorted(self.board.scalars.get(tag, {})), sorted(wanted), tag)
            for step, number in wanted.items():
                self.assertAlmostEqual(self.board.scalars[tag][step], number, delta=1e-6 * max(1, abs(number)), msg=tag)

    def test_every_scalar_says_what_it_is(self) -> None:
        self.assertEqual(set(self.board.scalars), set(self.board.described))
        self.assertLessEqual(set(SCALARS), set(self.board.scalars))
        self.assertLessEqual(set(self.board.scalars) - set(SCALARS), {"step/mfu", "step/joules"})

    def test_times_are_those_of_the_runs_clock(self) -> None:
        begin = self.board.wall_times[1] - self.lines[1]["wall_seconds"]
        self.assertAlmostEqual(begin, int(self.board.files[0].name.split(".")[3]), places=3)
        for step, line in self.lines.items():
            self.assertAlmostEqual(self.board.wall_times[step] - begin, line["wall_seconds"], places=3)

    def test_texts_tell_config_networks_and_summary(self) -> None:
        self.assertIn('    pattern: "sp"', self.board.texts["config"][1])
        self.assertEqual(self.board.texts["network"], {1: "    wifi-5", 5: "    wifi-5"})
        self.assertIn("| status | done |", self.board.texts["summary"][8])
        self.assertNotIn(6, self.board.texts["summary"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

#!/usr/bin/env python3
"""bench/experiments: every block of docs/experiments.md has its raw data and says what the data say; a training whose record
is there is not run again; the statistics. Nothing is trained or drawn. Standard library alone."""

import argparse
import csv
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench" / "experiments")]
sys.modules["drawing"] = types.ModuleType("drawing")  # it needs matplotlib

import measure
import measuring
import page
import spread
import training

PAGE = (ROOT / "docs" / "experiments.md").read_text()
SCRIPTS = sorted((ROOT / "scripts" / "experiments").iterdir())
# The trainings of a block, and rows that come from them alone, without the simulator.
TRAINED = ("parity", "patterns", "depth", "convergence")
RENDER = argparse.Namespace(quick=False, render=True, only=None)


def block_of(name):
    return PAGE.split(f"<!-- begin {name} -->")[1].split(f"<!-- end {name} -->")[0].strip()


def table_of(name):
    """Cells of the first table of a block, without its header."""
    lines = [line for line in block_of(name).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def csv_of(name):
    with open(training.FOLDER / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def module_of(name):
    return sys.modules[measure.BLOCKS[name].__module__]


class ScriptsTest(unittest.TestCase):
    def test_each_runs_one_block_of_the_page(self):
        self.assertEqual({script.name for script in SCRIPTS}, set(measure.BLOCKS))
        for script in SCRIPTS:
            self.assertTrue(os.access(script, os.X_OK), script)
            subprocess.run(["bash", "-n", script], check=True)
            self.assertIn(f'measure.sh" experiments --only={script.name} "$@"', script.read_text())
            self.assertIn(f"scripts/experiments/{script.name}\n", PAGE, "the page has no such command")

    def test_every_block_has_its_place_on_the_page(self):
        for name in measure.BLOCKS:
            self.assertEqual(PAGE.count(f"<!-- begin {name} -->"), 1, name)
            self.assertEqual(PAGE.count(f"<!-- end {name} -->"), 1, name)


class DataTest(unittest.TestCase):
    def test_every_block_has_a_csv_with_its_rows(self):
        for name in measure.BLOCKS:
            if not table_of(name):
                continue  # it wants a machine, or hours, that nobody had yet
            shown, stored, columns = table_of(name), csv_of(name), module_of(name).COLUMNS
            self.assertEqual(len(shown), len(stored), name)
            for cells, row in zip(shown, stored):
                self.assertEqual(list(row), [column.key for column in columns], name)
                self.assertEqual(len(cells), len(columns), name)
                for cell, column in zip(cells, columns):
                    self.assertEqual(cell, self.written(row[column.key], column), f"{name}: {column.title} of {row}")

    @staticmethod
    def written(text, column):
        """How the page writes a value that the CSV has as text."""
        if text == "":
            return page.MISSING
        for kind in (int, float, str):
            try:
                return column.show(kind(text)).strip()
            except (ValueError, TypeError):
                continue
        raise AssertionError(f"{column.title}: {text!r} cannot be written")

    def test_the_page_says_what_the_trainings_say(self):
        for name in TRAINED:
            module = module_of(name)
            found = training.results(module.TRAININGS, RENDER)
            if not table_of(name):
                self.assertFalse(found, f"docs/experiments.md has no table for trainings that are there: {name}")
                continue
            rows = [[page.MISSING if row[column.key] is None else column.show(row[column.key]).strip() for column in module.COLUMNS]
                    for row in module.rows(found)]
            self.assertEqual(table_of(name), rows, name)

    def test_every_record_belongs_to_an_experiment_and_saw_the_whole_split(self):
        wanted = {training.path(each): each for name in measure.BLOCKS for each in getattr(module_of(name), "TRAININGS", [])}
        commands = [each.line() for each in set(wanted.values())]
        self.assertEqual(len(set(commands)), len(wanted), "two trainings share a record")
        for path in sorted((training.FOLDER / "trainings").glob("*")):
            self.assertIn(path, wanted, "no experiment asks for this record")
            record = json.loads(path.read_text())
            self.assertEqual(record["command"], wanted[path].line())
            self.assertEqual(record["status"], "done", path)
            self.assertEqual(record["val_windows"], record["val_windows_total"], path)
            self.assertEqual(record["evaluations"][-1], [wanted[path].steps, record["val_loss"]], path)

    def test_other_pages_quote_the_same_losses(self):
        readme = (ROOT / "README.md").read_text()
        for row in csv_of("patterns"):
            quoted = re.search(rf"^\| `{row['pattern']}`.* (\d\.\d+) \|$", readme, re.MULTILINE)
            if quoted:
                self.assertEqual(quoted.group(1), f"{float(row['val_loss']):.3f}", row["pattern"])
        letters = (ROOT / "docs" / "patterns.md").read_text()
        losses = {row["method"]: float(row["val_loss"]) for row in csv_of("methods") if row["val_loss"]}
        quotes = re.findall(r"Ours:\s+(\d\.\d+)", letters)
        self.assertEqual(quotes, [f"{losses[method]:.3f}" for method in ("gggg", "llll", "dddd", "t~2*4", "t@0.5*4")])

    def test_every_picture_of_the_page_is_an_image(self):
        pictures = re.findall(r"!\[[^\]]+\]\((images/experiment-[a-z]+\.svg)\)", PAGE)
        self.assertEqual(len(pictures), len(set(pictures)))
        for picture in pictures:
            xml.etree.ElementTree.parse(ROOT / "docs" / picture)


class TrainingTest(unittest.TestCase):
    SMALL = training.Training("tttt", steps=2)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.trained = []

        def train(each):
            self.trained.append(each)
            return {"command": each.line()}

        for patch in (unittest.mock.patch.object(training, "FOLDER", pathlib.Path(folder.name)),
                      unittest.mock.patch.object(training, "_train", train), unittest.mock.patch.object(measuring, "say")):
            patch.start()
            self.addCleanup(patch.stop)

    def run_small(self, **options):
        return training.results([self.SMALL], argparse.Namespace(**{"quick": False, "render": False, **options}))

    def test_what_has_a_record_is_not_trained_again(self):
        first = self.run_small()
        self.assertEqual(self.run_small(), first)
        self.assertEqual(self.trained, [self.SMALL])

    def test_a_record_of_another_command_does_not_count(self):
        self.run_small()
        path = training.path(self.SMALL)
        path.write_text(path.read_text().replace("tttt", "ssss"))
        self.run_small()
        self.assertEqual(len(self.trained), 2)

    def test_render_trains_nothing(self):
        self.assertEqual(self.run_small(render=True), {})
        self.assertEqual(self.trained, [])

    def test_quick_keeps_nothing(self):
        self.run_small(quick=True)
        self.assertEqual([each.steps for each in self.trained], [training.QUICK_STEPS])
        self.assertFalse(training.path(self.SMALL).exists())

    def test_a_training_that_fails_leaves_the_others(self):
        other = training.Training("ssss", steps=2)

        def train(each):
            if each == self.SMALL:
                raise RuntimeError("no")
            return {"command": each.line()}

        with unittest.mock.patch.object(training, "_train", train):
            found = training.results([self.SMALL, other], argparse.Namespace(quick=False, render=False))
        self.assertEqual(list(found), [other])

    def test_losses_are_linear_between_evaluations(self):
        evaluations = [[100, 3.0], [200, 2.0], [300, 2.5]]
        self.assertEqual(training.steps_to(evaluations, 2.25), 175)
        self.assertIsNone(training.steps_to(evaluations, 1.9))
        self.assertEqual(training.loss_at(evaluations, 250), 2.25)
        self.assertIsNone(training.loss_at(evaluations, 50))


class SpreadTest(unittest.TestCase):
    def test_quantiles_of_students_t(self):
        for probability, freedom, expected in ((0.975, 1, 12.706), (0.975, 10, 2.228), (0.995, 4, 4.604), (0.95, 30, 1.697)):
            self.assertAlmostEqual(spread.quantile(probability, freedom), expected, places=3)

    def test_what_pattern_and_seed_explain_is_no_error(self):
        losses = {"a": {1: 1.0, 2: 1.5, 3: 1.2, 4: 1.1}, "b": {1: 2.0, 2: 2.5, 3: 2.2, 4: 2.1}}
        deviation, freedom = spread.residual_error(losses)
        self.assertAlmostEqual(deviation, 0.0)
        self.assertEqual(freedom, 3)
        self.assertAlmostEqual(spread.difference(losses["b"], losses["a"])[0], 1.0)

    def test_the_error_of_two_rows_is_that_of_their_differences(self):
        losses = {"a": {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0}, "b": {1: 1.1, 2: 1.3, 3: 1.1, 4: 1.3}}
        deviation, freedom = spread.residual_error(losses)
        self.assertEqual(freedom, 3)
        # Of a difference the standard deviation is sqrt(2) times the error.
        self.assertAlmostEqual(deviation * math.sqrt(2), statistics.stdev([0.1, 0.3, 0.1, 0.3]))

    def test_too_few_runs_have_no_error(self):
        self.assertIsNone(spread.residual_error({"a": {1: 1.0}, "b": {1: 2.0}}))
        self.assertIsNone(spread.residual_error({"a": {1: 1.0, 2: 1.1}, "b": {1: 2.0, 2: 2.2}}))
        self.assertIsNone(spread.residual_error({}))


if __name__ == "__main__":
    unittest.main(verbosity=1)

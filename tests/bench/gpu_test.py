#!/usr/bin/env python3
"""bench/gpu: what scripts/measure.sh gpu makes of its results, without a GPU and without PyTorch. Standard library alone."""

import argparse
import contextlib
import io
import json
import pathlib
import re
import sys
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench" / "gpu")]

import measure
import measuring

MARKS = "<!-- begin gpu -->\nold\n<!-- end gpu -->\n"


def results(**programs):
    return dict(machine="a machine", gpu="a GPU", date="2026-01-01", title="GPT", rehearsal=False, build_seconds=70,
                patterns=["t*12", "(sppp)*3"],
                programs={"tests": dict(passed=50, failed=[], seconds=40.0),
                          "losses": {"cpu": [4.2, 3.5], "device": [4.2, 3.5000005], "took_seconds": 9}, **programs})


def step(seconds, peak_bytes=2**30):
    return dict(step_seconds=seconds, peak_bytes=peak_bytes, breakdown={"compute": seconds, "staging": 0})


class Root:
    """A tree with nothing but the page, in measuring's eyes."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(self._folder.name)
        (root / "docs").mkdir()
        self.page = root / "docs" / "performance.md"
        self.page.write_text("before\n" + MARKS + "after\n")
        self._patch = unittest.mock.patch.object(measuring, "ROOT", root)
        self._patch.start()
        return self

    def __exit__(self, *_):
        self._patch.stop()
        self._folder.cleanup()

    def write(self, found):
        """What the script prints, with --from; raises SystemExit as it does."""
        source = self.page.with_name("results.json")
        source.write_text(json.dumps(found))
        with unittest.mock.patch.object(sys, "argv", ["measure.py", f"--from={source}"]), \
                contextlib.redirect_stdout(io.StringIO()) as printed:
            measure.main()
        return printed.getvalue()


class Program:
    """A test program that prints and ends as it is told, where edgetp's would be."""

    def __init__(self, text, code):
        self._text, self._code = text, code

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        program = pathlib.Path(self._folder.name) / "edgetp_model_test"
        program.write_text(f"#!/bin/sh\nprintf '{self._text}'\necho \"$LD_LIBRARY_PATH\" >{program.parent}/libraries\n"
                           f"exit {self._code}\n")
        program.chmod(0o755)
        self.libraries = program.with_name("libraries")
        self._patch = unittest.mock.patch.object(measuring, "BIN", program.parent)
        self._patch.start()
        return self

    def __exit__(self, *_):
        self._patch.stop()
        self._folder.cleanup()


def setup(**changes):
    return dict(measure.REHEARSAL, environment=measure.environment("/packed"), **changes)


class BlockTest(unittest.TestCase):
    def test_it_has_a_row_for_each_program_and_says_what_is_reached(self):
        found = results(**{"edgetp, P=1, fp32": step(0.150, 2**31), "PyTorch eager, fp32": step(0.160, 2**30),
                           "edgetp, P=2 `(sppp)*3`, fp32": step(0.300), "PyTorch compile, bf16": dict(failed="no | compiler")})
        text = measure.block(found)
        self.assertIn("| edgetp, P=1, fp32 | 150.0 | 2048 | compute 150.0 |", text)
        self.assertIn("| PyTorch compile, bf16 | none |  | failed: no / compiler |", text)
        self.assertIn("| step of P=1 against PyTorch eager, fp32 | 0.94 | 1.0 | yes |", text)
        self.assertIn("| peak memory of P=1 against PyTorch eager, fp32 | 2.00 | 1.0 | **no** |", text)
        self.assertIn("| step of P=2 `(sppp)*3` against P=1, fp32 | 2.00 | 1.6 | **no** |", text)
        self.assertIn("50 passed in 40 s. Losses of MiniGPT `tttt`, P=2, 2 steps: at most 5.0e-07 from the CPU's", text)

    def test_the_page_of_another_machines_results_is_written_here(self):
        with Root() as root:
            root.write(results(**{"edgetp, P=1, fp32": step(0.150)}))
            page = root.page.read_text()
            self.assertTrue(page.startswith("before\n<!-- begin gpu -->\n`scripts/measure.sh gpu` on 2026-01-01"), page)
            self.assertTrue(page.endswith("\n<!-- end gpu -->\nafter\n"), page)

    def test_a_rehearsal_leaves_the_page_as_it_is(self):
        with Root() as root:
            self.assertIn("REHEARSAL", root.write(dict(results(), rehearsal=True)))
            self.assertIn(MARKS, root.page.read_text())

    def test_what_has_failed_is_on_the_page_and_in_the_exit_code(self):
        for found, line in ((results(**{"PyTorch compile, bf16": dict(failed="no compiler")}), "PyTorch compile, bf16: no compiler"),
                            (results(tests=dict(passed=3, failed=["A.B"], seconds=1)), "tests: ['A.B']"),
                            (results(tests=dict(failed="no test passed")), "tests: no test passed"),
                            (results(losses=dict(failed="no GPU")), "losses: no GPU"),
                            (results(losses=dict(cpu=[4.2, 3.5], device=[4.2, 3.6])), "losses: 1.0e-01 from the CPU's"),
                            (results(losses=dict(cpu=[4.2, 4.1], device=[4.2, float("nan")])), "losses: nan from the CPU's")):
            with Root() as root, self.assertRaises(SystemExit) as end:
                root.write(found)
            self.assertIn(line, str(end.exception))
            with Root() as root, self.assertRaises(SystemExit):
                root.write(found)
                self.assertIn("failed: no compiler", root.page.read_text())


class CollectTest(unittest.TestCase):
    def test_each_result_is_kept_before_the_next_program_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            kept = pathlib.Path(folder) / "results.json"

            def second(*_):
                self.assertEqual(json.loads(kept.read_text())["programs"]["first"]["step_seconds"], 1)
                raise RuntimeError("edgetp train: exit code 2: a line\nerror: the reason\n")

            programs = {"first": lambda *_: step(1), "second": second, "third": lambda *_: step(3)}
            options = argparse.Namespace(results=folder, rehearse=True, build_seconds=1)
            with unittest.mock.patch.object(measure, "programs", lambda _: programs), contextlib.redirect_stderr(io.StringIO()):
                found = measure.collect(options, setup())
            self.assertEqual(found["programs"]["second"]["failed"], "error: the reason")
            self.assertEqual(json.loads(kept.read_text()), {**found, "patterns": list(found["patterns"])})


class ReasonTest(unittest.TestCase):
    def test_it_is_the_error_and_not_what_follows_it(self):
        advice = ("Failed: backend='inductor' raised:\nModuleNotFoundError: No module named 'setuptools'\n\n"
                  "You can suppress this exception:\n    import torch._dynamo\n")
        for text, want in ((f"python3 x: exit code 1: Traceback:\n{advice}", "ModuleNotFoundError: No module named 'setuptools'"),
                           ("edgetp train: exit code 2: ==> text\nerror: no GPU\nsee --help\n", "error: no GPU"),
                           ("edgetp: exit code -9: ", "-9:"),
                           ("torch.cuda.OutOfMemoryError: 2 GiB", "torch.cuda.OutOfMemoryError: 2 GiB"),
                           ("", "RuntimeError('')")):
            self.assertEqual(measure.reason(RuntimeError(text)), want)


class TestsTest(unittest.TestCase):
    def test_what_failed_is_named(self):
        with Program("[  FAILED  ] Sizes/A.B/0, where GetParam() = 1 (2 ms)\\n[  PASSED  ] 7 tests.\\n", 1) as program:
            found = measure.tests(setup(), None)
            self.assertEqual(program.libraries.read_text(), "/packed\n")
        self.assertEqual((found["passed"], found["failed"]), (7, ["Sizes/A.B/0"]))

    def test_a_program_of_tests_that_does_not_run_is_a_failure(self):
        for text, line in (("", "no output"), ("[  PASSED  ] 0 tests.\\ncuda:0 is not here\\n", "cuda:0 is not here")):
            with Program(text, 1), self.assertRaisesRegex(RuntimeError, f"no test passed: {line}"):
                measure.tests(setup(), None)

    def test_each_part_of_the_filter_names_tests_that_there_are(self):
        sources = "\n".join(file.read_text() for file in (ROOT / "tests" / "model").glob("*.cc"))
        suites = re.findall(r"^(?:TYPED_)?TEST(?:_P|_F)?\((\w+),", sources, re.M)
        for pattern in measure.TESTS.split(":"):
            self.assertTrue(any(re.fullmatch(pattern.replace("*", ".*"), suite) for suite in suites), pattern)


class EnvironmentTest(unittest.TestCase):
    def test_edgetp_finds_its_presets_wherever_it_was_built(self):
        self.assertTrue((pathlib.Path(measure.environment()["EDGETP_CONFIG_PATH"]) / "models" / "minigpt.textproto").exists())
        self.assertNotIn("LD_LIBRARY_PATH", measure.environment())

    def test_python_goes_on_with_the_machines_own(self):
        asked = {}

        def run(command, timeout_s, env=None, check=True):
            asked[pathlib.Path(command[0]).name] = (env or {}).get("LD_LIBRARY_PATH")
            return json.dumps(step(1))

        with unittest.mock.patch.object(measuring, "run", run):
            measure.theirs(setup(), "fp32")
            with tempfile.TemporaryDirectory() as runs:
                (pathlib.Path(runs) / "a").mkdir()
                (pathlib.Path(runs) / "a" / "metrics.jsonl").write_text('{"step_seconds": 1}\n')
                self.assertEqual(measure.train(setup(), runs, "a"), [{"step_seconds": 1}])
        self.assertEqual(asked, {pathlib.Path(sys.executable).name: None, "edgetp": "/packed"})


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""`edgetp report --chart=... --svg=... --png=...`: every chart becomes a file that needs no other, and what cannot be drawn is
said in one line. Usage: report_picture_test.py EDGETP. Without Chromium, its own tests are left out.
"""

import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run_folders

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
EDGETP = pathlib.Path(sys.argv[1]).resolve()
WEB = pathlib.Path(__file__).resolve().parents[2] / "web/report"
CHARTS = sorted(re.findall(r'^  id: "([\w-]+)",$', "\n".join(path.read_text() for path in WEB.glob("*.js")), re.M))
SVG = "{http://www.w3.org/2000/svg}"
LIMIT_S = 200


class PictureTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="edgetp-picture-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for pattern in ("tttt", "ssss", "pppp"):
            run_folders.write_run(self.folder / "runs", pattern, pattern)

    def report(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run([EDGETP, "report", *words], cwd=self.folder, capture_output=True, text=True, timeout=LIMIT_S,
                              env=os.environ | environment)

    def refused(self, *words: str, **environment: str) -> str:
        done = self.report(*words, **environment)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["runs"])
        line, *more = done.stderr.splitlines()
        self.assertTrue(not more or more == ["edgetp: see edgetp report --help"], done.stderr)
        return line


@unittest.skipIf(CHROMIUM is None, "no Chromium is installed")
class DrawnTest(PictureTest):
    def test_every_chart_becomes_a_file_that_needs_no_other(self) -> None:
        self.assertEqual(len(CHARTS), 9)
        for chart in CHARTS:
            done = self.report("runs", f"--chart={chart}", "--svg=out.svg", "--width=700")
            self.assertEqual(done.returncode, 0, done.stderr)
            text = (self.folder / "out.svg").read_text()
            root = xml.etree.ElementTree.fromstring(text)
            self.assertEqual((root.tag, root.get("width")), (f"{SVG}svg", "700"), chart)
            marks = [each for each in root.iter() if each.tag in (f"{SVG}path", f"{SVG}rect", f"{SVG}circle", f"{SVG}line")]
            self.assertGreater(len(marks), 5, chart)
            for needs in ("var(--", "href", "url(http", "<script", "<style", "<image"):
                self.assertNotIn(needs, text, chart)
        self.assertFalse((self.folder / "report.html").exists(), "nobody asked for the page")

    def test_pixels_are_the_same_drawing_twice_as_dense(self) -> None:
        done = self.report("runs", "--chart=step-time", "--svg=out.svg", "--png=out.png", "--out=page.html", "--width=640")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.folder / "page.html").exists())
        data = (self.folder / "out.png").read_bytes()
        height = int(re.search(r'height="(\d+)"', (self.folder / "out.svg").read_text())[1])
        self.assertEqual(struct.unpack(">II", data[16:24]), (1280, 2 * height))

    def test_a_dark_page_gets_other_colours(self) -> None:
        papers = []
        for flag in ([], ["--dark"]):
            self.assertEqual(self.report("runs", "--chart=sync-loss", "--svg=out.svg", *flag).returncode, 0)
            papers.append(re.search(r'<rect[^>]*fill="(#\w+)"', (self.folder / "out.svg").read_text())[1])
        self.assertEqual(papers, ["#ffffff", "#1b2026"])

    def test_runs_without_what_a_chart_shows_are_told_in_the_pages_words(self) -> None:
        for config in (self.folder / "runs").glob("*/config.textproto"):
            config.write_text("nothing that can be read")  # so no step can be simulated
        done = self.report("runs", "--chart=timeline", "--svg=out.svg")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--chart=timeline: ", done.stderr)
        self.assertFalse((self.folder / "out.svg").exists())


class RefusedTest(PictureTest):
    def test_the_charts_of_the_command_are_those_of_the_page(self) -> None:
        line = self.refused("runs", "--chart=loss", "--svg=out.svg")
        self.assertEqual(sorted(line.rpartition("known: ")[2].split(", ")), CHARTS)

    def test_what_is_typed_wrong_is_one_line_and_nothing_is_written(self) -> None:
        self.assertIn("requires --chart", self.refused("runs", "--svg=out.svg"))
        self.assertIn("--chart needs --png=FILE or --svg=FILE", self.refused("runs", "--chart=bytes"))
        self.assertIn("--png: must end in .png", self.refused("runs", "--chart=bytes", "--png=out.jpg"))

    def test_a_missing_browser_is_one_line(self) -> None:
        wanted = ("runs", "--chart=bytes", "--svg=out.svg")
        self.assertIn("no browser on $PATH (chromium, ", self.refused(*wanted, PATH="/nowhere", CHROME=""))
        self.assertIn("$CHROME=/nowhere/chrome: no such program", self.refused(*wanted, CHROME="/nowhere/chrome"))

    def test_a_browser_that_draws_nothing_is_told(self) -> None:
        done = self.report("runs", "--chart=bytes", "--svg=out.svg", CHROME="/bin/false")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn("/bin/false: exited with code 1", done.stderr)

    def test_runs_that_cannot_be_compared_are_in_no_picture(self) -> None:
        wanted = ("runs", "--chart=bytes", "--svg=out.svg", "--format=json")
        run_folders.write_run(self.folder / "runs", "other", "tttt", model="other")
        self.assertIn("differ in their model (minigpt, other)", self.refused(*wanted, CHROME="/bin/true"))

    def test_somebody_elses_file_is_not_overwritten(self) -> None:
        mine = self.folder / "runs/mine.svg"
        mine.write_text("<svg/>")
        self.assertIn("it is not overwritten", self.refused("runs", "--chart=bytes", "--svg=runs/mine.svg"))
        self.assertEqual(mine.read_text(), "<svg/>")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])

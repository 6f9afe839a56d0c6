#!/usr/bin/env python3
"""Opens the page of `edgetp report` in headless Chromium, on a desktop's width and on a phone's: every chart is drawn,
filters work, nothing overflows, and the console stays empty. Usage: report_page_test.py EDGETP. Exit code 77: no Chromium.
"""

import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run_folders

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
EDGETP = pathlib.Path(sys.argv[1]).resolve()
LIMIT_S = 120
CHARTS = {"loss-steps", "loss-time", "time-to-loss", "step-time", "sync-loss", "timeline", "fidelity", "bytes", "energy"}

# A page around the page, so that it can have a phone's width, be clicked, and be looked at afterwards.
DRIVER = """<!doctype html>
<iframe id="page" src="%(page)s%(fragment)s" style="border: 0; width: %(width)dpx; height: 900px"></iframe>
<pre id="result"></pre>
<script>
const frame = document.getElementById("page");
frame.addEventListener("load", async () => {
  const [page, view] = [frame.contentDocument, frame.contentWindow];
  const look = () => ({
    ready: page.body.dataset.ready, runs: Number(page.body.dataset.runs), hash: view.location.hash,
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    drawn: Object.fromEntries([...page.querySelectorAll(".card")].map((card) => [card.id, card.dataset.drawn])),
    marks: Object.fromEntries([...page.querySelectorAll(".card")].map((card) => [card.id, card.querySelectorAll("svg path, svg rect, svg circle").length])),
    kinds: Object.fromEntries([...page.querySelectorAll(".card")].map((card) => [card.id, card.querySelector(".kind").textContent])),
    rows: [...page.querySelectorAll(".overview tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent)),
    notes: [...page.querySelectorAll(".warnings li")].map((note) => note.textContent),
    bands: page.querySelectorAll("#loss-steps [aria-label=area] path").length,
  });
  const chip = (label) => [...page.querySelectorAll(".chip")].find((each) => each.textContent === label).querySelector("input");
  const seen = { first: look() };
  seen.csv = view.csvOf({ columns: ["a", "b, in s"], rows: [[1.5, 'say "x"'], [undefined, "y"]] });
  seen.svg = view.svgFileOf(page.querySelector("#sync-loss .drawing"));
  const bars = page.querySelector("#step-time svg:not(.legend)");
  bars.scrollIntoView();
  const box = bars.getBoundingClientRect();
  for (const type of ["pointerenter", "pointermove"])
    bars.dispatchEvent(new view.PointerEvent(type, { bubbles: true, pointerType: "mouse", clientX: box.left + box.width / 3, clientY: box.top + 30 }));
  await new Promise((done) => setTimeout(done, 300));
  const tip = page.querySelector("#step-time [aria-label=tip]");
  seen.tip = { text: tip.textContent, fill: view.getComputedStyle(tip).fill };
  if (%(clicks)s) {
    chip("ssss").click();
    seen.without = look();
    chip("ssss").click();
    seen.again = look();
    const patterns = [...page.querySelector("#filters fieldset").querySelectorAll(".chip")].map((each) => each.textContent);
    for (const pattern of patterns) chip(pattern).click();
    seen.none = look();
    for (const pattern of patterns) chip(pattern).click();
    seen.all = look();
  }
  document.getElementById("result").textContent = JSON.stringify(seen);
});
</script>
"""


def chromium(url: pathlib.Path, profile: pathlib.Path, *flags: str) -> tuple[str, list[str]]:
    """The page's DOM once it has settled, and what its console said."""
    result = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
         "--allow-file-access-from-files", f"--user-data-dir={profile}", "--enable-logging=stderr", "--virtual-time-budget=5000",
         "--window-size=1400,1000", *flags, "--dump-dom", str(url)],
        capture_output=True, text=True, timeout=LIMIT_S)
    console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    return result.stdout, console


class ReportPageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="edgetp-report-")
        cls.folder = pathlib.Path(cls.temporary.name)
        runs = cls.folder / "runs"
        run_folders.write_run(runs, "tttt-1", "tttt", seed=1)
        run_folders.write_run(runs, "tttt-2", "tttt", seed=2)
        run_folders.write_run(runs, "ssss", "ssss")
        run_folders.write_run(runs, "sppp", "sppp", network="ethernet-1g")
        run_folders.write_run(runs, "pppp", "pppp")
        run_folders.write_run(runs, "unfinished", "spps", finished=False)
        old = run_folders.write_run(runs, "old", "psss")
        (old / "summary.json").write_text('{"run": "old", "status": "done", "steps": 120}')
        with (runs / "ssss/metrics.jsonl").open("a") as metrics:
            metrics.write('{"step": 121, "wall\n')
        cls.report(["runs"], "report.html")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def report(cls, words: list[str], out: str):
        result = subprocess.run([EDGETP, "report", *words, f"--out={out}", "--format=json"], cwd=cls.folder,
                                capture_output=True, text=True, timeout=LIMIT_S)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def drive(self, width: int, fragment: str = "", clicks: bool = False, page: str = "report.html",
              dark: bool = False) -> dict:
        driver = self.folder / "driver.html"
        driver.write_text(DRIVER % {"page": page, "width": width, "fragment": fragment, "clicks": json.dumps(clicks)})
        dom, console = chromium(driver, self.folder / "profile", *(["--blink-settings=preferredColorScheme=0"] if dark else []))
        self.assertEqual(console, [])
        found = re.search(r'<pre id="result">(.*?)</pre>', dom, re.S)
        self.assertTrue(found and found.group(1), dom[:2000])
        return json.loads(html.unescape(found.group(1)))

    def expect_all_drawn(self, seen: dict):
        self.assertEqual(seen["ready"], "yes")
        self.assertEqual(set(seen["drawn"]), CHARTS)
        for chart, drawn in seen["drawn"].items():
            self.assertEqual(drawn, "chart", chart)
            self.assertGreater(seen["marks"][chart], 3, chart)

    def test_every_chart_is_drawn_at_a_desktops_and_a_phones_width(self):
        for width in (1280, 390):
            seen = self.drive(width)["first"]
            self.expect_all_drawn(seen)
            self.assertEqual(seen["overflow"], 0, f"{width} pixels")
            self.assertEqual(seen["runs"], 7)
            self.assertGreaterEqual(seen["bands"], 1, "the band of two seeds")

    def test_each_chart_says_what_its_values_are(self):
        kinds = self.drive(1280)["first"]["kinds"]
        self.assertEqual(kinds["loss-steps"], "measured")
        self.assertEqual(kinds["step-time"], "emulated")
        self.assertEqual(kinds["timeline"], "predicted")
        self.assertEqual(kinds["bytes"], "predicted, with the emulated total")

    def test_filters_take_runs_away_and_bring_them_back(self):
        seen = self.drive(1280, clicks=True)
        self.assertEqual(seen["without"]["runs"], 6)
        self.assertIn("what=", seen["without"]["hash"])
        self.assertNotIn("ssss", [row[0] for row in seen["without"]["rows"]])
        self.assertEqual(seen["again"]["runs"], 7)
        self.expect_all_drawn(seen["again"])
        self.assertEqual(seen["none"]["runs"], 0)
        self.assertEqual(set(seen["none"]["drawn"].values()), {"empty"})
        self.expect_all_drawn(seen["all"])

    def test_the_address_chooses_runs(self):
        seen = self.drive(1280, "#network=wifi-5&off=tttt-2,old")["first"]
        self.assertEqual({row[0] for row in seen["rows"]}, {"tttt-1", "ssss", "pppp", "unfinished"})
        self.assertEqual(seen["bands"], 0)

    def test_unfinished_old_and_broken_runs_are_shown_as_such(self):
        seen = self.drive(1280)["first"]
        rows = {row[0]: row for row in seen["rows"]}
        self.assertIn("unfinished", rows["unfinished"])
        self.assertIn("unknown", rows["old"])
        self.assertTrue(any("metrics.jsonl:121:" in note for note in seen["notes"]), seen["notes"])

    def test_tables_become_csv_and_charts_files(self):
        seen = self.drive(1280)
        self.assertEqual(seen["csv"], 'a,"b, in s"\n1.5,"say ""x"""\n,y\n')
        self.assertTrue(seen["svg"].startswith("<svg"))
        self.assertNotIn("var(--", seen["svg"])  # it has no page whose colours these are

    def test_a_pointer_is_told_what_it_points_at(self):
        for dark, paper in ((False, "rgb(255, 255, 255)"), (True, "rgb(27, 32, 38)")):
            tip = self.drive(1280, dark=dark)["tip"]
            self.assertIn("ms", tip["text"])
            self.assertEqual(tip["fill"], paper)

    def test_it_opens_from_disk(self):
        dom, console = chromium(self.folder / "report.html", self.folder / "profile")
        self.assertEqual(console, [])
        self.assertIn('data-ready="yes"', dom)

    def test_one_model_and_one_clock_at_a_time(self):
        mixed = self.folder / "mixed"
        run_folders.write_run(mixed, "a", "tttt")
        run_folders.write_run(mixed, "b", "tttt", model="other")
        run_folders.write_run(mixed, "c", "tttt", clock="simulated")
        written = self.report(["mixed"], "mixed.html")
        self.assertIn("different models", written["warnings"][0])
        for fragment, run in (("", "a"), ("#model=other", "b"), ("#clock=simulated", "c")):
            seen = self.drive(1280, fragment, page="mixed.html")["first"]
            self.assertEqual([row[0] for row in seen["rows"]], [run])


if __name__ == "__main__":
    if CHROMIUM is None:
        print("SKIPPED: no Chromium is installed")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])

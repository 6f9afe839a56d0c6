#!/usr/bin/env python3
"""Opens the live page of a small job that runs, in headless Chromium: the loss grows, the form changes the network, at a
phone's and a desktop's width, and the console stays empty. Usage: live_page_browser_test.py EDGETP. Exit code 77: no
Chromium. $EDGETP_PICTURES: a folder for pictures of what it sees."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import browser
from small_cluster import SmallCluster

EDGETP = pathlib.Path(sys.argv[1]).resolve()
LIMIT_S = 60
STEPS_SHOWN = "(RUNS || []).reduce((sum, run) => sum + run.recorded_steps, 0)"


class LivePageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="edgetp-live-")
        cls.cluster = SmallCluster(EDGETP, pathlib.Path(cls.temporary.name), "--allow_tuning")
        cls.train = cls.cluster.train("first")
        cls.browser = browser.Browser()
        cls.browser.look(1280)
        cls.browser.open(cls.cluster.page)
        cls.browser.wait_for(f"document.body.dataset.ready === 'yes' && {STEPS_SHOWN} > 5")

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.cluster.close()
        cls.train.wait(LIMIT_S)
        cls.train.stdout.close()
        cls.temporary.cleanup()

    def tearDown(self):
        self.assertEqual(self.browser.console, [])

    def shows(self, name: str):
        if folder := os.environ.get("EDGETP_PICTURES"):
            (pathlib.Path(folder) / f"{name}.png").write_bytes(self.browser.picture())

    def overflow(self) -> int:
        return self.browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def points(self) -> str:
        return self.browser.evaluate("document.querySelector('#loss-steps [aria-label=line] path').getAttribute('d')")

    def test_the_run_is_shown_and_its_loss_grows(self):
        page = self.browser
        self.assertEqual(page.evaluate("document.querySelector('#now h2').textContent"), "first")
        self.assertIn("2 workers", page.evaluate("document.querySelector('#now .says').textContent"))
        self.assertIn("edgetp_server", page.evaluate("document.querySelector('#connection.connected').textContent"))
        self.assertEqual(page.evaluate("document.querySelectorAll('#workers tbody tr').length"), 2)
        steps, drawn = page.evaluate(STEPS_SHOWN), self.points()
        page.wait_for(f"{STEPS_SHOWN} > {steps + 10}")
        self.assertNotEqual(self.points(), drawn)
        self.assertIn("running", page.evaluate("document.querySelector('.overview tbody').textContent"))

    def test_nothing_is_wider_than_a_phone_or_a_desktop_in_light_and_dark(self):
        for width in (1280, 390):
            for dark in (False, True):
                self.browser.look(width, dark=dark)
                time.sleep(0.4)  # charts are drawn anew a moment after the window has changed
                self.assertEqual(self.overflow(), 0, f"{width} pixels")
                self.assertEqual(
                    self.browser.evaluate("getComputedStyle(document.body).backgroundColor"),
                    "rgb(18, 22, 26)" if dark else "rgb(246, 247, 248)")
                self.shows(f"live-{width}-{'dark' if dark else 'light'}")
        self.browser.look(1280)

    def test_the_form_changes_the_network_of_the_run_and_the_change_is_marked(self):
        page = self.browser
        page.type("#tuning [name=delay]", "12ms")
        page.click("#tuning button")
        said = page.wait_for("document.querySelector('#tuning p.done')?.textContent")
        self.assertIn("delay12ms", said)
        page.wait_for("document.querySelector('#links tbody').textContent.includes('12 ms')")
        page.wait_for("RUNS[0].network_changes.step.length > 0")
        page.wait_for("document.querySelector('#loss-steps').textContent.includes('delay12ms')")
        self.assertEqual(page.evaluate("document.querySelector('#tuning [name=delay]').value"), "")
        got = subprocess.run([EDGETP, "network", "get", f"--server={self.cluster.address}", "--format=json"],
                             capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual(json.loads(got.stdout)["link"]["delay_us"], 12000)
        self.shows("live-changed")

    def test_a_bad_value_is_explained_as_on_the_command_line_and_stays_typed(self):
        page = self.browser
        page.evaluate("document.querySelector('#tuning form').reset()")
        page.type("#tuning [name=rate]", "fast")
        page.click("#tuning button")
        said = page.wait_for("document.querySelector('#tuning p.error')?.textContent")
        told = subprocess.run([EDGETP, "network", "set", "--rate=fast"], capture_output=True, text=True, timeout=LIMIT_S)
        self.assertIn(said, told.stderr)
        self.assertEqual(page.evaluate("document.querySelector('#tuning [name=rate]').value"), "fast")
        # The browser itself writes down every answer that is an error.
        self.assertIn("400", page.console.pop())
        page.evaluate("document.querySelector('#tuning form').reset()")

    def test_another_site_changes_nothing(self):
        request = urllib.request.Request(self.cluster.page + "api/network", b'{"delay": "1ms"}',
                                         {"Content-Type": "application/json", "Origin": "http://evil.example"})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=LIMIT_S)
        self.assertEqual(refused.exception.code, 403)
        refused.exception.close()


class TokenTest(unittest.TestCase):
    def test_a_cluster_with_a_token_is_shown_to_who_has_it(self):
        with tempfile.TemporaryDirectory(prefix="edgetp-live-") as temporary:
            folder = pathlib.Path(temporary)
            (folder / "token").write_text("0123456789abcdef0123456789abcdef\n")
            cluster = SmallCluster(EDGETP, folder, security=("--token_file=token",))
            page = browser.Browser()
            try:
                page.look(390)
                page.open(cluster.page)
                page.wait_for("!document.getElementById('token').hidden")
                self.assertTrue(page.evaluate("document.getElementById('cluster').hidden"))
                page.type("#token input", "0123456789abcdef0123456789abcdef")
                page.click("#token button")
                page.wait_for("document.querySelectorAll('#workers tbody tr').length === 2")
                self.assertEqual(page.evaluate("document.querySelector('#now h2').textContent"), "No run is under way")
                self.assertTrue(page.evaluate("document.getElementById('tuning').hidden"))
                page.wait_for("document.body.dataset.ready === 'yes'")
                self.assertEqual(page.evaluate("document.getElementById('charts').clientHeight"), 0)
                self.assertEqual([line for line in page.console if "401" not in line], [])
                if pictures := os.environ.get("EDGETP_PICTURES"):
                    (pathlib.Path(pictures) / "live-idle.png").write_bytes(page.picture())
            finally:
                page.close()
                cluster.close()


if __name__ == "__main__":
    if browser.CHROMIUM is None:
        print("SKIPPED: no Chromium is installed")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])

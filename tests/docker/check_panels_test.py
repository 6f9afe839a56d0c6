"""check_panels.py against a Prometheus that is only a table of answers."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import sys
import threading
import unittest
import urllib.parse
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docker" / "grafana"))

import check_panels  # noqa: E402

TEN_MINUTES = check_panels.Prometheus("", 1000, 1600)
TEN_HOURS = check_panels.Prometheus("", 0, 36000)


class FakePrometheus(http.server.BaseHTTPRequestHandler):
    """Answers every query with one sample, except those that hold a word of `empty`, `wrong` or `infinite`."""

    empty = ""
    wrong = ""
    infinite = ""

    def do_GET(self) -> None:
        path, _, words = self.path.partition("?")
        if "/label/" in path:
            self.answer(200, ["a", "b.c"])
            return
        query = urllib.parse.parse_qs(words)["query"][0]
        if self.wrong and self.wrong in query:
            self.answer(400, {}, error="parse error")
            return
        sample = [1500.0, "+Inf" if self.infinite and self.infinite in query else "1"]
        instant = path.endswith("/query")
        series = {"metric": {"run": "a"}, "value": sample} if instant else {"metric": {"run": "a"}, "values": [sample]}
        found = [] if self.empty and self.empty in query else [series]
        self.answer(200, {"resultType": "vector" if instant else "matrix", "result": found})

    def answer(self, status: int, data: object, error: str = "") -> None:
        body = json.dumps({"data": data, "error": error}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def prometheus(**words: str) -> Iterator[str]:
    handler = type("Handler", (FakePrometheus,), words)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run_check(url: str) -> tuple[int, str]:
    """The exit code, and what is said on stderr."""
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        return check_panels.main([f"--prometheus={url}"]), errors.getvalue()


class CheckTest(unittest.TestCase):
    def test_all_panels_with_data_are_fine(self) -> None:
        with prometheus() as url:
            self.assertEqual(run_check(url), (0, ""))

    def test_an_empty_panel_is_named(self) -> None:
        for word in ("empty", "infinite"):
            with prometheus(**{word: "edgetp_run_val_loss and"}) as url:
                code, errors = run_check(url)
            self.assertEqual((code, errors), (1, "error: dashboard cluster, panel Loss [B]: no data\n"))

    def test_a_query_that_fails_is_named_with_its_error(self) -> None:
        with prometheus(wrong="edgetp_network_version") as url:
            code, errors = run_check(url)
        self.assertEqual((code, errors), (1, "error: dashboard network, panel Changes [A]: parse error\n"))

    def test_no_prometheus_is_an_error_of_every_query(self) -> None:
        code, errors = run_check("http://127.0.0.1:1")
        self.assertEqual(code, 1)
        self.assertIn("dashboard patterns, variable run: http://127.0.0.1:1: ", errors)


class VariablesTest(unittest.TestCase):
    def test_several_values_are_an_escaped_alternative(self) -> None:
        self.assertEqual(check_panels.regex_of(["wifi-5", "a.b"]), r"(wifi-5|a\\.b)")
        self.assertEqual(check_panels.regex_of(["t+"]), r"t\\+")

    def test_a_rate_spans_four_scrapes_at_least(self) -> None:
        self.assertEqual(check_panels.interpolate("x[$__rate_interval]", {}, TEN_MINUTES), "x[8s]")
        self.assertEqual(check_panels.interpolate("x[$__rate_interval]", {}, TEN_HOURS), "x[62s]")
        self.assertEqual(check_panels.interpolate("x[${__range}] $1", {}, TEN_MINUTES), "x[600s] $1")


if __name__ == "__main__":
    unittest.main()

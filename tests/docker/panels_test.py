"""panels.py against a Prometheus that is only a table of answers; Grafana's variables and transformations."""

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

import model  # noqa: E402
import panels  # noqa: E402
import units  # noqa: E402

SPAN = model.Span(1000, 1600)


class FakePrometheus(http.server.BaseHTTPRequestHandler):
    """Answers every query with one sample, except those that hold a word of `empty` or `wrong`."""

    empty = ""
    wrong = ""

    def do_GET(self) -> None:
        self.answer(200, ["a", "b.c"])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = urllib.parse.parse_qs(body)["query"][0]
        if self.wrong and self.wrong in query:
            self.answer(400, {}, error="parse error")
            return
        sample = [1500.0, "1"]
        instant = self.path.endswith("/query")
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
def prometheus(empty: str = "", wrong: str = "") -> Iterator[str]:
    handler = type("Handler", (FakePrometheus,), {"empty": empty, "wrong": wrong})
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
    """The exit code of `check`, and what it says on stderr."""
    sys.argv = ["panels.py", "check", f"--prometheus={url}"]
    arguments = panels.parse_arguments()
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        return panels.check(arguments), errors.getvalue()


class CheckTest(unittest.TestCase):
    def test_all_panels_with_data_are_fine(self) -> None:
        with prometheus() as url:
            self.assertEqual(run_check(url), (0, ""))

    def test_an_empty_panel_is_named(self) -> None:
        with prometheus(empty="edgetp_run_val_loss and") as url:
            code, errors = run_check(url)
        self.assertEqual(code, 1)
        self.assertEqual(errors, "error: dashboard cluster, panel Loss [B]: no data\n")

    def test_a_query_that_fails_is_named_with_its_error(self) -> None:
        with prometheus(wrong="edgetp_network_version") as url:
            code, errors = run_check(url)
        self.assertEqual((code, errors), (1, "error: dashboard network, panel Changes [A]: parse error\n"))

    def test_no_prometheus_is_one_error_per_dashboard(self) -> None:
        code, errors = run_check("http://127.0.0.1:1")
        self.assertEqual(code, 1)
        self.assertEqual(len(errors.splitlines()), 3)


class VariablesTest(unittest.TestCase):
    def test_several_values_are_an_escaped_alternative(self) -> None:
        self.assertEqual(model.regex_of(["wifi-5", "a.b"]), r"(wifi-5|a\\.b)")
        self.assertEqual(model.regex_of(["t+"]), r"t\\+")

    def test_a_rate_spans_four_scrapes_at_least(self) -> None:
        self.assertEqual(model.interpolate("x[$__rate_interval]", {}, SPAN, 2), "x[8s]")
        self.assertEqual(model.interpolate("x[$__rate_interval]", {}, SPAN, 60), "x[62s]")
        self.assertEqual(model.interpolate("x[${__range}]", {}, SPAN, 60), "x[600s]")


class TransformationsTest(unittest.TestCase):
    def test_merged_rows_form_a_curve_per_cell(self) -> None:
        def frame(name: str, values: list[float]) -> model.Frame:
            return model.Frame(
                [
                    model.Field("Time", [1, 2, 1]),
                    model.Field("cell", ["p", "p", "s"], number=False),
                    model.Field(name, values),
                ]
            )

        frames = model.merge([frame("Value #A", [10, 20, 15]), frame("Value #B", [4, 3, 2])], {})
        options = {"rowField": "Value #A", "columnField": "cell", "valueField": "Value #B"}
        frames = model.grouping_to_matrix(frames, options)
        frames = model.sort_by(frames, {"sort": [{"field": "Value #A\\cell"}]})
        self.assertEqual([each.name for each in frames[0].fields], ["Value #A\\cell", "p", "s"])
        self.assertEqual([each.values for each in frames[0].fields], [[10, 15, 20], [4, None, 3], [None, 2, None]])

    def test_a_join_keeps_what_only_one_side_has(self) -> None:
        left = model.Frame([model.Field("key", ["a", "b"], number=False), model.Field("x", [1, 2])])
        right = model.Frame([model.Field("key", ["b"], number=False), model.Field("y", [3])])
        frames = model.join_by_field([left, right], {"byField": "key"})
        self.assertEqual([each.values for each in frames[0].fields], [["a", "b"], [1, 2], [None, 3]])


class EventsTest(unittest.TestCase):
    QUERY = {"iconColor": "blue", "textFormat": "{{profile}}", "useValueForTime": True}

    def test_the_value_says_when_and_repeated_samples_are_one_event(self) -> None:
        series = {"metric": {"profile": "lte"}, "values": [[1100, "1050000"], [1102, "1050000"], [1300, "1290000"]]}
        events = model.series_events(self.QUERY, series, SPAN, 2)
        self.assertEqual([(event.at, event.text) for event in events], [(1050, "lte"), (1290, "lte")])


class UnitsTest(unittest.TestCase):
    def test_numbers_read_as_in_grafana(self) -> None:
        self.assertEqual(units.display(0.0977, "s", None), "97.7 ms")
        self.assertEqual(units.display(6 * 2**20, "bytes", None), "6 MiB")
        self.assertEqual(units.display(0.306, "percentunit", 1), "30.6%")
        self.assertEqual(units.display(12345.6, "suffix: tokens/s", 0), "12346 tokens/s")
        self.assertEqual(units.display(0, "s", None), "0 s")


if __name__ == "__main__":
    unittest.main()

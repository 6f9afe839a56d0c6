#!/usr/bin/env python3
"""Sends the query of every panel, variable and annotation of the dashboards to a Prometheus, as Grafana would. Fails if
Prometheus refuses one, or if a panel or a variable gets no data.

  check_panels.py --prometheus=http://127.0.0.1:9090 --range=10m
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

Json = dict[str, Any]

DASHBOARDS = Path(__file__).parent / "dashboards"
SCRAPE_SECONDS = 2  # timeInterval of the data source
POINTS_OF_A_PANEL = 600  # about as many as a browser window asks for
TIMEOUT_SECONDS = 20


class QueryError(Exception):
    """Prometheus could not be asked, or refused; the message says why."""


@dataclass
class Prometheus:
    """The HTTP API of a Prometheus server, for the time from start to end."""

    url: str
    start: float
    end: float

    def _get(self, path: str, **parameters: str | float) -> Any:
        address = f"{self.url.rstrip('/')}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryError(json.load(error).get("error", str(error))) from error
        except (OSError, ValueError) as error:
            raise QueryError(f"{self.url}: {error}") from error

    @property
    def step(self) -> float:
        return max(math.ceil((self.end - self.start) / POINTS_OF_A_PANEL), SCRAPE_SECONDS)

    def series(self, expr: str, instant: bool) -> int:
        """How many series of the answer have a number."""
        if instant:
            result = self._get("query", query=expr, time=self.end)["result"]
            values = [[each["value"]] for each in result]
        else:
            result = self._get("query_range", query=expr, start=self.start, end=self.end, step=self.step)["result"]
            values = [each["values"] for each in result]
        return sum(any(math.isfinite(float(text)) for _, text in each) for each in values)

    def label_values(self, label: str, metric: str) -> list[str]:
        return self._get(f"label/{label}/values", start=self.start, end=self.end, **{"match[]": metric})


def interpolate(text: str, variables: dict[str, str], prometheus: Prometheus) -> str:
    """Replaces variables as Grafana's Prometheus data source does; what is none, like label_replace's $1, stays."""
    values = dict(variables)
    values["__interval"] = f"{prometheus.step:g}s"
    values["__rate_interval"] = f"{max(prometheus.step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS):g}s"
    values["__range"] = f"{prometheus.end - prometheus.start:.0f}s"
    return re.sub(r"\$(\w+)|\$\{(\w+)\}", lambda match: values.get(match[1] or match[2], match[0]), text)


def regex_of(values: list[str]) -> str:
    """Several values of a variable, as a regular expression within a string."""
    escaped = [re.sub(r"([.*+?^${}()|[\]\\/])", r"\\\\\1", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


@dataclass
class Row:
    """A query, and what came of it."""

    dashboard: str
    place: str
    series: int
    problem: str = ""  # empty: fine


def ask(expr: str, instant: bool, may_be_empty: bool, prometheus: Prometheus) -> tuple[int, str]:
    """Series, and the problem with them."""
    try:
        series = prometheus.series(expr, instant)
    except QueryError as error:
        return 0, str(error)
    return series, "" if series or may_be_empty else "no data"


def check_variables(dashboard: Json, prometheus: Prometheus, values: dict[str, str]) -> Iterator[tuple[str, int, str]]:
    """Fills `values` with what `All` stands for, in order: a later variable may use an earlier one."""
    for each in dashboard["templating"]["list"]:
        place = f"variable {each['name']}"
        query = interpolate(each["query"]["query"], values, prometheus)
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
        if match is None:
            yield place, 0, f"only label_values(metric, label) is known (got {query})"
            continue
        try:
            options = prometheus.label_values(match[2], match[1])
        except QueryError as error:
            yield place, 0, str(error)
            continue
        values[each["name"]] = each.get("allValue") or regex_of(options or [""])
        yield place, len(options), "" if options else "no options"


def check_dashboard(dashboard: Json, prometheus: Prometheus) -> Iterator[tuple[str, int, str]]:
    values: dict[str, str] = {}
    yield from check_variables(dashboard, prometheus, values)
    for query in dashboard["annotations"]["list"]:
        if not query.get("builtIn"):
            expr = interpolate(query["target"]["expr"], values, prometheus)
            # Nobody need have changed the network: an annotation without events is fine.
            yield f"annotation {query['name']}", *ask(expr, False, True, prometheus)
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expr = interpolate(target["expr"], values, prometheus)
            yield f"panel {panel['title']} [{target['refId']}]", *ask(expr, target["instant"], False, prometheus)


def check(prometheus: Prometheus) -> list[Row]:
    rows = []
    for path in sorted(DASHBOARDS.glob("*.json")):
        dashboard = json.loads(path.read_text())
        rows += [Row(path.stem, *found) for found in check_dashboard(dashboard, prometheus)]
    return rows


def seconds_of(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    if text[-1:] not in units or not text[:-1].isdigit():
        raise argparse.ArgumentTypeError(f"a time range is a number and s, m or h, e.g. 10m (got {text})")
    return int(text[:-1]) * units[text[-1]]


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", help="URL of the server")
    parser.add_argument("--range", type=seconds_of, default="10m", help="how much time to look at, e.g. 90s, 10m, 1h")
    arguments = parser.parse_args(words)
    now = time.time()
    rows = check(Prometheus(arguments.prometheus, now - arguments.range, now))
    width = max(len(row.place) for row in rows)
    for row in rows:
        print(f"{row.dashboard:<9} {row.place:<{width}} {row.series:>4}  {row.problem or 'ok'}")
    bad = [row for row in rows if row.problem]
    for row in bad:
        print(f"error: dashboard {row.dashboard}, {row.place}: {row.problem}", file=sys.stderr)
    print(f"{len(rows) - len(bad)} of {len(rows)} are fine")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

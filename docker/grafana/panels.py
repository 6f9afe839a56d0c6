#!/usr/bin/env python3
"""Asks a real Prometheus what the dashboards ask: `check` fails if a panel is empty, `draw` makes a picture of one.

  panels.py check --prometheus=http://127.0.0.1:9090 --range=10m
  panels.py draw --prometheus=http://127.0.0.1:9090 --dashboard=cluster --range=10m --out=cluster.png

`check` needs Python's standard library only; `draw` needs matplotlib.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import datetime

import model

POINTS_OF_A_PANEL = 600  # about as many as a browser window asks for


@dataclass
class Row:
    """A line of the report."""

    dashboard: str
    place: str
    series: int
    problem: str = ""  # empty: fine


def seconds_of(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    if text[-1:] not in units or not text[:-1].isdigit():
        raise argparse.ArgumentTypeError(f"a time range is a number and s, m or h, e.g. 10m (got {text})")
    return int(text[:-1]) * units[text[-1]]


def moment_of(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def choices_of(options: list[str]) -> dict[str, list[str]]:
    """--variable=run=a,b"""
    return {name: values.split(",") for name, _, values in (option.partition("=") for option in options)}


def check_target(
    panel: model.Json, target: model.Json, prometheus: model.Prometheus, values: dict[str, str], span: model.Span
) -> Row:
    place = f"panel {panel['title']} [{target['refId']}]"
    try:
        answer = model.ask(target, prometheus, values, span, span.step(POINTS_OF_A_PANEL))
    except model.QueryError as error:
        return Row("", place, 0, str(error))
    return Row("", place, len(answer), "" if answer else "no data")


def check_dashboard(
    name: str, prometheus: model.Prometheus, span: model.Span, chosen: dict[str, list[str]]
) -> list[Row]:
    dashboard = model.load_dashboard(name)
    variables, values = model.resolve_variables(dashboard, prometheus, span, chosen)
    rows = [
        Row(name, f"variable {each.name}", len(each.options), "" if each.options else "no options")
        for each in variables
    ]
    # Nobody need have changed the network: an annotation without events is fine, one that fails is not.
    for query, events in model.events_of(dashboard, prometheus, values, span).items():
        rows.append(Row(name, f"annotation {query}", len(events)))
    for panel in dashboard["panels"]:
        rows += [check_target(panel, target, prometheus, values, span) for target in panel["targets"]]
    for row in rows:
        row.dashboard = name
    return rows


def print_rows(rows: list[Row]) -> None:
    width = max(len(row.place) for row in rows)
    for row in rows:
        print(f"{row.dashboard:<9} {row.place:<{width}} {row.series:>4}  {row.problem or 'ok'}")


def check(arguments: argparse.Namespace) -> int:
    prometheus = model.Prometheus(arguments.prometheus)
    span = model.Span.last(arguments.range, arguments.until)
    rows: list[Row] = []
    for name in [arguments.dashboard] if arguments.dashboard else model.dashboard_names():
        try:
            rows += check_dashboard(name, prometheus, span, choices_of(arguments.variable))
        except model.QueryError as error:
            rows.append(Row(name, "variables and annotations", 0, str(error)))
    print_rows(rows)
    bad = [row for row in rows if row.problem]
    for row in bad:
        print(f"error: dashboard {row.dashboard}, {row.place}: {row.problem}", file=sys.stderr)
    print(f"{len(rows) - len(bad)} of {len(rows)} have data")
    return 1 if bad else 0


def draw(arguments: argparse.Namespace) -> int:
    import drawing  # matplotlib is needed for this alone

    prometheus = model.Prometheus(arguments.prometheus)
    span = model.Span.last(arguments.range, arguments.until)
    try:
        drawing.draw(arguments.dashboard, prometheus, span, choices_of(arguments.variable), arguments.out)
    except model.QueryError as error:
        print(f"error: dashboard {arguments.dashboard}: {error}", file=sys.stderr)
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for command in (check, draw):
        sub = commands.add_parser(command.__name__)
        sub.set_defaults(command=command)
        sub.add_argument("--prometheus", default="http://127.0.0.1:9090", help="URL of the server")
        sub.add_argument("--range", type=seconds_of, default="10m", help="how much time to look at, e.g. 90s, 10m, 1h")
        sub.add_argument("--until", type=moment_of, help="when it ends, e.g. 2026-11-30T12:34:56; default: now")
        sub.add_argument("--variable", action="append", default=[], help="e.g. run=a,b; default: All")
        sub.add_argument("--dashboard", choices=model.dashboard_names(), required=command is draw)
        if command is draw:
            sub.add_argument("--out", required=True, help="PNG to write")
    return parser.parse_args()


if __name__ == "__main__":
    chosen_command = parse_arguments()
    sys.exit(chosen_command.command(chosen_command))

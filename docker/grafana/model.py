"""The dashboards as Grafana understands them: variables, queries and their answers as frames, transformations.

Only what the dashboards in this folder use. A frame is a table by columns, as in Grafana; a time series is a frame with
the fields `Time` and one value, whose labels are kept.
"""

from __future__ import annotations

import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

Json = dict[str, Any]

SCRAPE_SECONDS = 2  # timeInterval of the data source
MAX_POINTS = 11000  # Prometheus answers no more
TIMEOUT_SECONDS = 20
NICE_STEPS = (2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)


class QueryError(Exception):
    """Prometheus could not be asked, or refused; the message says which query."""


class Prometheus:
    """The HTTP API of a Prometheus server."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def _get(self, path: str, **parameters: str | float) -> Any:
        data = urllib.parse.urlencode(parameters).encode()
        address = f"{self.url}/api/v1/{path}"
        request = urllib.request.Request(address, data) if path.startswith("query") else f"{address}?{data.decode()}"
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryError(json.load(error).get("error", str(error))) from error
        except (OSError, ValueError) as error:
            raise QueryError(f"{address}: {error}") from error

    def instant(self, expr: str, at: float) -> list[Json]:
        result = self._get("query", query=expr, time=at)
        if result["resultType"] == "scalar":
            return [{"metric": {}, "values": [result["result"]]}]
        return [{"metric": each["metric"], "values": [each["value"]]} for each in result["result"]]

    def range(self, expr: str, start: float, end: float, step: float) -> list[Json]:
        return self._get("query_range", query=expr, start=start, end=end, step=step)["result"]

    def label_values(self, label: str, metric: str, start: float, end: float) -> list[str]:
        return self._get(f"label/{label}/values", start=start, end=end, **{"match[]": metric})


@dataclass
class Span:
    """A time range and the points that a panel shows of it."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def step(self, points: int) -> float:
        """Grafana's $__interval for a panel of this many points."""
        wanted = max(self.seconds / points, SCRAPE_SECONDS, self.seconds / MAX_POINTS)
        return next((nice for nice in NICE_STEPS if nice >= wanted), math.ceil(wanted))

    @staticmethod
    def last(seconds: float, end: float | None) -> Span:
        """Up to `end`, now by default."""
        end = time.time() if end is None else end
        return Span(end - seconds, end)


def interpolate(text: str, variables: dict[str, str], span: Span, step: float) -> str:
    """Replaces variables as Grafana's Prometheus data source does; what is none, like label_replace's $1, stays."""
    values = dict(variables)
    values["__interval"] = f"{step:g}s"
    values["__rate_interval"] = f"{max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS):g}s"
    values["__range"] = f"{span.seconds:.0f}s"
    return re.sub(r"\$(\w+)|\$\{(\w+)\}", lambda match: values.get(match[1] or match[2], match[0]), text)


def regex_of(values: list[str]) -> str:
    """Several values of a variable, as a regular expression."""
    escaped = [re.sub(r"([.*+?^${}()|[\]\\/])", r"\\\\\1", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


@dataclass
class Variable:
    """A query variable, what Prometheus answered, and what stands for it in a query."""

    name: str
    label: str
    options: list[str]
    chosen: list[str] | None  # None: All

    def text(self) -> str:
        return "All" if self.chosen is None else " + ".join(self.chosen)


def resolve_variables(
    dashboard: Json, prometheus: Prometheus, span: Span, chosen: dict[str, list[str]]
) -> tuple[list[Variable], dict[str, str]]:
    """Asks for the options of each variable, in order: a later one may use an earlier one."""
    variables: list[Variable] = []
    values: dict[str, str] = {}
    for each in dashboard["templating"]["list"]:
        match = re.fullmatch(
            r"label_values\((.*), (\w+)\)", interpolate(each["query"]["query"], values, span, SCRAPE_SECONDS)
        )
        if match is None:
            raise QueryError(f"variable {each['name']}: only label_values(metric, label) is known")
        options = prometheus.label_values(match[2], match[1], span.start, span.end)
        picked = chosen.get(each["name"])
        variables.append(Variable(each["name"], each["label"], options, picked))
        values[each["name"]] = regex_of(picked) if picked else each.get("allValue") or regex_of(options or [""])
    return variables, values


@dataclass
class Field:
    """A column of a frame."""

    name: str
    values: list[Any]
    labels: dict[str, str] = field(default_factory=dict)
    number: bool = True

    def numbers(self) -> list[float]:
        return [math.nan if value is None else float(value) for value in self.values]


@dataclass
class Frame:
    """A table by columns."""

    fields: list[Field]

    def find(self, name: str) -> Field | None:
        return next((each for each in self.fields if each.name == name), None)

    def rows(self) -> Iterator[dict[str, Any]]:
        for values in zip(*(each.values for each in self.fields)):
            yield dict(zip((each.name for each in self.fields), values))


def number_of(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def legend_of(target: Json, labels: dict[str, str]) -> str:
    template = target["legendFormat"]
    if template != "__auto":
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), template)
    return ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))


def ask(target: Json, prometheus: Prometheus, values: dict[str, str], span: Span, step: float) -> list[Json]:
    """The answer to a target's query; series without a single number are left out."""
    expr = interpolate(target["expr"], values, span, step)
    answer = (
        prometheus.instant(expr, span.end) if target["instant"] else prometheus.range(expr, span.start, span.end, step)
    )
    return [each for each in answer if any(number_of(text) is not None for _, text in each["values"])]


def table_frame(answer: list[Json], value_name: str) -> Frame:
    """One row per sample, one column per label."""
    labels = sorted({label for each in answer for label in each["metric"]})
    samples = [(at, each["metric"], text) for each in answer for at, text in each["values"]]
    fields = [Field("Time", [at for at, _, _ in samples])]
    fields += [Field(label, [metric.get(label, "") for _, metric, _ in samples], number=False) for label in labels]
    return Frame(fields + [Field(value_name, [number_of(text) for _, _, text in samples])])


def series_frame(series: Json, name: str) -> Frame:
    times = [float(at) for at, _ in series["values"]]
    numbers = [number_of(text) for _, text in series["values"]]
    return Frame([Field("Time", times), Field(name, numbers, series["metric"])])


def frames_of(panel: Json, prometheus: Prometheus, values: dict[str, str], span: Span, step: float) -> list[Frame]:
    """What a panel shows: the answers to its queries, transformed."""
    frames: list[Frame] = []
    for target in panel["targets"]:
        answer = ask(target, prometheus, values, span, step)
        if target["format"] == "table":
            name = "Value" if len(panel["targets"]) == 1 else f"Value #{target['refId']}"
            frames.append(table_frame(answer, name))
        else:
            frames += [series_frame(each, legend_of(target, each["metric"])) for each in answer]
    for transformation in panel.get("transformations", []):
        frames = TRANSFORMATIONS[transformation["id"]](frames, transformation["options"])
    return frames


def merge(frames: list[Frame], _: Json) -> list[Frame]:
    """Rows that agree in all columns that all frames have become one row."""
    frames = [frame for frame in frames if frame.fields and frame.fields[0].values]
    if not frames:
        return [Frame([])]
    names = list(dict.fromkeys(each.name for frame in frames for each in frame.fields))
    shared = [name for name in names if all(frame.find(name) for frame in frames)]
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for frame in frames:
        for row in frame.rows():
            rows.setdefault(tuple(row[name] for name in shared), {}).update(row)
    numbers = {each.name: each.number for frame in frames for each in frame.fields}
    return [Frame([Field(name, [row.get(name) for row in rows.values()], number=numbers[name]) for name in names])]


def join_by_field(frames: list[Frame], options: Json) -> list[Frame]:
    """An outer join; columns that several frames have are numbered."""
    key = options["byField"]
    keys = list(dict.fromkeys(value for frame in frames for value in frame.find(key).values))
    counts = [each.name for frame in frames for each in frame.fields]
    joined = [Field(key, keys, number=False)]
    for index, frame in enumerate(frames, 1):
        at = {value: row for row, value in enumerate(frame.find(key).values)}
        for each in frame.fields:
            if each.name != key:
                name = f"{each.name} {index}" if counts.count(each.name) > 1 else each.name
                values = [each.values[at[value]] if value in at else None for value in keys]
                joined.append(Field(name, values, each.labels, each.number))
    return [Frame(joined)]


def organize(frames: list[Frame], options: Json) -> list[Frame]:
    """Hides, orders and renames columns."""
    result = []
    for frame in frames:
        kept = [each for each in frame.fields if not options["excludeByName"].get(each.name)]
        kept.sort(key=lambda each: options["indexByName"].get(each.name, len(kept)))
        renamed = [
            Field(options["renameByName"].get(each.name, each.name), each.values, each.labels, each.number)
            for each in kept
        ]
        result.append(Frame(renamed))
    return result


def sort_by(frames: list[Frame], options: Json) -> list[Frame]:
    order = options["sort"][0]
    for frame in frames:
        column = frame.find(order["field"])
        if column is None:
            continue
        known = [row for row, value in enumerate(column.values) if value is not None]
        known.sort(key=lambda row: column.values[row], reverse=order.get("desc", False))
        rows = known + [row for row, value in enumerate(column.values) if value is None]
        for each in frame.fields:
            if each is not column:
                each.values = [each.values[row] for row in rows]
        column.values = [column.values[row] for row in rows]
    return frames


def grouping_to_matrix(frames: list[Frame], options: Json) -> list[Frame]:
    frame = frames[0]
    row, column, value = (frame.find(options[key]) for key in ("rowField", "columnField", "valueField"))
    if row is None or column is None or value is None:
        return frames
    cells = {(r, c): v for r, c, v in zip(row.values, column.values, value.values)}
    rows, columns = list(dict.fromkeys(row.values)), list(dict.fromkeys(column.values))
    first = Field(f"{row.name}\\{column.name}", rows, number=False)
    return [Frame([first] + [Field(c, [cells.get((r, c)) for r in rows]) for c in columns])]


def convert_field_type(frames: list[Frame], options: Json) -> list[Frame]:
    for frame in frames:
        for each in frame.fields:
            if any(each.name == conversion["targetField"] for conversion in options["conversions"]):
                each.number = True
    return frames


TRANSFORMATIONS = {
    "merge": merge,
    "joinByField": join_by_field,
    "organize": organize,
    "sortBy": sort_by,
    "groupingToMatrix": grouping_to_matrix,
    "convertFieldType": convert_field_type,
}


def load_dashboard(name: str) -> Json:
    return json.loads((Path(__file__).parent / "dashboards" / f"{name}.json").read_text())


def dashboard_names() -> list[str]:
    return sorted(path.stem for path in (Path(__file__).parent / "dashboards").glob("*.json"))


@dataclass
class Event:
    """An annotation: when, in which colour, what it says."""

    at: float
    color: str
    text: str


def events_of(dashboard: Json, prometheus: Prometheus, values: dict[str, str], span: Span) -> dict[str, list[Event]]:
    """The annotations in the time range, by the name of their query."""
    result: dict[str, list[Event]] = {}
    for query in dashboard["annotations"]["list"]:
        if query.get("builtIn"):
            continue
        step = max(SCRAPE_SECONDS, span.seconds / MAX_POINTS)
        answer = prometheus.range(interpolate(query["target"]["expr"], values, span, step), span.start, span.end, step)
        events = result.setdefault(query["name"], [])
        for series in answer:
            events += series_events(query, series, span, step)
    return result


def series_events(query: Json, series: Json, span: Span, step: float) -> list[Event]:
    """Samples less than a step apart are one event; with useValueForTime the value says when it was, in ms."""
    events: list[Event] = []
    previous = -math.inf
    text = legend_of({"legendFormat": query["textFormat"]}, series["metric"])
    for at, value in series["values"]:
        moment = float(value) / 1000 if query.get("useValueForTime") else float(at)
        if moment - previous > step and span.start <= moment <= span.end:
            events.append(Event(moment, query["iconColor"], text))
        previous = moment
    return events

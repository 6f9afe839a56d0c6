"""What pictures of dashboards are made of: Grafana's dark theme, a page in pixels, and what a panel's configuration says
of a value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

import model
import units

Json = model.Json

# Pixels, as in Grafana at a window of 1600.
WIDTH, CELL, GAP, HEAD, DPI = 1600, 30, 8, 92, 100
TICKS = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)  # seconds
BACKGROUND, PANEL, BORDER, TEXT, DIM, GRID = "#111217", "#181b1f", "#2a2d33", "#d8d9da", "#8e9097", "#2c2f36"
COLORS = {
    "text": TEXT,
    "green": "#73bf69",
    "red": "#f2495c",
    "blue": "#5794f2",
    "orange": "#ff9830",
    "yellow": "#fade2a",
    "purple": "#b877d9",
    "semi-dark-green": "#56a64b",
    "semi-dark-blue": "#3274d9",
    "semi-dark-orange": "#ff780a",
    "semi-dark-purple": "#a352cc",
    "semi-dark-red": "#e02f44",
    "light-yellow": "#ffee52",
    "light-blue": "#8ab8ff",
}
CLASSIC = ["#73bf69", "#fade2a", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d", "#fa6400"]
SCHEMES = {"continuous-blues": ["#1b2a41", "#5794f2"], "continuous-purples": ["#2a2140", "#b877d9"]}

plt.switch_backend("Agg")
plt.rcParams.update(
    {
        "font.family": ["Liberation Sans", "DejaVu Sans"],
        "font.size": 9,
        "text.color": TEXT,
        "axes.edgecolor": GRID,
        "axes.labelcolor": DIM,
        "xtick.color": DIM,
        "ytick.color": DIM,
    }
)


@dataclass
class Box:
    """A rectangle in pixels, y downwards."""

    x: float
    y: float
    w: float
    h: float

    def inset(self, left: float, top: float, right: float, bottom: float) -> Box:
        return Box(self.x + left, self.y + top, max(self.w - left - right, 1), max(self.h - top - bottom, 1))


class Page:
    """The figure, in pixels."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = plt.figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND)
        self.canvas = self.axes(Box(0, 0, WIDTH, height))
        self.canvas.set(xlim=(0, WIDTH), ylim=(height, 0))
        self.canvas.axis("off")

    def axes(self, box: Box) -> Axes:
        h = self.height
        return self.figure.add_axes([box.x / WIDTH, 1 - (box.y + box.h) / h, box.w / WIDTH, box.h / h])

    def text(self, x: float, y: float, text: str, size: float = 9, color: str = TEXT, **more: Any) -> Any:
        more = {"va": "center", "ha": "left", **more}
        return self.canvas.text(x, y, text, size=size, color=color, **more)

    def box(self, box: Box, face: str, edge: str = "none", radius: float = 2) -> None:
        style = f"round,pad=0,rounding_size={radius}"
        self.canvas.add_patch(FancyBboxPatch((box.x, box.y), box.w, box.h, boxstyle=style, fc=face, ec=edge, lw=0.8))

    def width_of(self, text: str, size: float) -> float:
        return 0.56 * size * DPI / 72 * len(text)


def color_of(name: str) -> str:
    return COLORS.get(name, name)


def config_of(panel: Json, name: str) -> Json:
    """The field's configuration: the defaults, and what overrides say for this name."""
    defaults = panel["fieldConfig"]["defaults"]
    config = {**defaults, "name": name, "custom": dict(defaults.get("custom", {}))}
    for each in panel["fieldConfig"]["overrides"]:
        if each["matcher"]["options"] == name:
            for change in each["properties"]:
                if change["id"].startswith("custom."):
                    config["custom"][change["id"][7:]] = change["value"]
                else:
                    config[change["id"]] = change["value"]
    return config


def threshold_color(config: Json, value: float) -> str:
    color = "text"
    for step in config["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return color_of(color)


def series_color(config: Json, index: int, value: float | None = None) -> str:
    mode = config["color"]["mode"]
    if mode == "fixed":
        return color_of(config["color"]["fixedColor"])
    if mode == "thresholds" and value is not None:
        return threshold_color(config, value)
    if mode == "palette-classic-by-name":
        index = sum(config["name"].encode())
    return CLASSIC[index % len(CLASSIC)]


def display(config: Json, value: float | None) -> str:
    """The value with its unit, or what a mapping says."""
    if value is None or math.isnan(value):
        return ""
    for mapping in config.get("mappings", []):
        options = mapping["options"]
        if mapping["type"] == "range" and options["from"] <= value <= options["to"]:
            return options["result"]["text"]
        if mapping["type"] == "value" and f"{value:g}" in options:
            return options[f"{value:g}"]["text"]
    return units.display(value, config.get("unit", "none"), config.get("decimals"))


def last(values: list[Any]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def value_fields(frames: list[model.Frame]) -> list[tuple[list[float], model.Field]]:
    """(times or x, field) of every series."""
    result = []
    for frame in frames:
        x = next(each for each in frame.fields if each.number)
        result += [(x.numbers(), each) for each in frame.fields if each is not x and each.number]
    return result


@dataclass
class Context:
    page: Page
    span: model.Span
    events: dict[str, list[model.Event]]

"""Draws a dashboard from its data, close to Grafana's dark theme: for documentation, and to see what users will see."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Callable

from matplotlib import colors
from matplotlib import pyplot as plt
from matplotlib.patches import Wedge

import charts
import model
from theme import (
    BACKGROUND,
    BORDER,
    CELL,
    COLORS,
    DIM,
    DPI,
    GAP,
    HEAD,
    PANEL,
    SCHEMES,
    TEXT,
    WIDTH,
    Box,
    Context,
    Json,
    Page,
    config_of,
    display,
    last,
    series_color,
    threshold_color,
    value_fields,
)


def draw_stat(context: Context, panel: Json, frames: list[model.Frame], box: Box) -> None:
    page, options = context.page, panel["options"]
    found = [(x, each) for x, each in value_fields(frames) if last(each.values) is not None]
    rows = options["orientation"] == "horizontal"
    for index, (x, each) in enumerate(found):
        config, value = config_of(panel, each.name), last(each.values)
        assert value is not None
        share = 1 / len(found)
        part = (
            Box(box.x, box.y + box.h * share * index, box.w, box.h * share)
            if rows
            else Box(box.x + box.w * share * index, box.y, box.w * share, box.h)
        )
        color = series_color(config, index, value)
        if options["graphMode"] == "area" and len(x) > 2:
            sparkline(page, context.span, part, x, each.numbers(), color)
        filled = options["colorMode"] == "background"
        if filled:
            page.box(part.inset(4, 2, 4, 6), color)
        draw_stat_text(
            page, options["textMode"], part, each.name, display(config, value), "#ffffff" if filled else color, rows
        )


def draw_stat_text(page: Page, mode: str, box: Box, name: str, value: str, color: str, rows: bool) -> None:
    middle = box.y + box.h / 2
    if mode == "value_and_name" and rows:
        page.text(box.x + 14, middle, name, 10, DIM)
        page.text(box.x + box.w - 14, middle, value, 15, color, ha="right", weight="bold")
        return
    main = name if mode == "name" else value
    size = max(9.0, min(24.0, 0.42 * box.h * 72 / DPI, 24 * (box.w - 16) / max(page.width_of(main, 24), 1)))
    page.text(
        box.x + box.w / 2,
        middle - (10 if mode == "value_and_name" else 4),
        main,
        size,
        color,
        ha="center",
        weight="bold",
    )
    if mode == "value_and_name":
        page.text(box.x + box.w / 2, box.y + box.h - 16, name, 9, DIM, ha="center")


def sparkline(page: Page, span: model.Span, box: Box, x: list[float], y: list[float], color: str) -> None:
    axes = page.axes(box.inset(2, box.h * 0.55, 2, 2))
    axes.axis("off")
    axes.fill_between(x, y, color=color, alpha=0.18, lw=0)
    axes.plot(x, y, color=color, lw=1)
    axes.set_xlim(span.start, span.end)
    axes.set_ylim(0, max((value for value in y if not math.isnan(value)), default=1) * 1.1 or 1)


def draw_gauge(context: Context, panel: Json, frames: list[model.Frame], box: Box) -> None:
    found = value_fields(frames)
    if not found:
        return
    config, value = config_of(panel, found[0][1].name), last(found[0][1].values) or 0.0
    axes = context.page.axes(box)
    axes.set(xlim=(-1.5, 1.5), ylim=(-0.6, 1.2), aspect="equal")
    axes.axis("off")
    share = (value - config["min"]) / (config["max"] - config["min"])
    axes.add_patch(Wedge((0, 0), 1, -20, 200, width=0.28, fc="#2a2d33"))
    axes.add_patch(Wedge((0, 0), 1, 200 - 220 * share, 200, width=0.28, fc=series_color(config, 0, value)))
    axes.text(0, 0.05, display(config, value), ha="center", va="center", size=17, weight="bold")


def blend(scheme: str, share: float) -> str:
    stops = SCHEMES[scheme]
    where = min(max(share, 0), 1) * (len(stops) - 1)
    low = min(int(where), len(stops) - 2)
    pairs = zip(colors.to_rgb(stops[low]), colors.to_rgb(stops[low + 1]))
    return colors.to_hex([a + (b - a) * (where - low) for a, b in pairs])


def draw_table(context: Context, panel: Json, frames: list[model.Frame], box: Box) -> None:
    if not frames or not frames[0].fields:
        return
    frames = [frames[0]]
    for sort in reversed(panel["options"]["sortBy"]):
        frames = model.sort_by(frames, {"sort": [{"field": sort["displayName"], "desc": sort["desc"]}]})
    fields = frames[0].fields
    texts = [[cell_text(panel, each, value) for value in each.values] for each in fields]
    needs = [max([len(each.name)] + [len(text) for text in column]) + 4 for each, column in zip(fields, texts)]
    needs = [need * 2 if cell_kind(panel, each) == "gauge" else need for need, each in zip(needs, fields)]
    inner, x = box.inset(10, 4, 10, 8), box.x + 10
    numbers = [value for each in fields if each.number for value in each.values if value is not None]
    row_height = min(
        36 if "color-background" not in str(panel["fieldConfig"]["defaults"]) else 60,
        (inner.h - 30) / max(len(fields[0].values), 1),
    )
    for each, column, need in zip(fields, texts, needs):
        width = inner.w * need / sum(needs)
        context.page.text(x + 6, inner.y + 14, each.name, 9, COLORS["blue"])
        for row, text in enumerate(column):
            cell = Box(x, inner.y + 30 + row_height * row, width, row_height)
            draw_cell(context.page, panel, each, row, text, cell, numbers)
        x += width


def cell_kind(panel: Json, each: model.Field) -> str:
    return config_of(panel, each.name)["custom"].get("cellOptions", {}).get("type", "auto")


def cell_text(panel: Json, each: model.Field, value: Any) -> str:
    if value is None:
        return ""
    return display(config_of(panel, each.name), value) if each.number else str(value)


def draw_cell(page: Page, panel: Json, each: model.Field, row: int, text: str, cell: Box, numbers: list[float]) -> None:
    config, kind, value = config_of(panel, each.name), cell_kind(panel, each), each.values[row]
    middle, color = cell.y + cell.h / 2, TEXT
    page.canvas.plot([cell.x, cell.x + cell.w], [cell.y + cell.h] * 2, color=BORDER, lw=0.6)
    if each.number and value is not None and kind == "color-background":
        low = config.get("min", min(numbers))
        share = (value - low) / ((max(numbers) - low) or 1)
        page.box(cell.inset(1, 1, 1, 1), blend(config["color"]["mode"], share))
        page.text(cell.x + cell.w / 2, middle, text, 10, "#ffffff", ha="center", weight="bold")
        return
    if each.number and value is not None and kind == "gauge":
        full = max(known for known in each.values if known is not None) or 1
        page.box(
            Box(cell.x + 6, cell.y + 6, max((cell.w - 90) * value / full, 1), cell.h - 12), series_color(config, 0)
        )
        page.text(cell.x + cell.w - 10, middle, text, 9, ha="right")
        return
    if each.number and value is not None and kind == "color-text":
        color = threshold_color(config, value)
    page.text(cell.x + 6, middle, text, 9, color)


PAINTERS: dict[str, Callable[[Context, Json, list[model.Frame], Box], None]] = {
    "stat": draw_stat,
    "gauge": draw_gauge,
    "timeseries": charts.draw_series,
    "trend": charts.draw_series,
    "barchart": charts.draw_bars,
    "table": draw_table,
    "state-timeline": charts.draw_timeline,
}


def box_of(panel: Json) -> Box:
    grid, column = panel["gridPos"], (WIDTH - 2 * GAP) / 24
    return Box(
        GAP + grid["x"] * column + GAP / 2,
        HEAD + grid["y"] * (CELL + GAP),
        grid["w"] * column - GAP,
        grid["h"] * (CELL + GAP) - GAP,
    )


def draw_head(page: Page, dashboard: Json, variables: list[model.Variable], span: model.Span) -> None:
    page.text(20, 24, dashboard["title"], 15, weight="bold")
    moments = [datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S") for at in (span.start, span.end)]
    page.text(WIDTH - 20, 24, " to ".join(moments), 9, DIM, ha="right")
    x = 16.0
    for each in variables:
        text = each.text()
        width = 40 + page.width_of(each.label + text, 9)
        page.box(Box(x, 50, width, 28), PANEL, BORDER)
        page.text(x + 10, 64, each.label, 9, DIM)
        page.text(x + width - 10, 64, text, 9, ha="right")
        x += width + 10


def draw_panel(context: Context, panel: Json, frames: list[model.Frame]) -> None:
    box = box_of(panel)
    context.page.box(box, PANEL, BORDER)
    context.page.text(box.x + 12, box.y + 17, panel["title"], 10, weight="bold")
    inner = box.inset(0, 32, 0, 0)
    if any(any(value is not None for value in each.values) for frame in frames for each in frame.fields):
        PAINTERS[panel["type"]](context, panel, frames, inner)
    else:
        context.page.text(box.x + box.w / 2, box.y + box.h / 2, "No data", 14, DIM, ha="center")


def draw(name: str, prometheus: model.Prometheus, span: model.Span, chosen: dict[str, list[str]], out: str) -> None:
    """Writes the dashboard as a PNG."""
    dashboard = model.load_dashboard(name)
    variables, values = model.resolve_variables(dashboard, prometheus, span, chosen)
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    page = Page(HEAD + rows * (CELL + GAP) + GAP)
    context = Context(page, span, model.events_of(dashboard, prometheus, values, span))
    draw_head(page, dashboard, variables, span)
    for panel in dashboard["panels"]:
        points = int(box_of(panel).w)
        draw_panel(context, panel, model.frames_of(panel, prometheus, values, span, span.step(points)))
    page.figure.savefig(out, facecolor=BACKGROUND, dpi=DPI)
    plt.close(page.figure)

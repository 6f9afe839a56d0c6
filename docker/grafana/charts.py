"""Panels with axes: time series, trends, bar charts and state timelines, with legends and annotations."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

import model
import units
from theme import (
    COLORS,
    GRID,
    PANEL,
    TEXT,
    TICKS,
    Box,
    Context,
    Json,
    Page,
    color_of,
    config_of,
    display,
    last,
    series_color,
    threshold_color,
    value_fields,
)


def legend_space(panel: Json, names: list[str], box: Box) -> tuple[float, float]:
    """Pixels that the legend takes at the right and at the bottom."""
    legend = panel["options"]["legend"]
    if not legend["showLegend"]:
        return 0, 0
    if legend["placement"] == "right":
        return 190, 0
    return 0, 18 * legend_rows(names, box.w - 24)


def legend_rows(names: list[str], width: float) -> int:
    rows, x = 1, 0.0
    for name in names:
        need = 34 + 6.3 * len(name)
        if x > 0 and x + need > width:
            rows, x = rows + 1, 0.0
        x += need
    return rows


def draw_legend(page: Page, panel: Json, entries: list[tuple[str, str, str]], box: Box) -> None:
    """`entries`: name, colour, last value."""
    if not panel["options"]["legend"]["showLegend"]:
        return
    if panel["options"]["legend"]["placement"] == "right":
        left = box.x + box.w - 178
        page.text(box.x + box.w - 12, box.y + 14, "Last", 8, COLORS["blue"], ha="right")
        for index, (name, color, value) in enumerate(entries):
            y = box.y + 36 + 22 * index
            page.canvas.add_patch(Rectangle((left, y - 2), 14, 4, fc=color))
            page.text(left + 20, y, name, 9)
            page.text(box.x + box.w - 12, y, value, 9, ha="right")
        return
    rows = legend_rows([name for name, _, _ in entries], box.w - 24)
    x, y = box.x + 12, box.y + box.h - 18 * rows
    for name, color, _ in entries:
        need = 34 + 6.3 * len(name)
        if x > box.x + 12 and x + need > box.x + box.w - 12:
            x, y = box.x + 12, y + 18
        page.canvas.add_patch(Rectangle((x, y - 2), 14, 4, fc=color))
        page.text(x + 19, y, name, 8.5)
        x += need


class ByteLocator(ticker.MaxNLocator):
    """Ticks at round numbers of KiB, MiB and so on."""

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        factor, _ = units.scale_of(max(abs(vmin), abs(vmax), 1), "bytes")
        return [value * factor for value in super().tick_values(vmin / factor, vmax / factor)]


def style_axes(axes: Axes, unit: str, horizontal: bool = False) -> None:
    axes.set_facecolor(PANEL)
    axes.grid(True, color=GRID, lw=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axis = axes.xaxis if horizontal else axes.yaxis
    locator = ByteLocator if unit == "bytes" else ticker.MaxNLocator
    axis.set_major_locator(locator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: units.display(value, unit, None)))


def without_gaps(x: list[float], y: list[float], span: Any) -> tuple[list[float], list[float]]:
    """Drops missing values that the panel connects over (spanNulls: True, or a limit in ms); longer gaps stay."""
    limit = math.inf if span is True else float(span) / 1000
    xs: list[float] = []
    ys: list[float] = []
    for at, value in zip(x, y):
        if math.isnan(value):
            continue
        if xs and at - xs[-1] > limit:
            xs.append(at)
            ys.append(math.nan)
        xs.append(at)
        ys.append(value)
    return xs, ys


def on_grid(found: list[tuple[list[float], model.Field]]) -> tuple[list[float], list[list[float]]]:
    """Values of all series at all times; missing ones are 0, as Grafana stacks them."""
    times = sorted({at for x, _ in found for at in x})
    stacks = []
    for x, each in found:
        known = dict(zip(x, each.numbers()))
        stacks.append([0.0 if math.isnan(known.get(at, math.nan)) else known[at] for at in times])
    return times, stacks


def draw_series(context: Context, panel: Json, frames: list[model.Frame], box: Box) -> None:
    found = value_fields(frames)
    if panel["type"] == "timeseries":
        order = {
            name: index
            for index, name in enumerate(each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"])
        }
        found.sort(key=lambda pair: (order.get(pair[1].name, len(order)), pair[1].name))
    custom = panel["fieldConfig"]["defaults"]["custom"]
    right, bottom = legend_space(panel, [each.name for _, each in found], box)
    label = 18 if panel["type"] == "trend" else 0
    axes = context.page.axes(box.inset(72, 10, 18 + right, 30 + bottom + label))
    style_axes(axes, panel["fieldConfig"]["defaults"]["unit"])
    colors = [series_color(config_of(panel, each.name), index) for index, (_, each) in enumerate(found)]
    if custom["stacking"]["mode"] == "normal" and found:
        times, stacks = on_grid(found)
        axes.stackplot(times, stacks, colors=colors, alpha=0.85, lw=0)
    else:
        for (x, each), color in zip(found, colors):
            draw_line(axes, config_of(panel, each.name)["custom"], x, each.numbers(), color)
    finish_axes(context, panel, axes, custom, box.w - right)
    entries = [
        (each.name, color, display(config_of(panel, each.name), last(each.values)))
        for (_, each), color in zip(found, colors)
    ]
    draw_legend(context.page, panel, entries, box)


def draw_line(axes: Axes, custom: Json, x: list[float], y: list[float], color: str) -> None:
    x, y = without_gaps(x, y, custom["spanNulls"])
    dashed = custom.get("lineStyle", {}).get("fill") == "dash"
    axes.plot(
        x,
        y,
        color=color,
        lw=1.4,
        ls=(0, (5, 3)) if dashed else "-",
        marker="o" if len(x) < 40 and custom["showPoints"] == "auto" else None,
        ms=3,
    )
    if custom["fillOpacity"] > 0:
        axes.fill_between(x, y, color=color, alpha=custom["fillOpacity"] / 100, lw=0)


def finish_axes(context: Context, panel: Json, axes: Axes, custom: Json, width: float) -> None:
    """Limits, thresholds, annotations and the x axis."""
    if custom.get("axisSoftMin") is not None:
        axes.set_ylim(bottom=min(custom["axisSoftMin"], axes.get_ylim()[0] if axes.get_ylim()[0] < 0 else 0))
    if custom.get("axisSoftMax") is not None:
        axes.set_ylim(top=max(custom["axisSoftMax"], axes.get_ylim()[1]))
    axes.set_ylim(panel["fieldConfig"]["defaults"].get("min"), panel["fieldConfig"]["defaults"].get("max"))
    if custom["thresholdsStyle"]["mode"] == "dashed":
        for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
            if step["value"] is not None:
                axes.axhline(step["value"], color=color_of(step["color"]), lw=1.2, ls=(0, (6, 4)))
    if panel["type"] == "trend":
        axes.set_ylabel(custom["axisLabel"])
        labels = [
            change["value"]
            for each in panel["fieldConfig"]["overrides"]
            for change in each["properties"]
            if change["id"] == "custom.axisLabel"
        ]
        axes.set_xlabel(labels[0] if labels else "", size=8.5)
        return
    time_axis(context, axes, width)
    for event in [event for events in context.events.values() for event in events]:
        axes.axvline(event.at, color=color_of(event.color), lw=1, ls=(0, (4, 3)), alpha=0.9)


def time_axis(context: Context, axes: Axes, width: float) -> None:
    axes.set_xlim(context.span.start, context.span.end)
    step = next((nice for nice in TICKS if context.span.seconds / nice <= width / 90), TICKS[-1])
    first = math.ceil(context.span.start / step)
    axes.xaxis.set_major_locator(
        ticker.FixedLocator([step * n for n in range(first, int(context.span.end / step) + 1)])
    )
    form = "%H:%M:%S" if context.span.seconds < 600 else "%H:%M"
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda at, _: datetime.fromtimestamp(at).strftime(form)))


def draw_bars(context: Context, panel: Json, frames: list[model.Frame], box: Box) -> None:
    if not frames or len(frames[0].fields) < 2:
        return
    groups, columns = frames[0].fields[0].values, [each for each in frames[0].fields[1:] if each.number]
    horizontal, stacked = panel["options"]["orientation"] == "horizontal", panel["options"]["stacking"] == "normal"
    colors = [series_color(config_of(panel, each.name), index) for index, each in enumerate(columns)]
    _, bottom = legend_space(panel, [each.name for each in columns], box)
    left = 30 + 6.5 * max(len(str(group)) for group in groups) if horizontal else 72
    axes = context.page.axes(box.inset(left, 14, 22, 30 + bottom))
    style_axes(axes, panel["fieldConfig"]["defaults"]["unit"], horizontal)
    (axes.yaxis if horizontal else axes.xaxis).grid(False)
    (axes.bar if not horizontal else axes.barh)(range(len(groups)), [0] * len(groups))
    base = [0.0] * len(groups)
    width = 0.7 if stacked else 0.78 / len(columns)
    for index, (each, color) in enumerate(zip(columns, colors)):
        values = [0.0 if math.isnan(value) else value for value in each.numbers()]
        at = [group + (0 if stacked else (index - (len(columns) - 1) / 2) * width) for group in range(len(groups))]
        if horizontal:
            axes.barh(at, values, height=width, left=base, color=color)
        else:
            axes.bar(at, values, width=width * (1 if stacked else 0.94), bottom=base, color=color)
        if stacked:
            base = [low + value for low, value in zip(base, values)]
        elif panel["options"]["showValue"] != "never":
            label_bars(axes, panel, at, each.numbers())
    label_groups(axes, groups, horizontal)
    draw_legend(context.page, panel, [(each.name, color, "") for each, color in zip(columns, colors)], box)


def label_bars(axes: Axes, panel: Json, at: list[float], values: list[float]) -> None:
    for x, value in zip(at, values):
        if not math.isnan(value):
            axes.annotate(
                display(config_of(panel, ""), value),
                (x, value),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                size=8,
            )
    axes.margins(y=0.12)


def label_groups(axes: Axes, groups: list[Any], horizontal: bool) -> None:
    if horizontal:
        axes.set_yticks(range(len(groups)), groups, color=TEXT)
        axes.invert_yaxis()
    else:
        axes.set_xticks(range(len(groups)), groups, color=TEXT)


def draw_timeline(context: Context, panel: Json, frames: list[model.Frame], box: Box) -> None:
    found = sorted(value_fields(frames), key=lambda pair: pair[1].name)
    axes = context.page.axes(box.inset(86, 8, 18, 30))
    style_axes(axes, "none")
    for row, (x, each) in enumerate(found):
        config = config_of(panel, each.name)
        step = min((b - a for a, b in zip(x, x[1:])), default=model.SCRAPE_SECONDS)
        for at, value in zip(x, each.numbers()):
            if not math.isnan(value):
                axes.barh(row, step * 1.02, left=at, height=0.7, color=threshold_color(config, value))
        axes.text(x[0] + step, row, " " + display(config, last(each.values)), va="center", size=8.5, color="#ffffff")
    axes.set_yticks(range(len(found)), [each.name for _, each in found], color=TEXT)
    axes.invert_yaxis()
    axes.yaxis.grid(False)
    time_axis(context, axes, box.w)

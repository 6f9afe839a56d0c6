"""A block of docs/experiments.md: a table, and its values beside it as docs/experiments/NAME.csv."""

import csv
import dataclasses
import time
import typing

import measuring
import training as trainings

MISSING = "not yet"


@dataclasses.dataclass(frozen=True)
class Column:
    """Title in the page, key in the CSV (unit last), and how a value is written in the page."""

    title: str
    key: str
    show: typing.Callable[[typing.Any], str] = str


def fixed(digits):
    return lambda value: f"{value:.{digits}f}"


def signed(digits):
    return lambda value: f"{value:+.{digits}f}"


def code(value):
    return f"`{value}`"


def block(name, columns, rows, options, facts):
    """Markdown of the rows ({key: value}; None is a value that is missing), below the facts. Writes the CSV."""
    if not options.quick:
        with open(trainings.FOLDER / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(column.key for column in columns)
            writer.writerows(["" if row[column.key] is None else row[column.key] for column in columns] for row in rows)
    shown = [[MISSING if row[column.key] is None else column.show(row[column.key]) for column in columns] for row in rows]
    return f"{facts}\n\n{measuring.table([column.title for column in columns], shown)}"


def picture(name, what):
    """Markdown of what drawing.save has saved."""
    return f"![{what}](images/experiment-{name}.svg)"


def trained_block(name, options, *, wanted, columns, rows, draw, shows, remark=lambda found: ""):
    """Trains what is missing, draws, and returns the block. `rows(found)` yields its rows, `draw(found, rows, options)` its
    picture, which shows `shows`; `remark(found)` says what else stands above the table. found: {training: record}."""
    found = trainings.results(wanted, options)
    if not found:
        return f"`scripts/experiments/{name}`: none of {len(set(wanted))} trainings is there yet."
    values = list(rows(found))
    if not options.quick:
        draw(found, values, options)
    table = block(name, columns, values, options, trained_facts(name, wanted, found) + remark(found))
    return f"{picture(name, shows)}\n\n{table}"


def trained_facts(name, wanted, found):
    """Where the numbers of a block come from, and what is missing."""
    def distinct(key):
        return sorted({record[key] for record in found.values()})

    missing = len(set(wanted) - set(found))
    dates = distinct("date")
    when = " to ".join(dict.fromkeys(dates[:1] + dates[-1:]))
    facts = (f"`scripts/experiments/{name}`: {len(found)} of {len(set(wanted))} trainings, {when}, {', '.join(distinct('edgetp'))}, on "
             f"{'; '.join(distinct('machine'))}. Values: [{name}.csv](experiments/{name}.csv), curves: "
             "[trainings](experiments/trainings).")
    if missing:
        facts += f" **Missing: {missing}**; the script goes on with them."
    return facts


def simulated_facts(name, what):
    """Of a block that nothing was trained for."""
    version = measuring.run([measuring.BIN / "edgetp", "--version"], 60).strip()
    return (f"`scripts/experiments/{name}`, {time.strftime('%Y-%m-%d')}, {version}: {what}, the same on every machine. Values: "
            f"[{name}.csv](experiments/{name}.csv).")

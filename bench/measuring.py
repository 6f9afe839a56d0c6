"""What the measurements of bench/ share: running programs with a deadline, medians, the facts about the machine, and
tables that go into a page of docs/ between two marks. Standard library alone."""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build" / "bin"


def arguments(description):
    """The command line that every subject has; more options can be added before parse_args."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that everything runs, not what it takes")
    parser.add_argument("--only", metavar="BLOCK", help="measure this block of the page alone")
    return parser


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def run(command, timeout_s, env=None, check=True):
    """Runs a program to its end; its output as text. Raises on failure, with the program's own last words."""
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            timeout=timeout_s, cwd=ROOT, env={**os.environ, **(env or {})})
    if check and result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code {result.returncode}: {result.stderr[-2000:]}")
    return result.stdout


def edgetp(*parts, timeout_s=300, env=None):
    """An `edgetp` command's JSON."""
    return json.loads(run([BIN / "edgetp", *parts, "--format=json"], timeout_s, env))


def median(values):
    return statistics.median(values)


def spread(values):
    """(median, smallest, largest)"""
    return statistics.median(values), min(values), max(values)


def package_version(name):
    """Of a Debian package; 'not installed' where there is none."""
    try:
        return subprocess.run(["dpkg-query", "-W", "-f=${Version}", name], capture_output=True, text=True).stdout or "not installed"
    except FileNotFoundError:
        return "unknown (no dpkg)"


def machine():
    """One line: processor, cores, memory, kernel, system."""
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    gib = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) / 2**20
    system = next((line.split("=", 1)[1].strip().strip('"') for line in open("/etc/os-release") if line.startswith("PRETTY_NAME")), "")
    return f"{cpu}, {os.cpu_count()} cores, {gib:.0f} GiB, Linux {platform.release()}, {system}"


def preamble(command, packages):
    """The lines that open every measured block: what was run, when, on what, against what."""
    versions = ", ".join(f"{name} {package_version(name)}" for name in packages)
    load = os.getloadavg()[0]
    return (f"`{command}` on {time.strftime('%Y-%m-%d')}: {machine()}; load before {load:.2f}."
            + (f" {versions}." if versions else ""))


def table(header, rows):
    """Markdown; numbers as they come, so format them first. The first column is text, the others are right-aligned."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|--:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def write_block(page, name, text):
    """Replaces what stands between `<!-- begin NAME -->` and `<!-- end NAME -->` in docs/PAGE, and prints it."""
    path = ROOT / "docs" / page
    old = path.read_text()
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if begin not in old or end not in old:
        raise RuntimeError(f"docs/{page} has no block {name}: put {begin} and {end} where it belongs")
    head, rest = old.split(begin, 1)
    tail = rest.split(end, 1)[1]
    temporary = path.with_suffix(".tmp")
    temporary.write_text(f"{head}{begin}\n{text.strip()}\n{end}{tail}")
    temporary.replace(path)
    print(f"\n[{name}]\n{text.strip()}\n", flush=True)


def measure(page, blocks, options):
    """Runs the blocks, {name: function(options) -> Markdown}, and writes each into the page when it is done."""
    if options.only and options.only not in blocks:
        sys.exit(f"error: --only={options.only}: no such block; there are {', '.join(blocks)}")
    for name, function in blocks.items():
        if options.only in (None, name):
            say(f"measuring {name}")
            text = function(options)
            if options.quick:
                print(f"\n[{name}] (--quick: docs/{page} stays as it is)\n{text}\n", flush=True)
            else:
                write_block(page, name, text)

#!/usr/bin/env python3
"""The libraries of the report page are the published files that web/third_party/README.md names, and the page's own
scripts have no errors of syntax (where node is installed) and call nothing that makes code of text."""

import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

WEB = pathlib.Path(__file__).resolve().parents[2] / "web"
MAX_LINES = 400
MAX_COLUMNS = 100


def main() -> int:
    faults = []
    table = (WEB / "third_party/README.md").read_text()
    licences = (WEB / "third_party/LICENSES").read_text()
    rows = re.findall(r"^\| `(\S+\.js)` \| (\S+ \S+) .*\| `([0-9a-f]{64})` \|$", table, re.M)
    listed = {name for name, _, _ in rows}
    for name, package, digest in rows:
        if hashlib.sha256((WEB / "third_party" / name).read_bytes()).hexdigest() != digest:
            faults.append(f"{name} is not the file that the table names")
        if f"== {package} ==" not in licences:
            faults.append(f"LICENSES has none of {package}")
    for path in (WEB / "third_party").glob("*.js"):
        if path.name not in listed:
            faults.append(f"{path.name} is in no row of the table")
    for script in sorted((WEB / "report").glob("*.js")):
        text = script.read_text()
        if len(text.splitlines()) > MAX_LINES:
            faults.append(f"{script.name} has more than {MAX_LINES} lines")
        for line in text.splitlines():
            if len(line) > MAX_COLUMNS:
                faults.append(f"{script.name} has more than {MAX_COLUMNS} columns: {line}")
        for call in re.findall(r"\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon", text):
            faults.append(f"{script.name} has {call}: the page asks nobody for anything")
        for call in re.findall(r"\beval\(|new Function|innerHTML|outerHTML|document\.write|insertAdjacentHTML", text):
            faults.append(f"{script.name} has {call}, which makes code or markup of text")
        if shutil.which("node"):
            checked = subprocess.run(["node", "--check", script], capture_output=True, text=True, timeout=60)
            if checked.returncode != 0:
                faults.append(checked.stderr)
    for fault in faults:
        print(f"FAILED {fault}")
    return 1 if faults or not rows else 0


if __name__ == "__main__":
    sys.exit(main())

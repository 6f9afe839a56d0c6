#!/usr/bin/env python3
"""Runs the Python examples of docs/formats.md on run directories. Exit code 77: pandas or matplotlib is not installed."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run_folders

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/formats.md"


def main() -> int:
    missing = [name for name in ("pandas", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"SKIPPED: {' and '.join(missing)} not installed (Debian: python3-pandas python3-matplotlib)")
        return 77
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert examples, f"{PAGE} has no example"
    with tempfile.TemporaryDirectory(prefix="edgetp-formats-") as name:
        folder = pathlib.Path(name)
        for pattern in ("tttt", "sppp"):
            run_folders.write_run(folder / "runs", pattern, pattern)
        for example in examples:
            subprocess.run([sys.executable, "-c", example], cwd=folder, check=True, timeout=100,
                           env=os.environ | {"MPLBACKEND": "agg", "MPLCONFIGDIR": name})
        picture = folder / "loss.png"
        assert picture.read_bytes().startswith(b"\x89PNG"), "the example draws loss.png"
    return 0


if __name__ == "__main__":
    sys.exit(main())

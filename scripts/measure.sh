#!/usr/bin/env bash
# Measures, and writes what it found into docs/: each subject is a folder of bench/ and a page of docs/.
#   scripts/measure.sh performance|fidelity|soak [--quick] [--only=BLOCK]
# --quick takes few rounds, to see that everything runs; --only measures one block of the page again. The machine should
# have nothing else to do.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

subject="${1:-}"
[[ -n "$subject" && -f "bench/$subject/measure.py" ]] ||
  fail "usage: scripts/measure.sh $(cd bench && printf '%s\n' */measure.py | cut -d/ -f1 | paste -sd'|') [--quick] [--only=BLOCK]"
shift

scripts/setup.sh --bench
EDGETP_BENCH=ON scripts/build.sh
scripts/fetch_data.sh
exec env PYTHONPATH=bench python3 "bench/$subject/measure.py" "$@"

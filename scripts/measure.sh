#!/usr/bin/env bash
# Measures, and writes what it found into docs/: each subject is a folder of bench/ and a page of docs/.
#   scripts/measure.sh performance|fidelity|hosts|validation|experiments|soak [--quick] [--only=BLOCK]
#   scripts/measure.sh gpu [--rehearse|--pack|--from=FILE]    on a machine with a GPU: scripts/gpu.sh
# --quick takes few rounds, to see that everything runs; --only measures one block of the page again. The machine should
# have nothing else to do. Those of experiments have a script each, in scripts/experiments.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

subject="${1:-}"
[[ -n "$subject" && -f "bench/$subject/measure.py" ]] ||
  fail "usage: scripts/measure.sh $(cd bench && printf '%s\n' */measure.py | cut -d/ -f1 | paste -sd'|') [--quick] [--only=BLOCK]"
shift

# It builds against a LibTorch of that machine, which may have none of Debian's packages.
[[ "$subject" != gpu ]] || exec scripts/gpu.sh "$@"
if [[ "$subject" == experiments ]]; then # edgetp beside itself: no other library, but pictures
  scripts/setup.sh --plot
  scripts/build.sh edgetp edgetp_server edgetp_worker
else
  scripts/setup.sh --bench
  scripts/build.sh
fi
scripts/fetch_data.sh
# The system's interpreter first: it is the one that sees Debian's packages.
python=/usr/bin/python3
[[ -x "$python" ]] || python=python3
measure=(env PYTHONPATH=bench "$python" "bench/$subject/measure.py" "$@")
# Loopback as Linux has it by default: a host may pace TCP (BBR) or filter it, on loopback too, and then measures that. A
# host may also not allow cubic here; reno does not pace either. The page says which one it was.
if [[ "$subject" == performance ]] && unshare --net true 2>/dev/null; then
  # shellcheck disable=SC2016
  exec unshare --net bash -c 'ip link set lo up
    for control in cubic reno; do
      { echo "$control" >/proc/sys/net/ipv4/tcp_congestion_control; } 2>/dev/null && break
    done
    exec "$@"' bash "${measure[@]}"
fi
exec "${measure[@]}"

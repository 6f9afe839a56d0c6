#!/usr/bin/env bash
# From nothing to the first result: sets up, builds, fetches the data, then trains the same model with four
# synchronisation patterns over two networks and prints what each costs in time and in loss. Then it says how long each part
# took: from a bare machine with two idle cores at most 12 minutes.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

# Enough for a stable step time and a loss that has clearly left its start; about 4 minutes on two slow cores.
steps="${STEPS:-120}"

took=()
# part NAME COMMAND...: runs a part of the demo, and notes how long it took.
part() {
  local name="$1" begin=$SECONDS
  shift
  "$@"
  took+=("$name $(((SECONDS - begin) / 60)) min $(((SECONDS - begin) % 60)) s")
}

part set-up scripts/setup.sh
part build scripts/build.sh edgetp edgetp_server edgetp_worker  # and not the tests, which take longer than these
part data scripts/fetch_data.sh

say "training MiniGPT on 2 workers: 4 patterns x 2 networks x $steps steps"
part sweep build/bin/edgetp sweep --config=minigpt-shakespeare --patterns=tttt,ssss,sppp,pppp --networks=ethernet-1g,wifi-5 \
  --workers=2 --steps="$steps" --set train.warmup_steps=20 --format=table "$@"
printf -v list '%s, ' "${took[@]}"
say "${list}$((SECONDS / 60)) min $((SECONDS % 60)) s in all"

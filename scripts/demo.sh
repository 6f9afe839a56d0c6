#!/usr/bin/env bash
# From nothing to the first result: sets up, builds, fetches the data, then trains the same model with four
# synchronisation patterns over two networks and prints what each costs in time and in loss.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

# Enough for a stable step time and a loss that has clearly left its start; about 4 minutes on two slow cores.
steps="${STEPS:-120}"

scripts/setup.sh
scripts/build.sh edgetp edgetp_server edgetp_worker
scripts/fetch_data.sh

say "training MiniGPT on 2 workers: 4 patterns x 2 networks x $steps steps"
build/bin/edgetp sweep --config=minigpt-shakespeare --patterns=tttt,ssss,sppp,pppp --networks=ethernet-1g,wifi-5 \
  --workers=2 --steps="$steps" --set train.warmup_steps=20 --format=table "$@"

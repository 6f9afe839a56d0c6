#!/usr/bin/env bash
# Draws every picture of docs/images that shows runs, from the charts of `edgetp report`: trains, then draws. The clock is
# simulated and the seeds are fixed, so that losses and times do not depend on the machine that draws.
#   scripts/pictures.sh              trains what is missing in --runs, then draws
#   scripts/pictures.sh --runs=DIR   keeps the runs there (default: build/pictures)
# Needs build/bin/edgetp (scripts/build.sh) and a Chromium or Chrome.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

runs=build/pictures
for argument in "$@"; do
  case "$argument" in
    --runs=*) runs="${argument#--runs=}" ;;
    *) fail "unknown argument $argument: --runs=DIR" ;;
  esac
done
edgetp=build/bin/edgetp
images=docs/images
[[ -x $edgetp ]] || fail "$edgetp is not there: scripts/build.sh"

# Four patterns on two Raspberry Pi 5: over Wi-Fi with three seeds, whose spread is a band, and over Ethernet once.
patterns=(tttt ssss sppp pppp)

# train PATTERN NETWORK SEED: unless it is there.
train() {
  local name="$1-$2-$3"
  [[ -e $runs/$name/summary.json ]] && return
  rm -rf "${runs:?}/$name" # of a run that was interrupted
  say "training $name"
  $edgetp train --config=minigpt-shakespeare --pattern="$1" --network="$2" --seed="$3" --device=raspberry-pi-5 \
    --workers=2 --steps=250 --clock=simulated --set train.eval_interval=50 --run="$name" --runs="$runs" \
    --format=json >/dev/null
}

wifi=()
ethernet=()
for pattern in "${patterns[@]}"; do
  for seed in 1 2 3; do
    train "$pattern" wifi-5 "$seed"
    wifi+=("$pattern-wifi-5-$seed")
  done
  train "$pattern" ethernet-1g 1
  ethernet+=("$pattern-ethernet-1g-1")
done

# draw IMAGE CHART RUN...
draw() {
  local image="$1" chart="$2"
  shift 2
  say "drawing $images/$image"
  $edgetp report "$@" --runs="$runs" --chart="$chart" --svg="$images/$image" --format=table
}

draw report-loss-time.svg loss-time "${wifi[@]}" "${ethernet[@]}"
draw report-step-time.svg step-time "${wifi[@]}" "${ethernet[@]}"
draw report-sync-loss.svg sync-loss "${wifi[@]}"

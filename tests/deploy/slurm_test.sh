#!/usr/bin/env bash
# Runs deploy/slurm/edgetp.sbatch on a private Slurm of two virtual nodes: a run completes, a refused command and a lost
# worker fail the job, scancel leaves no process. Exits 77 (skipped) where Slurm is not installed or we are not root.
#
# Usage: slurm_test.sh FOLDER_OF_THE_PROGRAMS
set -euo pipefail
programs="$(realpath "$1")"
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../../scripts/lib.sh"
# shellcheck source=tests/deploy/private_slurm.sh
source tests/deploy/private_slurm.sh

missing="$(private_slurm_missing)"
[[ -z "$missing" ]] || {
  echo "SKIPPED: $missing"
  exit 77
}

script="$PWD/deploy/slurm/edgetp.sbatch"
export PATH="$programs:$PATH" EDGETP_CONFIG_PATH="$PWD/configs"
work="$(mktemp -d)"
slurm_pids=()
finish() {
  local code=$?
  scancel --user="$USER" 2>/dev/null || true
  stop_private_slurm
  if ((code != 0)); then tail -n 30 "$work"/*.log "$work"/edgetp-*/*.log >&2 || true; fi
  rm -rf "$work"
}
USER="$(id -un)"
trap finish EXIT

# submit OPTIONS_OF_SBATCH COMMAND...: prints the job's id.
submit() {
  local options
  read -ra options <<<"$1"
  shift
  (cd "$work" && sbatch --parsable "${options[@]}" "$script" "$@" --data="$work/text.txt")
}

state_of() { scontrol show job --oneliner "$1" | sed -n 's/.* JobState=\([^ ]*\).*/\1/p'; }
has_ended() { [[ "$(state_of "$1")" =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL)$ ]]; }
has_trained() { grep -q '^step 1/' "$work/edgetp-$1.log" 2>/dev/null; }

# Processes that belong to a job, by the environment that Slurm gave them.
processes_of() {
  grep -slzx "SLURM_JOB_ID=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 || true
}
has_no_process() { [[ -z "$(processes_of "$1")" ]]; }

# expect JOB STATE: the job ends in this state, and nothing of it is left.
expect() {
  await "the end of job $1" 120 has_ended "$1"
  [[ "$(state_of "$1")" == "$2" ]] || fail "job $1 is $(state_of "$1"), not $2"
  await "the end of job $1's processes" 30 has_no_process "$1"
}

# Enough text that a validation split fits MiniGPT's windows.
for ((line = 0; line < 400; ++line)); do
  echo "$line: to be, or not to be, that is the question $((line * 7919 % 97))"
done >"$work/text.txt"
start_private_slurm "$work" 2 "$((20000 + $$ % 5000))"

say "two workers on two nodes: a run completes"
job="$(submit "--nodes=2 --ntasks=2" train --run=first --pattern=sppp --network=ethernet-1g --steps=3)"
expect "$job" COMPLETED
[[ -s "$work/edgetp-$job/runs/first/summary.json" ]] || fail "job $job left no summary"
[[ -s "$work/edgetp-$job/worker-0.log" && -s "$work/edgetp-$job/worker-1.log" ]] || fail "a task has no log"
grep -q 'peer address 127.0.0.2:' "$work/edgetp-$job/server.log" || fail "no worker has the second node's address"
grep -q 'verdict' "$work/edgetp-$job.log" || fail "the job's log has no result"

say "one worker: a sweep completes"
job="$(submit "--ntasks=1" sweep --patterns=tttt,pppp --networks=none --steps=2)"
expect "$job" COMPLETED

say "a command that is refused: the job fails"
job="$(submit "--ntasks=1" train --pattern=nonsense)"
expect "$job" FAILED
grep -q 'nonsense' "$work/edgetp-$job.log" || fail "the job's log does not say why"

say "a worker is killed: the job fails"
job="$(submit "--ntasks=2" train --pattern=tttt --network=wifi-5 --steps=100000)"
await "training of job $job" 60 has_trained "$job"
kill -KILL "$(sed -n 's/.*edgetp_worker\[\([0-9]*\)\].*/\1/p' "$work/edgetp-$job/worker-1.log" | head -n 1)"
expect "$job" FAILED

say "scancel while it trains: nothing is left"
job="$(submit "--ntasks=2" train --pattern=tttt --network=wifi-5 --steps=100000)"
await "training of job $job" 60 has_trained "$job"
scancel "$job"
expect "$job" CANCELLED

say "passed"

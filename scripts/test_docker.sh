#!/usr/bin/env bash
# Builds the images, runs the cluster of docker-compose.yml and proves what docs/operations.md promises: a real run, data in
# every panel of every dashboard, a network that changes under a run, a killed worker. Takes everything down again.
#   scripts/test_docker.sh            where a Docker engine answers; exit 77 (skipped) where none does
#   scripts/test_docker.sh --engine   installs (Debian, as root) and starts an engine of its own if none answers, and ends it
#   scripts/test_docker.sh --keep     leaves the images for the next time
# Images that cannot be pulled: the base image is made with debootstrap, Prometheus comes from Debian's package, Grafana is
# left out, and the test says so.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

make_engine=false
keep=false
for argument in "$@"; do
  case "$argument" in
    --engine) make_engine=true ;;
    --keep) keep=true ;;
    *) fail "unknown argument $argument: --engine, --keep" ;;
  esac
done

project="edgetp-test-$$"
work="$(mktemp -d)"
engine_pid=
left_out=()
files=(-f docker-compose.yml)

# Ports that are free, a short demo, and one place for all names: nothing of another cluster on this machine is touched.
export EDGETP_PORT=0 EDGETP_PAGE_PORT=0 PROMETHEUS_PORT=0 GRAFANA_PORT=0 EDGETP_BIND=127.0.0.1
export EDGETP_WORKERS=2 EDGETP_STEPS="${STEPS:-40}" EDGETP_BASE_IMAGE=debian:trixie-slim EDGETP_IMAGE=edgetp:test

compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose -p "$project" "${files[@]}" "$@"
  else
    docker-compose -p "$project" "${files[@]}" "$@"
  fi
}

# --- the engine and the images -----------------------------------------------------------------------------------------

start_engine() {
  docker info >/dev/null 2>&1 && return
  if ! $make_engine; then
    say "SKIPPED: no Docker engine answers (--engine installs and starts one)"
    exit 77
  fi
  [[ $EUID -eq 0 ]] || fail "--engine needs root"
  local missing=()
  command -v dockerd >/dev/null || missing+=(docker.io iptables)
  command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || missing+=(docker-compose)
  if ((${#missing[@]} > 0)); then
    say "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$work/apt.log" 2>&1 ||
      { cat "$work/apt.log" >&2; fail "could not install ${missing[*]}"; }
  fi
  docker info >/dev/null 2>&1 && return  # some packages start it
  say "starting an engine"
  dockerd >"$work/dockerd.log" 2>&1 &
  engine_pid=$!
  wait_for 60 "the Docker engine" docker info || { tail -5 "$work/dockerd.log" >&2; fail "dockerd does not answer"; }
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# True if the image is here or can be pulled.
can_have() { has_image "$1" || timeout 120 docker pull -q "$1" >/dev/null 2>&1; }

make_base_image() {
  can_have "$EDGETP_BASE_IMAGE" && return
  say "$EDGETP_BASE_IMAGE cannot be pulled: making it with debootstrap"
  [[ $EUID -eq 0 ]] || fail "debootstrap needs root"
  command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
  debootstrap --variant=minbase --include=ca-certificates trixie "$work/base" >"$work/debootstrap.log" 2>&1 ||
    { tail -5 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
  rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/var/lib/apt/lists/*
  tar -C "$work/base" -c . | docker import -c 'CMD ["bash"]' - "$EDGETP_BASE_IMAGE" >/dev/null
  rm -rf "$work/base"
}

choose_images() {
  make_base_image
  local prometheus grafana
  prometheus="$(compose config | awk '$1 == "image:" && /prom\/prometheus/ {print $2}')"
  grafana="$(compose config | awk '$1 == "image:" && /grafana/ {print $2}')"
  if can_have "$prometheus" && can_have "$grafana"; then return; fi
  files+=(-f docker/compose.debian.yml)
  left_out+=("Grafana itself ($grafana cannot be pulled): its panels' queries ran, its pages were not opened")
}

# --- helpers of the checks ---------------------------------------------------------------------------------------------

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local limit="$1" what="$2" end
  shift 2
  end=$((SECONDS + limit))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || { echo "error: $what: not within $limit s" >&2; return 1; }
    sleep 0.5
  done
}

# The value of a query's first series; fails if there is none.
ask() {
  curl --fail --silent --max-time 10 --get --data-urlencode "query=$1" "$prometheus_url/api/v1/query" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["data"]["result"][0]["value"][1])' 2>/dev/null
}

# holds 'QUERY' '> 1.5': true if the query's value compares like that.
holds() {
  local value
  value="$(ask "$1")" && awk "BEGIN {exit !($value $2)}"
}

alert_is() { [[ "$(ask "count(ALERTS{alertname=\"$1\",alertstate=\"firing\"}) or vector(0)")" == "$2" ]]; }

edgetp() { compose exec -T server edgetp "$@"; }

# A job on the cluster, in the background: job NAME OUTPUT ARGUMENTS...
job() { compose run --rm -T --name "$project-job" train edgetp "$@"; }

# Of the run that check_live_tuning starts.
step_seconds='sum(rate(edgetp_run_step_seconds_sum{run="tuned"}[6s])) / sum(rate(edgetp_run_step_seconds_count{run="tuned"}[6s]))'

cleanup() {
  local status=$?
  trap - EXIT
  set +e
  if ((status != 0 && status != 77)); then
    echo "--- the last lines of each container:" >&2
    compose logs --tail=15 >&2
  fi
  docker rm -f "$project-job" >/dev/null 2>&1
  docker info >/dev/null 2>&1 && compose down -v --remove-orphans >/dev/null 2>&1
  $keep || docker image rm edgetp:test edgetp-prometheus:latest >/dev/null 2>&1
  if [[ -n "$engine_pid" ]]; then
    kill "$engine_pid"
    wait "$engine_pid" 2>/dev/null
  fi
  rm -rf "$work"
  exit "$status"
}

# --- the checks --------------------------------------------------------------------------------------------------------

check_demo() {
  say "starting the cluster; the demo sweep has $EDGETP_STEPS steps a run"
  compose up -d >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; fail "compose up"; }
  prometheus_url="http://$(compose port prometheus 9090)"
  wait_for 60 "a first step on the dashboards" holds 'max(edgetp_run_completed_steps)' '> 0'
  say "first step seen $SECONDS s after the start of this test"
  wait_for 600 "the end of the demo sweep" demo_ended
  compose logs --no-color train | tail -40
  [[ "$(docker inspect -f '{{.State.ExitCode}}' "$(compose ps -q train)")" == 0 ]] || fail "the demo sweep failed"
}

demo_ended() { [[ "$(docker inspect -f '{{.State.Status}}' "$(compose ps -q train)")" == exited ]]; }

check_panels() {
  say "asking Prometheus for the query of every panel"
  python3 docker/grafana/check_panels.py --prometheus="$prometheus_url" --range=15m
}

# What docker-compose.yml asks for is what the engine made of it, and nobody can guess Grafana's password.
check_hardening() {
  say "looking at what the containers may do"
  local container
  for container in $(compose ps -q); do
    [[ "$(docker inspect -f '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}' "$container")" == \
      "true [ALL] [no-new-privileges:true]" ]] || fail "$(docker inspect -f '{{.Name}}' "$container") has privileges"
  done
  ((${#left_out[@]})) && return
  local grafana
  grafana="http://$(compose port grafana 3000)/api/admin/stats"
  wait_for 60 "Grafana and its own password" curl --fail --silent \
    --user "admin:$(compose exec -T grafana cat /var/lib/grafana/admin-password)" "$grafana"
  [[ "$(curl --silent --output /dev/null --write-out '%{http_code}' --user admin:admin "$grafana")" == 401 ]] ||
    fail "Grafana takes admin as its password"
}

check_rules() {
  say "asking Prometheus what it thinks of its configuration and alerts"
  local command
  for command in "check config prometheus.yml" "test rules alerts_test.yml"; do
    # shellcheck disable=SC2086  # words of one command
    compose run --rm -T --no-deps --entrypoint promtool -w /etc/prometheus prometheus $command >"$work/promtool.log" 2>&1 ||
      { cat "$work/promtool.log" >&2; fail "promtool $command"; }
  done
}

check_live_tuning() {
  say "changing the network under a run"
  job train --pattern=tttt --network=none --workers=2 --steps=100000 --run=tuned >"$work/tuned.log" 2>&1 &
  local run=$!
  wait_for 60 "fast steps" holds "$step_seconds" '< 0.4'
  edgetp network set --delay=50ms >/dev/null
  # 16 all-reduces of at least one 50 ms delay each.
  wait_for 20 "slow steps after --delay=50ms" holds "$step_seconds" '> 0.8'
  # One direction of two: an all-reduce then costs the mean of both, 125 ms.
  edgetp network set --link=0:1 --delay=200ms >/dev/null
  wait_for 30 "slower steps after --link=0:1 --delay=200ms" holds "$step_seconds" '> 1.6'
  edgetp network set --partition=0:1 --for=3s >/dev/null
  wait_for 30 "steps after a partition of 3 s" holds 'sum(rate(edgetp_run_step_seconds_count{run="tuned"}[6s]))' '> 0'
  edgetp network set none >/dev/null
  wait_for 20 "fast steps after 'network set none'" holds "$step_seconds" '< 0.4'
  holds 'count(edgetp_network_info{profile="none"} == 1)' '> 0' || fail "the profile in force is not none"
  edgetp stop tuned >/dev/null
  wait "$run" || true  # a stopped run is not a success
  grep -q 'stopped' "$work/tuned.log" || { cat "$work/tuned.log" >&2; fail "the run does not say that it was stopped"; }
}

check_killed_worker() {
  say "killing a worker under a run"
  job train --pattern=tttt --network=wifi-5 --workers=2 --steps=100000 --run=killed >"$work/killed.log" 2>&1 &
  local run=$! status=0
  wait_for 60 "the run's steps" holds 'max(edgetp_run_completed_steps{run="killed"})' '> 3'
  docker kill --signal=KILL "$(compose ps -q worker | head -1)" >/dev/null
  wait "$run" || status=$?
  [[ "$status" == 1 ]] || fail "the run of a killed worker ended with exit code $status, not 1"
  tail -2 "$work/killed.log"
  grep -Eq 'rank=?[ =]?[01]|worker' "$work/killed.log" || fail "the error does not name the worker"
  wait_for 45 "the alert that a worker is gone" alert_is EdgetpWorkerGone 1
  compose up -d worker >/dev/null 2>&1  # docker kill counts as a stop by hand, which no restart policy undoes
  wait_for 60 "the worker's return" holds 'edgetp_workers{state="idle"}' '== 2'
  wait_for 60 "the end of the alert" alert_is EdgetpWorkerGone 0

  say "killing the process in a worker's container: the restart policy brings it back"
  local lost
  lost="$(ask edgetp_workers_lost_total)"
  docker exec "$(compose ps -q worker | head -1)" sh -c 'kill -9 -1' || true  # it kills its own shell, too
  wait_for 30 "the loss of the worker" holds edgetp_workers_lost_total "> $lost"
  wait_for 60 "the worker's return" holds 'edgetp_workers{state="idle"}' '== 2'
  job train --pattern=tttt --network=none --workers=2 --steps=5 >"$work/after.log" 2>&1 ||
    { cat "$work/after.log" >&2; fail "the cluster does not take the next run"; }
}

# What the demo asks for: the run goes on with the worker that is left, and the panels know of both attempts.
check_recovery() {
  say "killing a worker under a run that goes on without it"
  job train --pattern=tttt --network=wifi-5 --workers=2 --steps=60 --run=recovered --set=recovery.on_loss=reshard \
    --set=train.checkpoint_interval=5 >"$work/recovered.log" 2>&1 &
  local run=$!
  wait_for 60 "the run's steps" holds 'max(edgetp_run_completed_steps{run="recovered"})' '> 6'
  docker kill --signal=KILL "$(compose ps -q worker | head -1)" >/dev/null
  wait "$run" || { cat "$work/recovered.log" >&2; fail "the run does not go on without a worker"; }
  grep -E 'attempt 2 begins after step' "$work/recovered.log" || fail "the run does not say where its second attempt begins"
  wait_for 30 "the second attempt on the dashboards" holds 'max_over_time(edgetp_run_attempt{run="recovered"}[5m])' '== 2'
  compose up -d worker >/dev/null 2>&1
  wait_for 60 "the worker's return" holds 'edgetp_workers{state="idle"}' '== 2'
}

# One clear line each: expect_line LOG PATTERN
expect_line() { grep -Eq "$2" "$1" || { cat "$1" >&2; fail "no line like '$2'"; }; }

check_bad_input() {
  say "bad input gets one clear line"
  job train --data=data/none.txt --steps=1 >"$work/bad.log" 2>&1 && fail "a missing data file was taken"
  expect_line "$work/bad.log" 'none.txt'
  job train --network=wifi-55 --steps=1 >"$work/bad.log" 2>&1 && fail "an unknown network was taken"
  expect_line "$work/bad.log" 'wifi-5'
  job train --model=gpt2-large --pattern='t*36' --set train.batch=1 --network=none --steps=1 >"$work/bad.log" 2>&1 &&
    fail "a model that does not fit was taken"
  expect_line "$work/bad.log" '(memory|GiB)'
}

check_down() {
  say "taking everything down"
  compose down -v --remove-orphans >/dev/null 2>&1
  [[ -z "$(docker ps -aq --filter "label=com.docker.compose.project=$project")" ]] || fail "containers are left"
  [[ -z "$(docker volume ls -q --filter "label=com.docker.compose.project=$project")" ]] || fail "volumes are left"
}

trap cleanup EXIT
trap 'exit 130' INT TERM
start_engine
choose_images
say "building the images"
compose build >"$work/build.log" 2>&1 || { tail -40 "$work/build.log" >&2; fail "the images do not build"; }
check_demo
check_panels
check_hardening
check_rules
check_live_tuning
check_killed_worker
check_recovery
check_bad_input
check_down
for what in ${left_out[@]+"${left_out[@]}"}; do say "left out: $what"; done
say "docker: all checks passed in $SECONDS s"

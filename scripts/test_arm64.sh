#!/usr/bin/env bash
# Builds for arm64 with Debian's cross compiler and runs it under qemu: the pure tests, and a run of two workers, whose
# losses, gradients and simulated times must be those of this machine's own build. The arm64 packages go into
# build/arm64/sysroot: nothing is installed on this machine. Takes half an hour of CPU and 3 GB the first time.
# Exits 77 (skipped) where the tools are missing: scripts/setup.sh --arm64 installs them.
#   scripts/test_arm64.sh            builds what is not up to date
#   scripts/test_arm64.sh --built    builds nothing: skipped where build/arm64 is missing or older than the sources
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

folder="$PWD/build/arm64"
sysroot="$folder/sysroot"
tree="$folder/tree"
programs=(edgetp edgetp_server edgetp_worker)
suites=(config_test plan_test collective_test network_test simulate_test data_test)
# OpenBLAS has kernels of their own for these cores, named like them. It has none for a Cortex-A76 (docs/boards.md).
cores=(cortex-a53 cortex-a72 neoverse-n1)
# The two builds sum in other orders, and one of them fuses multiplications with additions: norms of gradients differ in
# their eighth digit. Simulated times come from the same arithmetic of doubles.
value_tolerance=1e-4
seconds_tolerance=1e-9

skip() {
  echo "SKIPPED: $*"
  exit 77
}

# fail_with LOG MESSAGE
fail_with() {
  tail -n 40 "$1" >&2
  fail "$2: see $1"
}

check_tools() {
  local tool
  [[ "$(dpkg --print-architecture 2>/dev/null)" != arm64 ]] || skip "this machine is arm64: scripts/test.sh tests it"
  for tool in aarch64-linux-gnu-g++ qemu-aarch64-static protoc grpc_cpp_plugin apt-get python3; do
    command -v "$tool" >/dev/null || skip "$tool is not installed: scripts/setup.sh --arm64 does it"
  done
  dpkg-query -W libtorch-dev >/dev/null 2>&1 || skip "LibTorch is not Debian's: there is no package of it for arm64"
}

# --- the build ---------------------------------------------------------------------------------------------------------

# fetch FOLDER PACKAGE...: their .deb files and those of all that they depend on, by an apt with a state of its own in
# FOLDER, in which nothing is installed yet, and with this machine's sources.
fetch() (
  local state="$1"
  mkdir -p "$state"/{lists,cache/archives}/partial
  : >"$state/status"
  cat >"$state/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Dir::State "$state";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
CONF
  export APT_CONFIG="$state/apt.conf"
  apt-get update -qq && apt-get install -qq -y --download-only "${@:2}"
)

# The packages that edgetp is built against, and all that they depend on, unpacked: no script of theirs runs.
make_sysroot() {
  local libraries package name
  mapfile -t libraries < <(EDGETP_LIBTORCH='' scripts/setup.sh --libraries)
  [[ "$(cat "$sysroot/libraries" 2>/dev/null)" != "${libraries[*]}" ]] || return 0
  say "unpacking ${#libraries[@]} packages for arm64, and what they depend on, in $sysroot"
  rm -rf "$sysroot" "$folder/apt"
  mkdir -p "$sysroot/usr/bin"
  fetch "$folder/apt" "${libraries[@]}" >"$folder/apt.log" 2>&1 ||
    fail_with "$folder/apt.log" "the packages for arm64 were not fetched"
  for package in "$folder"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$sysroot"; done
  rm -rf "$folder/apt"
  # What update-alternatives would do: OpenBLAS is the BLAS.
  for name in libblas.so.3 liblapack.so.3 libopenblas.so.0; do
    ln -s "openblas-openmp/$name" "$sysroot/usr/lib/aarch64-linux-gnu/$name"
  done
  # gRPC's CMake files look for its programs beside its libraries. They run here: they are this machine's.
  ln -sf "$(dirname "$(command -v grpc_cpp_plugin)")"/grpc_*_plugin "$sysroot/usr/bin/"
  echo "${libraries[*]}" >"$sysroot/libraries"
}

build() {
  find_ccache
  say "building the programs and ${#suites[@]} suites for arm64 in $tree"
  cmake -S . -B "$tree" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/arm64.toolchain.cmake" \
    -DCMAKE_SYSROOT="$sysroot" "${ccache_options[@]}" >"$folder/configure.log" 2>&1 ||
    fail_with "$folder/configure.log" "CMake could not configure $tree"
  cmake --build "$tree" --parallel "$(jobs_that_fit)" --target "${programs[@]}" "${suites[@]}"
  scripts/build.sh "${programs[@]}"
}

is_built() {
  [[ -e "$tree/build.ninja" && -x build/bin/edgetp && -x build/bin/edgetp_server && -x build/bin/edgetp_worker ]] &&
    ninja -C "$tree" -n "${programs[@]}" "${suites[@]}" | grep 'no work to do' >/dev/null
}

# --- what is built -----------------------------------------------------------------------------------------------------

# on_core CORE PROGRAM ARGUMENT...: under qemu, as on a board. The subshell that calls it becomes the program. What
# chooses kernels on this machine is not for it.
on_core() { exec env -u OPENBLAS_CORETYPE qemu-aarch64-static -cpu "$1" -L "$sysroot" "${@:2}"; }

try_suites() {
  local names
  names="$(IFS='|' && echo "${suites[*]}")"
  say "the pure tests, under qemu"
  ctest --test-dir "$tree" --output-on-failure -R "^($names)\$" >"$folder/suites.log" 2>&1 ||
    fail_with "$folder/suites.log" "tests fail on arm64"
  grep 'tests passed' "$folder/suites.log"
}

try_blas() {
  local core kernels
  for core in "${cores[@]}"; do
    kernels="$(OPENBLAS_VERBOSE=2 on_core "$core" "$tree/bin/edgetp_worker" --version 2>&1 | sed -n 's/^Core: //p')"
    say "OpenBLAS on a $core: ${kernels:-no kernels}"
    [[ "${kernels,,}" == "${core//-/}" ]] || fail "OpenBLAS does not know a $core"
  done
}

pids=()
work="$(mktemp -d)"

end_cluster() {
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
  pids=()
}

finish() {
  local status=$?
  end_cluster
  ((status == 0 || status == 77)) || tail -n 20 "$work"/*/*.log >&2 2>/dev/null || true
  rm -rf "$work"
  exit "$status"
}

# await WHAT COMMAND...: until it succeeds, ten minutes at most. A worker measures its speed first: minutes under qemu.
await() {
  local end=$((SECONDS + 600))
  until "${@:2}"; do
    ((SECONDS < end)) || fail "after ten minutes: no $1"
    sleep 0.5
  done
}

have_joined() { (($(grep -c ' joined: ' "$1") == 2)); }

# train NAME BIN [RUNNER...]: a server and two workers, each by itself: under qemu a program cannot start another. This
# machine's command line gives them a run, as a laptop gives it to boards. What each step was is in
# $work/NAME/runs/run/metrics.jsonl.
train() {
  local place="$work/$1" bin="$2" runner=("${@:3}") rank
  mkdir -p "$place"
  "${runner[@]}" "$bin/edgetp_server" --listen=127.0.0.1:0 --ready_file="$place/address" --runs="$place/runs" \
    --heartbeat_limit_seconds=60 >"$place/server.log" 2>&1 &
  pids+=($!)
  await "address of the server" test -s "$place/address"
  for rank in 0 1; do
    "${runner[@]}" "$bin/edgetp_worker" --server="$(cat "$place/address")" --connect_seconds=60 \
      >"$place/worker-$rank.log" 2>&1 &
    pids+=($!)
  done
  await "two workers" have_joined "$place/server.log"
  build/bin/edgetp train --server="$(cat "$place/address")" --workers=2 --run=run --data=LICENSE --config_path=configs \
    --model=minigpt --set=model.channels=32 --batch=2 --sequence=16 --pattern=tspp --steps=20 \
    --set=train.warmup_steps=1 --set=train.eval_windows=2 \
    --clock=simulated --device=raspberry-pi-4 --network=wifi-5 >"$place/train.log" 2>&1 || fail "the run on $1 failed"
  end_cluster
}

compare_runs() {
  python3 - "$work"/{amd64,arm64}/runs/run/metrics.jsonl "$value_tolerance" "$seconds_tolerance" <<'PYTHON'
import json, sys

ours, theirs = [[json.loads(line) for line in open(path)] for path in sys.argv[1:3]]
value_tolerance, seconds_tolerance = map(float, sys.argv[3:])
print(f"    {len(ours)} and {len(theirs)} steps, loss {ours[0]['train_loss']:.4f} -> {ours[-1]['train_loss']:.4f}")
same = len(ours) == len(theirs) == 20
tolerances = {"train_loss": value_tolerance, "gradient_norm": value_tolerance, "step_seconds": seconds_tolerance}
for key, allowed in tolerances.items():
    worst = max(abs(a[key] - b[key]) for a, b in zip(ours, theirs))
    print(f"    {key} differs by at most {worst:.1e} (allowed {allowed:.0e})")
    same = same and worst <= allowed
sys.exit(not same)
PYTHON
}

try_training() {
  say "two workers train, here and under qemu"
  train amd64 "$PWD/build/bin"
  train arm64 "$tree/bin" on_core cortex-a72
  compare_runs || fail "arm64 computes something else"
}

trap finish EXIT
[[ "${1:---built}" == --built ]] || fail "unknown argument $1: --built is the only one"
check_tools
if [[ "${1:-}" == --built ]]; then
  is_built || skip "build/arm64 is missing or older than the sources: scripts/test_arm64.sh builds it"
else
  mkdir -p "$folder"
  make_sysroot
  build
fi
try_suites
try_blas
try_training
say "arm64 computes what this machine does"

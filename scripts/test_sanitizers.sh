#!/usr/bin/env bash
# Builds and runs the tests under sanitizers: asan (AddressSanitizer and UBSan, build/asan) and tsan (ThreadSanitizer,
# build/tsan). Other arguments go to ctest.
#   scripts/test_sanitizers.sh [asan|tsan] [ctest arguments]    all that makes sense under one of them, or under both
#   scripts/test_sanitizers.sh --ci [asan|tsan]                 what is worth its minutes in every run of CI
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

# In CI nothing that compiles LibTorch's headers or the command line, and nothing that takes long (simulate_test does, with
# its thousands of ranks).
asan_ci=(collective_test config_test coordinator_test data_test metrics_test network_schedule_test network_test page_test
  plan_test rpc_test run_files_test server_limits_test server_test server_threads_test summary_test fuzz_config
  fuzz_coordinator fuzz_corpus fuzz_flags fuzz_format fuzz_job fuzz_metrics fuzz_network fuzz_page fuzz_pattern
  fuzz_plan fuzz_safetensors fuzz_segment fuzz_text fuzz_trace fuzz_weights)

# TSan sees only code that it has instrumented. Debian's gRPC is not: what its threads hand to ours looks like a race
# (hundreds of reports in a test of one call), so that only what runs without them means anything.
tsan_ci=(coordinator_test metrics_test network_schedule_test rpc_test server_threads_test)
tsan_all=("${tsan_ci[@]}" edgetp_worker_test transport_test)
transport_without_grpc='ArrivalBookTest.*:BackgroundRunnerTest.*:DeliveryLogTest.*:ForgiveHiddenTest.*:HoldingTransportTest.*:LostTimeTest.*:SegmentCodecTest.*:TransportHandoverTest.*'

presets=()
ci=false
while (($#)); do
  case "$1" in
    --ci) ci=true ;;
    asan | tsan) presets+=("$1") ;;
    *) break ;;
  esac
  shift
done
((${#presets[@]})) || presets=(asan tsan)

# The targets of a preset, one a line; "all" for all.
targets_of() {
  case "$1:$ci" in
    asan:true) printf '%s\n' "${asan_ci[@]}" ;;
    asan:false) echo all ;;
    tsan:true) printf '%s\n' "${tsan_ci[@]}" ;;
    tsan:false) printf '%s\n' "${tsan_all[@]}" ;;
  esac
}

build() {
  find_ccache
  local preset="$1" options=("${ccache_options[@]}" -DCMAKE_UNITY_BUILD="$ci")
  # These few tests take seconds either way; without optimization they compile in two thirds of the time.
  if $ci; then options+=(-DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O0 -g1"); fi
  mkdir -p build
  cmake --preset "$preset" "${options[@]}" >"build/$preset.log" 2>&1 ||
    { cat "build/$preset.log" >&2; fail "CMake could not configure build/$preset"; }
  cmake --build "build/$preset" --target "${targets[@]}" >"build/$preset.log" 2>&1 ||
    { grep -A20 -m3 FAILED "build/$preset.log" >&2; fail "$preset: the tests do not build"; }
}

# What is found ends the test. Memory that libraries keep on purpose: tests/sanitizers/lsan.supp.
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:${ASAN_OPTIONS:-}"
export LSAN_OPTIONS="suppressions=$PWD/tests/sanitizers/lsan.supp:print_suppressions=0:${LSAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="second_deadlock_stack=1:halt_on_error=1:${TSAN_OPTIONS:-}"

scripts/setup.sh
for preset in "${presets[@]}"; do
  mapfile -t targets < <(targets_of "$preset")
  say "$preset: building ${targets[*]} in build/$preset"
  build "$preset"
  selection=()
  [[ "${targets[0]}" == all ]] || selection=(-R "^($(printf '%s\n' "${targets[@]}" | paste -sd'|'))\$")
  say "$preset: testing"
  if [[ "$preset" == tsan ]] && ! $ci; then
    GTEST_FILTER="$transport_without_grpc" ctest --test-dir build/tsan --output-on-failure -R '^transport_test$' "$@"
    selection+=(-E '^transport_test$')
  fi
  ctest --test-dir "build/$preset" --output-on-failure --parallel 2 "${selection[@]}" "$@"
done

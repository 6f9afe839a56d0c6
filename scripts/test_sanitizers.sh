#!/usr/bin/env bash
# Builds and runs the tests under sanitizers: asan (AddressSanitizer and UBSan, build/asan) and tsan (ThreadSanitizer,
# build/tsan). Other arguments go to ctest.
#   scripts/test_sanitizers.sh [asan|tsan] [ctest arguments]    everything under one of them, or under both
#   scripts/test_sanitizers.sh --ci [asan|tsan]                 what is worth its minutes in every run of CI
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

# Nothing here compiles LibTorch's headers, and nothing takes long (simulate_test does, with its thousands of ranks). Under
# TSan, only what has threads.
unit_tests=(cli_test collective_test config_test coordinator_test data_test network_schedule_test network_test plan_test
  run_files_test summary_test)
fuzz_tests=(fuzz_config fuzz_coordinator fuzz_corpus fuzz_flags fuzz_job fuzz_network fuzz_pattern fuzz_plan fuzz_safetensors
  fuzz_segment fuzz_trace fuzz_weights)
threaded_tests=(metrics_test rpc_test server_test transport_test)

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

targets_of() {
  $ci || { echo all; return; }
  printf '%s\n' "${threaded_tests[@]}"
  if [[ "$1" == asan ]]; then printf '%s\n' "${unit_tests[@]}" "${fuzz_tests[@]}"; fi
}

build() {
  local preset="$1" options=() targets
  if command -v ccache >/dev/null; then
    options=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    export CCACHE_SLOPPINESS=pch_defines,time_macros
  fi
  mapfile -t targets < <(targets_of "$preset")
  mkdir -p build
  say "$preset: building ${targets[*]} in build/$preset"
  cmake --preset "$preset" "${options[@]}" >"build/$preset.log" 2>&1 ||
    { cat "build/$preset.log" >&2; fail "CMake could not configure build/$preset"; }
  cmake --build "build/$preset" --target "${targets[@]}" >"build/$preset.log" 2>&1 ||
    { grep -A20 -m3 FAILED "build/$preset.log" >&2; fail "$preset: the tests do not build"; }
}

# What is found ends the test. Suppressions: tests/sanitizers/, each with its reason.
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:${ASAN_OPTIONS:-}"
export LSAN_OPTIONS="suppressions=$PWD/tests/sanitizers/lsan.supp:print_suppressions=0:${LSAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="suppressions=$PWD/tests/sanitizers/tsan.supp:second_deadlock_stack=1:halt_on_error=1:${TSAN_OPTIONS:-}"

scripts/setup.sh
for preset in "${presets[@]}"; do
  build "$preset"
  selection=()
  if $ci; then selection=(-R "^($(targets_of "$preset" | paste -sd'|'))\$"); fi
  say "$preset: testing"
  ctest --test-dir "build/$preset" --output-on-failure --parallel 2 "${selection[@]}" "$@"
done

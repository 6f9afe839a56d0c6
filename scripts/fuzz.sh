#!/usr/bin/env bash
# Fuzzes: each target of tests/fuzz for some seconds, with clang's libFuzzer and sanitizers, beginning with what
# tests/fuzz/corpus keeps. Ends with 1 at the first input that fails, which is then in build/fuzz/failures.
#   scripts/fuzz.sh [--seconds=5] [TARGET...]    e.g. scripts/fuzz.sh --seconds=600 segment
#   scripts/fuzz.sh --keep [TARGET...]           adds to the corpus what was found and reaches new code
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

seconds=5
keep=false
targets=()
for argument in "$@"; do
  case "$argument" in
    --seconds=*) seconds="${argument#*=}" ;;
    --keep) keep=true ;;
    -*) fail "unknown option $argument" ;;
    *) targets+=("$argument") ;;
  esac
done
((${#targets[@]})) || mapfile -t targets < <(cd tests/fuzz && printf '%s\n' *_fuzz.cc | sed 's/_fuzz\.cc$//')

build() {
  find_ccache
  cmake --preset fuzz "${ccache_options[@]}" >build/fuzz.log 2>&1 ||
    { cat build/fuzz.log >&2; fail "CMake could not configure build/fuzz"; }
  cmake --build build/fuzz --target "${targets[@]/#/fuzz_}" >build/fuzz.log 2>&1 ||
    { tail -40 build/fuzz.log >&2; fail "the fuzz targets do not build"; }
}

# What is kept stays small: an input of a few KiB reaches what a large one does, and sooner.
limits=(-max_len=4096 -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024)

fuzz() {
  local target="$1" found="build/fuzz/found/$1" kept="tests/fuzz/corpus/$1"
  local log="build/fuzz/$1.log"
  mkdir -p "$found" build/fuzz/failures
  if $keep; then
    "build/fuzz/bin/fuzz_$target" -merge=1 "${limits[@]}" "$kept" "$found" >"$log" 2>&1 || return 1
    say "$target: the corpus has $(find "$kept" -type f | wc -l) inputs"
    return
  fi
  "build/fuzz/bin/fuzz_$target" -max_total_time="$seconds" -artifact_prefix="build/fuzz/failures/$target-" \
    -print_final_stats=1 "${limits[@]}" "$found" "$kept" >"$log" 2>&1 || return 1
  say "$target: $(awk '/number_of_executed_units/ {print $2}' "$log") runs in $seconds s, all hold"
}

scripts/setup.sh --fuzz
mkdir -p build
say "building ${#targets[@]} fuzz targets in build/fuzz"
build
for target in "${targets[@]}"; do
  fuzz "$target" || { tail -60 "build/fuzz/$target.log" >&2; fail "$target: an input fails; the whole log is build/fuzz/$target.log"; }
done

#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy) on the sources that changed and that build/ knows how to compile.
#   scripts/tidy.sh                since the merge base with origin's main branch, else since the last commit; and
#                                  what is not committed
#   scripts/tidy.sh BASE           since BASE
#   scripts/tidy.sh --all [WORD]   everything, or the sources that have WORD in their path
# TIDY_MINUTES (10) bounds it; what is left then is named. Exit code 77: there is no clang-tidy.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

clang_tidy=
for name in clang-tidy-14 clang-tidy; do
  clang_tidy="$(command -v "$name")" && break
done
if [[ -z "$clang_tidy" ]]; then
  say "SKIPPED: clang-tidy is not installed (Debian: apt-get install clang-tidy)"
  exit 77
fi
[[ -f build/compile_commands.json ]] || fail "build/ is not configured: scripts/build.sh first"

base_commit() {
  git merge-base HEAD origin/HEAD 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null ||
    git rev-parse --verify --quiet HEAD~1 || git rev-parse HEAD
}

# Sources that git says have changed, and those of headers that have: NAME.cc beside NAME.h.
changed() {
  local file
  { git diff --name-only --diff-filter=d "$1"; git ls-files --others --exclude-standard; } | while read -r file; do
    case "$file" in
      *.cc) echo "$file" ;;
      *.h) [[ ! -f "${file%.h}.cc" ]] || echo "${file%.h}.cc" ;;
    esac
  done | sort -u
}

if [[ "${1:-}" == --all ]]; then
  mapfile -t candidates < <(git ls-files '*.cc' | grep -F -- "${2:-}")
else
  mapfile -t candidates < <(changed "${1:-$(base_commit)}")
fi

# The compile commands as clang understands them: it cannot read g++'s precompiled headers, but their text.
commands="$(mktemp -d)"
trap 'rm -rf "$commands"' EXIT
python3 - "$commands" <<'PYTHON'
import json, pathlib, re, shutil, sys

folder = pathlib.Path(sys.argv[1])

def text_of(match):
    header = pathlib.Path(match[1])
    copy = folder / (header.parent.name + ".hxx")
    shutil.copy(header, copy)
    return f"-include {copy}"

entries = []
for entry in json.load(open("build/compile_commands.json")):
    command = re.sub(r"-include (\S+/cmake_pch\.hxx)", text_of, entry["command"])
    entry["command"] = re.sub(r"^\S*ccache(\.sh)? ", "", command).replace(" -Winvalid-pch", "")
    entries.append(entry)
json.dump(entries, open(folder / "compile_commands.json", "w"))
PYTHON
known() { grep -qF "/$1\"" "$commands/compile_commands.json"; }

check() {
  local log
  log="$(mktemp -p "$commands")"
  "$clang_tidy" -p "$commands" --quiet "$1" >"$log" 2>&1 || { cat "$log" >&2; return 1; }
}

await_one() {
  wait -n || status=1
  running=$((running - 1))
}

deadline=$((SECONDS + 60 * ${TIDY_MINUTES:-10}))
status=0
left=()
checked=0
running=0
for file in "${candidates[@]}"; do
  known "$file" || continue # bench/ without its peers, and worker/model: LibTorch is nothing that clang 14 compiles
  ((running < $(nproc))) || await_one
  if ((SECONDS >= deadline)); then
    left+=("$file")
    continue
  fi
  check "$file" &
  running=$((running + 1))
  checked=$((checked + 1))
done
while ((running > 0)); do await_one; done
((${#left[@]} == 0)) || say "out of time; not checked: ${left[*]}"
((status == 0)) || fail "clang-tidy: see above"
say "clang-tidy: $checked files, quiet"

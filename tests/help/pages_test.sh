#!/usr/bin/env bash
# The manual pages and completions that the programs write: roff and bash have no complaint, and everything that --help
# shows is in them. Exits 77 (skipped) where there is no groff.
#
# Usage: pages_test.sh FOLDER_OF_THE_PROGRAMS
set -euo pipefail
programs="$(realpath "$1")"
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../../scripts/lib.sh"
command -v groff >/dev/null && command -v col >/dev/null || {
  echo "SKIPPED: groff or col is not installed"
  exit 77
}
export EDGETP_CONFIG_PATH="$PWD/configs"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# The options in the help of a program and of all commands below it.
options_of() {
  local program="$1" command
  shift
  "$program" "$@" --help >"$work/help"
  grep -oE '^ +(-[a-z],)?--[a-z_]+' "$work/help" | grep -oE '\-\-[a-z_]+' || true
  for command in $(sed -n '/^Subcommands:/,/^$/s/^  \([a-z_]*\) .*/\1/p' "$work/help"); do
    options_of "$program" "$@" "$command"
  done
}

check_manual() {
  local name="$1" option complaints
  "$programs/$name" --print_page=man >"$work/$name.1"
  complaints="$(groff -man -ww -z -Tutf8 "$work/$name.1" 2>&1)"
  [[ -z "$complaints" ]] || fail "groff about the page of $name: $complaints"
  groff -man -Tascii -P-c "$work/$name.1" | col -b >"$work/$name.txt"
  for option in $(options_of "$programs/$name" | sort -u); do
    grep -q -- "$option" "$work/$name.txt" || fail "the manual page of $name lacks $option"
  done
}

check_completion() {
  local name="$1" option
  "$programs/$name" --print_page=bash >"$work/$name.bash"
  bash -n "$work/$name.bash"
  for option in $(options_of "$programs/$name" | sort -u); do
    grep -qE -- " '?${option}[=' ]" "$work/$name.bash" || fail "the completion of $name lacks $option"
  done
}

# complete WORD...: what bash offers for the last one, in one line.
complete_edgetp() {
  COMP_WORDS=(edgetp "$@") COMP_CWORD=$#
  _edgetp "$programs/edgetp"
  echo "${COMPREPLY[*]}"
}

expect() {
  local wanted="$1" got
  shift
  got="$(complete_edgetp "$@")"
  [[ " $got " == *" $wanted "* ]] || fail "edgetp $*: '$wanted' is not offered, but: $got"
}

for name in edgetp edgetp_server edgetp_worker; do
  [[ -x "$programs/$name" ]] || continue # a build without the worker
  check_manual "$name"
  check_completion "$name"
done

[[ "$("$programs/edgetp" completion bash)" == "$(cat "$work/edgetp.bash")" ]] || fail "two scripts for bash"
# shellcheck disable=SC1091
source "$work/edgetp.bash"
expect train tr
expect --network= train --netw
expect gpt2 train --model = gp
expect wifi-5,lte sweep --networks = wifi-5,lt
expect raspberry-pi-5 simulate --device = rasp
expect 'raspberry-pi-5*2+jetson-orin-nano' advise --devices = 'raspberry-pi-5*2+jetson-orin-n'
expect lte network show l
expect json plan --format = j
for kind in models devices networks; do
  for file in configs/"$kind"/*.textproto; do
    "$programs/edgetp" completion "$kind" | grep -x "$(basename "$file" .textproto)" >/dev/null ||
      fail "edgetp completion $kind lacks $file"
  done
done
say "pages and completions are whole"

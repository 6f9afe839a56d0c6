#!/usr/bin/env bash
# The systemd units: systemd has no complaint, the programs know the options that they give, and the files of /etc/default
# show the defaults that the units have. Exits 77 (skipped) without systemd-analyze.
#
# Usage: units_test.sh FOLDER_OF_THE_PROGRAMS
set -euo pipefail
programs="$(realpath "$1")"
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../../scripts/lib.sh"
command -v systemd-analyze >/dev/null || {
  echo "SKIPPED: systemd-analyze is not installed"
  exit 77
}
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

check_syntax() {
  local complaints
  sed "s|^ExecStart=|&$programs/|" "deploy/systemd/$1.service" >"$work/$1.service"
  # systemd warns about other units of the machine as well.
  complaints="$(systemd-analyze verify --man=no "$work/$1.service" 2>&1 | grep "$1" || true)"
  [[ -z "$complaints" ]] || fail "systemd about $1.service: $complaints"
}

check_options() {
  local option
  for option in $(grep '^ExecStart=' "deploy/systemd/$1.service" | grep -o -- '--[a-z_]*'); do
    "$programs/${1/-/_}" --help | grep -- "$option " >/dev/null || fail "$1.service gives $option, which the program does not know"
  done
}

check_defaults() {
  local setting name
  for setting in $(sed -n 's/^Environment=//p' "deploy/systemd/$1.service"); do
    name="${setting%%=*}"
    grep -q "[{\$]$name" "deploy/systemd/$1.service" || fail "$1.service sets $name and does not use it"
    [[ "$name" == OPTIONS ]] || grep -qx "#$setting" "deploy/debian/etc/default/$1" ||
      fail "/etc/default/$1 does not show that $setting is the default"
  done
}

# What docs/security.md promises: no privileges, nothing to write to but its own folder.
check_hardening() {
  local setting
  for setting in DynamicUser=yes NoNewPrivileges=yes CapabilityBoundingSet= ProtectSystem=strict ProtectHome=yes \
    RestrictNamespaces=yes SystemCallFilter=@system-service "LoadCredential=key:/etc/edgetp/${1#edgetp-}"; do
    grep -qx "$setting" "deploy/systemd/$1.service" || fail "$1.service lacks $setting"
  done
}

for unit in edgetp-server edgetp-worker; do
  check_syntax "$unit"
  [[ ! -x "$programs/${unit/-/_}" ]] || check_options "$unit"
  check_defaults "$unit"
  check_hardening "$unit"
done
say "the units are sound"

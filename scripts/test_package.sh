#!/usr/bin/env bash
# Makes the Debian package of what build/ holds, and tries it where nothing else of ours is: installs it in a clean system,
# trains, reads the manual, runs both services under a systemd of its own, with TLS, installs over what runs, removes and
# purges, and looks for what is left.
# Takes a minute, and three where the clean system has to be made. Exits 77 (skipped) without root, without debootstrap, or
# where LibTorch is not Debian's.
#   scripts/test_package.sh [--keep]     --keep: the clean system stays in build/package-root, for another try
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/deploy/private_systemd.sh
source tests/deploy/private_systemd.sh

root="$PWD/build/package-root"
packages="$PWD/build/packages"
keep=false
[[ "${1:-}" == --keep ]] && keep=true

skip() {
  echo "SKIPPED: $*"
  exit 77
}
[[ $EUID -eq 0 ]] || skip "a clean system needs root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
dpkg-query -W libtorch-dev >/dev/null 2>&1 || skip "LibTorch is not Debian's, so the package could not name it"

# --- the package -------------------------------------------------------------------------------------------------------

make_package() {
  scripts/build.sh pages # builds the programs that write them
  rm -rf "$packages"
  (cd build && cpack -G DEB -B "$packages" >cpack.log 2>&1) || { tail -20 build/cpack.log >&2; fail "cpack failed"; }
  rm -rf "$packages/_CPack_Packages"
  package="$(ls "$packages"/edgetp_*.deb)"
  say "made $(basename "$package"): $(du -k "$package" | cut -f1) KiB; depends on $(dpkg-deb -f "$package" Depends)"
}

check_contents() {
  local files path
  files="$(dpkg-deb -c "$package" | awk '{print $6}')"
  for path in usr/bin/edgetp usr/bin/edgetp_server usr/bin/edgetp_worker usr/share/edgetp/configs/models/minigpt.textproto \
    usr/share/man/man1/edgetp.1 usr/share/bash-completion/completions/edgetp_worker \
    usr/lib/systemd/system/edgetp-worker.service etc/default/edgetp-worker usr/share/doc/edgetp/copyright; do
    grep -qx "./$path" <<<"$files" || fail "the package lacks /$path"
  done
}

# --- the clean system --------------------------------------------------------------------------------------------------

inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root "$@"; }

unmount() {
  local place
  for place in dev/shm dev proc sys; do
    mountpoint -q "$root/$place" && umount "$root/$place"
  done
  return 0
}

finish() {
  local status=$?
  stop_private_systemd
  unmount
  $keep || rm -rf "$root"
  exit "$status"
}

make_system() {
  # shellcheck source=/dev/null
  local suite
  suite="$(. /etc/os-release && echo "$VERSION_CODENAME")"
  if [[ ! -e "$root/etc/debian_version" ]]; then
    say "making a clean $suite in $root"
    debootstrap --variant=minbase "$suite" "$root" ${EDGETP_MIRROR:+"$EDGETP_MIRROR"} >build/debootstrap.log 2>&1 ||
      { tail -5 build/debootstrap.log >&2; fail "debootstrap failed"; }
  fi
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount --bind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/dev/shm"
  # Apt's own network settings, where this machine needs a proxy.
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  # A minimal system leaves manual pages out: this one has ours.
  rm -f "$root"/etc/dpkg/dpkg.cfg.d/*
  inside apt-get update -qq
  inside apt-get install -y -qq --no-install-recommends man-db systemd >build/package-apt.log 2>&1
}

# What there is of ours in the system. The records of apt and the cache of man are not ours, nor is /var/tmp, where this
# script has put its own.
list_files() {
  find "$root"/{etc,opt,usr,var} -iname '*edgetp*' -not -path '*/apt/*' -not -path '*/dpkg/*' -not -path '*/var/cache/man/*' \
    -not -path '*/var/tmp/*' | sed "s|^$root||"
}

install_package() {
  cp "$package" "$root/tmp/"
  say "installing it"
  inside apt-get install -y -qq --no-install-recommends "/tmp/$(basename "$package")" >build/package-apt.log 2>&1 ||
    { tail -20 build/package-apt.log >&2; fail "apt-get install failed"; }
}

try_programs() {
  local data=data/tinyshakespeare.txt output
  [[ -e "$data" ]] || data=LICENSE # any text does
  cp "$data" "$root/tmp/text.txt"
  for program in edgetp edgetp_server edgetp_worker; do inside "$program" --version; done
  inside edgetp plan >/dev/null
  output="$(inside edgetp train --model=minigpt --workers=2 --steps=5 --data=/tmp/text.txt --runs=/tmp/runs --format=json \
    --set=train.eval_windows=1 2>"$root/tmp/train.log")" || { cat "$root/tmp/train.log" >&2; fail "edgetp train failed"; }
  grep -q '"steps": 5' <<<"$output" || fail "edgetp train did five steps, but says: $output"
  inside ldd /usr/bin/edgetp_worker | grep 'not found' >/dev/null && fail "a library of edgetp_worker is missing"
  inside update-alternatives --query libblas.so.3-"$(dpkg-architecture -qDEB_HOST_MULTIARCH)" | grep '^Value:.*openblas' >/dev/null ||
    fail "OpenBLAS is not the BLAS"
  say "it trains: $(grep -o '"train_loss": [0-9.]*' <<<"$output")"
}

try_pages() {
  local name
  for name in edgetp edgetp_server edgetp_worker; do
    inside man "$name" | grep -- --version >/dev/null || fail "man $name shows no page"
  done
  inside bash -c 'source /usr/share/bash-completion/completions/edgetp; COMP_WORDS=(edgetp train --network = wi) COMP_CWORD=4
    _edgetp edgetp; [[ " ${COMPREPLY[*]} " == *" wifi-5 "* ]]' || fail "bash completes no network"
}

try_units() {
  local unit enabled
  for unit in edgetp-server edgetp-worker; do
    inside systemd-analyze verify --man=no "/usr/lib/systemd/system/$unit.service" || fail "systemd about $unit.service"
    enabled="$(inside systemctl is-enabled "$unit" 2>/dev/null || true)"
    [[ "$enabled" == disabled ]] || fail "$unit is $enabled before anybody has asked for it"
  done
  # What a user does; purging must take it away again.
  inside systemctl enable edgetp-worker 2>/dev/null
}

# As docs/boards.md says it, on one board.
configure_services() {
  local role
  scripts/make_test_ca.sh "$root/var/tmp/keys" 2>/dev/null
  openssl rand -hex 32 >"$root/var/tmp/keys/token"
  for role in server worker; do
    cp "$root"/var/tmp/keys/{ca.crt,$role.crt,$role.key,token} "$root/etc/edgetp/$role/"
  done
  sed -i 's/^#EDGETP_T/EDGETP_T/' "$root"/etc/default/edgetp-{server,worker}
  echo LISTEN=0.0.0.0:50051 >>"$root/etc/default/edgetp-server"
  printf 'LISTEN=0.0.0.0:50100\nTHREADS=2\n' >>"$root/etc/default/edgetp-worker"
}

journal() { in_private_systemd journalctl --no-pager -n 20 -u edgetp-server -u edgetp-worker >&2; }

as_client() {
  in_private_systemd env EDGETP_TLS_CA=/var/tmp/keys/ca.crt EDGETP_TLS_CERT=/var/tmp/keys/client.crt \
    EDGETP_TLS_KEY=/var/tmp/keys/client.key EDGETP_TOKEN_FILE=/var/tmp/keys/token "$@"
}

wait_for_server() {
  local end=$((SECONDS + 20))
  until as_client edgetp health 127.0.0.1:50051 >/dev/null 2>&1; do
    ((SECONDS < end)) || { journal; fail "edgetp-server does not answer"; }
    sleep 0.5
  done
}

try_services() {
  local output
  configure_services
  boot_private_systemd "$root" || {
    say "the services did not run: no systemd can be started in namespaces here"
    return 0
  }
  # The worker is enabled: it starts with the system, and waits for its server.
  in_private_systemd systemctl start edgetp-server || { journal; fail "edgetp-server does not start"; }
  cp "$root/tmp/text.txt" "$root/var/tmp/"
  wait_for_server
  output="$(as_client edgetp train --server=127.0.0.1:50051 --workers=1 --steps=3 --data=/var/tmp/text.txt --format=json \
    --set=train.eval_windows=1 2>"$root/var/tmp/train.log")" ||
    { cat "$root/var/tmp/train.log" >&2; journal; fail "the services do not train"; }
  grep -q '"steps": 3' <<<"$output" || fail "the services did three steps, but say: $output"
  check_upgrade
  check_refused_settings
  stop_private_systemd
  say "both services run, as nobody, with TLS"
}

# What runs runs again, with the settings that it had.
check_upgrade() {
  local before after
  before="$(in_private_systemd systemctl show --property=MainPID --value edgetp-server)"
  cp "$package" "$root/var/tmp/edgetp.deb"
  in_private_systemd dpkg -i /var/tmp/edgetp.deb >build/package-apt.log 2>&1 ||
    { tail -20 build/package-apt.log >&2; fail "the package does not install over itself"; }
  wait_for_server
  after="$(in_private_systemd systemctl show --property=MainPID --value edgetp-server)"
  [[ "$before" != "$after" ]] || fail "after an upgrade the old server still runs"
  grep -qx LISTEN=0.0.0.0:50051 "$root/etc/default/edgetp-server" || fail "an upgrade takes settings away"
}

# Bad input ends a service; it is not tried again for ever.
check_refused_settings() {
  local end=$((SECONDS + 20))
  echo SERVER=nonsense >>"$root/etc/default/edgetp-worker"
  in_private_systemd systemctl restart edgetp-worker || true
  until [[ "$(in_private_systemd systemctl is-failed edgetp-worker)" == failed ]]; do
    ((SECONDS < end)) || { journal; fail "edgetp-worker goes on with SERVER=nonsense"; }
    sleep 0.5
  done
}

# What a user has made stays until the purge: settings, keys, runs. The rest goes at once.
remove_package() {
  local left
  inside apt-get remove -y -qq edgetp >build/package-apt.log 2>&1
  left="$(list_files | grep -v -e '^/etc/default/edgetp-' -e '^/etc/edgetp' -e '^/var/lib/private' -e '^/var/lib/edgetp-server$')" || true
  [[ -z "$left" ]] || fail "after the removal there still is: $left"
  [[ -s "$root/etc/default/edgetp-worker" && -s "$root/etc/edgetp/server/token" ]] || fail "the removal takes settings or keys"
  inside apt-get purge -y -qq edgetp >build/package-apt.log 2>&1
  left="$(list_files)"
  [[ -z "$left" ]] || fail "after the purge there still is: $left"
}

make_package
check_contents
trap finish EXIT
make_system
[[ -z "$(list_files)" ]] || fail "the system is not clean: $(list_files)"
install_package
try_programs
try_pages
try_units
try_services
remove_package
say "the package installs, works, and goes without a trace"

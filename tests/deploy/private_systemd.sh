# shellcheck shell=bash
# A systemd that runs a folder's system in namespaces of its own, network included: nothing outside sees its services.
# Source it. Needs root.

systemd_pid=""

# boot_private_systemd ROOT: until it is up; fails after 30 s, or where namespaces are not allowed.
boot_private_systemd() {
  local unshare_pid end=$((SECONDS + 30))
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --cgroup --ipc --uts --net bash -euc '
    mount --make-rprivate /
    mount --bind "$0" "$0"
    cd "$0"
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    for place in run tmp dev; do mount -t tmpfs tmpfs "$place"; done
    for device in null zero full random urandom tty; do touch dev/$device && mount --bind /dev/$device dev/$device; done
    mkdir dev/shm dev/pts
    mount -t tmpfs tmpfs dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    pivot_root . .
    umount -l .
    mount --make-rshared / # as on a machine: units get their keys by a mount that propagates
    container=edgetp exec /lib/systemd/systemd --log-target=journal
  ' "$1" >/dev/null 2>&1 &
  unshare_pid=$!
  until systemd_pid="$(pgrep -P "$unshare_pid")" &&
    [[ "$(in_private_systemd systemctl is-system-running 2>/dev/null)" =~ running|degraded ]]; do
    ((SECONDS < end)) && kill -0 "$unshare_pid" 2>/dev/null || return 1
    sleep 0.5
  done
}

# Runs a command in that system.
in_private_systemd() {
  nsenter --target "$systemd_pid" --mount --pid --cgroup --ipc --uts --net env LC_ALL=C.UTF-8 SYSTEMD_PAGER= "$@"
}

# All of its processes end with its first.
stop_private_systemd() {
  [[ -z "$systemd_pid" ]] || kill -9 "$systemd_pid" 2>/dev/null || true
  systemd_pid=""
}

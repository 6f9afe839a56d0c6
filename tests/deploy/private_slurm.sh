# shellcheck shell=bash
# A Slurm of one's own for a test: munged, slurmctld and one slurmd per virtual node in one folder, with nothing
# of the system's Slurm touched. The nodes' addresses are loopback's; the daemons serve only who has the folder's key.
# Needs root, and Debian's slurm-wlm.

# Why a private Slurm cannot run here; empty if it can.
private_slurm_missing() {
  local program
  for program in slurmctld slurmd munged sbatch scontrol; do
    command -v "$program" >/dev/null || {
      echo "$program is not installed (Debian: apt-get install slurm-wlm)"
      return
    }
  done
  [[ $EUID -eq 0 ]] || echo "a private Slurm needs root"
}

# start_private_slurm FOLDER NODES FIRST_PORT: daemons whose pids are in slurm_pids; sets SLURM_CONF.
start_private_slurm() {
  local folder="$1" nodes="$2" port="$3" node
  mkdir -p "$folder/state" "$folder/spool"
  for ((node = 1; node <= nodes; ++node)); do mkdir "$folder/spool/edge$node"; done
  write_slurm_conf "$folder" "$nodes" "$port"
  export SLURM_CONF="$folder/slurm.conf"
  dd if=/dev/urandom of="$folder/munge.key" bs=64 count=1 status=none
  chmod 600 "$folder/munge.key"
  # --force: the folder's parent may be writable by all, as /tmp is.
  munged --foreground --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" \
    --log-file="$folder/munged.log" --pid-file="$folder/munged.pid" --seed-file="$folder/munged.seed" \
    >"$folder/munged.out" 2>&1 &
  slurm_pids=("$!")
  await "munged" 10 test -S "$folder/munge.socket"
  slurmctld -D -i >"$folder/slurmctld.out" 2>&1 &
  slurm_pids+=("$!")
  for ((node = 1; node <= nodes; ++node)); do
    slurmd -D -N "edge$node" >"$folder/slurmd$node.out" 2>&1 &
    slurm_pids+=("$!")
  done
  await "slurmctld and slurmd" 30 nodes_are_idle "$nodes"
}

# Without cgroups: not every container has them. Before 23.11 they cannot be switched off, only left unused.
cgroup_conf() {
  local version
  version="$(slurmd -V | awk '{print $2}')"
  if printf '23.11\n%s\n' "$version" | sort -V -C; then echo "CgroupPlugin=disabled"; else echo "IgnoreSystemd=yes"; fi
}

write_slurm_conf() {
  local folder="$1" nodes="$2" port="$3" node
  cgroup_conf >"$folder/cgroup.conf"
  cat >"$folder/slurm.conf" <<END
ClusterName=edgetp-test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.txt
ReturnToService=2
KillWait=5
MpiDefault=none
SlurmdParameters=config_overrides
END
  for ((node = 1; node <= nodes; ++node)); do
    echo "NodeName=edge$node NodeHostname=$(hostname -s) NodeAddr=127.0.0.$node" \
      "Port=$((port + node)) CPUs=2 State=UNKNOWN"
  done >>"$folder/slurm.conf"
  echo "PartitionName=all Nodes=ALL Default=YES MaxTime=120 State=UP OverSubscribe=NO" >>"$folder/slurm.conf"
}

nodes_are_idle() {
  [[ "$(sinfo --noheader --Node --states=idle 2>/dev/null | wc -l)" == "$1" ]]
}

# await WHAT SECONDS COMMAND...: until the command succeeds; fails the test after the limit.
await() {
  local what="$1" limit="$2" tries
  shift 2
  for ((tries = 0; tries < limit * 5; ++tries)); do
    if "$@"; then return; fi
    sleep 0.2
  done
  fail "$what: not there after $limit s"
}

stop_private_slurm() {
  local pid
  # In reverse: the controller's and the nodes' last messages still need munge.
  for ((pid = ${#slurm_pids[@]} - 1; pid >= 0; --pid)); do
    kill "${slurm_pids[pid]}" 2>/dev/null || true
    wait "${slurm_pids[pid]}" 2>/dev/null || true
  done
}

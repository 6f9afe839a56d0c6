"""Hosts that are not there: each a network namespace with a monotonic clock of its own (a time namespace), joined by a
bridge whose ports have a token bucket (tc tbf). Needs root, iproute2 and util-linux. Whoever uses it runs `confined`
first: everything is in namespaces of that process, so its end, whatever it is, ends the programs and the network."""

import os
import pathlib
import shutil
import subprocess
import sys
import time

NETWORK = "10.251.7"
SERVER = f"{NETWORK}.254"
# Seconds that a host's clock is ahead of the first one's: all that it takes to be another clock.
CLOCK_AHEAD_S = 1000


def missing():
    """Why there can be no hosts here; empty: there can."""
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    for program in ("ip", "tc", "unshare"):
        if shutil.which(program) is None:
            return f"there is no `{program}` (iproute2, util-linux)"
    tried = subprocess.run(["unshare", "--net", "--mount", "--pid", "--time", "--monotonic", "1", "--fork", "true"],
                           capture_output=True, text=True, timeout=20)
    return "" if tried.returncode == 0 else f"no namespaces may be made here: {tried.stderr.strip()}"


def confined(arguments, timeout_s):
    """Runs Python with `arguments` in namespaces of its own; its exit code. At the deadline, or when it ends, the kernel
    ends what it has started."""
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *arguments]
    process = subprocess.Popen(command)
    try:
        return process.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        print(f"error: not done within {timeout_s} s", file=sys.stderr)
        return 1
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _run(command):
    result = subprocess.run(command.split(), capture_output=True, text=True, timeout=20)
    if result.returncode != 0:
        raise RuntimeError(f"{command}: {result.stderr.strip()}")


class Hosts:
    """`count` hosts with a worker each, and a server, where the commands run, too. With `apart`, each host reaches the
    server alone. Of confined processes alone."""

    def __init__(self, folder, binaries, count, rate_bits_per_second=None, apart=False, ready_s=60):
        self.folder, self.binaries, self.apart = pathlib.Path(folder), pathlib.Path(binaries), apart
        self.programs = []
        _run("ip link set lo up")
        os.makedirs("/run/netns", exist_ok=True)
        _run("mount -t tmpfs tmpfs /run/netns")
        if not apart:
            _run("ip link add bridge type bridge")
            _run(f"ip address add {SERVER}/24 dev bridge")
            _run("ip link set bridge up")
        for host in range(count):
            self._add_host(host, rate_bits_per_second)
        self.server = f"{self._server_for(0)}:{self._start_server(ready_s)}"
        for host in range(count):
            self._start_worker(host)

    def _address(self, host):
        return f"10.251.{100 + host}.1" if self.apart else f"{NETWORK}.{1 + host}"

    def _server_for(self, host):
        return f"10.251.{100 + host}.254" if self.apart else SERVER

    def _add_host(self, host, rate):
        inside = f"ip netns exec host{host} "
        _run(f"ip netns add host{host}")
        _run(f"ip link add port{host} type veth peer name eth0 netns host{host}")
        _run(f"{inside}ip link set lo up")
        _run(f"{inside}ip address add {self._address(host)}/24 dev eth0")
        _run(f"{inside}ip link set eth0 up")
        if self.apart:
            _run(f"ip address add {self._server_for(host)}/24 dev port{host}")
        else:
            _run(f"ip link set port{host} master bridge")
        _run(f"ip link set port{host} up")
        if rate:
            # A burst of a millisecond; the queue before it holds whatever is sent.
            bucket = f"root tbf rate {round(rate)}bit burst {max(3000, round(rate / 8000))} latency 2s"
            _run(f"tc qdisc replace dev port{host} {bucket}")
            _run(f"{inside}tc qdisc replace dev eth0 {bucket}")

    def _start(self, name, command):
        log = open(self.folder / f"{name}.log", "w")
        self.programs.append(subprocess.Popen([str(part) for part in command], stdout=log, stderr=log))

    def _start_server(self, ready_s):
        ready = self.folder / "server.address"
        self._start("server", [self.binaries / "edgetp_server", "--listen=0.0.0.0:0", "--metrics=127.0.0.1:0", "--insecure",
                               f"--runs={self.folder}/runs", f"--ready_file={ready}", f"--ready_seconds={ready_s}"])
        deadline = time.monotonic() + 30
        while not (ready.exists() and ready.read_text().strip()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server does not listen: {(self.folder / 'server.log').read_text()}")
            time.sleep(0.05)
        return ready.read_text().strip().rsplit(":", 1)[1]

    def _start_worker(self, host):
        port = self.server.rsplit(":", 1)[1]
        clock = ["unshare", "--time", "--monotonic", str(CLOCK_AHEAD_S * host), "--fork", "--kill-child"] if host else []
        self._start(f"worker{host}", ["ip", "netns", "exec", f"host{host}", *clock, self.binaries / "edgetp_worker",
                                      f"--server={self._server_for(host)}:{port}", f"--listen={self._address(host)}:0",
                                      "--status=127.0.0.1:0", "--metrics=127.0.0.1:0", "--insecure", "--threads=1"])

    def command(self, *parts):
        """The command line of an `edgetp` command that drives this cluster."""
        return [str(self.binaries / "edgetp"), parts[0], f"--server={self.server}", *parts[1:]]

    def edgetp(self, *parts, timeout_s=120):
        """Runs one; (exit code, stdout, stderr)."""
        result = subprocess.run(self.command(*parts), capture_output=True, text=True, timeout=timeout_s, cwd=self.folder)
        return result.returncode, result.stdout, result.stderr

    def stop(self):
        """At once: what holds a worker's namespace passes no signal on."""
        for program in self.programs:
            program.kill()
        for program in self.programs:
            program.wait()

"""The blocks of docs/soak.md: a schedule of faults from a seed against a real cluster, and what came of each."""

import collections
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import cluster
import faults
import measuring
import soak

DISK_MIB = 128  # holds the checkpoints of the longest run
LANES = 2  # most of a fault is waiting
QUICK_FAULTS = 20
# More than this per fault, over so many that it is no accident and no heap that still settles, is a leak.
LEAK_FAULTS = 40
LEAK_LIMITS = {"rss_kib": 40, "threads": 0.05, "descriptors": 0.05}
WRONG = []  # what block() found


def own_mounts():
    """Starts this program again where its mounts are its own: they go when it goes. False if the system does not allow it."""
    if os.environ.get("EDGETP_SOAK_MOUNTS"):
        return os.environ["EDGETP_SOAK_MOUNTS"] == "own"
    unshare = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    try:
        allowed = subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        return False
    os.environ["EDGETP_SOAK_MOUNTS"] = "own"
    os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])


def prepare(folder, mounts):
    (folder / "runs").mkdir()
    if mounts:
        measuring.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", folder / "runs"], 10)
    with open(folder / "text.txt", "w") as text:
        for number in range(400):
            text.write(f"the quick brown fox jumps over the lazy dog {number}\n")


def endure(plan, folder, name, fake_clocks):
    """(results of the faults of one cluster's life, what its members took)"""
    tried = soak.Soak(folder, faults.Limits(), fake_clocks=fake_clocks)
    tried.start()
    results = []
    for number, fault in enumerate(plan, 1):
        result = tried.one(fault)
        results.append(result)
        server = next((sample for sample in reversed(tried.usage) if sample["name"] == "server"), {"rss_kib": 0})
        lines = [f"{name} {number:3d}/{len(plan)} {fault}: {result.outcome}, idle after {result.idle_s:.1f} s, server {server['rss_kib']} KiB"]
        lines += [f"     WRONG: {wrong}" for wrong in result.wrong]
        lines += [f"     the client said: {result.error}"] if result.wrong and result.error else []
        print("\n".join(lines), file=sys.stderr, flush=True)
    late = tried.cluster.end()
    tried.cluster.kill()
    if late:
        results[-1].wrong.append(f"did not end on SIGTERM: {', '.join(late)}")
    return results, tried.usage


def lane(plan, folder, name, mounts):
    """One cluster after another: faults of the clock need one whose clocks can be set."""
    folder.mkdir()
    prepare(folder, mounts)
    lives = []
    for fake_clocks in (False, True):
        part = [fault for fault in plan if faults.is_clock(fault) == fake_clocks]
        if part:
            lives.append(endure(part, folder, name, fake_clocks))
    return lives


def soak_all(options, mounts):
    """(faults' results, usage of every cluster, seconds, notices)"""
    notices = []
    skip = set()
    if not mounts:
        skip.add("disk full")
        notices.append("No full disk: mounting is not allowed here.")
    if cluster.FAKETIME is None:
        skip |= {kind for kind in faults.BY_NAME if kind.startswith("clock")}
        notices.append("No clock jumps: the package faketime is not installed.")
    plan = faults.schedule(options.seed, QUICK_FAULTS if options.quick else options.faults, skip)
    plan = [fault for fault in plan if options.match in str(fault)]
    root = pathlib.Path(tempfile.mkdtemp(prefix="edgetp-soak-"))
    begin = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(LANES) as pool:
        lanes = [pool.submit(lane, plan[number::LANES], root / f"lane-{number}", f"lane {number}:", mounts) for number in range(LANES)]
        lives = [life for each in lanes for life in each.result()]
    results = [result for life, _ in lives for result in life]
    if any(result.wrong for result in results):
        measuring.say(f"logs of what went wrong: {root}/*/kept")
    else:
        shutil.rmtree(root, ignore_errors=True)
    return results, [usage for _, usage in lives], time.monotonic() - begin, notices


def seconds(values):
    return f"{measuring.median(values):.1f} / {max(values):.1f}" if values else ""


def outcomes(results):
    """By fault and process: what came of it, and how long it took."""
    rows = collections.defaultdict(list)
    for result in results:
        rows[result.fault.kind, result.fault.victim].append(result)
    order = {kind.name: number for number, kind in enumerate(faults.KINDS)}
    lines = []
    for (kind, victim), group in sorted(rows.items(), key=lambda row: (order[row[0][0]], row[0][1])):
        counted = collections.Counter(result.outcome or "did not begin" for result in group)
        ends = [result.ended_s for result in group if result.ended_s > 0]
        lines.append([kind, victim, len(group), ", ".join(f"{outcome} {count}" for outcome, count in counted.most_common()),
                      seconds(ends), seconds([result.idle_s for result in group]), sum(bool(result.wrong) for result in group)])
    return measuring.table(["fault", "process", "count", "the run", "s to its end: median / worst", "s to idle: median / worst", "wrong"], lines)


def phases(results):
    """By fault and phase: count, and time until the cluster was idle again."""
    cells = collections.defaultdict(list)
    for result in results:
        cells[result.fault.kind, result.fault.phase].append(result.idle_s)
    lines = [[kind.name] + [f"{len(cells[kind.name, phase])}: {seconds(cells[kind.name, phase])}" if cells[kind.name, phase] else ""
                            for phase in faults.PHASES]
             for kind in faults.KINDS if any(cells[kind.name, phase] for phase in faults.PHASES)]
    return measuring.table(["fault", *faults.PHASES], lines)


def lives(usages):
    """The longest life of each member over all clusters: [{"name", "samples"}], longest first."""
    longest = {}
    for number, usage in enumerate(usages):
        by_process = collections.defaultdict(list)
        for sample in usage:
            by_process[sample["name"], sample["pid"]].append(sample)
        for (name, _), samples in by_process.items():
            key = (number, "server" if name == "server" else "worker")
            if len(samples) > len(longest.get(key, [])):
                longest[key] = samples
    return sorted(longest.values(), key=len, reverse=True)


def leaks(usages):
    """(table, what is wrong): growth per fault, after the first third of a life in which caches fill."""
    lines, wrong = [], []
    for samples in [life for life in lives(usages) if len(life) >= 6]:
        late = samples[len(samples) // 3:]
        slopes = {field: slope([sample[field] for sample in late]) for field in ("rss_kib", "threads", "descriptors")}
        name = samples[0]["name"]
        lines.append([name, len(samples)] + [f"{late[0][field]} to {late[-1][field]} ({slopes[field]:+.2f})" for field in slopes])
        if len(late) >= LEAK_FAULTS:
            wrong += [f"{name}: {field} grows by {slopes[field]:.2f} per fault" for field, limit in LEAK_LIMITS.items() if slopes[field] > limit]
    return measuring.table(["process", "faults outlived", "RSS, KiB (per fault)", "threads", "descriptors"], lines), wrong


def slope(values):
    """Least squares, per index."""
    mean_x, mean_y = (len(values) - 1) / 2, sum(values) / len(values)
    spread = sum((x - mean_x) ** 2 for x in range(len(values)))
    return sum((x - mean_x) * (y - mean_y) for x, y in enumerate(values)) / spread if spread else 0.0


def block(options):
    begin = measuring.preamble(f"scripts/measure.sh soak --seed={options.seed} --faults={options.faults}", ["libgrpc++1.51", "faketime"])
    results, usages, took_s, notices = soak_all(options, own_mounts())
    leak_table, leaking = leaks(usages)
    wrong = [f"{result.fault}: {'; '.join(result.wrong)}" for result in results if result.wrong] + leaking
    WRONG.extend(wrong)
    survived = f"{len(results)} faults in {took_s / 60:.1f} minutes, {LANES} clusters side by side; went wrong: {len(wrong)}."
    parts = [begin, " ".join([survived, *notices]), outcomes(results), phases(results), leak_table]
    return "\n\n".join(parts + (["\n".join("* " + " ".join(each.split()) for each in wrong)] if wrong else []))


if __name__ == "__main__":
    parser = measuring.arguments(__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the schedule")
    parser.add_argument("--faults", type=int, default=300, metavar="N", help="how many")
    parser.add_argument("--match", default="", metavar="TEXT", help="only those of them whose 'fault, process, phase' has this in it")
    chosen = parser.parse_args()
    own_mounts()
    measuring.measure("soak.md", {"faults": block}, chosen)
    sys.exit(1 if WRONG else 0)

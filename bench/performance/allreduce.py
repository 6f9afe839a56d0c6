"""The block `allreduce`: ours beside TCP sockets, Gloo and Open MPI."""

import json
import pathlib

import cluster
import measuring

ROUNDS = 3
WORLDS = (2, 4)
PACKAGES = ("libgrpc++1.51", "libgloo0", "libopenmpi3", "openmpi-bin")
# bytes: (name, iterations of a cell) for about a third of a second with two ranks
SIZES = {
    4096: ("4 KiB", 2000),
    65536: ("64 KiB", 1500),
    393216: ("384 KiB", 1500),
    4194304: ("4 MiB", 120),
    37748736: ("36 MiB", 12),
}
# (column, program's file, algorithm): the raw sockets' best of two algorithms is taken
RAW = (("direct", "all_reduce_raw_tcp", "direct"), ("two_phase", "all_reduce_raw_tcp", "two_phase"))
PEERS = (
    ("Gloo, ring (its default)", "all_reduce_gloo", "ring"),
    ("Gloo, halving-doubling", "all_reduce_gloo", "halving_doubling"),
    ("Open MPI, tcp", "all_reduce_mpi", "tcp"),
    ("Open MPI, shared memory", "all_reduce_mpi", "vader"),
)
MPI_ENVIRONMENT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def iterations_of(size, workers):
    return max(5, SIZES[size][1] * 2 // (workers * workers // 2))


def available():
    programs = [peer for peer in PEERS if (measuring.BIN / peer[1]).exists()]
    for column, *_ in set(PEERS) - set(programs):
        measuring.say(f"{column} is left out: not built")
    return programs


def peer_us(program, algorithm, workers, size):
    command = [measuring.BIN / program, f"--workers={workers}", f"--bytes={size}", f"--iterations={iterations_of(size, workers)}",
               f"--algorithm={algorithm}"]
    if program == "all_reduce_mpi":
        command = ["mpirun", "-n", workers, "--oversubscribe", "--bind-to", "none", "--mca", "btl", f"self,{algorithm}",
                   "--mca", "btl_tcp_if_include", "lo", *command]  # like everybody here, and not over the bridges that a host may have
    return json.loads(measuring.run(command, 60, MPI_ENVIRONMENT))["median_us"]


def ours(server, workers, size):
    """(median_us, p99_us, algorithm)"""
    result = measuring.edgetp("bench", "allreduce", f"--server={server}", f"--workers={workers}", f"--bytes={size}",
                              f"--iterations={iterations_of(size, workers)}", timeout_s=120)
    row = result["rows"][0]
    return row["median_us"], row["p99_us"], row["algorithm"]


def measure_round(server, workers, size, peers):
    """One after another, so that all meet the same weather: {column: us}, and ours in full."""
    row = ours(server, workers, size)
    times = {"raw": min(peer_us(program, algorithm, workers, size) for _, program, algorithm in RAW)}
    for column, program, algorithm in peers:
        times[column] = peer_us(program, algorithm, workers, size)
    return row, times


def congestion_control():
    return pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()


def what_it_means(control):
    """For whoever reads the block."""
    if control in ("cubic", "reno"):
        return f"TCP congestion control {control}, which does not pace loopback"
    return (f"TCP congestion control {control}: neither cubic nor reno could be chosen here. BBR paces what it sends, on loopback too, so that "
            "small all-reduces take up to twice as long, ours and those over TCP alike")


def time_of(us):
    return f"{us:.0f} us" if us < 1000 else f"{us / 1000:.2f} ms"


def summary(rounds):
    """Over the rounds of one size: our (median, p99, algorithm), and {column: (median us, median of the ratio to ours)}."""
    own = measuring.median(row[0] for row, _ in rounds), measuring.median(row[1] for row, _ in rounds), rounds[0][0][2]
    columns = {column: (measuring.median(times[column] for _, times in rounds),
                        measuring.median(times[column] / row[0] for row, times in rounds)) for column in rounds[0][1]}
    return own, columns


def table_of(sizes, peers):
    columns = [peer[0] for peer in peers]
    rows = []
    for size, (own, times) in sizes.items():
        cells = [f"{time_of(times[column][0])} ({times[column][1]:.2f}x)" for column in ["raw", *columns]]
        rows.append([SIZES[size][0], f"**{time_of(own[0])}**", time_of(own[1]), own[2], *cells])
    return measuring.table(["size", "ours", "p99", "algorithm", "TCP sockets", *columns], rows)


def verdicts(worlds):
    """What was to be reached: (text, measured, reached)."""
    ratio = lambda workers, size, column: worlds[workers][size][1][column][1]
    small, large = 393216, 37748736
    raw_small, raw_large = 1 / ratio(2, small, "raw"), 1 / ratio(2, large, "raw")
    rows = [("2 ranks, 384 KiB: at most 1.2 times TCP sockets", f"{raw_small:.2f}", raw_small <= 1.2),
            ("2 ranks, 36 MiB: at most 1.1 times TCP sockets", f"{raw_large:.2f}", raw_large <= 1.1)]
    ring, halving, tcp = PEERS[0][0], PEERS[1][0], PEERS[2][0]
    if ring in worlds[2][small][1]:
        times = ratio(2, small, ring)
        rows.append(("2 ranks, 384 KiB: at least 3.5 times faster than Gloo's default", f"{times:.2f}", times >= 3.5))
    if tcp in worlds[2][small][1]:
        times = ratio(2, small, tcp)
        rows.append(("2 ranks, 384 KiB: not slower than Open MPI over tcp", f"{times:.2f}", times >= 1))
    for column in (ring, halving, tcp):
        if column in worlds[4][small][1]:
            worst = min(worlds[4], key=lambda size: ratio(4, size, column))
            times = ratio(4, worst, column)
            rows.append((f"4 ranks, every size: faster than {column}", f"{times:.2f} ({SIZES[worst][0]})", times > 1))
    return rows


def block(options):
    rounds = 1 if options.quick else ROUNDS
    peers = available()
    parts = [measuring.preamble("scripts/measure.sh performance --only=allreduce", PACKAGES),
             f"float32, one thread per rank, loopback, {what_it_means(congestion_control())}; {rounds} rounds, in each all programs one after another for each size. In brackets: how many times as long as ours, the median of the rounds' "
             "ratios. Open MPI over shared memory does not cross a socket, and is shown for scale."]
    with cluster.local_cluster(max(WORLDS)) as local:
        results = {workers: {size: [] for size in SIZES} for workers in WORLDS}
        for _ in range(rounds):
            for workers in WORLDS:
                for size in SIZES:
                    results[workers][size].append(measure_round(local.address, workers, size, peers))
    worlds = {workers: {size: summary(entries) for size, entries in sizes.items()} for workers, sizes in results.items()}
    for workers, sizes in worlds.items():
        parts += [f"**{workers} ranks**", table_of(sizes, peers)]
    parts.append(measuring.table(["to reach", "measured", "reached"], [(text, value, "yes" if good else "**no**") for text, value, good in verdicts(worlds)]))
    return "\n\n".join(parts)

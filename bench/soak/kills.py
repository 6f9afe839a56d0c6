"""kill -9 of a seeded process (worker, server or client) at a seeded moment of a run that saves a checkpoint after every
step, over and over: the checkpoint before it is good, and the run ends with the losses of one that nobody disturbed.

    python3 bench/soak/kills.py [--kills=50] [--seed=14]

Exit code 1 if one of them came out otherwise. Standard library alone."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import measuring

STEPS = 40
LIMIT_S = 120
VICTIMS = {"worker": "edgetp_worker", "server": "edgetp_server", "client": None}
MODEL = ["--data=text.txt", "--pattern=ts", "--batch=2", "--sequence=16", "--set=model.layers=2", "--set=model.heads=2",
         "--set=model.channels=16", "--set=train.eval_windows=4", f"--steps={STEPS}", "--checkpoint_interval=1",
         "--on_loss=wait", "--delay=1ms"]


def command(*more):
    return [str(measuring.BIN / "edgetp"), "train", "--format=json", *more]


def finished(folder, *more):
    """The summary of a run that must end well."""
    result = subprocess.run(command(*more), cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
    if result.returncode != 0:
        raise RuntimeError(f"exit code {result.returncode}: {result.stderr[-500:]}")
    return json.loads(result.stdout)


def children(parent, name):
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            facts = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue  # it has ended meanwhile
        # The kernel keeps 15 characters of a name.
        if facts.get("PPid") == str(parent) and facts.get("Name") == name[:15]:
            found.append(int(status.parent.name))
    return found


def await_steps(path, steps):
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if path.exists() and path.read_text().count("\n") >= steps:
            return
        time.sleep(0.001)
    raise RuntimeError(f"no {steps} steps within {LIMIT_S} s")


def kill_once(folder, name, victim, choose):
    """The summary of a run that has lost a process."""
    with subprocess.Popen(command(f"--run={name}", *MODEL), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as train:
        await_steps(folder / "runs" / name / "metrics.jsonl", choose.randrange(2, STEPS - 10))
        time.sleep(choose.uniform(0, 0.01))
        targets = children(train.pid, VICTIMS[victim]) if VICTIMS[victim] else [train.pid]
        os.kill(choose.choice(targets), signal.SIGKILL)
        output, _ = train.communicate(timeout=LIMIT_S)
    if victim == "worker":
        return json.loads(output)
    return finished(folder, f"--resume={name}", f"--run={name}", "--data=text.txt")


def main():
    parser = measuring.arguments(__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=14)
    options = parser.parse_args()
    choose = random.Random(options.seed)
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        lines = [f"the quick brown fox jumps over the lazy dog {number}\n" for number in range(400)]
        (folder / "text.txt").write_text("".join(lines))
        want = finished(folder, "--run=undisturbed", *MODEL)["final"]
        for number in range(1, options.kills + 1):
            victim = choose.choice(sorted(VICTIMS))
            try:
                got = kill_once(folder, f"kill{number}", victim, choose)
                outcome = "same losses" if got["final"] == want else f"WRONG: {got['final']}, not {want}"
                outcome += f", {got['attempts']} attempts, {got['steps_repeated']} steps done again"
            except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
                outcome = f"WRONG: {error}"
            wrong += "WRONG" in outcome
            print(f"{number}/{options.kills} {victim}: {outcome}", flush=True)
    print(f"{options.kills} kills, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

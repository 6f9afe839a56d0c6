"""One training of an experiment: what is typed, and the record that it leaves in docs/experiments/trainings. A training
whose record is there is not run again, so experiments share trainings, and a script that was interrupted goes on."""

import dataclasses
import json
import pathlib
import re
import shlex
import shutil
import statistics
import tempfile
import time

import measuring

FOLDER = measuring.ROOT / "docs" / "experiments"  # of the raw data of all experiments
# Losses do not depend on how busy the machine is, so a run may take its time.
LIMIT_S = 7200
CURVE_STEPS = 50  # of one point of the stored training curve: the mean of so many steps
PROMPT = "ROMEO:"
QUICK_STEPS = 60


@dataclasses.dataclass(frozen=True)
class Training:
    """A run of `edgetp train` without a network: one changes times, and never losses."""

    pattern: str
    config: str = "minigpt-shakespeare-torch"
    workers: int = 2
    steps: int = 2000
    seed: int = 1337
    flags: tuple[str, ...] = ()
    sample_tokens: int = 0  # of text to keep beside the losses

    @property
    def name(self):
        """Of its record. Two commands could share one: `load` compares the commands."""
        model = self.config.removesuffix("-shakespeare-torch").replace("minigpt-shakespeare", "minigpt-gpt2init")
        parts = [model, self.pattern, f"P{self.workers}", f"{self.steps}", f"seed{self.seed}",
                 *(flag.removeprefix("--") for flag in self.flags)]
        return re.sub(r"[^\w.=+-]+", "-", "_".join(parts))

    def shape(self):
        """The flags that say what is trained; `edgetp simulate` takes them as well."""
        return [f"--config={self.config}", f"--pattern={self.pattern}", f"--workers={self.workers}", *self.flags]

    def command(self):
        return ["train", *self.shape(), f"--steps={self.steps}", f"--seed={self.seed}", "--network=none"]

    def line(self):
        return "edgetp " + " ".join(shlex.quote(word) for word in self.command())


def path(training):
    return FOLDER / "trainings" / f"{training.name}.json"


def load(training):
    """The record, or None where there is none of this very command."""
    try:
        record = json.loads(path(training).read_text())
    except FileNotFoundError:
        return None
    if record["command"] != training.line():
        measuring.say(f"{path(training).name} is of another command, so it does not count: {record['command']}")
        return None
    return record


def results(trainings, options):
    """{training: record} of all that could be had: runs what is missing, unless --render. With --quick, the first two of
    few steps, and nothing is kept."""
    if options.quick:
        return {training: _train(dataclasses.replace(training, steps=QUICK_STEPS)) for training in list(trainings)[:2]}
    if not options.render:
        _run_missing(trainings)
    found = {training: load(training) for training in dict.fromkeys(trainings)}
    return {training: record for training, record in found.items() if record}


def _run_missing(trainings):
    """In the given order; a training that fails is reported, and the next one begins."""
    missing = [training for training in dict.fromkeys(trainings) if load(training) is None]
    for number, training in enumerate(missing, 1):
        measuring.say(f"training {number} of {len(missing)}: {training.line()}")
        try:
            _store(training, _train(training))
        except (RuntimeError, OSError) as failure:
            measuring.say(f"{training.name} failed: {failure}")


def _store(training, record):
    path(training).parent.mkdir(parents=True, exist_ok=True)
    temporary = path(training).with_suffix(".tmp")
    # A key a line: short files, and differences that can be read.
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items())
    temporary.write_text(f"{{\n{lines}\n}}\n")
    temporary.replace(path(training))


def _train(training):
    folder = tempfile.mkdtemp(prefix="edgetp-experiment-")
    try:
        began = time.monotonic()
        summary = measuring.edgetp(*training.command(), f"--runs={folder}", "--run=run", timeout_s=LIMIT_S)
        host_seconds = time.monotonic() - began
        lines = (pathlib.Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()
        record = _record(training, summary, [json.loads(line) for line in lines])
        if training.sample_tokens:
            record["sample"] = _sample(training, folder)
        return {**record, "host_seconds": round(host_seconds, 1)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _record(training, summary, steps):
    losses = [step["train_loss"] for step in steps]
    points = range(CURVE_STEPS, len(losses) + 1, CURVE_STEPS)
    return {
        "command": training.line(),
        "edgetp": measuring.run([measuring.BIN / "edgetp", "--version"], 60).strip(),
        "date": time.strftime("%Y-%m-%d"),
        "machine": measuring.machine(),
        "status": summary["status"],
        "train_loss": statistics.fmean(losses[-100:]),  # of the last 100 batches
        "val_loss": summary["final"]["val_loss"],
        "val_windows": summary["val_windows"],
        "val_windows_total": summary["val_windows_total"],
        "bytes_per_step_per_rank": summary["bytes_on_the_wire_per_rank"],
        "sync_points_forward": summary["sync_points_forward"],
        "evaluations": [[step["step"], step["val_loss"]] for step in steps if "val_loss" in step],
        "train_curve": [[at, round(statistics.fmean(losses[at - CURVE_STEPS:at]), 5)] for at in points],
    }


def simulated(training, network, device, steps=500):
    """What `edgetp simulate` says of a step of this training. The same on every machine."""
    flags = [f"--network={network}", f"--device={device}", f"--steps={steps}", "--draws=0"]
    return measuring.edgetp("simulate", *training.shape(), *flags)


def steps_to(evaluations, loss):
    """Steps until the validation loss is at most `loss`, linear between evaluations; None where it never is."""
    for (before, higher), (after, lower) in zip(evaluations, evaluations[1:]):
        if lower <= loss < higher:
            return before + (after - before) * (higher - loss) / (higher - lower)
    return None


def loss_at(evaluations, step):
    """Validation loss after `step` steps, linear between evaluations; None before the first and after the last."""
    for (before, higher), (after, lower) in zip(evaluations, evaluations[1:]):
        if before <= step <= after:
            return higher + (lower - higher) * (step - before) / (after - before)
    return None


def _sample(training, folder):
    command = ["sample", "--run=run", f"--runs={folder}", f"--workers={training.workers}", f"--prompt={PROMPT}",
               f"--tokens={training.sample_tokens}", "--network=none"]
    return measuring.run([measuring.BIN / "edgetp", *command, "--format=table"], LIMIT_S)

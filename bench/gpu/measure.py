"""The block `gpu` of docs/performance.md: the model's tests on a GPU, its losses beside the CPU's, and steps of GPT-2 beside
PyTorch's. Called by scripts/gpu.sh, which builds. Every measurement is kept as soon as it is there, so that a machine
that is lent for minutes leaves what it has done."""

import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

import measuring

PAGE = "performance.md"
BLOCK = "gpu"
WARM_UP = 3  # steps that are left out
PRECISIONS = ("fp32", "tf32", "bf16")
LOSSES_APART = 1e-4  # at most, between the CPU and the device: what rounding makes of it; 5e-7 was seen in 100 steps
# A part of the model's tests that ends within a minute on a GPU.
TESTS = ("*TrainingTest*:DeviceTest*:AttentionWaysTest*:LinearTest*:AdamWWaysTest*:VocabularyTest*:LongSequenceTest*:"
         "DropoutTest*:StagingPoolTest*:PieceStagingTest*:StagedContextTest*:GraphNodeTest*")

# What is measured on a GPU, and in a rehearsal, where everything has to run: of edgetp in fp32, which each CPU has.
GPU = dict(device="cuda:0", torch_device="cuda", model="gpt2", torch_model="gpt2", steps=20, few_steps=8,
           ours=["--model=gpt2", "--batch=8", "--sequence=1024"], patterns=("t*12", "(sppp)*3"),
           kernels={"EDGETP_TEST_DEVICE": "cuda:0", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}, loss_steps=30,
           title="GPT-2 124M, B 8, T 1024")
REHEARSAL = dict(GPU, device="cpu", torch_device="cpu", torch_model="tiny", steps=3, few_steps=3,
                 ours=["--model=minigpt", "--batch=2"], patterns=("tttt", "sppp"), precision="fp32",
                 kernels={"EDGETP_TEST_KERNELS": "plain"}, loss_steps=3,
                 title="REHEARSAL on a CPU with a tiny model: these are no measurements")


# What programs call cuda:0, as nvidia-smi takes it.
FIRST_GPU = ["--id=" + (os.environ.get("CUDA_VISIBLE_DEVICES") or "0").split(",")[0]]


def environment(libraries=None):
    """Of edgetp's programs, and of nobody else. They are where no presets are near, and may need libraries that the
    system does not have."""
    variables = {"EDGETP_CONFIG_PATH": str(measuring.ROOT / "configs")}
    return {**variables, "LD_LIBRARY_PATH": libraries} if libraries else variables


def data():
    """A corpus that is here; which one changes no time."""
    places = [measuring.ROOT / "data" / "tinyshakespeare.txt", measuring.ROOT / "build" / "gpu" / "tinyshakespeare.txt"]
    return next((place for place in places if place.exists()), measuring.ROOT / "README.md")


class PeakMemory:
    """with PeakMemory() as peak: ...; then peak.bytes: the most that the GPU has had in use, all processes; 0 without one."""

    def __enter__(self):
        self.bytes, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _watch(self):
        command = ["nvidia-smi", *FIRST_GPU, "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        while not self._done.wait(0.1):
            try:
                text = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout
                self.bytes = max(self.bytes, int(text.split()[0]) * 2**20)
            except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
                return


def train(setup, runs, name, *parts):
    """The steps of a run, as its metrics.jsonl has them."""
    measuring.edgetp("train", "--network=none", f"--data={data()}", "--set", "train.eval_windows=1", f"--runs={runs}",
                     f"--run={name}", *parts, timeout_s=180, env=setup["environment"])
    lines = [json.loads(line) for line in (pathlib.Path(runs) / name / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line.get("step_seconds")]


def tests(setup, _):
    began = time.monotonic()
    command = [measuring.BIN / "edgetp_model_test", f"--gtest_filter={TESTS}", "--gtest_brief=1"]
    text = measuring.run(command, timeout_s=180, env={**setup["environment"], **setup["kernels"]}, check=False)
    passed = re.search(r"PASSED\s*\] (\d+) test", text)
    if not passed or passed.group(1) == "0":
        raise RuntimeError(f"no test passed: {(text.strip().splitlines() or ['no output'])[-1]}")
    failed = re.findall(r"FAILED\s*\] ([^\s,]+)", text)
    return dict(passed=int(passed.group(1)), failed=sorted(set(failed)), seconds=time.monotonic() - began)


def losses(setup, runs):
    """Of MiniGPT, on the CPU and on the device."""
    parts = ["--model=minigpt", "--pattern=tttt", "--workers=2", f"--steps={setup['loss_steps']}"]
    of_device = {kind: [step["train_loss"] for step in train(setup, runs, f"losses-{kind}", f"--device={device}", *parts)]
                 for kind, device in (("cpu", "cpu"), ("device", setup["device"]))}
    apart(of_device)  # raises unless there are as many of both
    return of_device


def ours(setup, runs, workers, pattern, precision, *more):
    steps = setup["steps"] if workers == 1 else setup["few_steps"]
    name = re.sub(r"[^a-z0-9]+", "-", f"p{workers}-{pattern}-{precision}-{'-'.join(more)}").strip("-")
    with PeakMemory() as peak:
        run = train(setup, runs, name, *setup["ours"], f"--device={setup['device']}", f"--workers={workers}",
                    f"--pattern={pattern}", f"--steps={steps + WARM_UP}", "--threads=4", "--set",
                    f"memory.precision={setup.get('precision', precision)}", *more)
    warm = run[WARM_UP:]
    terms = {term: sum(step["breakdown_seconds"].get(term, 0) for step in warm) / len(warm)
             for term in ("compute", "staging", "software", "straggler")}
    return dict(step_seconds=measuring.median([step["step_seconds"] for step in warm]), peak_bytes=peak.bytes,
                breakdown=terms, last_loss=run[-1]["train_loss"])


def theirs(setup, precision, *more):
    command = [sys.executable, pathlib.Path(__file__).with_name("reference_gpt.py"), f"--model={setup['torch_model']}",
               f"--device={setup['torch_device']}", f"--precision={precision}", f"--steps={setup['steps']}", *more]
    with PeakMemory() as peak:
        result = json.loads(measuring.run(command, timeout_s=240).splitlines()[-1])
    return dict(result, reserved_bytes=result["peak_bytes"], peak_bytes=peak.bytes)


def programs(setup):
    """{name: function(setup, folder of runs) -> result}, what matters most first."""
    first, second = setup["patterns"]
    steps = {"tests": tests, "losses": losses}
    for precision in PRECISIONS:
        steps[f"edgetp, P=1, {precision}"] = lambda s, runs, p=precision: ours(s, runs, 1, first, p)
        steps[f"PyTorch eager, {precision}"] = lambda s, runs, p=precision: theirs(s, p)
    for precision in ("bf16", "fp32", "tf32"):
        steps[f"PyTorch compile, {precision}"] = lambda s, runs, p=precision: theirs(s, p, "--compile")
    for precision in PRECISIONS:
        steps[f"edgetp, P=2 `{second}`, {precision}"] = lambda s, runs, p=precision: ours(s, runs, 2, second, p)
    steps[f"edgetp, P=2 `{first}`, fp32"] = lambda s, runs: ours(s, runs, 2, first, "fp32")
    steps[f"edgetp, P=2 `{second}`, bf16, wire bf16"] = \
        lambda s, runs: ours(s, runs, 2, second, "bf16", "--wire=bf16", "--wire_grad_sync=bf16")
    return steps


def gpu_name():
    command = ["nvidia-smi", *FIRST_GPU, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip() or "no GPU"
    except OSError:
        return "no GPU"


def reason(error):
    """The line that says why: of a program, the last one that names an error, else the last."""
    lines = str(error).rsplit("exit code ", 1)[-1].strip().splitlines() or [repr(error)]
    named = [line for line in lines if re.match(r"(error|[\w.]*(Error|Exception)): \S", line)]
    return (named or lines)[-1].strip()[-300:]


def collect(options, setup):
    """{name of program: result, or the reason why there is none}, kept in options.results."""
    folder = pathlib.Path(options.results)
    folder.mkdir(parents=True, exist_ok=True)
    results = dict(machine=measuring.machine(), gpu=gpu_name(), date=time.strftime("%Y-%m-%d"), title=setup["title"],
                   rehearsal=options.rehearse, build_seconds=options.build_seconds, patterns=setup["patterns"], programs={})
    for name, program in programs(setup).items():
        began = time.monotonic()
        measuring.say(name)
        with tempfile.TemporaryDirectory() as runs:
            try:
                results["programs"][name] = program(setup, runs)
            except (RuntimeError, OSError, subprocess.TimeoutExpired, ArithmeticError, LookupError, ValueError) as error:
                results["programs"][name] = dict(failed=reason(error))
                measuring.say(f"{name}: failed: {reason(error)}")
        results["programs"][name]["took_seconds"] = time.monotonic() - began
        (folder / "results.json").write_text(json.dumps(results, indent=1))
    return results


def targets(results):
    """Lines of (what, ratio, at most, reached) of what is wanted, as far as both numbers are there."""
    second = results["patterns"][1]
    wanted = [(f"{what} of P=1 against PyTorch eager, {p}", f"edgetp, P=1, {p}", f"PyTorch eager, {p}", key, 1.0)
              for what, key in (("step", "step_seconds"), ("peak memory", "peak_bytes")) for p in PRECISIONS]
    wanted += [("step of P=1 against PyTorch compile, bf16", "edgetp, P=1, bf16", "PyTorch compile, bf16", "step_seconds", 1.25),
               (f"step of P=2 `{second}` against P=1, fp32", f"edgetp, P=2 `{second}`, fp32", "edgetp, P=1, fp32",
                "step_seconds", 1.6)]
    lines = []
    for what, ours_, base, key, most in wanted:
        number, of = (results["programs"].get(name, {}).get(key) for name in (ours_, base))
        if number and of:
            lines.append((what, f"{number / of:.2f}", f"{most}", "yes" if number <= most * of else "**no**"))
    return lines


def apart(of_device):
    """The largest distance between two series of losses; NaN where one is."""
    distances = [abs(a - b) for a, b in zip(of_device["cpu"], of_device["device"], strict=True)]
    return max(distances, key=lambda distance: (math.isnan(distance), distance))


def failures(results):
    """What has no result, and results that are wrong: lines of text."""
    programs_ = results["programs"]
    lines = [f"{name}: {result['failed']}" for name, result in programs_.items() if result.get("failed")]
    of_device = programs_.get("losses", {})
    if "cpu" in of_device and not apart(of_device) <= LOSSES_APART:
        lines.append(f"losses: {apart(of_device):.1e} from the CPU's, at most {LOSSES_APART:.0e} is right")
    return lines


def program_row(name, result):
    if "failed" in result:
        return (name, "none", "", f"failed: {result['failed'].replace('|', '/')}")
    breakdown = result.get("breakdown", {})
    terms = ", ".join(f"{term} {seconds * 1e3:.1f}" for term, seconds in breakdown.items() if seconds > 0)
    peak = f"{result['peak_bytes'] / 2**20:.0f}" if result.get("peak_bytes") else ""
    return (name, f"{result['step_seconds'] * 1e3:.1f}", peak, terms)


def loss_line(of_device):
    if "failed" in of_device:
        return f"Losses of MiniGPT: failed: {of_device['failed']}"
    return (f"Losses of MiniGPT `tttt`, P=2, {len(of_device['cpu'])} steps: at most {apart(of_device):.1e} from the CPU's "
            f"(last: {of_device['device'][-1]:.6f}).")


def block(results):
    """Markdown."""
    programs_ = results["programs"]
    head = (f"`scripts/measure.sh gpu` on {results['date']}: {results['gpu']}; {results['machine']}; "
            f"built in {results['build_seconds']} s.")
    if results["rehearsal"]:
        head = "REHEARSAL: a tiny model on a CPU. " + head
    ran = programs_.get("tests", {})
    tested = (f"Tests of the model on the device: {ran['passed']} passed in {ran['seconds']:.0f} s"
              + (f", failed: {', '.join(ran['failed'])}" if ran["failed"] else "") + ".") if "passed" in ran \
        else f"Tests of the model on the device: {ran.get('failed', 'did not run')}"
    rows = [program_row(name, result) for name, result in programs_.items() if name not in ("tests", "losses")]
    parts = [head, tested + " " + loss_line(programs_.get("losses", {"failed": "did not run"})),
             f"{results['title']}, medians over one run's steps; peak memory is what nvidia-smi has seen in use, all "
             "processes; edgetp's terms are means over steps and ranks, in ms:",
             measuring.table(("program", "ms", "peak MiB", "of which"), rows)]
    if targets(results):
        parts.append(measuring.table(("ratio", "measured", "at most", "reached"), targets(results)))
    return "\n\n".join(parts)


def main():
    parser = measuring.arguments(__doc__)
    parser.add_argument("--bin", default=str(measuring.BIN), help="where the programs are")
    parser.add_argument("--results", default=str(measuring.ROOT / "build" / "gpu" / "results"))
    parser.add_argument("--libraries", metavar="PATH", help="LD_LIBRARY_PATH of edgetp's programs, and of nobody else")
    parser.add_argument("--build_seconds", type=int, default=0)
    parser.add_argument("--from", dest="source", metavar="FILE", help="writes the page from results.json of another machine")
    parser.add_argument("--rehearse", action="store_true", help="a tiny model on the CPU; the page stays as it is")
    options = parser.parse_args()
    measuring.BIN = pathlib.Path(options.bin)
    if options.source:
        results = json.loads(pathlib.Path(options.source).read_text())
    else:
        results = collect(options, dict(REHEARSAL if options.rehearse else GPU, environment=environment(options.libraries)))
    text = block(results)
    if results["rehearsal"] or options.quick:
        print(f"\n[{BLOCK}] (docs/{PAGE} stays as it is)\n{text}\n", flush=True)
    else:
        measuring.write_block(PAGE, BLOCK, text)
    if failures(results):
        sys.exit("error: not everything ran:\n" + "\n".join(failures(results)))


if __name__ == "__main__":
    main()

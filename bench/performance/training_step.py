"""The blocks `training_step` and `training_step_gpt2`: a training step of ours beside the same model in PyTorch, beside a one-process simulation of
tensor parallelism, and beside its own matrix products."""

import json
import os
import pathlib
import shutil

import measuring

REFERENCE = pathlib.Path(__file__).with_name("reference_step.py")
KERNELS = {"default kernels": {}, "AVX-512 kernels": {"OPENBLAS_CORETYPE": "SKYLAKEX"}}
# What OpenBLAS's SkylakeX kernels are compiled for.
AVX512 = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}

MODELS = {
    "minigpt": dict(title="MiniGPT (L 4, H 4, C 128, T 64, B 12)", patterns=("tttt", "sppp"), rounds=3, steps=30, ours=[]),
    "gpt2": dict(title="GPT-2 124M (B 1, T 256)", patterns=("t*12", "(sppp)*3"), rounds=3, steps=3,
                 ours=["--sequence=256", "--batch=1", "--set", "train.eval_windows=1"]),
}
# What rows with a shared vocabulary are called; with MiniGPT's 65 symbols it does not pay.
SHARED = {"minigpt": "", "gpt2": ", shared vocabulary"}


def kernels():
    """The kernels that this processor can run; our workers choose the last one by themselves."""
    flags = set(next((line for line in open("/proc/cpuinfo") if line.startswith("flags")), "").split())
    return KERNELS if AVX512 <= flags else {"default kernels": {}}


def python_with_torch():
    """Debian's, where python3-torch lives; another python3 may come first in PATH."""
    return "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else shutil.which("python3")


def spelled_out(pattern, layers):
    """'t*12' and '(sppp)*3' as the reference's script wants them."""
    letters = pattern.split("*")[0].strip("()")
    return letters * (layers // len(letters))


def reference(model, env, *parts):
    command = [python_with_torch(), REFERENCE, f"--model={model}", f"--steps={MODELS[model]['steps']}", *parts]
    return json.loads(measuring.run(command, timeout_s=600, env=env))


def ours(model, workers, pattern, *more):
    m = MODELS[model]
    return measuring.edgetp("train", f"--model={model}", f"--workers={workers}", f"--pattern={pattern}", "--network=none",
                            f"--steps={m['steps'] + 3}", "--threads=1", *m["ours"], *more, timeout_s=600)


def programs(model):
    """{row: function -> seconds of a step}. Every process computes with one thread."""
    m, rows = MODELS[model], {}
    layers = 4 if model == "minigpt" else 12
    for name, env in kernels().items():
        rows[f"PyTorch, plain GPT, {name}"] = lambda env=env: reference(model, env)["step_seconds"]
    for pattern in m["patterns"]:
        for name, env in kernels().items():
            rows[f"PyTorch, one process simulates 2 ranks, `{pattern}`, {name}"] = \
                lambda env=env, pattern=pattern: reference(model, env, "--shards=2", f"--pattern={spelled_out(pattern, layers)}")["step_seconds"]
    for workers in (1, 2):
        for pattern in m["patterns"] if workers > 1 else m["patterns"][:1]:
            rows[f"edgetp, P={workers}, `{pattern}`"] = \
                lambda workers=workers, pattern=pattern: ours(model, workers, pattern)["step_seconds"]["median"]
    for pattern in m["patterns"] if SHARED[model] else ():
        rows[f"edgetp, P=2, `{pattern}`{SHARED[model]}"] = \
            lambda pattern=pattern: ours(model, 2, pattern, "--vocabulary_parallel")["step_seconds"]["median"]
    best = list(kernels().values())[-1]
    for shards in (1, 2):
        rows[f"the matrix products of P={shards} alone"] = \
            lambda shards=shards: reference(model, best, "--products", f"--shards={shards}")["step_seconds"]
    return rows


def fastest(medians, start, end=""):
    return min(value for name, value in medians.items() if name.startswith(start) and end in name)


def claims(model, medians):
    """Lines of (what, ratio, target); a peer counts with the faster of its kernels."""
    first, second = MODELS[model]["patterns"]
    one = medians[f"edgetp, P=1, `{first}`"]
    lines = [("P=1 against PyTorch's plain GPT", fastest(medians, "PyTorch, plain") / one, 1.3)]
    for pattern in (first, second):
        two = medians[f"edgetp, P=2, `{pattern}`"]
        simulated = fastest(medians, "PyTorch, one process", f"`{pattern}`")
        lines += [(f"P=2 `{pattern}` against the simulation", simulated / two, 2.5),
                  (f"P=2 `{pattern}` against P=1", one / two, 1.3)]
        if SHARED[model]:
            shared = medians[f"edgetp, P=2, `{pattern}`{SHARED[model]}"]
            lines += [(f"P=2 `{pattern}`{SHARED[model]}, against the simulation", simulated / shared, 2.5),
                      (f"P=2 `{pattern}`{SHARED[model]}, against P=1", one / shared, 1.8)]
    return lines


def measured(model, options):
    rows = programs(model)
    seconds = {name: [] for name in rows}
    for round_number in range(1 if options.quick else MODELS[model]["rounds"]):
        measuring.say(f"{model}: round {round_number + 1}")
        for name, program in rows.items():
            seconds[name].append(program())
    medians = {name: measuring.median(values) for name, values in seconds.items()}
    base = fastest(medians, "PyTorch, plain")
    table = [(name, f"{medians[name] * 1e3:.1f}", f"{min(values) * 1e3:.1f}-{max(values) * 1e3:.1f}", f"{base / medians[name]:.2f}")
             for name, values in seconds.items()]
    ratios = [(what, f"{ratio:.2f}", f"{target}", "yes" if ratio >= target else "no") for what, ratio, target in claims(model, medians)]
    block = "training_step" if model == "minigpt" else f"training_step_{model}"
    head = measuring.preamble(f"scripts/measure.sh performance --only={block}", ["python3-torch", "libtorch-dev", "libopenblas0-openmp"])
    return "\n\n".join([
        head, f"{MODELS[model]['title']}, one thread per process:",
        measuring.table(("program", "median ms", "range", "plain GPT / it"), table),
        measuring.table(("ratio of medians", "measured", "asked", "reached"), ratios)])


def minigpt(options):
    return measured("minigpt", options)


def gpt2(options):
    return measured("gpt2", options)

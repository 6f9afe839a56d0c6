"""Run directories as the server writes them, for tests that need no training: losses and times are made up."""

import json
import pathlib
import random

CONFIG = """# proto-file: edgetp/v1/config.proto
# proto-message: RunConfig
name: "{name}"
seed: {seed}
model {{ name: "{model}" layers: 4 heads: 4 channels: 128 sequence: 64 vocabulary: 65 init: INIT_GPT2 tied_head: true }}
pattern: "{pattern}"
merge: MERGE_SUM_LAST
workers: 2
train {{ steps: {steps} batch: 12 micro_batches: 1 learning_rate: 0.001 }}
network {{
  name: "{network}"
  link {{ delay_us: {delay_us} rate_bits_per_second: 300000000 }}
}}
collective {{ algorithm: "auto" wire_forward: "fp32" wire_backward: "fp32" wire_grad_sync: "fp32" segment_bytes: 524288 }}
clock: {clock}
device {{
  name: "raspberry-pi-5" flops_per_second: 70400000000 memory_bytes_per_second: 17100000000 message_overhead_us: 500 watts: 12.7
}}
"""
TERMS = ("compute", "staging", "software", "queueing", "serialization", "propagation", "jitter", "straggler")
SYNC_POINTS = {"t": 2, "s": 1}


def sync_points(pattern: str) -> int:
    runs_of_p = sum(1 for i, letter in enumerate(pattern) if letter == "p" and pattern[i - 1 : i] != "p")
    return sum(SYNC_POINTS.get(letter, 0) for letter in pattern) + runs_of_p


def records(pattern: str, seed: int, steps: int, step_seconds: float) -> list[dict]:
    noise = random.Random(seed)
    lines = []
    for step in range(1, steps + 1):
        loss = 1.6 + 2.6 * 0.985**step + 0.02 * (8 - sync_points(pattern)) / 8 + noise.gauss(0, 0.02)
        line = {
            "step": step, "wall_seconds": step * step_seconds, "train_loss": loss, "learning_rate": 1e-3,
            "step_seconds": step_seconds, "breakdown_seconds": {term: step_seconds / len(TERMS) for term in TERMS},
            "network": "", "energy": {"joules": 25.4 * step_seconds}, "attempt": 1,
        }
        if step % max(1, steps // 4) == 0:
            line["val_loss"] = loss + 0.05
        lines.append(line)
    return lines


def write_run(folder: pathlib.Path, name: str, pattern: str, network: str = "wifi-5", seed: int = 1, steps: int = 120,
              clock: str = "emulated", model: str = "minigpt", finished: bool = True) -> pathlib.Path:
    path = folder / name
    path.mkdir(parents=True)
    (path / "config.textproto").write_text(CONFIG.format(
        name=name, seed=seed, model=model, pattern=pattern, steps=steps, network=network,
        delay_us=1500 if network == "wifi-5" else 200, clock="CLOCK_" + clock.upper()))
    step_seconds = 0.05 + sync_points(pattern) * (0.1 if network == "wifi-5" else 0.02)
    lines = records(pattern, seed, steps, step_seconds)
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if finished:
        (path / "summary.json").write_text(json.dumps(summary(name, pattern, network, clock, model, lines), indent=1))
    return path


def summary(name: str, pattern: str, network: str, clock: str, model: str, lines: list[dict]) -> dict:
    last, step_seconds = lines[-1], lines[-1]["step_seconds"]
    judged = clock == "emulated"
    predicted = 0.95 * step_seconds if judged else 0
    return {
        "run": name, "pattern": pattern, "workers": 2, "network": network, "clock": clock, "steps": len(lines),
        "final": {"train_loss": last["train_loss"], "val_loss": last["val_loss"]},
        "step_seconds": {"median": step_seconds, "p99": 1.2 * step_seconds}, "wall_seconds": last["wall_seconds"],
        "breakdown_seconds": last["breakdown_seconds"], "hidden_seconds": 0, "predicted_step_seconds": predicted,
        "bytes_on_the_wire_per_rank": sync_points(pattern) * 2 * 393216,
        "verdict": {"valid": True, "reason": "valid", "late_share": 0.004, "overrun_share": 0.002, "judged": judged},
        "fidelity": {"messages": 900, "late_messages": 3, "error_p99_us": 300, "error_max_us": 900} if judged else {},
        "status": "done", "error": "", "sync_points_forward": sync_points(pattern), "model": model,
        "networks": [{"network": network, "steps": len(lines), "step_seconds": step_seconds,
                      "predicted_step_seconds": predicted}],
        "device": "raspberry-pi-5", "overlap": "NONE", "wire": "fp32/fp32/fp32", "strategy": "tensor",
        "energy": {"joules_per_step": 25.4 * step_seconds, "joules_per_token": 0.033 * step_seconds, "mean_watts": 25.4,
                   "watt_hours_per_run": 25.4 * last["wall_seconds"] / 3600},
        "tokens_per_step": 768, "attempts": 1,
    }

"""The plain PyTorch GPT of bench/performance/reference_step.py with scaled_dot_product_attention, on a GPU: eager or
compiled, in fp32, TF32 or bf16 (autocast). Prints the median seconds of a step (forward, backward, clipping, AdamW) and
the peak memory as JSON.

  reference_gpt.py --precision=bf16 --compile --steps=20
  reference_gpt.py --compile --warm              compiles each precision, for a cache to keep it, and measures nothing
"""

import argparse
import contextlib
import json
import statistics
import time

import reference_step
import torch
from torch.nn import functional as F

MODELS = {
    "gpt2": dict(reference_step.MODELS["gpt2"], sequence=1024, batch=8),
    "tiny": dict(layers=2, heads=2, channels=32, sequence=32, vocabulary=65, bias=True, batch=2, gelu="tanh"),
}


class FusedAttention(reference_step.Attention):
    def __init__(self, m, shards=1):
        super().__init__(m, shards)
        del self.mask  # it would count as memory that is needed

    def forward(self, x):
        B, T, _ = x.shape
        q, k, v = (part.view(B, T, self.heads, self.size).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=2))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.projection(attended.transpose(1, 2).reshape(B, T, -1))


class Gpt(reference_step.Gpt):
    def forward(self, tokens, targets):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))


def build(m, device, precision, compiled):
    """The model, and the context in which its forward pass runs."""
    reference_step.Attention = FusedAttention
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.manual_seed(1337)
    model = Gpt(m, 1, "t" * m["layers"]).to(device)
    context = torch.autocast(device, dtype=torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
    return (torch.compile(model) if compiled else model), context


def run(m, device, precision, compiled, warmup, steps):
    """Seconds of each measured step."""
    model, context = build(m, device, precision, compiled)
    groups = [dict(params=[p for p in model.parameters() if p.dim() >= 2], weight_decay=0.1),
              dict(params=[p for p in model.parameters() if p.dim() < 2], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.99), fused=device == "cuda")
    synchronize = torch.cuda.synchronize if device == "cuda" else lambda: None
    seconds = []
    for step in range(warmup + steps):
        text = torch.randint(m["vocabulary"], (m["batch"], m["sequence"] + 1), device=device)
        synchronize()
        start = time.perf_counter()
        with context:
            loss = model(text[:, :-1].contiguous(), text[:, 1:].contiguous())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        synchronize()
        if step >= warmup:
            seconds.append(time.perf_counter() - start)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default="gpt2")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16"), default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--warm", action="store_true")
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    m = MODELS[options.model]
    if options.warm:
        for precision in ("bf16", "fp32", "tf32"):
            run(m, options.device, precision, options.compile, 1, 0)
        return
    seconds = run(m, options.device, options.precision, options.compile, options.warmup, options.steps)
    peak = torch.cuda.max_memory_reserved() if options.device == "cuda" else 0
    print(json.dumps(dict(step_seconds=statistics.median(seconds), peak_bytes=peak, torch=torch.__version__)))


if __name__ == "__main__":
    main()

"""The peers of the training step, in plain PyTorch: a GPT-2 as one writes it in an afternoon (the shape of nanoGPT's),
and the usual one-process simulation of tensor parallelism (one shard after the other, sums in place of all-reduces).
Prints the median time of a step (forward, backward, clipping, AdamW) as JSON. Needs Debian's python3-torch.

  reference_step.py --model=minigpt --threads=1                          the plain GPT
  reference_step.py --model=minigpt --threads=1 --shards=2 --pattern=tttt the simulation
  reference_step.py --model=minigpt --threads=1 --shards=2 --products    the matrix products of one of two ranks, alone
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

MODELS = {
    "minigpt": dict(layers=4, heads=4, channels=128, sequence=64, vocabulary=65, bias=False, batch=12, gelu="none"),
    "gpt2": dict(layers=12, heads=12, channels=768, sequence=256, vocabulary=50304, bias=True, batch=1, gelu="tanh"),
}


class LayerNorm(nn.Module):
    def __init__(self, channels, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Attention(nn.Module):
    """Causal self-attention over 1/shards of the heads; the sum over shards is that of the whole."""

    def __init__(self, m, shards=1):
        super().__init__()
        self.heads, self.size = m["heads"] // shards, m["channels"] // m["heads"]
        width = self.heads * self.size
        self.qkv = nn.Linear(m["channels"], 3 * width, bias=m["bias"])
        self.projection = nn.Linear(width, m["channels"], bias=m["bias"] and shards == 1)
        self.register_buffer("mask", torch.tril(torch.ones(m["sequence"], m["sequence"])).view(1, 1, m["sequence"], -1))

    def forward(self, x):
        B, T, _ = x.shape
        q, k, v = (part.view(B, T, self.heads, self.size).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=2))
        scores = q @ k.transpose(-2, -1) / self.size**0.5
        weights = F.softmax(scores.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf")), dim=-1)
        return self.projection((weights @ v).transpose(1, 2).contiguous().view(B, T, -1))


class Mlp(nn.Module):
    def __init__(self, m, shards=1):
        super().__init__()
        self.gelu = m["gelu"]
        self.expand = nn.Linear(m["channels"], 4 * m["channels"] // shards, bias=m["bias"])
        self.projection = nn.Linear(4 * m["channels"] // shards, m["channels"], bias=m["bias"] and shards == 1)

    def forward(self, x):
        return self.projection(F.gelu(self.expand(x), approximate=self.gelu))


class Block(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.norm1, self.norm2 = LayerNorm(m["channels"], m["bias"]), LayerNorm(m["channels"], m["bias"])
        self.attention, self.mlp = Attention(m), Mlp(m)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SimulatedBlock(nn.Module):
    """A block of docs/architecture.md's patterns over all shards; takes and returns each shard's stream. The output
    biases, which a toy leaves out, are left out."""

    def __init__(self, m, shards, letter, last_of_run):
        super().__init__()
        self.letter, self.last_of_run = letter, last_of_run
        self.norm1, self.norm2 = LayerNorm(m["channels"], m["bias"]), LayerNorm(m["channels"], m["bias"])
        self.attentions = nn.ModuleList(Attention(m, shards) for _ in range(shards))
        self.mlps = nn.ModuleList(Mlp(m, shards) for _ in range(shards))

    def forward(self, streams):
        shards, x = len(streams), streams[0]
        if self.letter == "t":
            u = self.norm1(x)
            x = x + sum(attention(u) for attention in self.attentions)
            v = self.norm2(x)
            return [x + sum(mlp(v) for mlp in self.mlps)] * shards
        if self.letter == "s":
            u = self.norm1(x)
            parts = [attention(u) for attention in self.attentions]
            return [x + sum(part + mlp(self.norm2(x + part)) for part, mlp in zip(parts, self.mlps))] * shards
        contributions = []
        for h, attention, mlp in zip(streams, self.attentions, self.mlps):
            part = attention(self.norm1(h))
            contributions.append(part + mlp(self.norm2(h + part)))
        if self.last_of_run:
            return [sum(h / shards + z for h, z in zip(streams, contributions))] * shards
        return [h + z for h, z in zip(streams, contributions)]


class Gpt(nn.Module):
    def __init__(self, m, shards, pattern):
        super().__init__()
        self.shards = shards
        self.tokens = nn.Embedding(m["vocabulary"], m["channels"])
        self.positions = nn.Embedding(m["sequence"], m["channels"])
        ends = [pattern[i:i + 2] != "pp" for i in range(len(pattern))]
        self.blocks = nn.ModuleList(SimulatedBlock(m, shards, letter, end) for letter, end in zip(pattern, ends)) \
            if shards > 1 else nn.ModuleList(Block(m) for _ in range(m["layers"]))
        self.norm = LayerNorm(m["channels"], m["bias"])
        self.head = nn.Linear(m["channels"], m["vocabulary"], bias=False)
        self.head.weight = self.tokens.weight
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens, targets):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        if self.shards > 1:
            streams = [x] * self.shards
            for block in self.blocks:
                streams = block(streams)
            x = streams[0]
        else:
            for block in self.blocks:
                x = block(x)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))


def optimizer_of(model):
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [dict(params=matrices, weight_decay=0.1), dict(params=vectors, weight_decay=0.0)]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))


def train(model, m, steps):
    """The seconds of each step, and the losses."""
    optimizer, seconds, losses = optimizer_of(model), [], []
    for _ in range(steps):
        text = torch.randint(m["vocabulary"], (m["batch"], m["sequence"] + 1))
        tokens, targets = text[:, :-1].contiguous(), text[:, 1:].contiguous()
        start = time.perf_counter()
        loss = model(tokens, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
        losses.append(loss.item())
    return seconds, losses


def products_of(m, shards):
    """The matrix products of a training step on one of `shards` ranks: functions, each with its result allocated."""
    rows, channels = m["batch"] * m["sequence"], m["channels"]
    width, hidden = channels // shards, 4 * channels // shards
    linears = [(channels, 3 * width), (width, channels), (channels, hidden), (hidden, channels)] * m["layers"]
    pairs = []
    for inner, outer in linears + [(channels, m["vocabulary"])]:
        x, weight, gradient = torch.randn(rows, inner), torch.randn(inner, outer), torch.randn(rows, outer)
        pairs += [(x, weight), (gradient, weight.t()), (x.t(), gradient)]
    heads = m["batch"] * m["heads"] // shards
    q = torch.randn(heads, m["sequence"], channels // m["heads"])
    scores = torch.randn(heads, m["sequence"], m["sequence"])
    pairs += ([(q, q.transpose(1, 2))] * 2 + [(scores, q)] * 4) * m["layers"]
    return [(left, right, torch.matmul(left, right)) for left, right in pairs]


def multiply(m, shards, repeats):
    """Seconds of the products, per repeat, and their floating-point operations."""
    products, seconds = products_of(m, shards), []
    for _ in range(repeats):
        start = time.perf_counter()
        for left, right, result in products:
            torch.matmul(left, right, out=result)
        seconds.append(time.perf_counter() - start)
    return seconds, sum(2 * result.numel() * left.shape[-1] for left, _, result in products)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default="minigpt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shards", type=int, default=1, help="above 1: the simulation of that many ranks")
    parser.add_argument("--pattern", help="of the simulation, a letter per block; default: t everywhere")
    parser.add_argument("--products", action="store_true", help="the matrix products of the step alone")
    parser.add_argument("--steps", type=int, default=30, help="measured ones, after --warmup")
    parser.add_argument("--warmup", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1337)
    m = MODELS[options.model]
    if options.products:
        seconds, flops = multiply(m, options.shards, options.warmup + options.steps)
        print(json.dumps(dict(step_seconds=statistics.median(seconds[options.warmup:]), flops=flops)))
        return
    model = Gpt(m, options.shards, options.pattern or "t" * m["layers"])
    seconds, losses = train(model, m, options.warmup + options.steps)
    print(json.dumps(dict(step_seconds=statistics.median(seconds[options.warmup:]), first_loss=losses[0],
                          last_loss=losses[-1], threads=torch.get_num_threads(), torch=torch.__version__)))


if __name__ == "__main__":
    main()

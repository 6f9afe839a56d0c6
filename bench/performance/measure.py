"""The blocks of docs/performance.md; each lives in a module of its own."""

import allreduce
import growth
import measuring
import memory
import scale
import training_step

BLOCKS = {
    "allreduce": allreduce.block,
    "training_step": training_step.minigpt,
    "training_step_gpt2": training_step.gpt2,
    "growth": growth.growth,
    "start": growth.start,
    "scale": scale.block,
    "memory": memory.block,
}

if __name__ == "__main__":
    measuring.measure("performance.md", BLOCKS, measuring.arguments(__doc__).parse_args())

"""The measured blocks of docs/experiments.md: scripts/experiments/NAME runs one."""

import boards
import breakeven
import convergence
import delays
import depth
import formats
import measuring
import methods
import parity
import patterns

# In the order of the page.
BLOCKS = {
    "parity": parity.block,
    "patterns": patterns.block,
    "delays": delays.block,
    "breakeven": breakeven.block,
    "depth": depth.block,
    "convergence": convergence.block,
    "methods": methods.block,
    "formats": formats.block,
    "boards": boards.block,
}


def options():
    parser = measuring.arguments(__doc__)
    parser.add_argument("--render", action="store_true", help="train nothing: table and picture of the trainings that are there")
    return parser.parse_args()


if __name__ == "__main__":
    measuring.measure("experiments.md", BLOCKS, options())

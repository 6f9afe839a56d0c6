"""The blocks of docs/fidelity.md."""

import measuring

BLOCKS = {}

if __name__ == "__main__":
    measuring.measure("fidelity.md", BLOCKS, measuring.arguments(__doc__).parse_args())

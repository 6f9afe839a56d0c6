"""The blocks of docs/soak.md."""

import measuring

BLOCKS = {}

if __name__ == "__main__":
    measuring.measure("soak.md", BLOCKS, measuring.arguments(__doc__).parse_args())

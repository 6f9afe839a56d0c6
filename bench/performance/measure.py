"""The blocks of docs/performance.md; each lives in a module of its own."""

import measuring

BLOCKS = {}

if __name__ == "__main__":
    measuring.measure("performance.md", BLOCKS, measuring.arguments(__doc__).parse_args())

"""The measured blocks of docs/experiments.md."""

import formats
import measuring

if __name__ == "__main__":
    measuring.measure("experiments.md", {"formats": formats.formats}, measuring.arguments(__doc__).parse_args())

"""The blocks of docs/fidelity.md."""

import agreement
import apriori
import changes
import kernel
import links
import measuring
import numerics
import overlap
import randomness
import raspberry_pi
import sharing
import simgrid
import verdict

BLOCKS = {
    "delay": links.delay,
    "rate": links.rate,
    "kernel": kernel.kernel,
    "jitter": randomness.jitter,
    "loss": randomness.loss,
    "sharing": sharing.sharing,
    "changes": changes.changes,
    "verdict": verdict.verdict,
    "identical": numerics.identical,
    "workers": numerics.workers,
    "apriori": apriori.block,
    "overlap": overlap.block,
    "agreement": agreement.agreement,
    "simgrid": simgrid.block,
    "raspberry_pi": raspberry_pi.block,
}

if __name__ == "__main__":
    measuring.measure("fidelity.md", BLOCKS, measuring.arguments(__doc__).parse_args())

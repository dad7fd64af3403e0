"""The proof: real operands through a machine's stepped twin, beside numpy's outputs and the fast path's books.

One file a twin, listed in `registry`. May import everything below the command line.
"""

from __future__ import annotations

from accel_sim.validation.verify.run import Progress, verify
from accel_sim.validation.verify.verdict import Difference, LayerVerdict

__all__ = ["Difference", "LayerVerdict", "Progress", "verify"]

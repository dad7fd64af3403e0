"""Constants of the relative mode: energy as multiples of one register-file access."""

from __future__ import annotations

from collections.abc import Iterator

from accel_sim.energy.price import Constant
from accel_sim.energy.tables import relative_ratios


def relative_constants() -> Iterator[Constant]:
    """Yield the ratio of each level; a vector operation counts as a MAC."""
    ratios, source = relative_ratios()
    for level in ("mac", "rf", "noc", "buffer", "vector", "dram"):
        is_vector = level == "vector"
        yield Constant(
            component=level,
            name=f"relative.{level}",
            value=float(ratios["mac" if is_vector else level]),
            unit="RF accesses/op" if level in ("mac", "vector") else "RF accesses/word",
            source=f"{source}; as a MAC" if is_vector else source,
        )

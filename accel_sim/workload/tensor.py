"""One tensor of a layer: its shape, its bits a value, and how sparse it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accel_sim.errors import WorkloadError
from accel_sim.units import ceil_div
from accel_sim.workload.patterns import PatternValue, check_pattern
from accel_sim.workload.windows import INT64_MAX

MAX_BITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A tensor as it is stored, uncompressed unless a storage format says otherwise.

    Parameters
    ----------
    name
        Unique in the network, e.g. ``conv1.filter``; random masks are drawn from (seed, name, index).
    shape
        ifmap ``(N, C, H, W)``, filter ``(K, C / groups, R, S)``, ofmap ``(N, K, P, Q)``; K and C over all groups.
    bits
        Bits a value.
    density
        Expected share of values that are not zero, 0 to 1; 1 is dense.
    pattern, pattern_params
        Where the zeros lie, one of `patterns.PATTERN_PARAMS`, and that pattern's parameters as (name, value).
    trace
        File with the real mask and values, or None.
    is_weight
        True for a value fixed before inference: it may be prefetched at any time.

    Raises
    ------
    WorkloadError
        If a size is not positive, the density is not in 0 to 1, or the tensor exceeds int64 bits.
    """

    name: str
    shape: tuple[int, ...]
    bits: int
    density: float = 1.0
    pattern: str = "bernoulli"
    pattern_params: tuple[tuple[str, PatternValue], ...] = ()
    trace: str | None = None
    is_weight: bool = False

    def __post_init__(self) -> None:
        if not self.shape or min(self.shape) < 1:
            raise WorkloadError(f"{self.name}: shape {list(self.shape)}; allowed: sizes from 1")
        if not 1 <= self.bits <= MAX_BITS:
            raise WorkloadError(f"{self.name}: {self.bits} bits; allowed: 1 to {MAX_BITS}")
        if not 0 <= self.density <= 1:
            raise WorkloadError(f"{self.name}: density {self.density}; allowed: 0 to 1")
        if self.n_elements * self.bits > INT64_MAX:
            raise WorkloadError(f"{self.name}: {self.n_elements} values exceed what 64-bit counters hold")
        mistake = check_pattern(self.pattern, dict(self.pattern_params))
        if mistake:
            raise WorkloadError(f"{self.name}: {mistake}")

    @property
    def n_elements(self) -> int:
        """Number of values, zeros included."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Bytes of the dense tensor, values packed without gaps."""
        return ceil_div(self.n_elements * self.bits, 8)

    @property
    def is_dense(self) -> bool:
        """True where no zero is known of: neither a density below 1 nor a trace."""
        return self.density == 1 and self.trace is None

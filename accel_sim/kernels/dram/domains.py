"""Two clock domains without drift: core cycles and DRAM clocks as an exact fraction of one another.

Both domains start at time 0. What happens at an edge of one domain is seen at the first edge of the other that is not
earlier. So a request sent in a core cycle cannot reach the DRAM before it was sent, nor its answer the core before it
was given, however long the run.
"""

from __future__ import annotations

from math import gcd

from accel_sim.kernels.jit import njit

LIMIT = 1 << 62


def clock_ratio(core_clock_hz: int, dram_clock_ps: int) -> tuple[int, int]:
    """Return DRAM clocks per core cycle as a reduced fraction (numerator, denominator).

    Raises
    ------
    ValueError
        If the fraction is so fine that clocks would not fit in 64 bits.
    """
    numerator, denominator = 10**12, core_clock_hz * dram_clock_ps
    divisor = gcd(numerator, denominator)
    numerator, denominator = numerator // divisor, denominator // divisor
    if numerator * denominator >= LIMIT:
        raise ValueError(
            f"a core clock of {core_clock_hz} Hz and a DRAM clock of {dram_clock_ps} ps have no usable common"
            " multiple; round the core clock to 1 kHz"
        )
    return numerator, denominator


@njit
def rescale(time: int, numerator: int, denominator: int) -> int:
    """Return ``ceil(time * numerator / denominator)`` without leaving 64 bits; ``time`` is not negative."""
    whole = time // denominator
    rest = time - whole * denominator
    return whole * numerator + (rest * numerator + denominator - 1) // denominator


@njit
def to_dram_clock(core_cycle: int, numerator: int, denominator: int) -> int:
    """Return the first DRAM clock that is not before ``core_cycle``."""
    return rescale(core_cycle, numerator, denominator)


@njit
def to_core_cycle(dram_clock: int, numerator: int, denominator: int) -> int:
    """Return the first core cycle that is not before ``dram_clock``."""
    return rescale(dram_clock, denominator, numerator)

"""A constant with its unit and where it comes from; an action with its price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from accel_sim.units import ceil_div

Per = Literal["op", "word", "access", "byte"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One constant of the energy or area model.

    Parameters
    ----------
    component
        Component of the results that it belongs to.
    name
        Dotted name, under which ``energy`` in the architecture file replaces it.
    value, unit
        The number.
    source
        Where it comes from, in words.
    overridden
        True where the architecture file gave it.
    outside
        What lies beyond the table's points; empty where nothing does.
    """

    component: str
    name: str
    value: float
    unit: str
    source: str
    overridden: bool = False
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedAction:
    """What one kind of action costs.

    Parameters
    ----------
    component
        Component that the energy is booked on.
    pj
        Energy of one unit; multiples of a register-file access in relative mode.
    per
        What one unit is. ``access``: a row of `access_bits` of an SRAM. ``op`` and ``word``: one of the counted words.
    """

    component: str
    pj: float
    per: Per
    access_bits: int = 0
    source: str
    overridden: bool
    outside: tuple[str, ...] = ()

    @property
    def extrapolated(self) -> bool:
        """True where the price lies beyond the points of its table."""
        return bool(self.outside)

    def units(self, n_bytes: int, words: int) -> int:
        """Return how many units `n_bytes` in `words` are; a started SRAM row counts in full."""
        if self.per == "access":
            return ceil_div(8 * n_bytes, self.access_bits)
        return n_bytes if self.per == "byte" else words

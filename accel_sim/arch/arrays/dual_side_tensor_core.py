"""Tensor cores that skip zeros of both operands by outer products of condensed vectors (DSTC)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from accel_sim.arch.arrays.skipping import SkippingArray
from accel_sim.arch.spec import Ways


class DualSideTensorCore(SkippingArray):
    """``units`` units of ``step_m x step_n`` multipliers, each on a tile of ``tile_m x tile_n`` outputs.

    Parameters
    ----------
    empty_place_cycles
        Cycles of a place of K where one side is all zero: 1 or 0.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("condensed_outer_product",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("skip_both",)
    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        dict.fromkeys(("ifmap", "filter", "ofmap"), ("bitmap",))
    )
    NATIVE: ClassVar[tuple[str, ...]] = ("bitmap",)

    organisation: Literal["dual_side_tensor_core"]
    units: Ways
    tile_m: Ways
    tile_n: Ways
    step_m: Ways
    step_n: Ways
    empty_place_cycles: Literal[0, 1]

    @property
    def n_pes(self) -> int:
        """Number of units."""
        return self.units

    @property
    def macs_per_cycle(self) -> int:
        """Products of a step of every unit."""
        return self.units * self.step_m * self.step_n

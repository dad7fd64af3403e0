"""Channels that share one stream of compressed weights, a vector each (ESE)."""

from __future__ import annotations

from typing import ClassVar, Literal

from accel_sim.arch.arrays.column_lists import ColumnLists
from accel_sim.arch.spec import Ways


class Ese(ColumnLists):
    """``channels`` channels of ``pes`` PEs; the rows of the matrix are interleaved over the PEs of a channel."""

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("shared_entries",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("skip_filter",)

    organisation: Literal["ese"]
    channels: Ways

    @property
    def n_pes(self) -> int:
        """PEs of all channels."""
        return self.channels * self.pes

"""Channels that share one stream of compressed weights, a vector each (ESE)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from accel_sim.arch.arrays.registers import RegisterFile
from accel_sim.arch.arrays.skipping import SkippingArray
from accel_sim.arch.spec import RunWidth, Ways, Width
from accel_sim.units import ceil_div

if TYPE_CHECKING:
    from accel_sim.arch.mac import OperandBits


class Ese(SkippingArray):
    """``channels`` channels of ``pes`` PEs; the rows of the matrix are interleaved over the PEs of a channel.

    Parameters
    ----------
    queue_depth
        Activations that a PE holds, the one in work included.
    weight_bits, run_bits, pointer_bits
        Stored form of the matrix.
    empty_slice_cycles
        Cycles of an activation for which a PE has no weight: 1 or 0.
    row_order
        Rows are dealt to PEs by their number (``interleaved``), or offline by their non-zero weights so that PEs get
        even work (``balanced``).
    pipeline_stages
        Cycles of an entry from its issue to the write of its sum.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("shared_entries",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("skip_filter",)
    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"ifmap": ("dense",), "filter": ("csc_relative",), "ofmap": ("dense",)}
    )
    NATIVE: ClassVar[tuple[str, ...]] = ("csc_relative",)
    POINTERS: ClassVar[bool] = True

    organisation: Literal["ese"]
    channels: Ways
    pes: Ways
    queue_depth: Ways
    weight_bits: Width
    run_bits: RunWidth
    pointer_bits: Width
    empty_slice_cycles: Literal[0, 1]
    pipeline_stages: Ways
    row_order: Literal["interleaved", "balanced"] = "interleaved"

    @property
    def n_pes(self) -> int:
        """PEs of all channels."""
        return self.channels * self.pes

    @property
    def macs_per_cycle(self) -> int:
        """One a PE."""
        return self.n_pes

    def format_keys(self, tensor: str) -> dict[str, Any]:
        """Return the widths of the stored matrix; a list a PE of a channel."""
        return {
            "value_bits": self.weight_bits,
            "run_bits": self.run_bits,
            "pointer_bits": self.pointer_bits,
            "n_parts": self.pes,
        }

    def pointer_bytes(self, columns: int) -> int:
        """One pointer more than there are columns, for each list."""
        return ceil_div(self.pes * (columns + 1) * self.pointer_bits, 8)

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """The queue of each PE."""
        return (
            RegisterFile(
                tensor="ifmap",
                n_words=self.queue_depth,
                word_bits=bits.ifmap,
                cell="registers",
                n_instances=self.n_pes,
            ),
        )

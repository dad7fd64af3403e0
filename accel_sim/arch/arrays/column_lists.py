"""What arrays share that work through compressed columns: a list of entries for each PE, and a queue of activations."""

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


class ColumnLists(SkippingArray):
    """``pes`` PEs share the rows of a matrix; each has its rows' entries of every column in one list.

    Parameters
    ----------
    queue_depth
        Activations that a PE holds, the one in work included.
    weight_bits, run_bits, pointer_bits
        Stored form of the matrix: weight (or its index in a codebook), zeros before it, start of a column.
    empty_slice_cycles
        Cycles of an activation for which a PE has no weight: 1 or 0.
    pipeline_stages
        Cycles of an entry from its issue to the write of its sum.
    row_order
        Rows are dealt to PEs by their number (``interleaved``), or offline by their non-zero weights so that PEs get
        even work (``balanced``).
    """

    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"ifmap": ("dense",), "filter": ("csc_relative",), "ofmap": ("dense",)}
    )
    NATIVE: ClassVar[tuple[str, ...]] = ("csc_relative",)
    POINTERS: ClassVar[bool] = True

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
        """PEs that share the rows of a matrix."""
        return self.pes

    @property
    def macs_per_cycle(self) -> int:
        """One a PE."""
        return self.n_pes

    def format_keys(self, tensor: str) -> dict[str, Any]:
        """Return the widths of the stored matrix; a list a PE."""
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

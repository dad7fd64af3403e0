"""PEs that each own every n-th row of a compressed matrix and share a broadcast of non-zero activations (EIE)."""

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


class Eie(SkippingArray):
    """``pes`` PEs with a queue of activations each, one multiplier, and ``accumulator_words`` sums.

    Parameters
    ----------
    queue_depth
        Activations that a queue holds, the one in work included.
    weight_bits, run_bits, pointer_bits
        Stored form of the matrix: index into the codebook, zeros before it, start of a column.
    entries_per_read
        Entries in a row of the matrix memory.
    empty_slice_cycles
        Cycles of an activation for which a PE has no weight: 1 or 0.
    row_order
        Rows are dealt to PEs by their number (``interleaved``), or offline by their non-zero weights so that PEs get
        even work (``balanced``).
    pipeline_stages
        Cycles of an entry from its issue to the write of its sum.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("column_broadcast",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("skip_both",)
    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"ifmap": ("dense",), "filter": ("csc_relative",), "ofmap": ("dense",)}
    )
    NATIVE: ClassVar[tuple[str, ...]] = ("csc_relative",)
    POINTERS: ClassVar[bool] = True

    organisation: Literal["eie"]
    pes: Ways
    queue_depth: Ways
    weight_bits: Width
    run_bits: RunWidth
    pointer_bits: Width
    entries_per_read: Ways
    accumulator_words: Ways
    empty_slice_cycles: Literal[0, 1]
    pipeline_stages: Ways
    row_order: Literal["interleaved", "balanced"] = "interleaved"

    @property
    def n_pes(self) -> int:
        """Number of PEs."""
        return self.pes

    @property
    def macs_per_cycle(self) -> int:
        """One a PE."""
        return self.pes

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
        """The queue and the accumulators of each PE."""
        return (
            RegisterFile(
                tensor="ifmap",
                n_words=self.queue_depth,
                word_bits=bits.ifmap,
                cell="registers",
                n_instances=self.pes,
            ),
            RegisterFile(
                tensor="psum",
                n_words=self.accumulator_words,
                word_bits=bits.psum,
                cell="registers",
                n_instances=self.pes,
            ),
        )

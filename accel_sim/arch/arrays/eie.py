"""PEs that each own every n-th row of a compressed matrix and share a broadcast of non-zero activations (EIE)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from accel_sim.arch.arrays.column_lists import ColumnLists
from accel_sim.arch.arrays.registers import RegisterFile
from accel_sim.arch.spec import Ways

if TYPE_CHECKING:
    from accel_sim.arch.mac import OperandBits


class Eie(ColumnLists):
    """``pes`` PEs with a queue of activations each, one multiplier, and ``accumulator_words`` sums.

    Parameters
    ----------
    entries_per_read
        Entries in a row of the matrix memory.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("column_broadcast",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("skip_both",)

    organisation: Literal["eie"]
    entries_per_read: Ways
    accumulator_words: Ways

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """The queue and the accumulators of each PE."""
        return (
            *super().register_files(bits),
            RegisterFile(
                tensor="psum",
                n_words=self.accumulator_words,
                word_bits=bits.psum,
                cell="registers",
                n_instances=self.pes,
            ),
        )

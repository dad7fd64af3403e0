"""A mesh whose PEs each make one ofmap pixel and pass ifmap words to their neighbours (ShiDianNao)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from accel_sim.arch.arrays.base import ArraySpec
from accel_sim.arch.arrays.registers import RegisterFile
from accel_sim.arch.spec import Ways

if TYPE_CHECKING:
    from accel_sim.arch.mac import OperandBits


class PixelMesh(ArraySpec):
    """``rows x cols`` PEs: a patch of one ofmap channel, one weight broadcast to all of them in a cycle.

    In the first cycle of a window all PEs load their ifmap words from the buffer. Later one column (in the first cycle
    of a later filter row: one row) loads, and all others take the word of a neighbour from a FIFO.

    Parameters
    ----------
    fifo_words
        Depth of each of the two FIFOs of a PE.
    pipeline_stages
        Cycles from the operands' read to the psum's write.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("pixel_stationary",)

    FMAPS_ON_CHIP: ClassVar[bool] = True

    PRELOADS: ClassVar[bool] = True

    organisation: Literal["pixel_mesh"]
    rows: Ways
    cols: Ways
    fifo_words: Ways
    pipeline_stages: Ways

    @property
    def n_pes(self) -> int:
        """Number of PEs."""
        return self.rows * self.cols

    @property
    def macs_per_cycle(self) -> int:
        """One a PE."""
        return self.n_pes

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """The two FIFOs of each PE, and its sum."""
        return (
            RegisterFile(
                tensor="ifmap",
                n_words=2 * self.fifo_words,
                word_bits=bits.ifmap,
                cell="registers",
                n_instances=self.n_pes,
            ),
            RegisterFile(tensor="psum", n_words=1, word_bits=bits.psum, cell="registers", n_instances=self.n_pes),
        )

"""A mesh of PEs with register files for all three tensors, fed by multicast buses (Eyeriss)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from accel_sim.arch.arrays.base import ArraySpec
from accel_sim.arch.arrays.registers import RegisterFile
from accel_sim.arch.spec import Natural, Ways

if TYPE_CHECKING:
    from accel_sim.arch.mac import OperandBits

Cell = Literal["registers", "sram"]


class RowStationaryMesh(ArraySpec):
    """``rows x cols`` PEs of one MAC; psums pass up a column over local links.

    Parameters
    ----------
    filter_rf_words, ifmap_rf_words, psum_rf_words
        Capacity of the register files of one PE, in words of the tensor's own width.
    filter_rf_cell, ifmap_rf_cell, psum_rf_cell
        What they are built from.
    pipeline_stages
        Cycles from a psum's operands to its result; fill and drain of a pass. 0 switches them off.
    psum_fifo_words
        Depth of the two psum FIFOs of a column of PEs, towards and from the buffer.
    psum_add_cycles
        Adder cycles that a psum from the neighbour or the buffer takes: 1 where a PE has one adder, which no product
        can use meanwhile; 0 where it has a second one.
    filter_prefetch
        True where the words of the filter RF that a pass leaves free may take the next pass's weights.
    stops_for_fmaps
        True where the array stands still while ifmaps come from DRAM and while ofmaps go there.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("row_stationary",)

    organisation: Literal["row_stationary_mesh"]
    rows: Ways
    cols: Ways
    filter_rf_words: Ways
    ifmap_rf_words: Ways
    psum_rf_words: Ways
    filter_rf_cell: Cell = "sram"
    ifmap_rf_cell: Cell = "registers"
    psum_rf_cell: Cell = "registers"
    pipeline_stages: Natural
    psum_fifo_words: Ways
    psum_add_cycles: Literal[0, 1]
    filter_prefetch: bool
    stops_for_fmaps: bool

    @property
    def n_pes(self) -> int:
        """Number of PEs."""
        return self.rows * self.cols

    @property
    def macs_per_cycle(self) -> int:
        """One a PE."""
        return self.n_pes

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """The three scratchpads of each PE."""
        return (
            RegisterFile(
                tensor="ifmap",
                n_words=self.ifmap_rf_words,
                word_bits=bits.ifmap,
                cell=self.ifmap_rf_cell,
                n_instances=self.n_pes,
            ),
            RegisterFile(
                tensor="filter",
                n_words=self.filter_rf_words,
                word_bits=bits.filter,
                cell=self.filter_rf_cell,
                n_instances=self.n_pes,
            ),
            RegisterFile(
                tensor="psum",
                n_words=self.psum_rf_words,
                word_bits=bits.psum,
                cell=self.psum_rf_cell,
                n_instances=self.n_pes,
            ),
        )

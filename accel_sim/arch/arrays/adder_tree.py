"""Multipliers in groups, each group summed by an adder tree (the NFU of DianNao)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from accel_sim.arch.arrays.base import ArraySpec
from accel_sim.arch.spec import Ways

if TYPE_CHECKING:
    from accel_sim.arch.arrays.registers import RegisterFile
    from accel_sim.arch.mac import OperandBits


class AdderTree(ArraySpec):
    """``tn`` trees of ``ti`` multipliers: a cycle takes ``ti`` ifmap words, shared by all trees, and ``tn*ti`` weights.

    A multiplier counts as a PE. Nothing stays in the array between two operations.

    Parameters
    ----------
    tn
        Outputs made at a time, one a tree.
    ti
        Inputs of each tree.
    pipeline_stages
        Cycles from the operands' read to the psum's write.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("no_local_reuse",)

    organisation: Literal["adder_tree"]
    tn: Ways
    ti: Ways
    pipeline_stages: Ways

    @property
    def n_pes(self) -> int:
        """Number of multipliers."""
        return self.tn * self.ti

    @property
    def macs_per_cycle(self) -> int:
        """One a multiplier."""
        return self.n_pes

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """None: operands come from the buffers in each cycle."""
        return ()

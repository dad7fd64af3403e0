"""What every array organisation answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from accel_sim.arch.spec import Spec

if TYPE_CHECKING:
    from accel_sim.arch.arrays.registers import RegisterFile
    from accel_sim.arch.mac import OperandBits


class ArraySpec(Spec):
    """Base of all array organisations.

    A new organisation is one file with a subclass that has ``organisation: Literal["its_name"]`` and the members
    below, and one line in the union of ``accel_sim.arch.arrays``.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]]
    """Names of the dataflows that the organisation can run."""

    @property
    def n_pes(self) -> int:
        """Number of PEs."""
        raise NotImplementedError

    @property
    def macs_per_cycle(self) -> int:
        """Multiplications that all PEs together start in a cycle at full precision."""
        raise NotImplementedError

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """Register files of the array, one entry a tensor; empty where PEs keep nothing."""
        raise NotImplementedError

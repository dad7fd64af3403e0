"""What all array organisations that skip zeros have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from accel_sim.arch.arrays.base import ArraySpec, Problem

if TYPE_CHECKING:
    from accel_sim.arch.accelerator import Accelerator
    from accel_sim.arch.arrays.registers import RegisterFile
    from accel_sim.arch.mac import OperandBits

ROOMS = (("ifmap",), ("filter",), ("psum", "ofmap"))
POINTERS = ("filter_pointers",)
"""What a fourth buffer may hold."""


class SkippingArray(ArraySpec):
    """Base of the organisations whose time depends on where the zeros of a layer lie.

    Their keys are those of the machine's kernel in ``accel_sim.kernels.sparse``. Ifmap, filter and results have a
    buffer each, filled in the stored form of the tensors; sums in work are in the PEs. Pointers of compressed filters
    may have a buffer of their own.
    """

    PRELOADS: ClassVar[bool] = True

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """None, unless the organisation says which."""
        return ()

    def problems(self, arch: Accelerator) -> Iterator[Problem]:
        """Refuse buffers that are shared otherwise."""
        shares = {frozenset(buffer.holds) for buffer in arch.buffers} - {frozenset(POINTERS)}
        if shares != {frozenset(room) for room in ROOMS}:
            yield (
                ("organisation",),
                f"{arch.array.organisation!r} needs three buffers: buffers.*.holds [ifmap], [filter] and [psum, ofmap]",
            )

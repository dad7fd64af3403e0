"""Multipliers behind flexible networks that work on the bitmaps of a sparse GEMM (SIGMA-like)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

from accel_sim.arch.arrays.base import Problem
from accel_sim.arch.arrays.registers import RegisterFile
from accel_sim.arch.arrays.skipping import SkippingArray
from accel_sim.arch.spec import Natural, Ways

if TYPE_CHECKING:
    from accel_sim.arch.accelerator import Accelerator
    from accel_sim.arch.mac import OperandBits


class BitmapGemm(SkippingArray):
    """``multipliers`` that hold the non-zero weights of as many rows as fit, and get the activations that these need.

    Parameters
    ----------
    multipliers
        A power of two.
    distribution_ports, collection_lines
        Values sent, and sums written, in a cycle; 0 lines: one to every sum.
    non_blocking
        Any value reaches any multiplier, instead of one port a group of multipliers.
    cut_rows
        A row may be cut where the multipliers end; its parts are added in the output buffer.
    drop_useless
        Weights that meet only zeros are not loaded.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("sparse_weight_stationary",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("skip_filter",)
    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        dict.fromkeys(("ifmap", "filter", "ofmap"), ("bitmap",))
    )
    NATIVE: ClassVar[tuple[str, ...]] = ("bitmap",)

    organisation: Literal["bitmap_gemm"]
    multipliers: Ways
    distribution_ports: Ways
    collection_lines: Natural
    non_blocking: bool
    cut_rows: bool
    drop_useless: bool

    @property
    def n_pes(self) -> int:
        """Number of multipliers."""
        return self.multipliers

    @property
    def macs_per_cycle(self) -> int:
        """One a multiplier."""
        return self.multipliers

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """The weight that each multiplier holds."""
        return (
            RegisterFile(
                tensor="filter", n_words=1, word_bits=bits.filter, cell="registers", n_instances=self.multipliers
            ),
        )

    def problems(self, arch: Accelerator) -> Iterator[Problem]:
        """Refuse sizes that the networks cannot have."""
        yield from super().problems(arch)
        if self.multipliers < 2 or self.multipliers & (self.multipliers - 1):
            yield ("multipliers",), f"found {self.multipliers}; allowed: powers of two from 2"
        elif self.distribution_ports > self.multipliers:
            yield (
                ("distribution_ports",),
                f"found {self.distribution_ports}, more than array.multipliers, which is {self.multipliers}",
            )

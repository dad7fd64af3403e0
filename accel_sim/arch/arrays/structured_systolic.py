"""A weight-stationary systolic array whose PEs pick an activation from a block, for N:M pruned weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from accel_sim.arch.arrays.base import Problem
from accel_sim.arch.arrays.registers import RegisterFile
from accel_sim.arch.arrays.skipping import SkippingArray
from accel_sim.arch.spec import Ways

if TYPE_CHECKING:
    from accel_sim.arch.accelerator import Accelerator
    from accel_sim.arch.mac import OperandBits


class StructuredSystolic(SkippingArray):
    """``rows x cols`` PEs of one multiplier, filled and emptied fold by fold.

    Parameters
    ----------
    n, m
        Of ``m`` neighbouring input channels of a weight tensor at most ``n`` are kept: their ``m`` places take ``n``
        rows. Weights without zeros take a row each, as in a dense array.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("structured_weight_stationary",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("none", "n_of_m")
    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"ifmap": ("dense",), "filter": ("dense", "n_of_m"), "ofmap": ("dense",)}
    )
    NATIVE: ClassVar[tuple[str, ...]] = ("n_of_m",)
    TAKES_DENSE: ClassVar[bool] = True
    RESULTS: ClassVar[Literal["psum", "ofmap"]] = "psum"

    organisation: Literal["structured_systolic"]
    rows: Ways
    cols: Ways
    n: Ways
    m: Ways

    @property
    def n_pes(self) -> int:
        """Number of PEs."""
        return self.rows * self.cols

    @property
    def macs_per_cycle(self) -> int:
        """One a PE."""
        return self.n_pes

    @property
    def grid(self) -> tuple[int, int]:
        """The PEs, each with the weights of its row and column."""
        return self.rows, self.cols

    def format_keys(self, tensor: str) -> dict[str, Any]:
        """Return the groups of the stored weights: along the input channels."""
        return {"n": self.n, "m": self.m, "axis": 1}

    def register_files(self, bits: OperandBits) -> tuple[RegisterFile, ...]:
        """A block of activations, a weight and a psum in each PE; a weight's place is not priced."""
        count = self.n_pes
        return (
            RegisterFile(tensor="ifmap", n_words=self.m, word_bits=bits.ifmap, cell="registers", n_instances=count),
            RegisterFile(tensor="filter", n_words=1, word_bits=bits.filter, cell="registers", n_instances=count),
            RegisterFile(tensor="psum", n_words=1, word_bits=bits.psum, cell="registers", n_instances=count),
        )

    def problems(self, arch: Accelerator) -> Iterator[Problem]:
        """Refuse impossible groups, and a stored form that does not go with the rate."""
        yield from super().problems(arch)
        if self.n > self.m:
            yield ("n",), f"found {self.n}, more than array.m, which is {self.m}"
        elif self.rows < self.n:
            yield ("rows",), f"found {self.rows}; a group takes array.n = {self.n} of them"
        is_known = arch.mac.sparsity in self.SPARSITY
        if is_known and (arch.mac.sparsity == "n_of_m") != (arch.formats.filter == "n_of_m"):
            yield (
                ("organisation",),
                f"mac.sparsity {arch.mac.sparsity!r} and formats.filter {arch.formats.filter!r} exclude each other: "
                "PEs pick by what is stored as N:M, and by nothing else",
            )

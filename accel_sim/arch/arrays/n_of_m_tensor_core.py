"""Tensor cores that multiply N:M pruned weights at m / n times the dense rate (A100)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from accel_sim.arch.arrays.base import Problem
from accel_sim.arch.arrays.skipping import SkippingArray
from accel_sim.arch.spec import Natural, Ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accel_sim.arch.accelerator import Accelerator


class NOfMTensorCore(SkippingArray):
    """``cores`` cores of ``macs`` multipliers, which execute matrix instructions of ``mma_m x mma_n x mma_k``.

    Parameters
    ----------
    n, m
        Of ``m`` neighbouring input channels of a weight tensor at most ``n`` are kept. Layers without zeros in their
        weights run at the dense rate.
    operand_bytes_per_cycle
        Operands that a core can take in; 0 for no limit.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("matrix_instructions",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("none", "n_of_m")
    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"ifmap": ("dense",), "filter": ("dense", "n_of_m"), "ofmap": ("dense",)}
    )
    NATIVE: ClassVar[tuple[str, ...]] = ("n_of_m",)
    TAKES_DENSE: ClassVar[bool] = True

    organisation: Literal["n_of_m_tensor_core"]
    cores: Ways
    macs: Ways
    mma_m: Ways
    mma_n: Ways
    mma_k: Ways
    n: Ways
    m: Ways
    operand_bytes_per_cycle: Natural

    @property
    def n_pes(self) -> int:
        """Number of cores."""
        return self.cores

    @property
    def macs_per_cycle(self) -> int:
        """Multipliers of all cores."""
        return self.cores * self.macs

    def format_keys(self, tensor: str) -> dict[str, Any]:
        """Return the groups of the stored weights: along the input channels."""
        return {"n": self.n, "m": self.m, "axis": 1}

    def problems(self, arch: Accelerator) -> Iterator[Problem]:
        """Refuse impossible groups, and a stored form that does not go with the rate."""
        yield from super().problems(arch)
        if self.n > self.m:
            yield ("n",), f"found {self.n}, more than array.m, which is {self.m}"
        elif self.mma_k * self.m % self.n:
            yield ("mma_k",), f"found {self.mma_k}; {self.n} of {self.m} must divide it"
        known = arch.mac.sparsity in self.SPARSITY and arch.formats.filter in self.FORMATS["filter"]
        if known and (arch.mac.sparsity == "n_of_m") != (arch.formats.filter == "n_of_m"):
            yield (
                ("organisation",),
                f"mac.sparsity {arch.mac.sparsity!r} and formats.filter {arch.formats.filter!r} exclude each other: "
                "cores skip what is stored as N:M, and nothing else",
            )

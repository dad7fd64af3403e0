"""PEs whose indexing modules pick the neurons that their kept weights need (Cambricon-X)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from accel_sim.arch.arrays.base import Problem
from accel_sim.arch.arrays.skipping import SkippingArray
from accel_sim.arch.spec import Natural, RunWidth, Ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accel_sim.arch.accelerator import Accelerator

WORD_BITS = 64


class CambriconX(SkippingArray):
    """``pes`` PEs of ``multipliers`` each, an output neuron a PE.

    Parameters
    ----------
    segment
        Neurons that an indexing module sees at once, a multiple of 64.
    segments_per_barrier
        Segments that the input buffer holds; PEs wait for each other when it is refilled. 0: only after a window.
    empty_segment_cycles
        Cycles of a segment without a weight: 1 or 0.
    step_bits
        Width of the zeros before a stored weight.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("indexed_neurons",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("skip_filter",)
    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {"ifmap": ("dense",), "filter": ("csc_relative",), "ofmap": ("dense",)}
    )
    NATIVE: ClassVar[tuple[str, ...]] = ("csc_relative",)

    organisation: Literal["cambricon_x"]
    pes: Ways
    multipliers: Ways
    segment: Ways
    segments_per_barrier: Natural
    empty_segment_cycles: Literal[0, 1]
    step_bits: RunWidth

    @property
    def n_pes(self) -> int:
        """Number of PEs."""
        return self.pes

    @property
    def macs_per_cycle(self) -> int:
        """One a multiplier."""
        return self.pes * self.multipliers

    def format_keys(self, tensor: str) -> dict[str, Any]:
        """Return the stored form: the weights of an output neuron, each with its distance from the one before."""
        return {"run_bits": self.step_bits, "n_parts": 1, "segments": "rows"}

    def problems(self, arch: Accelerator) -> Iterator[Problem]:
        """Refuse segments that cut a word of the mask."""
        yield from super().problems(arch)
        if self.segment % WORD_BITS:
            yield ("segment",), f"found {self.segment}; allowed: multiples of {WORD_BITS}"

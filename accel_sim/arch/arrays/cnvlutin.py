"""Neuron lanes that skip zero activations and wait for each other at the end of a window (Cnvlutin)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from accel_sim.arch.arrays.skipping import SkippingArray
from accel_sim.arch.spec import Ways


class Cnvlutin(SkippingArray):
    """``tiles`` tiles of ``lanes`` neuron lanes by ``filters`` filters; all tiles see the same neurons.

    Parameters
    ----------
    brick
        Neurons in a brick.
    empty_brick_cycles
        Cycles of a brick of zeros: 1 or 0.
    encoded
        Whether neurons come without their zeros; else each takes its cycle, as in the dense machine.
    pipeline_cycles
        Depth of the pipeline, spent once a tile.
    """

    DATAFLOWS: ClassVar[tuple[str, ...]] = ("zero_free_neurons",)
    SPARSITY: ClassVar[tuple[str, ...]] = ("skip_ifmap",)
    FORMATS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        dict.fromkeys(("ifmap", "filter", "ofmap"), ("dense",))
    )

    organisation: Literal["cnvlutin"]
    lanes: Ways
    brick: Ways
    tiles: Ways
    filters: Ways
    empty_brick_cycles: Literal[0, 1]
    encoded: bool
    pipeline_cycles: Ways

    @property
    def n_pes(self) -> int:
        """Number of multipliers."""
        return self.tiles * self.lanes * self.filters

    @property
    def macs_per_cycle(self) -> int:
        """One a multiplier."""
        return self.n_pes

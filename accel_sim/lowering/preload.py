"""Filters that are on chip before a run: whether the whole network's fit together, and what they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accel_sim.arch import Accelerator
from accel_sim.lowering.filter_parts import FilterPart, filter_parts
from accel_sim.lowering.memory_map import LayerPlaces, TensorPlace
from accel_sim.units import ceil_div
from accel_sim.workload import Network

LAYERS_IN_FLIGHT = 2
"""Second operands that are activations may lie in the filters' buffer for so many layers at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preload:
    """What ``preloaded: [filter]`` came to.

    Parameters
    ----------
    asked
        Whether the architecture asks for it.
    fits
        Whether the filters of all layers, and the room that other operands need there, fit together.
    needed_bytes, room_bytes
        By buffer.
    """

    asked: bool = False
    fits: bool = False
    needed_bytes: Mapping[str, int]
    room_bytes: Mapping[str, int]

    @property
    def filters(self) -> bool:
        """Whether weights are on chip before the run."""
        return self.asked and self.fits

    def facts(self) -> dict[str, Any]:
        """Return what the result says of it; nothing where it is not asked for."""
        if not self.asked:
            return {}
        return {
            "preload": {
                "filters_preloaded": self.fits,
                "needed_bytes": dict(self.needed_bytes),
                "room_bytes": dict(self.room_bytes),
            }
        }


NO_PRELOAD = Preload(needed_bytes={}, room_bytes={})


def preload_of(network: Network, arch: Accelerator, places: Mapping[str, LayerPlaces]) -> Preload:
    """Decide whether the weights of ``network`` are on chip before it runs.

    All of them are, or none: a machine that must load one layer's weights during a run has no room to keep the
    others'. A second operand that is an activation is made during the run; it keeps the room that it needs.
    """
    if "filter" not in arch.preloaded:
        return NO_PRELOAD
    weights: dict[str, int] = {}
    operands: dict[str, list[int]] = {}
    for layer in network.layers:
        place = places[layer.name].filter
        if layer.filter is None or place is None:
            continue
        for buffer, n_bytes in _parts(arch, place):
            if layer.filter.is_weight:
                weights[buffer.name] = weights.get(buffer.name, 0) + n_bytes
            else:
                operands.setdefault(buffer.name, []).append(n_bytes)
    needed = {
        buffer.name: weights.get(buffer.name, 0)
        + sum(sorted(operands.get(buffer.name, []), reverse=True)[:LAYERS_IN_FLIGHT])
        for buffer in arch.buffers
        if buffer.name in weights or buffer.name in operands
    }
    room = {buffer.name: buffer.size_bytes for buffer in arch.buffers if buffer.name in needed}
    return Preload(
        asked=True,
        fits=all(needed[name] <= room[name] for name in needed),
        needed_bytes=needed,
        room_bytes=room,
    )


def _parts(arch: Accelerator, place: TensorPlace) -> tuple[FilterPart, ...]:
    """Return what filters take on chip: their stored form where the array reads that, else dense words."""
    if arch.formats.filter in arch.array.NATIVE:
        return filter_parts(arch, place)
    return (FilterPart(arch.buffer_for("filter"), ceil_div(place.words * place.word_bits, 8)),)

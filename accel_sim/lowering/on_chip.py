"""Fmaps that stay on the chip between layers: which ones, and whether the buffers hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accel_sim.arch import Accelerator, Buffer
from accel_sim.errors import Fault, MappingError
from accel_sim.mapping.base import fmap_bits
from accel_sim.units import ceil_div, format_bytes
from accel_sim.workload import Layer, Network, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChip:
    """What of a layer does not pass the DRAM: operands by their place in ``Layer.inputs``, ofmap, and weights."""

    operands: frozenset[int] = frozenset()
    ofmap: bool = False
    weights: bool = False


def fmaps_on_chip(network: Network, arch: Accelerator) -> dict[str, OnChip]:
    """Return what stays on the chip in each layer: on a machine that keeps fmaps there, all but the network's own.

    Raises
    ------
    MappingError
        If the buffers do not hold the fmaps that are alive during some layer: one fault for each such layer.
    """
    if arch.activations == "dram":
        return {layer.name: OnChip() for layer in network.layers}
    _require_room(network, arch)
    read = {name for layer in network.layers for name in layer.inputs}
    return {
        layer.name: OnChip(operands=frozenset(range(len(layer.inputs))), ofmap=layer.name in read)
        for layer in network.layers
    }


def _require_room(network: Network, arch: Accelerator) -> None:
    sizes = {layer.name: fmap_bytes(layer.ofmap, arch) for layer in network.layers}
    last_read = {name: i for i, layer in enumerate(network.layers) for name in layer.inputs}
    ifmaps, ofmaps = arch.buffer_for("ifmap"), arch.buffer_for("ofmap")
    faults = []
    for i, layer in enumerate(network.layers):
        read = {name: sizes[name] for name in layer.inputs}
        fresh = fmap_bytes(layer.ifmap, arch) * max(0, _n_fmaps(layer) - len(layer.inputs))
        waiting = {
            other.name: sizes[other.name]
            for other in network.layers[:i]
            if other.name not in read and last_read.get(other.name, -1) > i
        }
        operands, held = sum(read.values()) + fresh, sum(waiting.values())
        faults += _room_faults(layer, ifmaps, ofmaps, operands, sizes[layer.name], held)
    if faults:
        raise MappingError(faults)


def _n_fmaps(layer: Layer) -> int:
    """Fmaps that a layer reads; a second operand that is not fresh is one of its inputs."""
    return max(1, len(layer.inputs)) if layer.is_mac else layer.n_operands


def _room_faults(layer: Layer, ifmaps: Buffer, ofmaps: Buffer, operands: int, ofmap: int, waiting: int) -> list[Fault]:
    """Return what does not fit; fmaps that later layers wait for may lie in either buffer."""
    parts: Mapping[str, tuple[int, int]] = {
        f"{ifmaps.name}": (operands, ifmaps.size_bytes),
        f"{ofmaps.name}": (ofmap, ofmaps.size_bytes),
    }
    if ifmaps is ofmaps:
        parts = {ifmaps.name: (operands + ofmap + waiting, ifmaps.size_bytes)}
    elif operands <= ifmaps.size_bytes and ofmap <= ofmaps.size_bytes:
        both = f"{ifmaps.name} and {ofmaps.name}"
        parts = {both: (operands + ofmap + waiting, ifmaps.size_bytes + ofmaps.size_bytes)}
    return [
        Fault(
            key=f"layers.{layer.name}",
            message=f"its fmaps and those that wait take {format_bytes(need)} of {name}, {need - room} bytes more than "
            f"the {format_bytes(room)} there are; activations 'on_chip' needs them whole",
        )
        for name, (need, room) in parts.items()
        if need > room
    ]


def fmap_bytes(fmap: Tensor, arch: Accelerator) -> int:
    """Bytes of an fmap as the machine stores it."""
    return ceil_div(fmap.n_elements * fmap_bits(fmap, arch), 8)

"""Where tensors live in DRAM: addresses by liveness, order of words, stored size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from accel_sim.arch import Accelerator
from accel_sim.errors import Fault, InputError
from accel_sim.mapping.base import fmap_bits, word_bits
from accel_sim.program import Server
from accel_sim.units import ceil_div, format_bytes
from accel_sim.workload import Layer, MacShape, Network

ALIGN_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorPlace:
    """One tensor in DRAM.

    Parameters
    ----------
    base
        Byte address of its first word.
    shape
        Four sizes; fmaps (N, C, H, W), filters (K, C, R, S).
    word_bits
        Width of a stored word.
    order
        ``nchw``, ``nhwc`` or ``tiled`` (every tile is contiguous).
    stored
        Stored bits over dense bits: 1 for dense tensors, metadata included for compressed ones.
    """

    base: int
    shape: tuple[int, int, int, int]
    word_bits: int
    order: str
    stored: Fraction = Fraction(1)

    @property
    def words(self) -> int:
        """Words of the tensor."""
        a, b, c, d = self.shape
        return a * b * c * d

    @property
    def size_bytes(self) -> int:
        """Bytes it occupies; a compressed tensor is given the room of the larger of its two forms."""
        dense = ceil_div(self.words * self.word_bits, 8)
        return max(dense, stored_bytes(self.words * self.word_bits, self.stored))


def stored_bytes(dense_bits: int, stored: Fraction) -> int:
    """Bytes that ``dense_bits`` of a tensor take in DRAM."""
    return ceil_div(dense_bits * stored.numerator, 8 * stored.denominator)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlaces:
    """The places of one layer's tensors; ``scratch`` is room for psums that do not fit on chip."""

    inputs: tuple[TensorPlace, ...]
    filter: TensorPlace | None
    ofmap: TensorPlace
    scratch: TensorPlace


def place_tensors(
    network: Network, arch: Accelerator, stored: Mapping[tuple[str, str], Fraction] | None = None
) -> dict[str, LayerPlaces]:
    """Give every tensor of ``network`` an address.

    Weights and fresh inputs have room of their own. An ofmap takes the lowest room that is free: never used before,
    or left by a tensor whose readers have all ended before this layer stores anything. That is certain of layers that
    this one depends on, and of those that some layer before it depends on: they are two layers back at least.

    Parameters
    ----------
    stored
        Stored over dense bits by (layer name, ``ifmap`` / ``filter`` / ``ofmap``); dense where absent.
    """
    stored = stored or {}
    room = _Room()
    position = {layer.name: i for i, layer in enumerate(network.layers)}
    readers: dict[str, list[int]] = {layer.name: [] for layer in network.layers}
    before = [0] * len(network.layers)
    for i, layer in enumerate(network.layers):
        for name in layer.inputs:
            readers[name].append(i)
            before[i] |= before[position[name]] | (1 << position[name])
    ofmaps: dict[str, TensorPlace] = {}
    places: dict[str, LayerPlaces] = {}
    for i, layer in enumerate(network.layers):
        for name in list(room.held):
            users = readers[name]
            if users and all((before[i] >> user) & 1 for user in users):
                room.release(name)
        inputs = []
        for operand in range(max(1, layer.n_operands if layer.filter is None else 1)):
            if operand < len(layer.inputs):
                inputs.append(_seen_as(ofmaps[layer.inputs[operand]], layer.ifmap.shape))
            else:
                inputs.append(_fresh(room, layer, "ifmap", arch, stored))
        weights: TensorPlace | None = None
        if layer.filter is not None:
            if not layer.filter.is_weight and len(layer.inputs) > 1:
                weights = _seen_as(ofmaps[layer.inputs[1]], layer.filter.shape)
            else:
                weights = _fresh(room, layer, "filter", arch, stored)
        ofmap = _place(room, layer, "ofmap", arch, stored, name=layer.name)
        ofmaps[layer.name] = ofmap
        psum = _bits(layer, arch)["psum"]
        scratch = TensorPlace(base=0, shape=ofmap.shape, word_bits=psum, order=ofmap.order)
        scratch_base = room.take(scratch.size_bytes)
        scratch = TensorPlace(base=scratch_base, shape=ofmap.shape, word_bits=psum, order=ofmap.order)
        places[layer.name] = LayerPlaces(inputs=tuple(inputs), filter=weights, ofmap=ofmap, scratch=scratch)
    return places


def require_capacity(network: Network, places: Mapping[str, LayerPlaces], dram: Server) -> None:
    """Raise unless the tensors of ``network`` fit the memory behind ``dram``; only a preset has a size.

    Raises
    ------
    InputError
        What the tensors take, and what the memory holds.
    """
    if dram.setup is None:
        return
    end = max(
        place.base + place.size_bytes
        for layer in places.values()
        for place in (*layer.inputs, layer.ofmap, layer.scratch, *([layer.filter] if layer.filter is not None else []))
    )
    device = dram.setup.device
    if end > device.capacity_bytes:
        raise InputError(
            Fault(
                key="dram",
                message=f"the tensors of {network.name!r} at batch {network.batch} take {format_bytes(end)} "
                f"({end} bytes), preset {device.name!r} holds {format_bytes(device.capacity_bytes)}",
            )
        )


class _Room:
    """First-fit room in DRAM."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[int, int]] = {}
        self._free: list[tuple[int, int]] = []
        self._end = 0

    def take(self, size_bytes: int, name: str | None = None) -> int:
        """Return the address of ``size_bytes`` bytes; a name makes the room releasable."""
        size = ceil_div(size_bytes, ALIGN_BYTES) * ALIGN_BYTES
        base = -1
        if name is not None:
            for i, (start, length) in enumerate(self._free):
                if length >= size:
                    base = start
                    self._free[i] = (start + size, length - size)
                    break
        if base < 0:
            base, self._end = self._end, self._end + size
        if name is not None:
            self.held[name] = (base, size)
        return base

    def release(self, name: str) -> None:
        """Give back the room held under ``name``, joined with its free neighbours."""
        self._free.append(self.held.pop(name))
        joined: list[tuple[int, int]] = []
        for start, length in sorted(part for part in self._free if part[1]):
            if joined and joined[-1][0] + joined[-1][1] == start:
                joined[-1] = (joined[-1][0], joined[-1][1] + length)
            else:
                joined.append((start, length))
        self._free = joined


def _bits(layer: Layer, arch: Accelerator) -> dict[str, int]:
    if isinstance(layer.shape, MacShape):
        bits = word_bits(layer, arch)
        return {"ifmap": bits.ifmap, "filter": bits.filter, "ofmap": bits.ofmap, "psum": bits.psum}
    ifmap, ofmap = fmap_bits(layer.ifmap, arch), fmap_bits(layer.ofmap, arch)
    return {"ifmap": ifmap, "filter": ifmap, "ofmap": ofmap, "psum": arch.mac.bits.psum}


def _fresh(
    room: _Room, layer: Layer, tensor: str, arch: Accelerator, stored: Mapping[tuple[str, str], Fraction]
) -> TensorPlace:
    return _place(room, layer, tensor, arch, stored, name=None)


def _place(
    room: _Room,
    layer: Layer,
    tensor: str,
    arch: Accelerator,
    stored: Mapping[tuple[str, str], Fraction],
    name: str | None,
) -> TensorPlace:
    shape = _four(getattr(layer, tensor).shape)
    place = TensorPlace(
        base=0,
        shape=shape,
        word_bits=_bits(layer, arch)[tensor],
        order=arch.layout,
        stored=stored.get((layer.name, tensor), Fraction(1)),
    )
    base = room.take(place.size_bytes, name)
    return TensorPlace(base=base, shape=shape, word_bits=place.word_bits, order=place.order, stored=place.stored)


def _four(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = (*shape, 1, 1, 1, 1)[:4]
    return a, b, c, d


def _seen_as(place: TensorPlace, shape: tuple[int, ...]) -> TensorPlace:
    """The same words in another shape (a fmap that is read as a vector)."""
    return TensorPlace(
        base=place.base, shape=_four(shape), word_bits=place.word_bits, order=place.order, stored=place.stored
    )

"""Cuts a layer for a skipping machine, by the stored sizes of its own tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from accel_sim.arch import Accelerator
from accel_sim.errors import Fault, MappingError
from accel_sim.lowering.filter_parts import filter_parts, filter_room
from accel_sim.lowering.memory_map import LayerPlaces, TensorPlace, stored_bytes
from accel_sim.mapping.base import WordBits
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, MacShape


class Band(NamedTuple):
    """Images ``first_n`` on, and of them the ofmap rows ``first_p`` on; the ifmap rows of these, without padding."""

    first_n: int
    n: int
    first_p: int
    p: int
    first_row: int
    rows: int
    top: int
    bottom: int


class Cut(NamedTuple):
    """How a group of the layer is cut.

    ``bands`` of the fmaps and ``k`` filters a block. ``resident``: all filters of a group stay on chip while its bands
    pass; else each block comes again for each band, in pieces of at most ``piece_bytes`` that follow each other. A band
    stays for all blocks if ``c`` are all its channels; else it comes again for each, ``c`` channels at a time. On an
    array that takes several ``groups`` together, ``k`` and ``c`` are those of all of them.
    """

    bands: tuple[Band, ...]
    k: int
    resident: bool
    piece_bytes: int
    c: int
    groups: int = 1


class Step(NamedTuple):
    """A piece of a layer's work: layer groups ``group`` on, a band, and of the groups' filters ``first_k`` on."""

    group: int
    n_groups: int
    band: Band
    first_k: int
    k: int


def layer_steps(cut: Cut, shape: MacShape) -> Iterator[Step]:
    """Yield the steps of a layer in the order of the program: groups, then bands, then blocks of filters."""
    for group in range(0, shape.groups, cut.groups):
        n_groups = min(cut.groups, shape.groups - group)
        filters = n_groups * shape.k
        for band in cut.bands:
            for first_k in range(0, filters, cut.k):
                yield Step(group, n_groups, band, first_k, min(cut.k, filters - first_k))


def cut_layer(layer: Layer, arch: Accelerator, places: LayerPlaces, bits: WordBits, unit: int, most: int) -> Cut:
    """Return the largest bands whose ifmap and results fit, and the largest blocks of filters that do.

    Parameters
    ----------
    unit, most
        Filters that a block is a multiple of (except the last one), and the most of them.

    Raises
    ------
    MappingError
        If not even one ofmap row of one block fits, or one weight.
    """
    shape = layer.shape
    assert isinstance(shape, MacShape)
    assert places.filter is not None
    rooms = {tensor: arch.buffer_for(tensor) for tensor in ("ifmap", "filter", "ofmap")}
    ifmap_place, filter_place = places.inputs[0], places.filter
    result, result_bits = arch.array.RESULTS, int(getattr(bits, arch.array.RESULTS))
    # A block may be narrower than the machine's unit where the buffers leave no choice.
    least = min(shape.k, unit, max(1, 8 * rooms["ofmap"].tile_bytes // (shape.q * result_bits)))

    def ifmap_bytes(bands: tuple[Band, ...], channels: int) -> int:
        words = max(band.n * band.rows for band in bands) * channels * shape.w
        return stored_bytes(words * ifmap_place.word_bits, ifmap_place.stored)

    def channels_of(bands: tuple[Band, ...]) -> int:
        """Return the channels that come at a time: all, or what half of the buffer holds; 0 if there is no way."""
        room = rooms["ifmap"].tile_bytes
        if ifmap_bytes(bands, shape.c) <= room:
            return shape.c
        return max(1, shape.c * (room // 2) // ifmap_bytes(bands, shape.c)) if ifmap_bytes(bands, 1) <= room else 0

    cuts = [
        (n, p, bands, channels_of(bands))
        for n, p in _sizes(shape)
        for bands in [tuple(_bands(shape, n, p))]
        if bits.bytes_of(result, n * p * shape.q * least) <= rooms["ofmap"].tile_bytes and channels_of(bands)
    ]
    # The largest band that stays, or else the largest one that can be streamed.
    n, p, bands, channels = next((cut for cut in cuts if cut[3] == shape.c), cuts[0] if cuts else (0, 0, (), 0))
    if not cuts:
        message = (
            f"one ofmap row needs {ifmap_bytes(tuple(_bands(shape, 1, 1)), 1)} bytes of a channel in buffer "
            f"{rooms['ifmap'].name!r} ({rooms['ifmap'].tile_bytes} bytes) and "
            f"{bits.bytes_of(result, shape.q)} bytes of results in buffer "
            f"{rooms['ofmap'].name!r} ({rooms['ofmap'].tile_bytes} bytes)"
        )
        raise MappingError(Fault(key=f"layers.{layer.name}", message=message))
    room = filter_room(arch, filter_place, tiles=True)
    filter_bytes = stored_bytes(shape.c * shape.r * shape.s * filter_place.word_bits, filter_place.stored)
    resident = stored_bytes(shape.k * shape.c * shape.r * shape.s * filter_place.word_bits, filter_place.stored) <= room
    k = min(shape.k, most, 8 * rooms["ofmap"].tile_bytes // (n * p * shape.q * result_bits))
    # Compressed columns stream in their order with all of their rows; padding entries belong to whole columns.
    if not resident and not arch.array.POINTERS:
        k = min(k, max(unit, room // max(1, filter_bytes)))
    if k < shape.k and k > unit:
        k -= k % unit
    whole_room = filter_room(arch, filter_place, tiles=False)
    weight_bytes = stored_bytes(filter_place.word_bits, filter_place.stored) + 1
    if not resident and weight_bytes > whole_room:
        names = " and ".join(repr(part.buffer.name) for part in filter_parts(arch, filter_place))
        message = f"a weight in its stored form takes up to {weight_bytes} bytes of buffer {names}"
        raise MappingError(Fault(key=f"layers.{layer.name}", message=f"{message}; there is room for {whole_room}"))
    # Pieces are half of the room, so that one can come while the other is used.
    piece_bytes = max(1, whole_room // 2)
    groups = 1
    if arch.array.GROUPS_TOGETHER and resident and k == shape.k and channels == shape.c:
        taken = (
            (ifmap_bytes(bands, shape.c), rooms["ifmap"]),
            (bits.bytes_of(result, n * p * shape.q * shape.k), rooms["ofmap"]),
            (shape.k * filter_bytes, rooms["filter"]),
        )
        groups = min(shape.groups, *(buffer.tile_bytes // max(1, n_bytes) for n_bytes, buffer in taken))
        groups = ceil_div(shape.groups, ceil_div(shape.groups, max(1, groups)))
    return Cut(bands, max(1, k) * groups, resident, piece_bytes, channels * groups, groups)


def filter_edges(cut: Cut, place: TensorPlace, first_word: int, words: int) -> list[int]:
    """Return the first word of each piece that a block of filters comes in, and the word behind the last one."""
    n_pieces = 1
    if not cut.resident:
        # A piece may begin and end within a byte.
        room = max(1, cut.piece_bytes - 2)
        n_pieces = min(words, ceil_div(end_byte(place, first_word + words) - start_byte(place, first_word), room))
    return [first_word + words * i // n_pieces for i in range(n_pieces + 1)]


def start_byte(place: TensorPlace, words: int) -> int:
    """Byte, counted from the tensor's first, in which the stored form of a word begins."""
    return words * place.word_bits * place.stored.numerator // (8 * place.stored.denominator)


def end_byte(place: TensorPlace, words: int) -> int:
    """Byte behind the stored form of so many words."""
    return ceil_div(words * place.word_bits * place.stored.numerator, 8 * place.stored.denominator)


def _sizes(shape: MacShape) -> Iterator[tuple[int, int]]:
    """Yield (images, ofmap rows) from all to one."""
    n, p = shape.n, shape.p
    while n > 1:
        yield n, p
        n = ceil_div(n, 2)
    while p > 1:
        yield 1, p
        p = ceil_div(p, 2)
    yield 1, 1


def _bands(shape: MacShape, n: int, p: int) -> Iterator[Band]:
    for first_n in range(0, shape.n, n):
        for first_p in range(0, shape.p, p):
            own = min(p, shape.p - first_p)
            start = first_p * shape.stride_h - shape.pad_h
            stop = start + (own - 1) * shape.stride_h + (shape.r - 1) * shape.dilation_h + 1
            first, last = min(max(0, start), shape.h), max(0, min(shape.h, stop))
            # A band that lies in the padding has no rows of its own.
            last = max(first, last)
            top = max(0, min(stop, first) - start) if last > first else stop - start
            bottom = stop - start - top - (last - first)
            yield Band(first_n, min(n, shape.n - first_n), first_p, own, first, last - first, top, bottom)

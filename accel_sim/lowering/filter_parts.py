"""Which buffers a layer's filters fill, and with how much of their stored form: entries, and pointers beside them."""

from __future__ import annotations

from typing import NamedTuple

from accel_sim.arch import Accelerator, Buffer
from accel_sim.lowering.memory_map import TensorPlace, stored_bytes

SLACK_BYTES = 4
"""Of a buffer, so that pieces whose ends are rounded to bytes fit beside each other."""


class FilterPart(NamedTuple):
    """A buffer, and the bytes of a whole tensor that belong there."""

    buffer: Buffer
    n_bytes: int


def filter_parts(arch: Accelerator, place: TensorPlace) -> tuple[FilterPart, ...]:
    """Return what a layer's filters take where they lie as they are stored: the entries, then pointers if apart."""
    total = stored_bytes(place.words * place.word_bits, place.stored)
    pointers = arch.pointer_buffer()
    if pointers is None:
        return (FilterPart(arch.buffer_for("filter"), total),)
    _, c, r, s = place.shape
    pointer_bytes = min(total, arch.array.pointer_bytes(c * r * s))
    return FilterPart(arch.buffer_for("filter"), total - pointer_bytes), FilterPart(pointers, pointer_bytes)


def filter_room(arch: Accelerator, place: TensorPlace, *, tiles: bool) -> int:
    """Return the stored bytes of these filters for which there is room, entries and pointers in their proportion.

    ``tiles``: of what the array may use at a time, else of the whole buffers.
    """
    parts = filter_parts(arch, place)
    rooms = [part.buffer.tile_bytes if tiles else part.buffer.size_bytes for part in parts]
    if len(parts) == 1:
        return rooms[0]
    total = sum(part.n_bytes for part in parts)
    shares = [(part.n_bytes, max(1, room - SLACK_BYTES)) for part, room in zip(parts, rooms, strict=True)]
    return min(room * total // n_bytes for n_bytes, room in shares if n_bytes)


def pointer_share(arch: Accelerator, place: TensorPlace, first_word: int, last_word: int) -> int:
    """Return the bytes of pointers that come with some words of the filters, if pointers have a buffer of their own."""
    parts = filter_parts(arch, place)
    if len(parts) == 1:
        return 0
    n_bytes = parts[1].n_bytes
    return n_bytes * last_word // place.words - n_bytes * first_word // place.words

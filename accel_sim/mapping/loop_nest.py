"""A tiled loop nest over blocks of ofmap pixels (b), ofmap channels (k) and ifmap channels (c).

Each operand is irrelevant to one of the three loops (ifmap to k, filter to b, psum to c). A tile stays in its buffer
while that loop runs if the loop is innermost, or if all the tiles that are visited inside it fit together; otherwise
it is fetched again (psums: spilled and fetched back) on every iteration. The functions work on Python integers and on
integer arrays of candidates alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from accel_sim.mapping.base import WordBits
from accel_sim.workload import MacShape

ORDERS = ("bkc", "bck", "kbc", "kcb", "cbk", "ckb")
IRRELEVANT_LOOP = {"ifmap": "k", "filter": "b", "psum": "c"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TileSizes:
    """Tile sizes in elements: images, ofmap rows and columns, ofmap and ifmap channels (of one group); loop order.

    ``order`` lists the loops from the outermost to the innermost, e.g. ``"bkc"``.
    """

    tn: int
    tp: int
    tq: int
    tk: int
    tc: int
    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NestPlan:
    """What the lowering needs: tile sizes, word widths, and how many tiles of each operand stay together."""

    sizes: TileSizes
    bits: WordBits
    resident: Mapping[str, int]


def ceil_div(a: Any, b: Any) -> Any:
    """``ceil(a / b)`` for positive integers or arrays of them."""
    return -(-a // b)


def input_extent(outputs: Any, window: int, stride: int, dilation: int, size: int) -> Any:
    """Input rows (or columns) that ``outputs`` ofmap rows need, padding left out beyond the fmap's ``size``."""
    return np.minimum((outputs - 1) * stride + (window - 1) * dilation + 1, size)


def tile_words(shape: MacShape, tn: Any, tp: Any, tq: Any, tk: Any, tc: Any) -> dict[str, Any]:
    """Words of a full tile of each operand (``psum`` is also the size of the ofmap tile)."""
    rows = input_extent(tp, shape.r, shape.stride_h, shape.dilation_h, shape.h)
    cols = input_extent(tq, shape.s, shape.stride_w, shape.dilation_w, shape.w)
    return {"ifmap": tn * rows * cols * tc, "filter": tk * tc * shape.r * shape.s, "psum": tn * tp * tq * tk}


def loop_counts(shape: MacShape, tn: Any, tp: Any, tq: Any, tk: Any, tc: Any) -> dict[str, Any]:
    """Iterations of each loop within one group."""
    blocks = ceil_div(shape.n, tn) * ceil_div(shape.p, tp) * ceil_div(shape.q, tq)
    return {"b": blocks, "k": ceil_div(shape.k, tk), "c": ceil_div(shape.c, tc)}


def inner_set(operand: str, order: str, counts: Mapping[str, Any]) -> Any:
    """How many tiles of ``operand`` are visited during one iteration of its irrelevant loop."""
    loop = IRRELEVANT_LOOP[operand]
    tiles = 1
    for inner in order[order.index(loop) + 1 :]:
        tiles = tiles * counts[inner]
    return tiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The buffers by name: bytes of each, bytes that the array may use at a time, and which one holds each operand."""

    size_bytes: Mapping[str, int]
    usable_bytes: Mapping[str, int]
    holder: Mapping[str, str]

    def tenants(self, buffer: str) -> list[str]:
        """Operands that share ``buffer``."""
        return [operand for operand in IRRELEVANT_LOOP if self.holder[operand] == buffer]


def residents(order: str, counts: Mapping[str, Any], tile_bytes: Mapping[str, Any], rooms: Rooms) -> dict[str, Any]:
    """How many tiles of each operand stay together in its buffer while its irrelevant loop runs; 1 if none do.

    Psums choose first, then ifmaps, then filters: what is left when every operand has room for one tile is theirs.
    """
    free = {
        buffer: size - sum(tile_bytes[operand] for operand in rooms.tenants(buffer))
        for buffer, size in rooms.usable_bytes.items()
    }
    together = {}
    for operand in ("psum", "ifmap", "filter"):
        buffer, tiles = rooms.holder[operand], inner_set(operand, order, counts)
        more_bytes = (tiles - 1) * tile_bytes[operand]
        stay = (counts[IRRELEVANT_LOOP[operand]] > 1) & (more_bytes <= free[buffer])
        together[operand] = np.where(stay, tiles, 1)
        free[buffer] = free[buffer] - np.where(stay, more_bytes, 0)
    return together


def fetches(operand: str, order: str, counts: Mapping[str, Any], resident: Any) -> Any:
    """Tiles of ``operand`` brought in per group when ``resident`` of them stay together."""
    loop = IRRELEVANT_LOOP[operand]
    distinct = 1
    for name in "bkc":
        if name != loop:
            distinct = distinct * counts[name]
    stays = inner_set(operand, order, counts) <= resident
    return np.where(stays, distinct, distinct * counts[loop])

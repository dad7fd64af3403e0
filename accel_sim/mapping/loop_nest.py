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


def inner_set(operand: str, order: str, counts: dict[str, Any]) -> Any:
    """How many tiles of ``operand`` are visited during one iteration of its irrelevant loop."""
    loop = IRRELEVANT_LOOP[operand]
    tiles = 1
    for inner in order[order.index(loop) + 1 :]:
        tiles = tiles * counts[inner]
    return tiles


def fetches(operand: str, order: str, counts: dict[str, Any], tile: Any, capacity: int) -> tuple[Any, Any]:
    """Tiles of ``operand`` brought in per group, and how many stay together in the buffer.

    Parameters
    ----------
    tile, capacity
        Size of one tile and of the buffer, in the same unit.
    """
    loop = IRRELEVANT_LOOP[operand]
    distinct = 1
    for name in "bkc":
        if name != loop:
            distinct = distinct * counts[name]
    together = inner_set(operand, order, counts)
    stays = (together == 1) | (together * tile <= capacity) | (counts[loop] == 1)
    fetched = np.where(stays, distinct, distinct * counts[loop])
    resident = np.where(stays & (counts[loop] > 1), together, 1)
    return fetched, resident

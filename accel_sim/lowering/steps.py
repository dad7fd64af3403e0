"""The steps of a tiled loop nest as arrays: which tile of each operand, when it comes, when it may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.mapping.base import WordBits
from accel_sim.mapping.loop_nest import IRRELEVANT_LOOP, NestPlan, TileSizes, loop_counts
from accel_sim.mapping.spans import Span, axes_of
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """When one operand's tiles are used: tile index int64 [steps], first and last step of each stay bool [steps]."""

    tile: I64
    begins: Mask
    ends: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """All tile steps of a layer in execution order.

    ``group n p q k c`` are block indices, int64 [steps]; ``visits`` the stays of ``ifmap``, ``filter`` and ``psum``
    tiles; ``first_c`` and ``last_c`` tell where an ofmap tile starts from nothing and where it is complete.
    """

    group: I64
    n: I64
    p: I64
    q: I64
    k: I64
    c: I64
    visits: Mapping[str, Visits]
    first_c: Mask
    last_c: Mask

    @property
    def count(self) -> int:
        """Number of steps."""
        return int(self.group.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """A layer cut into tile steps: the steps, the blocks of each dimension, and how wide words are.

    ``n p q k c`` are the blocks of images, ofmap rows and columns, ofmap and ifmap channels of one group; ``y x`` the
    ifmap rows and columns that are fetched for the blocks ``p q``. Of these, ``kept_rows`` and ``kept_cols`` go into
    the buffer; with ``room_rows`` and ``room_cols`` it holds their padding as well. All three are equal where the
    buffer holds what was fetched, and padding is made on the way to the array.
    """

    steps: Steps
    bits: WordBits
    n: Span
    p: Span
    q: Span
    k: Span
    c: Span
    y: Span
    x: Span
    kept_rows: I64
    kept_cols: I64
    room_rows: I64
    room_cols: I64


def nest_geometry(shape: MacShape, plan: NestPlan) -> Geometry:
    """Cut ``shape`` as a tiled loop nest does."""
    sizes = plan.sizes
    p, q = Span.cut(shape.p, sizes.tp), Span.cut(shape.q, sizes.tq)
    rows, cols = axes_of(shape)
    y, x = rows.cover(p), cols.cover(q)
    return Geometry(
        steps=nest_steps(shape, sizes, plan.resident),
        bits=plan.bits,
        n=Span.cut(shape.n, sizes.tn),
        p=p,
        q=q,
        k=Span.cut(shape.k, sizes.tk),
        c=Span.cut(shape.c, sizes.tc),
        y=y,
        x=x,
        kept_rows=y.size,
        kept_cols=x.size,
        room_rows=y.size,
        room_cols=x.size,
    )


def nest_steps(shape: MacShape, sizes: TileSizes, resident: Mapping[str, int]) -> Steps:
    """Enumerate the steps of the nest, groups outermost.

    Parameters
    ----------
    resident
        Tiles of each operand that stay together while its irrelevant loop runs; 1 if only the current one does.
    """
    counts = loop_counts(shape, sizes.tn, sizes.tp, sizes.tq, sizes.tk, sizes.tc)
    order = "g" + sizes.order
    lengths = {"g": shape.groups, **{loop: int(counts[loop]) for loop in "bkc"}}
    grid = np.indices([lengths[loop] for loop in order], dtype=np.int64).reshape(4, -1)
    index = {loop: grid[order.index(loop)] for loop in order}
    n_q, n_p = ceil_div(shape.q, sizes.tq), ceil_div(shape.p, sizes.tp)
    relevant = {"ifmap": "gbc", "filter": "gkc", "psum": "gbk"}
    visits = {}
    for operand, loops in relevant.items():
        tile = np.zeros(grid.shape[1], dtype=np.int64)
        for loop in loops:
            tile = tile * lengths[loop] + index[loop]
        visits[operand] = _visits(
            tile, index[IRRELEVANT_LOOP[operand]], lengths[IRRELEVANT_LOOP[operand]], resident[operand] > 1
        )
    return Steps(
        group=index["g"],
        n=index["b"] // (n_p * n_q),
        p=index["b"] // n_q % n_p,
        q=index["b"] % n_q,
        k=index["k"],
        c=index["c"],
        visits=visits,
        first_c=index["c"] == 0,
        last_c=index["c"] == lengths["c"] - 1,
    )


def _visits(tile: I64, loop_index: I64, loop_length: int, stays: bool) -> Visits:
    changes = np.flatnonzero(tile[1:] != tile[:-1]) + 1
    begins = np.zeros(tile.size, dtype=np.bool_)
    ends = np.zeros(tile.size, dtype=np.bool_)
    begins[0] = ends[-1] = True
    begins[changes] = True
    ends[changes - 1] = True
    if stays:
        begins &= loop_index == 0
        ends &= loop_index == loop_length - 1
    return Visits(tile=tile, begins=begins, ends=ends)


def classify(columns: Sequence[I64]) -> tuple[I64, list[tuple[int, ...]]]:
    """Group rows that are equal in every column.

    Parameters
    ----------
    columns
        Non-negative int64 arrays of one length; few distinct rows are expected.

    Returns
    -------
    (int64 array, list of tuples)
        The class of each row, and the row of each class.
    """
    code = np.zeros(columns[0].size, dtype=np.int64)
    for column in columns:
        values, dense = _dense(column)
        code = code * values + dense
        if code.size and int(code.max()) > 1 << 40:
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    rows = [tuple(int(column[i]) for column in columns) for i in first]
    return inverse.astype(np.int64), rows


def _dense(column: I64) -> tuple[int, I64]:
    """Rank the values of a column without sorting it where they are small enough to be looked up in a table."""
    top = int(column.max()) if column.size else 0
    if top > 64 + 8 * column.size:
        values, inverse = np.unique(column, return_inverse=True)
        return int(values.size), inverse.astype(np.int64)
    present = np.zeros(top + 1, dtype=np.bool_)
    present[column] = True
    rank = np.cumsum(present, dtype=np.int64) - 1
    return int(rank[-1]) + 1, rank[column]

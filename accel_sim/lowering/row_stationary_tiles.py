"""The tiles of a row-stationary layer: where in the run of passes each comes and goes, and the room it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Buffer
from accel_sim.mapping.base import WordBits
from accel_sim.mapping.row_stationary_letters import RowStationaryMapping
from accel_sim.mapping.row_stationary_passes import PassTable
from accel_sim.mapping.spans import Span, axes_of
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
_ONE = np.ones(1, dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassTiles:
    """What each pass finds in the buffers, brings there and leaves there; one entry a pass.

    A bank of the GLB holds ifmaps or psums, never both, so an ifmap tile and the psums of an ``m`` (a block) take
    whole banks. The psums of a pass are a part of their block: its banks are those that no part before it touches.

    Parameters
    ----------
    ifmap_begins, ifmap_ends
        First and last pass that uses the ifmap tile, bool.
    block_begins, block_ends
        First and last pass of the block of psums, bool.
    parts
        Parts of the block that the pass belongs to, int64.
    first_c, last_c
        Whether psums start from nothing here, and whether they are complete after, bool.
    ifmap_room_bytes, psum_room_bytes
        GLB room of the ifmap tile and of the part, whole banks, int64.
    row_start, rows
        First ifmap row that is fetched and how many, int64. Whole rows are fetched: they are contiguous.
    kept_rows, sent_rows
        Rows that go into the GLB (not those between the windows), and rows that the GLB sends, padding among them.
    kept_cols, sent_cols
        The same for columns; equal in all passes.
    """

    ifmap_begins: Mask
    ifmap_ends: Mask
    block_begins: Mask
    block_ends: Mask
    parts: I64
    first_c: Mask
    last_c: Mask
    ifmap_room_bytes: I64
    psum_room_bytes: I64
    row_start: I64
    rows: I64
    kept_rows: I64
    sent_rows: I64
    kept_cols: int
    sent_cols: int


def pass_tiles(
    shape: MacShape, letters: RowStationaryMapping, table: PassTable, bits: WordBits, glb: Buffer
) -> PassTiles:
    """Return the tiles of the passes of ``table``."""
    m_block = table.first_filter // letters.m
    ifmap_begins = table.loads_ifmap == 1
    block = np.stack([table.group, table.first_image, table.first_row, m_block])
    block_begins = np.concatenate([_ONE, (block[:, 1:] != block[:, :-1]).any(axis=0)])
    first_c, last_c = table.first_channel == 0, table.first_channel + table.channels == shape.c
    row_axis, col_axis = axes_of(shape)
    strips, all_columns = Span.cut(shape.p, letters.e), Span.cut(shape.q, shape.q)
    strip = table.first_row // letters.e
    covered = row_axis.cover(strips)
    sent_rows = (table.rows - 1) * min(shape.stride_h, shape.r) + shape.r
    sent_cols = (shape.q - 1) * min(shape.stride_w, shape.s) + shape.s
    ifmap_words = table.images * table.channels * sent_rows * sent_cols
    filter_words = table.images * table.rows * shape.q
    before = filter_words * (table.first_filter - m_block * letters.m)
    psum_bits = max(bits.psum, bits.ofmap)
    return PassTiles(
        ifmap_begins=ifmap_begins,
        ifmap_ends=np.concatenate([ifmap_begins[1:], _ONE]),
        block_begins=block_begins,
        block_ends=np.concatenate([block_begins[1:], _ONE]),
        parts=-(-np.minimum(letters.m, shape.k - m_block * letters.m) // (letters.p * letters.t)),
        first_c=first_c,
        last_c=last_c,
        ifmap_room_bytes=_banks(ifmap_words, bits.ifmap, glb),
        psum_room_bytes=_banks(before + filter_words * table.filters, psum_bits, glb) - _banks(before, psum_bits, glb),
        row_start=covered.start[strip],
        rows=covered.size[strip],
        kept_rows=row_axis.touched(strips)[strip],
        sent_rows=sent_rows,
        kept_cols=int(col_axis.touched(all_columns)[0]),
        sent_cols=sent_cols,
    )


class FilterParts(NamedTuple):
    """The parts in which the filters of passes come; int64 [parts], at least one part a pass.

    ``of_pass``: the pass of each part; ``first_filter``: its first filter, counted from the pass's first;
    ``filters``: how many.
    """

    of_pass: I64
    first_filter: I64
    filters: I64


def filter_parts(table: PassTable, shape: MacShape, bits: WordBits, buffer: Buffer) -> FilterParts:
    """Cut the filters of each pass into parts that fit their buffer; most passes need only one."""
    most = 8 * buffer.size_bytes // (table.channels * shape.r * shape.s * bits.filter)
    n_parts = -(-table.filters // most)
    of_pass = np.repeat(np.arange(table.count), n_parts)
    number = np.arange(of_pass.size) - (np.cumsum(n_parts) - n_parts)[of_pass]
    first_filter = number * most[of_pass]
    return FilterParts(of_pass, first_filter, np.minimum(most[of_pass], table.filters[of_pass] - first_filter))


def _banks(words: I64, word_bits: int, glb: Buffer) -> I64:
    """Return the bytes of the banks that ``words`` take."""
    return -(-words * word_bits // (8 * glb.bank_bytes)) * glb.bank_bytes

"""The array of Eyeriss v2: passes of compressed filter rows, as long as the slowest PE or the fullest mesh port.

In a pass a PE holds a filter row of ``c0`` channels and ``m0`` output channels. PEs one above the other in a column
hold the rows of a filter, then those of the next channels, and add their psums up: a set. Sets side by side, first
along the rows of the grid, take other ofmap rows, then other output channels, then other groups of the layer: row
stationary, spread over any dimension (Chen et al., JETCAS 2019, sections II and III). Each set takes several ofmap
rows in turn, and psums go through the global buffer from pass to pass.

While PEs work, the mesh brings what the pass needs: activations over all routers of a cluster to any of its PEs,
weights over one router to a row of a cluster's PEs, psums over one router down and up a column of them. A word that
several PEs of a cluster need passes its port once. The pass takes as long as the slowest of all these.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.eyeriss_v2 import RowShape, row_work
from accel_sim.kernels.sparse.eyeriss_v2_types import (
    BY_IACT,
    BY_PE,
    BY_PSUM,
    BY_WEIGHT,
    IACTS,
    N_LIMITS,
    WEIGHTS,
    ArrayWork,
    Grid,
    Ports,
    Slide,
    Spread,
)

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@njit
def column_counts(filters: Mask, n_groups: int, m0: int) -> I64:
    """Return int64[n_groups, output blocks, C, R, S]: non-zero weights that meet an activation, by block of ``m0``.

    Parameters
    ----------
    filters
        bool[n_groups * K, C, R, S].
    """
    n_filters = filters.shape[0] // n_groups
    _, n_channels, n_rows, n_taps = filters.shape
    blocks = -(-n_filters // m0)
    counts = np.zeros((n_groups, blocks, n_channels, n_rows, n_taps), dtype=np.int64)
    for group in range(n_groups):
        for k in range(n_filters):
            row = filters[group * n_filters + k]
            into = counts[group, k // m0]
            for c in range(n_channels):
                for r in range(n_rows):
                    for s in range(n_taps):
                        if row[c, r, s]:
                            into[c, r, s] += 1
    return counts


@njit
def longest_weights(counts: I64, c0: int, macs: int) -> int:
    """Return the most words of ``macs`` weights that any PE holds; ``counts`` as `column_counts` gives them."""
    n_groups, blocks, n_channels, n_rows, n_taps = counts.shape
    longest = np.int64(0)
    for group in range(n_groups):
        for block in range(blocks):
            for r in range(n_rows):
                for first in range(0, n_channels, c0):
                    words = np.int64(0)
                    for c in range(first, min(first + c0, n_channels)):
                        for s in range(n_taps):
                            words += -(-counts[group, block, c, r, s] // macs)
                    longest = max(longest, words)
    return int(longest)


class _Tile(NamedTuple):
    """A tile, and the sizes of what its PEs hold and see.

    ``ifmap`` bool[N, G * C, H, W]; ``counts`` as `column_counts`. ``row_words``, ``row_bits`` int64[N, G, blocks of
    channels, H]: activations of a row. ``held_words``, ``held_bits`` int64[G, blocks of filters, blocks of channels,
    R]: weights of a PE. ``n_filters`` of a group.
    """

    ifmap: Mask
    counts: I64
    row_words: I64
    row_bits: I64
    held_words: I64
    held_bits: I64
    n_filters: int


class _Pass(NamedTuple):
    """Where a pass begins, and its size: layer groups, blocks of filters, filter rows (block of channels by R)."""

    first_g: int
    first_m: int
    first_i: int
    n_g: int
    n_m: int
    n_i: int


class _Books(NamedTuple):
    """What is counted over a tile, as in `ArrayWork`, and over the pass.

    ``counts`` int64[4]: activations read, products, psum words read and written. Of the pass: ``time`` int64[PEs],
    ``iacts`` int64[clusters] and ``weights`` int64[1], bits of the fullest port, ``psums`` int64[2, clusters, columns
    of one] down and up, words. ``key``, ``size`` int64[PEs] and ``seen`` int64[N * H] are room to work in.
    """

    mac_cycles: I64
    bubble_cycles: I64
    sent_words: I64
    sent_bits: I64
    counts: I64
    time: I64
    iacts: I64
    weights: I64
    psums: I64
    key: I64
    size: I64
    seen: I64


@njit
def _measure(ifmap: Mask, filters: Mask, slide: Slide, spread: Spread, ports: Ports) -> _Tile:
    """Return the sizes of what PEs hold and see; only columns that windows see are sent."""
    n_images, _, height, width = ifmap.shape
    _, channels, n_rows, n_taps = filters.shape
    n_groups = ifmap.shape[1] // channels
    counts = column_counts(filters, n_groups, spread.m0)
    blocks = -(-channels // spread.c0)
    stop = max(0, min(width, (slide.q - 1) * slide.stride_w + n_taps - slide.pad_w))
    segments = -(-stop // slide.stride_w)
    row_words = np.zeros((n_images, n_groups, blocks, height), dtype=np.int64)
    for n in range(n_images):
        for c in range(n_groups * channels):
            for y in range(height):
                row_words[n, c // channels, c % channels // spread.c0, y] += ifmap[n, c, y, :stop].sum()
    row_bits = row_words * ports.iact_word_bits + segments * ports.iact_address_bits
    held_words = np.zeros((n_groups, counts.shape[1], blocks, n_rows), dtype=np.int64)
    held_bits = np.zeros((n_groups, counts.shape[1], blocks, n_rows), dtype=np.int64)
    for group in range(n_groups):
        for m in range(counts.shape[1]):
            for c in range(channels):
                for r in range(n_rows):
                    for s in range(n_taps):
                        n_weights = counts[group, m, c, r, s]
                        words = -(-n_weights // ports.weights_a_word)
                        held_words[group, m, c // spread.c0, r] += n_weights
                        held_bits[group, m, c // spread.c0, r] += (
                            words * ports.weight_word_bits + ports.weight_address_bits
                        )
    return _Tile(ifmap, counts, row_words, row_bits, held_words, held_bits, filters.shape[0] // n_groups)


@njit
def _place(g: int, m: int, e: int, i: int, spread: Spread, grid: Grid) -> int:
    """Return the PE at place ``i`` of a set, by rows of the grid: sets with other ofmap rows are neighbours."""
    columns = grid.cluster_cols * grid.pe_cols
    at = e + spread.rows * (m + spread.filters * g)
    return (at // columns * spread.height + i) * columns + at % columns


@njit
def _hold(tile: _Tile, part: _Pass, n_strips: int, spread: Spread, grid: Grid, books: _Books) -> None:
    """Bring the weights of a pass: ``books.weights`` are the bits of the fullest row of a cluster."""
    n_rows = tile.held_bits.shape[3]
    receivers = min(spread.rows, n_strips)
    books.key[:] = -1
    for g in range(part.n_g):
        for m in range(part.n_m):
            for i in range(part.n_i):
                block, r = (part.first_i + i) // n_rows, (part.first_i + i) % n_rows
                n_bits = tile.held_bits[part.first_g + g, part.first_m + m, block, r]
                books.sent_words[WEIGHTS, receivers] += tile.held_words[part.first_g + g, part.first_m + m, block, r]
                books.sent_bits[WEIGHTS, receivers] += n_bits
                for e in range(receivers):
                    pe = _place(g, m, e, i, spread, grid)
                    books.key[pe] = (g * spread.filters + m) * spread.height + i
                    books.size[pe] = n_bits
    books.weights[0] = _fullest_row(books.key, books.size, grid)


@njit
def _work_strips(
    tile: _Tile, part: _Pass, first_e: int, n_e: int, slide: Slide, spread: Spread, grid: Grid, books: _Books
) -> None:
    """Work ofmap rows ``first_e`` on, one in each set of a pass, and bring the activations that they see."""
    height, n_rows, channels = tile.ifmap.shape[2], tile.held_bits.shape[3], tile.counts.shape[2]
    shape = RowShape(slide.q, slide.stride_w, slide.pad_w)
    books.key[:] = -1
    for g in range(part.n_g):
        group = part.first_g + g
        for block in range(part.first_i // n_rows, (part.first_i + part.n_i - 1) // n_rows + 1):
            low, high = block * spread.c0, min(channels, (block + 1) * spread.c0)
            books.seen[:] = 0
            for i in range(max(0, block * n_rows - part.first_i), min(part.n_i, (block + 1) * n_rows - part.first_i)):
                r = part.first_i + i - block * n_rows
                for e in range(n_e):
                    n, p = (first_e + e) // slide.p, (first_e + e) % slide.p
                    y = p * slide.stride_h + r - slide.top
                    if y < 0 or y >= height:
                        continue
                    row = tile.ifmap[n, group * channels + low : group * channels + high, y]
                    books.seen[n * height + y] += part.n_m
                    for m in range(part.n_m):
                        work = row_work(row, tile.counts[group, part.first_m + m, low:high, r], shape, grid.macs)
                        pe = _place(g, m, e, i, spread, grid)
                        books.time[pe] += work.total_cycles
                        books.mac_cycles[pe] += work.mac_cycles
                        books.bubble_cycles[pe] += work.bubble_cycles
                        books.counts[0] += work.n_activations
                        books.counts[1] += work.n_macs
                        books.key[pe] = ((group * tile.row_bits.shape[2] + block) * len(tile.ifmap) + n) * height + y
                        books.size[pe] = tile.row_bits[n, group, block, y]
            for strip in range(books.seen.shape[0]):
                receivers = books.seen[strip]
                if receivers > 0:
                    n, y = strip // height, strip % height
                    books.sent_words[IACTS, receivers] += tile.row_words[n, group, block, y]
                    books.sent_bits[IACTS, receivers] += tile.row_bits[n, group, block, y]
    _add_once(books.key, books.size, books.iacts, grid)


@njit
def _carry_psums(tile: _Tile, part: _Pass, n_e: int, slide: Slide, spread: Spread, grid: Grid, books: _Books) -> None:
    """Carry the psums of a row in each set: down to the lowest PE, unless they start at zero, and up from the top."""
    columns = grid.cluster_cols * grid.pe_cols
    for m in range(part.n_m):
        n_psums = slide.q * min(spread.m0, tile.n_filters - (part.first_m + m) * spread.m0)
        for g in range(part.n_g):
            for e in range(n_e):
                first, last = _place(g, m, e, 0, spread, grid), _place(g, m, e, part.n_i - 1, spread, grid)
                column = first % columns
                for cluster_row in range(first // columns // grid.pe_rows, last // columns // grid.pe_rows + 1):
                    cluster = cluster_row * grid.cluster_cols + column // grid.pe_cols
                    books.psums[1, cluster, column % grid.pe_cols] += n_psums
                    if part.first_i > 0:
                        books.psums[0, cluster, column % grid.pe_cols] += n_psums
                books.counts[3] += n_psums
                if part.first_i > 0:
                    books.counts[2] += n_psums


@njit
def array_work(ifmap: Mask, filters: Mask, slide: Slide, spread: Spread, grid: Grid, ports: Ports) -> ArrayWork:
    """Time a tile, pass after pass.

    Parameters
    ----------
    ifmap
        bool[N, G * C, H, W]: where the activations of the tile are not zero, without padding.
    filters
        bool[G * K, C, R, S]: where the weights are not zero.
    slide
        How windows slide over it.
    spread
        How it is laid on the PEs; what a PE holds must fit its scratch pads.
    grid, ports
        The machine.
    """
    tile = _measure(ifmap, filters, slide, spread, ports)
    n_groups, m_blocks, c_blocks, n_rows = tile.held_bits.shape
    n_clusters = grid.cluster_rows * grid.cluster_cols
    n_pes = n_clusters * grid.pe_rows * grid.pe_cols
    n_strips, n_items = ifmap.shape[0] * slide.p, c_blocks * n_rows
    books = _Books(
        np.zeros(n_pes, dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros((2, n_pes + 1), dtype=np.int64),
        np.zeros((2, n_pes + 1), dtype=np.int64),
        np.zeros(4, dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros(n_clusters, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.zeros((2, n_clusters, grid.pe_cols), dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros(ifmap.shape[0] * ifmap.shape[2], dtype=np.int64),
    )
    limit_cycles = np.zeros(N_LIMITS, dtype=np.int64)
    wait_cycles = np.zeros(N_LIMITS, dtype=np.int64)
    limits = np.zeros(N_LIMITS, dtype=np.int64)
    n_passes = 0
    for first_g in range(0, n_groups, spread.groups):
        for first_m in range(0, m_blocks, spread.filters):
            for first_i in range(0, n_items, spread.height):
                part = _Pass(
                    first_g,
                    first_m,
                    first_i,
                    min(spread.groups, n_groups - first_g),
                    min(spread.filters, m_blocks - first_m),
                    min(spread.height, n_items - first_i),
                )
                books.time[:] = 0
                books.iacts[:] = 0
                books.psums[:] = 0
                _hold(tile, part, n_strips, spread, grid, books)
                for first_e in range(0, n_strips, spread.rows):
                    n_e = min(spread.rows, n_strips - first_e)
                    _work_strips(tile, part, first_e, n_e, slide, spread, grid, books)
                    _carry_psums(tile, part, n_e, slide, spread, grid, books)
                limits[BY_PE] = books.time.max()
                limits[BY_IACT] = _port_cycles(books.iacts.max(), ports.iact_bits)
                limits[BY_WEIGHT] = _port_cycles(books.weights[0], ports.weight_bits)
                # A psum is not cut in two.
                limits[BY_PSUM] = _port_cycles(books.psums.max(), ports.psum_bits // ports.psum_word_bits)
                by = np.argmax(limits)
                limit_cycles[by] += limits[by]
                wait_cycles[by] += limits[by] - limits[BY_PE]
                n_passes += 1
    return ArrayWork(
        int(limit_cycles.sum()),
        n_passes,
        limit_cycles,
        wait_cycles,
        books.mac_cycles,
        books.bubble_cycles,
        books.sent_words,
        books.sent_bits,
        int(books.counts[2]),
        int(books.counts[3]),
        int(books.counts[0]),
        int(books.counts[1]),
    )


@njit
def _port_cycles(load: int, a_cycle: int) -> int:
    return -(-load // a_cycle) if a_cycle > 0 else 0


@njit
def _add_once(key: I64, size: I64, total: I64, grid: Grid) -> None:
    """Add to int64[clusters] the sizes of what each cluster's PEs want, once a key; PEs with key -1 want nothing."""
    grid_cols = grid.cluster_cols * grid.pe_cols
    met = np.zeros(grid.pe_rows * grid.pe_cols, dtype=np.int64)
    for cluster in range(total.shape[0]):
        top = cluster // grid.cluster_cols * grid.pe_rows
        left = cluster % grid.cluster_cols * grid.pe_cols
        n_met = 0
        for i in range(grid.pe_rows):
            for j in range(grid.pe_cols):
                pe = (top + i) * grid_cols + left + j
                known = key[pe] < 0
                for k in range(n_met):
                    known = known or met[k] == key[pe]
                if not known:
                    met[n_met] = key[pe]
                    n_met += 1
                    total[cluster] += size[pe]


@njit
def _fullest_row(key: I64, size: I64, grid: Grid) -> int:
    """Return the most bits that different PEs of any cluster's row want, once a key."""
    grid_cols = grid.cluster_cols * grid.pe_cols
    fullest = np.int64(0)
    for row in range(grid.cluster_rows * grid.pe_rows):
        for left in range(0, grid_cols, grid.pe_cols):
            n_bits = np.int64(0)
            for j in range(grid.pe_cols):
                pe = row * grid_cols + left + j
                known = key[pe] < 0
                for before in range(left, left + j):
                    known = known or key[row * grid_cols + before] == key[pe]
                if not known:
                    n_bits += size[pe]
            fullest = max(fullest, n_bits)
    return int(fullest)

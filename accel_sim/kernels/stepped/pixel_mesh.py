"""The pixel mesh one clock at a time: ifmap words through PE registers and FIFOs, products through the pipeline.

In each clock every PE of a patch takes one ifmap word, from the buffer or from a neighbour's FIFO, and multiplies it
with the weight that is broadcast. A PE puts a word into its horizontal FIFO if its left neighbour will need it later in
the filter row, and into its vertical FIFO if the one above will need it in a later row. Where the ofmap is a single
pixel, the ifmap word is broadcast instead and each PE has a weight of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.im2col import ConvShape, padded_size
from accel_sim.kernels.jit import njit
from accel_sim.kernels.stepped.pixel_mesh_types import (
    ACROSS,
    BEGINS,
    COMMAND,
    DOWN,
    EFFECTUAL_MACS,
    EMPTY,
    ENDS,
    FILTER,
    FILTER_ARRIVALS,
    FILTER_READS,
    HEIGHT,
    HELD,
    IFMAP_ARRIVALS,
    IFMAP_LOADS,
    IFMAP_PASSED,
    IFMAP_ZERO_MACS,
    IMAGE,
    LEFT,
    LOG_CLOCK,
    LOG_COL,
    LOG_COMMAND,
    LOG_ROW,
    LOG_SUM,
    MACS,
    N_COUNTS,
    N_LOG,
    N_TAGS,
    NEXT,
    OFMAP_WRITES,
    OLDEST,
    TOP,
    WIDTH,
    Books,
    PixelPes,
    PixelRun,
    Reuse,
    State,
)

I64 = NDArray[np.int64]
Values = NDArray[Any]


@njit
def reuse_of(conv: ConvShape, pes: PixelPes) -> Reuse:
    """What a window can take from neighbours: nothing where it is dilated, or where words would overflow a FIFO."""
    fresh_cols = min(conv.stride_w, conv.s)
    fresh_rows = min(conv.stride_h, conv.r)
    if conv.dilation_w != 1 or conv.dilation_h != 1 or fresh_cols > pes.fifo_words:
        return Reuse(conv.r, conv.s)
    if fresh_rows * fresh_cols > pes.fifo_words:
        fresh_rows = conv.r
    return Reuse(fresh_rows, fresh_cols)


@njit
def _next_place(fifos: I64, at: I64, way: int, y: int) -> int:
    """Return the place for the word that each PE of a row now puts into its FIFO.

    PEs of a row put and take in the same clocks, so that one pointer stands for all of theirs. FIFOs that are full
    lose what they hold, which spoils the outputs.
    """
    depth = fifos.shape[1]
    place = at[way, y, NEXT]
    if at[way, y, HELD] == depth:
        fifos[way, :, y, :] = EMPTY
    else:
        at[way, y, HELD] += 1
    at[way, y, NEXT] = place + 1 if place + 1 < depth else 0
    return int(place)


@njit
def _oldest_place(fifos: I64, at: I64, way: int, y: int) -> int:
    """Return the place of the word that each PE of a row now gives away; FIFOs that hold none give `EMPTY`."""
    place = at[way, y, OLDEST]
    if at[way, y, HELD] == 0:
        fifos[way, place, y, :] = EMPTY
        return int(place)
    at[way, y, HELD] -= 1
    at[way, y, OLDEST] = place + 1 if place + 1 < fifos.shape[1] else 0
    return int(place)


@njit
def _write_or_log(state: State, books: Books, clock: int, stage: int) -> None:
    """Write sums that are finished, and note the one that is watched."""
    tags, place = state.tags[stage], books.watched
    is_vector = tags[TOP] < 0
    rows, cols = state.sums.shape if is_vector else (tags[HEIGHT], tags[WIDTH])
    for y in range(rows):
        for x in range(cols):
            if is_vector and y * cols + x >= tags[WIDTH]:
                continue
            filter_index = tags[FILTER] + (y * cols + x if is_vector else 0)
            row, col = (0, 0) if is_vector else (tags[TOP] + y, tags[LEFT] + x)
            if place[0] == tags[IMAGE] and place[1] == filter_index and place[2] == row and place[3] == col:
                entry = books.log[books.n_logged[0]]
                entry[LOG_CLOCK], entry[LOG_COMMAND], entry[LOG_SUM] = clock, tags[COMMAND], state.sums[y, x]
                entry[LOG_ROW], entry[LOG_COL] = y, x
                books.n_logged[0] += 1
            if tags[ENDS]:
                books.outputs[tags[IMAGE], filter_index, row, col] = state.sums[y, x]
                books.counts[tags[COMMAND], OFMAP_WRITES] += 1


@njit
def _advance(tags: I64, products: I64, sums: I64, watched: I64, clock: int) -> bool:
    """The last stage: products that have passed the pipeline are added; return whether sums are to be written."""
    stage = clock % tags.shape[0]
    if tags[stage, COMMAND] < 0:
        return False
    height, width = (tags[stage, HEIGHT], tags[stage, WIDTH]) if tags[stage, TOP] >= 0 else sums.shape
    if tags[stage, BEGINS]:
        for y in range(height):
            for x in range(width):
                sums[y, x] = products[stage, y, x]
    else:
        for y in range(height):
            for x in range(width):
                sums[y, x] += products[stage, y, x]
    return bool(tags[stage, ENDS] or watched[0] == tags[stage, IMAGE])


@njit
def _multiply(words: I64, products: I64, counts: I64, height: int, width: int, weight: int, stage: int) -> None:
    """The PEs of a patch multiply the words they hold with one weight."""
    zeros = 0
    for y in range(height):
        for x in range(width):
            word = words[y, x]
            products[stage, y, x] = word * weight
            zeros += word == 0
    counts[MACS] += height * width
    counts[IFMAP_ZERO_MACS] += zeros
    counts[EFFECTUAL_MACS] += height * width - zeros if weight != 0 else 0
    counts[FILTER_READS] += 1
    counts[FILTER_ARRIVALS] += height * width


@njit
def _feed(
    words: I64,
    fifos: I64,
    at: I64,
    counts: I64,
    plane: I64,
    patch: tuple[int, int, int, int],
    tap: tuple[int, int],
    steps: I64,
) -> None:
    """Each PE of a patch takes its word of a filter tap, and keeps it for the neighbours that need it later.

    ``patch`` is (top, left, height, width); ``steps`` are strides, dilations, window and fresh rows and columns: (sh,
    sw, dh, dw, r, s, fresh_rows, fresh_cols).
    """
    r, s = tap
    top, left, height, width = patch
    from_right, from_below = s >= steps[7], s < steps[7] and r >= steps[6]
    first_row, first_col = top * steps[0] + r * steps[2], left * steps[1] + s * steps[3]
    row_stride, stride = steps[0], steps[1]
    loads = 0
    for y in range(height):
        loaded = 0
        if from_right:
            loaded = width - 1
            if loaded > 0:
                place = _oldest_place(fifos, at, ACROSS, y)
                for x in range(loaded):
                    words[y, x] = fifos[ACROSS, place, y, x + 1]
        elif from_below and y + 1 < height:
            place = _oldest_place(fifos, at, DOWN, y + 1)
            for x in range(width):
                words[y, x] = fifos[DOWN, place, y + 1, x]
            continue
        row = first_row + y * row_stride
        for x in range(loaded, width):
            words[y, x] = plane[row, first_col + x * stride]
        loads += width - loaded
    counts[IFMAP_LOADS] += loads
    counts[IFMAP_ARRIVALS] += loads
    counts[IFMAP_PASSED] += height * width - loads
    if s + steps[7] < steps[5] and width > 1:
        for y in range(height):
            place = _next_place(fifos, at, ACROSS, y)
            for x in range(1, width):
                fifos[ACROSS, place, y, x] = words[y, x]
    if s < steps[7] and r + steps[6] < steps[4]:
        for y in range(1, height):
            place = _next_place(fifos, at, DOWN, y)
            for x in range(width):
                fifos[DOWN, place, y, x] = words[y, x]


@njit
def _tag(
    tags: I64, stage: int, begins: bool, ends: bool, place: tuple[int, int, int, int, int], size: tuple[int, int]
) -> None:
    """Note what goes along with products; ``place`` is (top, left, filter, image, command)."""
    tags[stage, BEGINS], tags[stage, ENDS] = begins, ends
    tags[stage, TOP], tags[stage, LEFT], tags[stage, FILTER], tags[stage, IMAGE], tags[stage, COMMAND] = place
    tags[stage, HEIGHT], tags[stage, WIDTH] = size


@njit
def _patches(
    state: State, books: Books, ifmap: I64, filters: I64, steps: I64, job: tuple[int, int, int, int], clock: int
) -> int:
    """Run one filter over all patches of an image; return the clock after its last operands.

    ``job`` is (command, image, filter over all groups, first ifmap channel).
    """
    command, image, filter_index, first_channel = job
    words, fifos, at, products, tags, sums = state
    rows, cols = sums.shape
    n_rows, n_cols = books.outputs.shape[2:]
    channels = filters.shape[1]
    counts, watched = books.counts[command], books.watched
    for top in range(0, n_rows, rows):
        for left in range(0, n_cols, cols):
            size = (min(rows, n_rows - top), min(cols, n_cols - left))
            for c in range(channels):
                plane = ifmap[image, first_channel + c]
                for r in range(steps[4]):
                    for s in range(steps[5]):
                        stage = clock % tags.shape[0]
                        if _advance(tags, products, sums, watched, clock):
                            _write_or_log(state, books, clock, stage)
                        _feed(words, fifos, at, counts, plane, (top, left, *size), (r, s), steps)
                        weight = filters[filter_index, c, r, s]
                        _multiply(words, products, counts, size[0], size[1], weight, stage)
                        begins = c == 0 and r == 0 and s == 0
                        ends = c == channels - 1 and r == steps[4] - 1 and s == steps[5] - 1
                        _tag(tags, stage, begins, ends, (top, left, filter_index, image, command), size)
                        clock += 1
    return clock


@njit
def _vectors(
    state: State, books: Books, ifmap: I64, filters: I64, steps: I64, job: tuple[int, int, int, int, int], clock: int
) -> int:
    """Run a tile of filters over a single pixel: a PE a filter, one ifmap word a clock for all of them.

    ``job`` is (command, image, first filter over all groups, filters, first ifmap channel).
    """
    command, image, first_filter, n_filters, first_channel = job
    rows, cols = state.sums.shape
    channels = filters.shape[1]
    counts = books.counts[command]
    for base in range(first_filter, first_filter + n_filters, rows * cols):
        used = min(rows * cols, first_filter + n_filters - base)
        for c in range(channels):
            for r in range(steps[4]):
                for s in range(steps[5]):
                    stage = clock % state.tags.shape[0]
                    if _advance(state.tags, state.products, state.sums, books.watched, clock):
                        _write_or_log(state, books, clock, stage)
                    word = ifmap[image, first_channel + c, r * steps[2], s * steps[3]]
                    counts[IFMAP_LOADS] += 1
                    counts[IFMAP_ARRIVALS] += used
                    for pe in range(used):
                        weight = filters[base + pe, c, r, s]
                        state.products[stage, pe // cols, pe % cols] = word * weight
                        counts[EFFECTUAL_MACS] += word != 0 and weight != 0
                    counts[FILTER_READS] += used
                    counts[FILTER_ARRIVALS] += used
                    counts[MACS] += used
                    counts[IFMAP_ZERO_MACS] += used if word == 0 else 0
                    ends = c == channels - 1 and r == steps[4] - 1 and s == steps[5] - 1
                    begins = c == 0 and r == 0 and s == 0
                    _tag(state.tags, stage, begins, ends, (-1, -1, base, image, command), (1, used))
                    clock += 1
    return clock


@njit
def _run(state: State, books: Books, ifmap: I64, filters: I64, steps: I64, sizes: tuple[int, int, int]) -> int:
    """Run all commands, in the order groups, images, tiles of filters; ``sizes`` are (groups, filters of one, tk)."""
    groups, per_group, tk = sizes
    channels = filters.shape[1]
    is_vector = books.outputs.shape[2] == 1 and books.outputs.shape[3] == 1
    clock = 0
    command = 0
    for group in range(groups):
        for image in range(ifmap.shape[0]):
            for first in range(0, per_group, tk):
                n_filters = min(tk, per_group - first)
                base = group * per_group + first
                if is_vector:
                    job = (command, image, base, n_filters, group * channels)
                    clock = _vectors(state, books, ifmap, filters, steps, job, clock)
                else:
                    for filter_index in range(base, base + n_filters):
                        one = (command, image, filter_index, group * channels)
                        clock = _patches(state, books, ifmap, filters, steps, one, clock)
                books.ends[command] = clock
                command += 1
    for last in range(clock, clock + state.tags.shape[0]):
        if _advance(state.tags, state.products, state.sums, books.watched, last):
            _write_or_log(state, books, last, last % state.tags.shape[0])
    return int(clock + state.tags.shape[0])


def step_pixel_mesh(
    pes: PixelPes,
    conv: ConvShape,
    tk: int,
    ifmap: Values,
    filters: Values,
    watched: tuple[int, int, int, int] = (-1, -1, -1, -1),
) -> PixelRun:
    """Run a layer.

    Parameters
    ----------
    tk
        Filters of a command.
    ifmap, filters
        Integers, (n, groups x c, h, w) and (groups x k, c, r, s).
    watched
        Output whose sum is logged after each addition.
    """
    height, width = padded_size(conv)
    padded = np.zeros((conv.n, conv.groups * conv.c, height, width), dtype=np.int64)
    padded[:, :, conv.pad_h : conv.pad_h + conv.h, conv.pad_w : conv.pad_w + conv.w] = ifmap
    reuse = reuse_of(conv, pes)
    strides = (conv.stride_h, conv.stride_w, conv.dilation_h, conv.dilation_w)
    steps = np.array([*strides, conv.r, conv.s, *reuse], dtype=np.int64)
    commands = conv.groups * conv.n * -(-conv.k // tk)
    grid = (pes.rows, pes.cols)
    state = State(
        words=np.full(grid, EMPTY, dtype=np.int64),
        fifos=np.full((2, pes.fifo_words, *grid), EMPTY, dtype=np.int64),
        at=np.zeros((2, pes.rows, 3), dtype=np.int64),
        products=np.full((pes.stages, *grid), EMPTY, dtype=np.int64),
        tags=np.full((pes.stages, N_TAGS), -1, dtype=np.int64),
        sums=np.full(grid, EMPTY, dtype=np.int64),
    )
    books = Books(
        outputs=np.full((conv.n, conv.groups * conv.k, conv.p, conv.q), EMPTY, dtype=np.int64),
        counts=np.zeros((commands, N_COUNTS), dtype=np.int64),
        ends=np.zeros(commands, dtype=np.int64),
        watched=np.array(watched, dtype=np.int64),
        log=np.zeros((conv.c * conv.r * conv.s, N_LOG), dtype=np.int64),
        n_logged=np.zeros(1, dtype=np.int64),
    )
    values = np.ascontiguousarray(filters, dtype=np.int64)
    cycles = _run(state, books, padded, values, steps, (conv.groups, conv.k, tk))
    return PixelRun(books, cycles)

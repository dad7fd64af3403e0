"""The adder-tree array one clock at a time: operand rows through multipliers, adder trees and dedicated sum registers.

The sequencer walks the tiles of a mapping and starts one operation a clock: ``inputs`` channels of one ofmap pixel and
filter tap, for ``trees`` filters. In that clock a row of NBin and a row of SB are read into the operand registers.
The multipliers take them in the first stage of the pipeline, the trees in the second, and the last stage adds to the
sum registers: to zero or to a row of NBout where a tile's work on these psums begins, to what the registers hold
elsewhere. Where it ends, the registers go to NBout in the same stage, so that a row that the next operation asks for
is there. Operations stand in a ring: the stages pass along it, and what an operation holds keeps its place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.im2col import ConvShape
from accel_sim.kernels.jit import njit
from accel_sim.kernels.references import borrow, inlined
from accel_sim.kernels.stepped.adder_tree_types import (
    CHANNEL,
    COLUMN,
    EFFECTUAL_MACS,
    FILTER,
    GROUP,
    IFMAP_ARRIVALS,
    IFMAP_ZERO_MACS,
    IMAGE,
    MACS,
    N_COUNTS,
    N_DIGITS,
    N_LOG,
    NBIN_ROWS_READ,
    NBIN_WORDS_READ,
    NBOUT_ROWS_READ,
    NBOUT_ROWS_WRITTEN,
    NBOUT_WORDS_READ,
    NBOUT_WORDS_WRITTEN,
    ROW,
    SB_ROWS_READ,
    SB_WORDS_READ,
    AdderTrees,
    Probe,
    SteppedRun,
    TileNest,
)

I64 = NDArray[np.int64]
Values = NDArray[Any]

# What an operation carries along. Filter and channel count over all groups; tap row and column are those of the filter.
TILE = 0
IS_FIRST = 1
BEGINS = 2
ENDS = 3
AT_IMAGE = 4
AT_ROW = 5
AT_COLUMN = 6
FIRST_FILTER = 7
FILTERS = 8
FIRST_CHANNEL = 9
CHANNELS = 10
TAP_ROW = 11
TAP_COLUMN = 12
N_OP = 13

# Psums that nobody has written; reading one spoils the output.
UNWRITTEN = -0x5A5A5A5A5A5A


class Registers(NamedTuple):
    """What the array holds. Slots are operations in flight, ``stages + 1`` of them; all int64.

    ``ops`` [slots, `N_OP`]; ``values`` [slots, inputs], ``weights`` and ``products`` [slots, trees, inputs],
    ``tree_sums`` [slots, trees], ``sums`` [trees].
    """

    ops: I64
    values: I64
    weights: I64
    products: I64
    tree_sums: I64
    sums: I64


class Memory(NamedTuple):
    """What the array reads and writes, and the books.

    Parameters
    ----------
    ifmap
        NBin and what lies behind it, any integer dtype, (N, H, W, C over all groups).
    filters
        SB and what lies behind it, any integer dtype, (R, S, K over all groups, C of one group).
    psums
        NBout and what lies behind it, int64 (N, P, Q, K over all groups).
    tile_ends, counts
        As in `SteppedRun`.
    """

    ifmap: Values
    filters: Values
    psums: I64
    tile_ends: I64
    counts: I64


def step_adder_tree(
    array: AdderTrees, conv: ConvShape, nest: TileNest, ifmap: Values, filters: Values, probe: Probe | None = None
) -> SteppedRun:
    """Run a layer on the array, clock by clock.

    Parameters
    ----------
    ifmap
        Any integer dtype, (N, H, W, C over all groups), without padding: where a tap lies outside, the words of the
        row that is read are zero.
    filters
        Any integer dtype, (R, S, K over all groups, C of one group).
    """
    n_tiles = int(np.prod(digit_extents(conv, nest)))
    slots, trees, inputs = array.stages + 1, array.trees, array.inputs
    registers = Registers(
        ops=np.zeros((slots, N_OP), np.int64),
        values=np.zeros((slots, inputs), np.int64),
        weights=np.zeros((slots, trees, inputs), np.int64),
        products=np.zeros((slots, trees, inputs), np.int64),
        tree_sums=np.zeros((slots, trees), np.int64),
        sums=np.zeros(trees, np.int64),
    )
    memory = Memory(
        ifmap=ifmap,
        filters=filters,
        psums=np.full((conv.n, conv.p, conv.q, conv.groups * conv.k), UNWRITTEN, np.int64),
        tile_ends=np.zeros(n_tiles, np.int64),
        counts=np.zeros((n_tiles, N_COUNTS), np.int64),
    )
    cycles = run_tiles(array, conv, nest, memory, registers, probe or blind_probe())
    return SteppedRun(memory.psums, int(cycles), memory.tile_ends, memory.counts)


def blind_probe() -> Probe:
    """A probe that records nothing."""
    nothing = np.zeros((0, N_LOG), np.int64)
    return Probe(place=np.zeros(4, np.int64), log=nothing, products=nothing, n=np.zeros(1, np.int64))


@njit
def digit_extents(conv: ConvShape, nest: TileNest) -> I64:
    """How many tiles each digit counts, int64 [6]."""
    sizes = (conv.groups, conv.n, conv.p, conv.q, conv.k, conv.c)
    tiles = (1, nest.images, nest.rows, nest.cols, nest.filters, nest.channels)
    extents = np.zeros(N_DIGITS, np.int64)
    for digit in range(N_DIGITS):
        extents[digit] = -(-sizes[digit] // tiles[digit])
    return extents


@njit
def run_tiles(
    array: AdderTrees, conv: ConvShape, nest: TileNest, memory: Memory, registers: Registers, probe: Probe
) -> int:
    """Start one operation a clock until all tiles are done, and empty the pipeline; return the clocks."""
    reached, held, watch = borrow(memory), borrow(registers), borrow(probe)
    extents = digit_extents(conv, nest)
    digits = np.zeros(N_DIGITS, np.int64)
    clock = slot = 0
    for tile in range(memory.tile_ends.shape[0]):
        first_filter = digits[GROUP] * conv.k + digits[FILTER] * nest.filters
        filter_end = digits[GROUP] * conv.k + min((digits[FILTER] + 1) * nest.filters, conv.k)
        first_channel = digits[GROUP] * conv.c + digits[CHANNEL] * nest.channels
        channel_end = digits[GROUP] * conv.c + min((digits[CHANNEL] + 1) * nest.channels, conv.c)
        for image in range(digits[IMAGE] * nest.images, min((digits[IMAGE] + 1) * nest.images, conv.n)):
            for row in range(digits[ROW] * nest.rows, min((digits[ROW] + 1) * nest.rows, conv.p)):
                for column in range(digits[COLUMN] * nest.cols, min((digits[COLUMN] + 1) * nest.cols, conv.q)):
                    for filters in range(first_filter, filter_end, array.trees):
                        begins = True
                        for tap in range(conv.r * conv.s):
                            for channel in range(first_channel, channel_end, array.inputs):
                                op = held.ops[slot]
                                op[TILE], op[IS_FIRST], op[BEGINS] = tile, digits[CHANNEL] == 0, begins
                                op[AT_IMAGE], op[AT_ROW], op[AT_COLUMN] = image, row, column
                                op[FIRST_FILTER], op[FILTERS] = filters, min(array.trees, filter_end - filters)
                                op[FIRST_CHANNEL], op[CHANNELS] = channel, min(array.inputs, channel_end - channel)
                                op[TAP_ROW], op[TAP_COLUMN] = tap // conv.s, tap % conv.s
                                op[ENDS] = tap + 1 == conv.r * conv.s and channel + op[CHANNELS] == channel_end
                                begins = False
                                read_operands(conv, held, slot, reached)
                                slot = work_stages(array, held, slot, clock, reached, watch)
                                clock += 1
        memory.tile_ends[tile] = clock
        step_digits(digits, extents, nest.order)
    for _ in range(array.stages):
        held.ops[slot, FILTERS] = 0
        slot = work_stages(array, held, slot, clock, reached, watch)
        clock += 1
    memory.tile_ends[-1] = clock
    return clock


@njit
def step_digits(digits: I64, extents: I64, order: I64) -> None:
    """Count to the next tile: ``digits`` int64 [6], changed in place, under their ``extents`` and ``order``."""
    for place in range(N_DIGITS - 1, -1, -1):
        digit = order[place]
        digits[digit] += 1
        if digits[digit] < extents[digit]:
            return
        digits[digit] = 0


@inlined
def read_operands(conv: ConvShape, registers: Registers, slot: int, memory: Memory) -> None:
    """Read the rows of NBin and SB that the operation in ``slot`` asks for into its operand registers."""
    op, values, weights = registers.ops[slot], registers.values[slot], registers.weights[slot]
    first_filter, n_filters, first_channel, n_channels = op[FIRST_FILTER], op[FILTERS], op[FIRST_CHANNEL], op[CHANNELS]
    y = op[AT_ROW] * conv.stride_h + op[TAP_ROW] * conv.dilation_h - conv.pad_h
    x = op[AT_COLUMN] * conv.stride_w + op[TAP_COLUMN] * conv.dilation_w - conv.pad_w
    if 0 <= y < conv.h and 0 <= x < conv.w:
        ifmap_row = memory.ifmap[op[AT_IMAGE], y, x]
        for lane in range(n_channels):
            values[lane] = ifmap_row[first_channel + lane]
    else:
        for lane in range(n_channels):
            values[lane] = 0
    filter_rows = memory.filters[op[TAP_ROW], op[TAP_COLUMN]]
    in_group = first_channel % conv.c
    for tree in range(n_filters):
        for lane in range(n_channels):
            weights[tree, lane] = filter_rows[first_filter + tree, in_group + lane]
    counts = memory.counts[op[TILE]]
    counts[NBIN_ROWS_READ] += 1
    counts[NBIN_WORDS_READ] += n_channels
    counts[SB_ROWS_READ] += 1
    counts[SB_WORDS_READ] += n_filters * n_channels


@inlined
def work_stages(array: AdderTrees, registers: Registers, newest: int, clock: int, memory: Memory, probe: Probe) -> int:
    """Let each stage work on the operation that has come to it, and return the slot of the next operation.

    Operations without filters are bubbles.
    """
    slots = registers.ops.shape[0]
    oldest = newest + 1 if newest + 1 < slots else 0
    multiply(registers, newest - 1 if newest > 0 else slots - 1, memory)
    add_up(registers, (newest - min(2, array.stages)) % slots)
    accumulate(registers, oldest, clock, memory, probe)
    return oldest


@inlined
def multiply(registers: Registers, slot: int, memory: Memory) -> None:
    """Every multiplier of the operation makes its product; the row of ifmap words reaches all of its trees."""
    op, values, weights = registers.ops[slot], registers.values[slot], registers.weights[slot]
    products = registers.products[slot]
    n_filters, n_channels = op[FILTERS], op[CHANNELS]
    zeros = effectual = 0
    for lane in range(n_channels):
        zeros += values[lane] == 0
    for tree in range(n_filters):
        for lane in range(n_channels):
            product = weights[tree, lane] * values[lane]
            products[tree, lane] = product
            effectual += product != 0
    counts = memory.counts[op[TILE]]
    counts[IFMAP_ARRIVALS] += n_filters * n_channels
    counts[MACS] += n_filters * n_channels
    counts[IFMAP_ZERO_MACS] += zeros * n_filters
    counts[EFFECTUAL_MACS] += effectual


@inlined
def add_up(registers: Registers, slot: int) -> None:
    """Every tree of the operation adds up its products."""
    op, products, tree_sums = registers.ops[slot], registers.products[slot], registers.tree_sums[slot]
    n_channels = op[CHANNELS]
    for tree in range(op[FILTERS]):
        total = np.int64(0)
        for lane in range(n_channels):
            total += products[tree, lane]
        tree_sums[tree] = total


@inlined
def accumulate(registers: Registers, slot: int, clock: int, memory: Memory, probe: Probe) -> None:
    """Add to the sum registers; take them from NBout before and put them there after, as the operation says."""
    op, tree_sums, sums = registers.ops[slot], registers.tree_sums[slot], registers.sums
    n_filters, first_filter = op[FILTERS], op[FIRST_FILTER]
    if n_filters == 0:
        return
    psums, counts = memory.psums[op[AT_IMAGE], op[AT_ROW], op[AT_COLUMN]], memory.counts[op[TILE]]
    if op[BEGINS] == 1:
        for tree in range(n_filters):
            sums[tree] = 0 if op[IS_FIRST] == 1 else psums[first_filter + tree]
        if op[IS_FIRST] == 0:
            counts[NBOUT_ROWS_READ] += 1
            counts[NBOUT_WORDS_READ] += n_filters
    for tree in range(n_filters):
        sums[tree] += tree_sums[tree]
    if op[ENDS] == 1:
        for tree in range(n_filters):
            psums[first_filter + tree] = sums[tree]
        counts[NBOUT_ROWS_WRITTEN] += 1
        counts[NBOUT_WORDS_WRITTEN] += n_filters
    if probe.log.shape[0] > 0:
        record(registers, slot, clock, probe)


@njit
def record(registers: Registers, slot: int, clock: int, probe: Probe) -> None:
    """Write a row of the probe's log, if the operation in ``slot`` adds to the output that it watches."""
    op, place = registers.ops[slot], probe.place
    tree = place[1] - op[FIRST_FILTER]
    at_pixel = op[AT_IMAGE] == place[0] and op[AT_ROW] == place[2] and op[AT_COLUMN] == place[3]
    if not (at_pixel and 0 <= tree < op[FILTERS]):
        return
    at = probe.n[0]
    probe.log[at] = np.array(
        [clock, op[TILE], op[TAP_ROW], op[TAP_COLUMN], op[FIRST_CHANNEL], op[CHANNELS], tree, registers.sums[tree]]
    )
    probe.products[at, : op[CHANNELS]] = registers.products[slot, tree, : op[CHANNELS]]
    probe.n[0] += 1

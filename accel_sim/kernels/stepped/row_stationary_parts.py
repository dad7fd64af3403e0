"""The parts of the stepped row-stationary array: PEs with their register files, buses, and what they count.

Each function does one clock's work of its part and moves real operands. When a bus may start a beat and the
sequencer a slot is decided in `accel_sim.kernels.stepped.row_stationary_control`, before anything moves in that clock.
Cursors are stepped on, not computed from a clock: no part divides in the clocks in which it works.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import inline_njit, njit
from accel_sim.kernels.row_stationary_types import ArrayTiming, Window

I64 = NDArray[np.int64]

# columns of the table of passes
FIRST_IMAGE = 0
IMAGES = 1
FIRST_ROW = 2
ROWS = 3
FIRST_FILTER = 4
FILTERS = 5
FIRST_CHANNEL = 6
CHANNELS = 7
FIRST_IFMAP_CHANNEL = 8
PE_FILTERS = 9
PE_CHANNELS = 10
CHANNEL_SETS = 11
FILTER_SETS = 12
PSUM_LAG = 13
LOADS_FILTERS = 14
READS_PSUMS = 15
N_COLUMNS = 16
# further columns of the plan that is made of it: PEs along a row that each set of filters has, and what has gone
# through each stream before the pass, in words of one PE or chain: ifmap columns and words, filters, places used in the
# filter RF and the words it still holds for the pass before, psums, psums that passes with ``READS_PSUMS`` read
SET_PES = 16
COLUMNS_BEFORE = 17
IFMAP_BEFORE = 18
FILTERS_BEFORE = 19
FILTER_PLACES_BEFORE = 20
FILTERS_HELD = 21
PSUMS_BEFORE = 22
PSUMS_READ_BEFORE = 23
N_PLAN = 24

# places in the counters of accesses, in words
GLB_IFMAP_READS = 0
GLB_FILTER_READS = 1
GLB_PSUM_READS = 2
GLB_PSUM_WRITES = 3
RF_IFMAP_WRITES = 4
RF_FILTER_WRITES = 5
RF_IFMAP_READS = 6
RF_FILTER_READS = 7
RF_PSUM_READS = 8
RF_PSUM_WRITES = 9
LINK_PSUMS = 10
MACS = 11
GATED_MACS = 12
N_COUNTS = 13

# the cursor of a bus: pass, image, first word of the beat on the way (psums: of a chain; filters: of a PE; ifmap: its
# column), whether a beat is on the way, the place of its first word in the RF or FIFO; filter and channel of that
# word in the PE, its filter column and ofmap column; and whose turn it is: set of filters, set of channels, row
AT_PASS = 0
AT_IMAGE = 1
AT_WORD = 2
ON_THE_WAY = 3
AT_PLACE = 4
AT_K = 5
AT_LANE = 6
AT_S = 7
AT_X = 8
TURN_FILTERS = 9
TURN_CHANNELS = 10
TURN_ROW = 11
N_CURSOR = 12

# an operation that the sequencer issues: kind, pass, places in the filter and ifmap RF (or the read FIFO), filter and
# channel within the PE, whether it starts a psum, how many words of the ifmap RF it uses for the last time, whether
# it is the last MAC of the pass
NONE = 0
MAC = 1
ADD = 2
KIND = 0
PASS = 1
FILTER_PLACE = 2
OPERAND_PLACE = 3
FILTER = 4
CHANNEL = 5
FIRST = 6
FREES_WORDS = 7
ENDS_MACS = 8
N_FIELDS = 9


@inline_njit
def move_filters(
    timing: ArrayTiming, window: Window, plan: I64, filters: I64, filter_rf: I64, bus: I64, counts: I64
) -> bool:
    """Bring the next ``filter_bus_words`` words to all PEs of a row; return whether that ends the beat.

    int64: ``plan`` [passes, `N_PLAN`]; ``filters`` [K, C/groups, R, S]; ``filter_rf`` [place in the chain, word,
    chain]; ``bus`` [`N_CURSOR`]; ``counts`` [`N_COUNTS`]. The last three change in place.
    """
    at = bus[AT_PASS]
    p, q, rows = plan[at, PE_FILTERS], plan[at, PE_CHANNELS], plan[at, ROWS]
    filter_set, channel_set, row = bus[TURN_FILTERS], bus[TURN_CHANNELS], bus[TURN_ROW]
    first_chain = filter_set * plan[at, SET_PES]
    k, lane, s, place = bus[AT_K], bus[AT_LANE], bus[AT_S], bus[AT_PLACE]
    first_filter, n_filters = plan[at, FIRST_FILTER] + filter_set * p, plan[at, FILTERS] - filter_set * p
    first_channel, n_channels = plan[at, FIRST_CHANNEL] + channel_set * q, plan[at, CHANNELS] - channel_set * q
    pe_row, brought = channel_set * window.filter_rows + row, 0
    for _ in range(timing.filter_bus_words):
        if s < window.filter_cols and lane < n_channels and k < n_filters:
            value = filters[first_filter + k, first_channel + lane, row, s]
            for y in range(first_chain, first_chain + rows):
                filter_rf[pe_row, place, y] = value
            brought += 1
        k += 1
        if k == p:
            k, lane = 0, lane + 1
        if lane == q:
            lane, s = 0, s + 1
        place = place + 1 if place + 1 < timing.filter_rf_words else 0
    counts[GLB_FILTER_READS] += brought
    counts[RF_FILTER_WRITES] += brought * rows
    bus[TURN_FILTERS] += 1
    if bus[TURN_FILTERS] < plan[at, FILTER_SETS]:
        return False
    bus[TURN_FILTERS] = 0
    bus[TURN_ROW] += 1
    if bus[TURN_ROW] == window.filter_rows:
        bus[TURN_ROW] = 0
        bus[TURN_CHANNELS] += 1
    if bus[TURN_CHANNELS] < plan[at, CHANNEL_SETS]:
        return False
    bus[TURN_CHANNELS] = 0
    bus[AT_K], bus[AT_LANE], bus[AT_S], bus[AT_PLACE] = k, lane, s, place
    return True


@njit
def move_ifmap(
    timing: ArrayTiming, window: Window, plan: I64, ifmap: I64, ifmap_rf: I64, bus: I64, counts: I64
) -> bool:
    """Bring the next ``ifmap_bus_words`` words of a column to the PEs of their diagonals; return whether that ends it.

    int64: ``ifmap`` [N, C, H, W], padded; ``ifmap_rf`` as ``filter_rf``; others as in `move_filters`. ``AT_X`` and
    ``AT_S`` of the bus are the first ofmap column that the ifmap column serves, and by which filter column.
    """
    at = bus[AT_PASS]
    q, strip_rows, sets = plan[at, PE_CHANNELS], plan[at, ROWS], plan[at, FILTER_SETS]
    row_step = min(window.stride_rows, window.filter_rows)
    rows = (strip_rows - 1) * row_step + window.filter_rows
    image = plan[at, FIRST_IMAGE] + bus[AT_IMAGE]
    column = bus[AT_X] * window.stride_cols + bus[AT_S]
    for _ in range(timing.ifmap_bus_words):
        if bus[TURN_CHANNELS] == plan[at, CHANNEL_SETS]:
            break
        channel, row = bus[TURN_CHANNELS] * q + bus[AT_LANE], bus[TURN_ROW]
        if channel < plan[at, CHANNELS]:
            counts[GLB_IFMAP_READS] += 1
            place = bus[AT_PLACE] + bus[AT_LANE]
            if place >= timing.ifmap_rf_words:
                place -= timing.ifmap_rf_words
            y = 0 if row < window.filter_rows else (row - window.filter_rows) // row_step + 1
            while y < strip_rows and y * row_step <= row:
                filter_row = row - y * row_step
                ifmap_row = (plan[at, FIRST_ROW] + y) * window.stride_rows + filter_row
                value = ifmap[image, plan[at, FIRST_IFMAP_CHANNEL] + channel, ifmap_row, column]
                for filter_set in range(sets):
                    chain = filter_set * plan[at, SET_PES] + y
                    ifmap_rf[bus[TURN_CHANNELS] * window.filter_rows + filter_row, place, chain] = value
                counts[RF_IFMAP_WRITES] += sets
                y += 1
        bus[TURN_ROW] += 1
        if bus[TURN_ROW] == rows:
            bus[TURN_ROW] = 0
            bus[AT_LANE] += 1
        if bus[AT_LANE] == q:
            bus[AT_LANE] = 0
            bus[TURN_CHANNELS] += 1
    if bus[TURN_CHANNELS] < plan[at, CHANNEL_SETS]:
        return False
    bus[TURN_CHANNELS] = 0
    bus[AT_S] += 1
    if bus[AT_S] == min(window.stride_cols, window.filter_cols) and bus[AT_X] < window.ofmap_cols - 1:
        bus[AT_S] = 0
        bus[AT_X] += 1
    return True


@njit
def move_psums(bus_words: int, reading: bool, ofmap_cols: int, plan: I64, psums: I64, fifo: I64, bus: I64) -> int:
    """Move a beat's words of the next chain from GLB to FIFO or back; return how many there were.

    ``psums`` int64 [N, K, P, Q] and ``fifo`` [word, chain]: one of them changes in place; else as `move_filters`. The
    beat ends when ``bus[TURN_FILTERS]`` has come back to 0 with ``bus[TURN_ROW]``.
    """
    at = bus[AT_PASS]
    p, filter_set = plan[at, PE_FILTERS], bus[TURN_FILTERS]
    image, row = plan[at, FIRST_IMAGE] + bus[AT_IMAGE], plan[at, FIRST_ROW] + bus[TURN_ROW]
    chain = filter_set * plan[at, SET_PES] + bus[TURN_ROW]
    k, x, place = bus[AT_K], bus[AT_X], bus[AT_PLACE]
    moved = 0
    for _ in range(bus_words):
        if x == ofmap_cols:
            break
        if filter_set * p + k < plan[at, FILTERS]:
            filter_index = plan[at, FIRST_FILTER] + filter_set * p + k
            if reading:
                fifo[place, chain] = psums[image, filter_index, row, x]
            else:
                psums[image, filter_index, row, x] = fifo[place, chain]
            moved += 1
        k += 1
        if k == p:
            k, x = 0, x + 1
        place = place + 1 if place + 1 < fifo.shape[0] else 0
    bus[TURN_ROW] += 1
    if bus[TURN_ROW] == plan[at, ROWS]:
        bus[TURN_ROW] = 0
        bus[TURN_FILTERS] += 1
    if bus[TURN_FILTERS] == plan[at, FILTER_SETS]:
        bus[TURN_FILTERS] = 0
        bus[AT_K], bus[AT_X], bus[AT_PLACE] = k, x, place
    return moved


@njit
def work_pes(
    filter_rows: int,
    plan: I64,
    ops: I64,
    newest: int,
    filter_rf: I64,
    ifmap_rf: I64,
    psum_rf: I64,
    read_fifo: I64,
    counts: I64,
) -> None:
    """Let each PE do its operation of this clock, the last of a chain first, so that it takes what was on its link.

    A MAC multiplies a weight and an ifmap value of the PE's own RFs into its psum. An addition adds the psum from
    below: from the read FIFO (or zero) at the first place, from the link elsewhere, and puts the sum on the link.
    Places of a strip with fewer rows than others work on what they hold; nobody reads or counts it.

    int64: ``ops`` [places in the chain, `N_FIELDS`], the operations of the last clocks, a ring, and ``newest``, which
    of them the first PEs do; ``psum_rf`` [place in the chain, word, chain], whose last word is the link to the next
    PE; others as above. ``psum_rf`` and ``counts`` change in place.
    """
    link = psum_rf.shape[1] - 1
    macs = first_macs = gated = rf_psum_reads = link_psums = 0
    channel_set, filter_row = psum_rf.shape[0] // filter_rows, 0
    for place in range(psum_rf.shape[0] - 1, -1, -1):
        op = newest - place
        if op < 0:
            op += ops.shape[0]
        filter_row -= 1
        if filter_row < 0:
            filter_row = filter_rows - 1
            channel_set -= 1
        if ops[op, KIND] == NONE:
            continue
        at, k = ops[op, PASS], ops[op, FILTER]
        rows, sets = plan[at, ROWS], plan[at, FILTER_SETS]
        if (sets - 1) * plan[at, PE_FILTERS] + k >= plan[at, FILTERS]:  # the last set may have fewer filters
            sets -= 1
        chains = sets * plan[at, SET_PES]
        if ops[op, KIND] == MAC:
            if channel_set * plan[at, PE_CHANNELS] + ops[op, CHANNEL] >= plan[at, CHANNELS]:
                continue
            weight, value = ops[op, FILTER_PLACE], ops[op, OPERAND_PLACE]
            for chain in range(rows):
                gated += sets * (ifmap_rf[place, value, chain] == 0)
            if ops[op, FIRST] == 1:
                for chain in range(chains):
                    psum_rf[place, k, chain] = filter_rf[place, weight, chain] * ifmap_rf[place, value, chain]
                first_macs += sets * rows
            else:
                for chain in range(chains):
                    psum_rf[place, k, chain] += filter_rf[place, weight, chain] * ifmap_rf[place, value, chain]
            macs += sets * rows
            continue
        if place > 0:
            for chain in range(chains):
                psum_rf[place, link, chain] = psum_rf[place - 1, link, chain]
            link_psums += sets * rows
        elif plan[at, READS_PSUMS] == 1:
            for chain in range(chains):
                psum_rf[place, link, chain] = read_fifo[ops[op, OPERAND_PLACE], chain]
        else:
            for chain in range(chains):
                psum_rf[place, link, chain] = 0
        if channel_set < plan[at, CHANNEL_SETS]:
            for chain in range(chains):
                psum_rf[place, link, chain] += psum_rf[place, k, chain]
            rf_psum_reads += sets * rows
    counts[MACS] += macs
    counts[GATED_MACS] += gated
    counts[RF_FILTER_READS] += macs
    counts[RF_IFMAP_READS] += macs
    counts[RF_PSUM_WRITES] += macs
    counts[RF_PSUM_READS] += macs - first_macs + rf_psum_reads
    counts[LINK_PSUMS] += link_psums

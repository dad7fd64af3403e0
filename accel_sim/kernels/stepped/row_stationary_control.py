"""Who may start what in the stepped row-stationary array: the sequencer's slots and the beats of the four buses.

Nothing here knows a time: every decision compares counts of words and passes that have really come and gone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.row_stationary_types import ArrayTiming, Window
from accel_sim.kernels.stepped import row_stationary_parts as parts

I64 = NDArray[np.int64]

# what the parts know of each other; words are those of one PE or chain, over all passes
COLUMNS_IN = 0  # ifmap columns that have arrived
WORDS_FREED = 1  # of the ifmap RF: used for the last time
FILTERS_IN = 2
PASSES_COMPUTED = 3  # passes whose last MAC is done in the last PE of the chains
PSUMS_IN = 4  # read from the GLB
PSUMS_TAKEN = 5  # taken from the read FIFO
PSUMS_READY = 6  # through the PE's pipeline, in the write FIFO
PSUMS_LEFT = 7  # written to the GLB
PASSES_STORED = 8
N_SHARED = 9

# the sequencer: pass, image, ofmap column, filter column (one past the last: the psum slot), channel and filter in
# the PE, whether a slot is on the way, places of the next operands in the filter RF, ifmap RF and read FIFO
SEQ_PASS = 0
SEQ_IMAGE = 1
SEQ_X = 2
SEQ_S = 3
SEQ_LANE = 4
SEQ_K = 5
ISSUING = 6
FILTER_AT = 7
IFMAP_AT = 8
PSUM_AT = 9
N_SEQUENCER = 10


@njit
def sum_before(per_pass: I64) -> I64:
    """Return the sum of all entries before each one; int64 [passes]."""
    return np.cumsum(per_pass) - per_pass


@njit
def sent_columns(window: Window) -> int:
    """Return the ifmap columns of an image that the bus brings: all but those that no window covers."""
    return (window.ofmap_cols - 1) * min(window.stride_cols, window.filter_cols) + window.filter_cols


@njit
def make_plan(window: Window, passes: I64) -> I64:
    """Return the plan, int64 [passes, `N_PLAN`], of a table of passes, int64 [passes, `N_COLUMNS`]."""
    images, p, q = passes[:, parts.IMAGES], passes[:, parts.PE_FILTERS], passes[:, parts.PE_CHANNELS]
    loads = passes[:, parts.LOADS_FILTERS]
    columns = images * sent_columns(window)
    filters = p * q * window.filter_cols
    psums = images * p * window.ofmap_cols
    plan = np.zeros((passes.shape[0], parts.N_PLAN), np.int64)
    plan[:, : parts.N_COLUMNS] = passes
    plan[:, parts.SET_PES] = passes[:, parts.ROWS].max()
    plan[:, parts.COLUMNS_BEFORE] = sum_before(columns)
    plan[:, parts.IFMAP_BEFORE] = sum_before(columns * q)
    plan[:, parts.FILTERS_BEFORE] = sum_before(filters * loads)
    plan[:, parts.PSUMS_BEFORE] = sum_before(psums)
    plan[:, parts.PSUMS_READ_BEFORE] = sum_before(psums * passes[:, parts.READS_PSUMS])
    place = held = 0
    for i in range(passes.shape[0]):
        plan[i, parts.FILTERS_HELD] = held
        if loads[i] == 1:
            place += held
            held = filters[i]
        plan[i, parts.FILTER_PLACES_BEFORE] = place
    return plan


@njit
def filters_may_start(timing: ArrayTiming, filter_cols: int, plan: I64, bus: I64, shared: I64) -> bool:
    """Whether the next beat of weights has a place in the RFs; passes that load nothing are stepped over.

    At most one pass's weights wait behind those in use. int64: ``plan`` [passes, `N_PLAN`]; ``bus`` [`N_CURSOR`],
    changed in place; ``shared`` [`N_SHARED`].
    """
    while bus[parts.AT_PASS] < plan.shape[0] and plan[bus[parts.AT_PASS], parts.LOADS_FILTERS] == 0:
        bus[parts.AT_PASS] += 1
    at = bus[parts.AT_PASS]
    if at == plan.shape[0] or shared[PASSES_COMPUTED] < at - 1:
        return False
    words = plan[at, parts.PE_FILTERS] * plan[at, parts.PE_CHANNELS] * filter_cols
    sent = min(bus[parts.AT_WORD] + timing.filter_bus_words, words)
    fits = timing.filter_prefetch == 1 and plan[at, parts.FILTERS_HELD] + sent <= timing.filter_rf_words
    if not fits and shared[PASSES_COMPUTED] < at:
        return False
    if bus[parts.AT_WORD] == 0:
        bus[parts.AT_PLACE] = plan[at, parts.FILTER_PLACES_BEFORE] % timing.filter_rf_words
        bus[parts.AT_K] = bus[parts.AT_LANE] = bus[parts.AT_S] = 0
    return True


@njit
def ifmap_may_start(timing: ArrayTiming, window: Window, plan: I64, bus: I64, shared: I64) -> bool:
    """Whether the RFs have room for the next ifmap column; parameters as in `filters_may_start`."""
    at = bus[parts.AT_PASS]
    if at == plan.shape[0]:
        return False
    q = plan[at, parts.PE_CHANNELS]
    first = plan[at, parts.IFMAP_BEFORE] + (bus[parts.AT_IMAGE] * sent_columns(window) + bus[parts.AT_WORD]) * q
    if first + q - shared[WORDS_FREED] > timing.ifmap_rf_words:
        return False
    if bus[parts.AT_WORD] == 0:
        bus[parts.AT_X] = bus[parts.AT_S] = 0
    bus[parts.AT_PLACE] = first % timing.ifmap_rf_words
    return True


@njit
def reads_may_start(timing: ArrayTiming, ofmap_cols: int, plan: I64, bus: I64, shared: I64) -> bool:
    """Whether the next beat of psums has been stored and has room in the FIFOs; passes that read none are stepped over.

    Parameters as in `filters_may_start`.
    """
    while bus[parts.AT_PASS] < plan.shape[0] and plan[bus[parts.AT_PASS], parts.READS_PSUMS] == 0:
        bus[parts.AT_PASS] += 1
    at = bus[parts.AT_PASS]
    if at == plan.shape[0]:
        return False
    lag = min(plan[at, parts.PSUM_LAG], 2)
    if lag > 0 and shared[PASSES_STORED] < at - lag + 1:
        return False
    row_psums = plan[at, parts.PE_FILTERS] * ofmap_cols
    first = plan[at, parts.PSUMS_BEFORE] + bus[parts.AT_IMAGE] * row_psums
    sent = first + min(bus[parts.AT_WORD] + timing.psum_read_words, row_psums)
    if sent - shared[PSUMS_TAKEN] > timing.psum_fifo_words:
        return False
    if bus[parts.AT_WORD] == 0:
        bus[parts.AT_PLACE] = first % timing.psum_fifo_words
        bus[parts.AT_K] = bus[parts.AT_X] = 0
    return True


@njit
def writes_may_start(timing: ArrayTiming, ofmap_cols: int, plan: I64, bus: I64, shared: I64) -> bool:
    """Whether all words of the next beat are in the write FIFOs; parameters as in `filters_may_start`."""
    at = bus[parts.AT_PASS]
    row_psums = plan[at, parts.PE_FILTERS] * ofmap_cols
    first = plan[at, parts.PSUMS_BEFORE] + bus[parts.AT_IMAGE] * row_psums
    if shared[PSUMS_READY] < first + min(bus[parts.AT_WORD] + timing.psum_write_words, row_psums):
        return False
    if bus[parts.AT_WORD] == 0:
        bus[parts.AT_PLACE] = first % timing.psum_fifo_words
        bus[parts.AT_K] = bus[parts.AT_X] = 0
    return True


@njit
def end_beat(bus: I64, words: int, all_words: int, images: int) -> int:
    """Step a bus on by a beat of at most `words` words, to the next image or pass; return how many words it had.

    ``bus`` int64 [`N_CURSOR`] changes in place.
    """
    moved = min(words, all_words - bus[parts.AT_WORD])
    bus[parts.ON_THE_WAY] = 0
    bus[parts.AT_WORD] += moved
    if bus[parts.AT_WORD] == all_words:
        bus[parts.AT_WORD] = 0
        bus[parts.AT_IMAGE] += 1
    if bus[parts.AT_IMAGE] == images:
        bus[parts.AT_IMAGE] = 0
        bus[parts.AT_PASS] += 1
    return int(moved)


@njit
def slot_may_start(timing: ArrayTiming, window: Window, plan: I64, seq: I64, shared: I64) -> bool:
    """Whether the operands of the sequencer's next slot are there, and for a psum slot room for what it makes.

    ``seq`` int64 [`N_SEQUENCER`] changes in place: it notes where the operands are.
    """
    at, image, x, s = seq[SEQ_PASS], seq[SEQ_IMAGE], seq[SEQ_X], seq[SEQ_S]
    if at == plan.shape[0]:
        return False
    p, q = plan[at, parts.PE_FILTERS], plan[at, parts.PE_CHANNELS]
    if s == window.filter_cols:
        if shared[PSUMS_TAKEN] + p - shared[PSUMS_LEFT] > timing.psum_fifo_words:
            return False
        words = (image * window.ofmap_cols + x + 1) * p * plan[at, parts.READS_PSUMS]
        if shared[PSUMS_IN] < plan[at, parts.PSUMS_READ_BEFORE] + words:
            return False
        seq[PSUM_AT] = shared[PSUMS_TAKEN] % timing.psum_fifo_words
        return True
    column = image * sent_columns(window) + x * min(window.stride_cols, window.filter_cols) + s
    if shared[COLUMNS_IN] <= plan[at, parts.COLUMNS_BEFORE] + column:
        return False
    if shared[FILTERS_IN] < plan[at, parts.FILTERS_BEFORE] + p * q * (s + 1) * plan[at, parts.LOADS_FILTERS]:
        return False
    seq[IFMAP_AT] = (plan[at, parts.IFMAP_BEFORE] + column * q) % timing.ifmap_rf_words
    if s == 0:
        seq[FILTER_AT] = plan[at, parts.FILTER_PLACES_BEFORE] % timing.filter_rf_words
    return True


@njit
def issue(timing: ArrayTiming, window: Window, plan: I64, seq: I64, shared: I64, ops: I64, newest: int) -> None:
    """Write the sequencer's next operation into ``ops[newest]`` and step on.

    ``ops`` int64 [L, `N_FIELDS`], ``seq`` and ``shared`` change in place.
    """
    at, x, s, k = seq[SEQ_PASS], seq[SEQ_X], seq[SEQ_S], seq[SEQ_K]
    p, q = plan[at, parts.PE_FILTERS], plan[at, parts.PE_CHANNELS]
    ops[newest, parts.PASS] = at
    ops[newest, parts.FILTER] = k
    ops[newest, parts.FREES_WORDS] = ops[newest, parts.ENDS_MACS] = 0
    seq[SEQ_K] += 1
    is_last = False
    if s == window.filter_cols:
        ops[newest, parts.KIND] = parts.ADD
        ops[newest, parts.OPERAND_PLACE] = seq[PSUM_AT]
        seq[PSUM_AT] = seq[PSUM_AT] + 1 if seq[PSUM_AT] + 1 < timing.psum_fifo_words else 0
        shared[PSUMS_TAKEN] += 1
        is_last = k == p - 1
    else:
        ops[newest, parts.KIND] = parts.MAC
        ops[newest, parts.CHANNEL] = seq[SEQ_LANE]
        ops[newest, parts.FIRST] = s == 0 and seq[SEQ_LANE] == 0
        ops[newest, parts.FILTER_PLACE] = seq[FILTER_AT]
        ops[newest, parts.OPERAND_PLACE] = seq[IFMAP_AT]
        seq[FILTER_AT] = seq[FILTER_AT] + 1 if seq[FILTER_AT] + 1 < timing.filter_rf_words else 0
        if k == p - 1:
            seq[SEQ_K] = 0
            seq[SEQ_LANE] += 1
            seq[IFMAP_AT] = seq[IFMAP_AT] + 1 if seq[IFMAP_AT] + 1 < timing.ifmap_rf_words else 0
            is_last = seq[SEQ_LANE] == q
        if is_last:
            is_last_x = x == window.ofmap_cols - 1
            if is_last_x or s < window.stride_cols:
                ops[newest, parts.FREES_WORDS] = q
            is_last_column = is_last_x and s == window.filter_cols - 1
            ops[newest, parts.ENDS_MACS] = is_last_column and seq[SEQ_IMAGE] == plan[at, parts.IMAGES] - 1
    if not is_last:
        return
    seq[ISSUING] = seq[SEQ_K] = seq[SEQ_LANE] = 0
    seq[SEQ_S] += 1
    if seq[SEQ_S] > window.filter_cols:
        seq[SEQ_S] = 0
        seq[SEQ_X] += 1
    if seq[SEQ_X] == window.ofmap_cols:
        seq[SEQ_X] = 0
        seq[SEQ_IMAGE] += 1
    if seq[SEQ_IMAGE] == plan[at, parts.IMAGES]:
        seq[SEQ_IMAGE] = 0
        seq[SEQ_PASS] += 1

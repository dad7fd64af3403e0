"""The stepped SCNN: products of real operands wait at accumulator banks, psums cross tile borders one by one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.scnn import BARRIER_CHANNEL, ConvShape, ScnnSpec
from accel_sim.kernels.stepped.scnn_halo import Layer, exchange_slots, keep_own, send_halo

I64 = NDArray[np.int64]


class ScnnRun(NamedTuple):
    """What the stepped array did; fields as in :class:`~accel_sim.kernels.sparse.scnn.ScnnCounts`.

    ``outputs`` int64[K, P, Q].
    """

    outputs: I64
    total_cycles: int
    compute_cycles: int
    n_products: int
    pe_cycles: I64
    halo_cycles: int
    n_vector_pairs: int
    n_activation_vectors: int
    n_weight_vectors: int


class _Operands(NamedTuple):
    """Compressed operands: ``items`` int64[n, 4] (two or three coordinates, value), ``start`` of each list in them."""

    items: I64
    start: I64


VECTOR_PAIRS, ACTIVATION_VECTORS, WEIGHT_VECTORS, PRODUCTS = range(4)
CHANNEL, PHASE, ACTIVATION, WEIGHT = range(4)


class _State(NamedTuple):
    """Registers of all PEs.

    ``cursor`` int64[n_pes, 4]: channel, phase, and places in the lists of activations and weights, of the next pair.
    ``queue`` int64[n_pes, n_banks, capacity, 4]: products (channel of the group, row, column, value) that wait at each
    bank, in a ring; ``head``, ``n_queued`` int64[n_pes, n_banks] its oldest one and their number, ``n_waiting``
    int64[n_pes] those of all banks. ``psums`` int64[2, n_pes, K of a group, P, Q]: both sets of accumulators.
    ``fetched`` bool[lists, vectors, vectors]: which pairs some PE has issued, to count weight broadcasts. ``counts``
    int64[4]: vector pairs, activation vectors, weight vectors, products. ``formed`` int64[pairs, 5] and ``arriving``
    int64[n_banks]: products of the pair at hand, the last column their bank, and how many each bank gets.
    """

    cursor: I64
    queue: I64
    head: I64
    n_queued: I64
    n_waiting: I64
    psums: I64
    fetched: NDArray[np.bool_]
    counts: I64
    formed: I64
    arriving: I64


@njit
def _compress_tiles(ifmap: I64, layer: Layer) -> _Operands:
    """Lists of (padded row, padded column, 0, value), one for each PE, channel and phase."""
    n_channels, height, width = ifmap.shape
    shape, spec, n_phases = layer.shape, layer.spec, layer.n_phases
    border = shape.pad if spec.tile_padding else 0
    n_pes = spec.pe_rows * spec.pe_cols
    items = np.zeros((np.count_nonzero(ifmap), 4), dtype=np.int64)
    start = np.zeros(n_pes * n_channels * n_phases + 1, dtype=np.int64)
    n_items = 0
    n_lists = 0
    for pe in range(n_pes):
        for channel in range(n_channels):
            for phase in range(n_phases):
                for y in range(height):
                    for x in range(width):
                        owner = (y + border) // layer.tile_height * spec.pe_cols + (x + border) // layer.tile_width
                        own_phase = (y + shape.pad) % shape.stride * shape.stride + (x + shape.pad) % shape.stride
                        if owner == pe and own_phase == phase and ifmap[channel, y, x] != 0:
                            items[n_items, 0] = y + shape.pad
                            items[n_items, 1] = x + shape.pad
                            items[n_items, 3] = ifmap[channel, y, x]
                            n_items += 1
                n_lists += 1
                start[n_lists] = n_items
    return _Operands(items, start)


@njit
def _compress_weights(filters: I64, shape: ConvShape, k_group: int) -> _Operands:
    """Lists of (output channel, row, column, value), one for each group, channel and phase."""
    n_filters, n_channels, n_rows, n_cols = filters.shape
    n_phases = shape.stride * shape.stride
    n_groups = (n_filters + k_group - 1) // k_group
    items = np.zeros((np.count_nonzero(filters), 4), dtype=np.int64)
    start = np.zeros(n_groups * n_channels * n_phases + 1, dtype=np.int64)
    n_items = 0
    n_lists = 0
    for group in range(n_groups):
        for channel in range(n_channels):
            for phase in range(n_phases):
                for r in range(n_rows):
                    for s in range(n_cols):
                        for k in range(group * k_group, min(n_filters, (group + 1) * k_group)):
                            own_phase = r % shape.stride * shape.stride + s % shape.stride
                            if own_phase == phase and filters[k, channel, r, s] != 0:
                                items[n_items, 0] = k
                                items[n_items, 1] = r
                                items[n_items, 2] = s
                                items[n_items, 3] = filters[k, channel, r, s]
                                n_items += 1
                n_lists += 1
                start[n_lists] = n_items
    return _Operands(items, start)


@njit
def _bank(k: int, p: int, q: int, n_banks: int) -> int:
    """The bank function of DNNsim in its printed form; the remainder by a power of two is its lower bits."""
    high = ((k & 4) << 2) ^ ((p & 2) << 3) ^ ((q & 2) << 3)
    return (high + ((p & 1) << 3) + ((q & 1) << 2) + (k & 3)) & (n_banks - 1)


@njit
def _lists(state: _State, pe: int, group: int, n_channels: int, n_phases: int) -> tuple[int, int]:
    """Return which list of activations and which list of weights a PE's cursor stands in."""
    channel, phase = state.cursor[pe, CHANNEL], state.cursor[pe, PHASE]
    return (pe * n_channels + channel) * n_phases + phase, (group * n_channels + channel) * n_phases + phase


@njit
def _seek(
    state: _State, pe: int, acts: _Operands, weights: _Operands, group: int, stop_channel: int, layer: Layer
) -> bool:
    """Move a PE's cursor to its next vector pair before ``stop_channel``; return whether there is one."""
    cursor = state.cursor[pe]
    while cursor[CHANNEL] < stop_channel:
        act_list, weight_list = _lists(state, pe, group, layer.n_channels, layer.n_phases)
        n_acts = acts.start[act_list + 1] - acts.start[act_list]
        n_weights = weights.start[weight_list + 1] - weights.start[weight_list]
        if cursor[ACTIVATION] < n_acts and cursor[WEIGHT] < n_weights:
            return True
        if cursor[ACTIVATION] < n_acts and n_weights > 0:
            cursor[ACTIVATION] += layer.spec.i_vector
            cursor[WEIGHT] = 0
            continue
        cursor[PHASE] += 1
        cursor[ACTIVATION] = 0
        cursor[WEIGHT] = 0
        if cursor[PHASE] == layer.n_phases:
            cursor[PHASE] = 0
            cursor[CHANNEL] += 1
    return False


@njit
def _issue(state: _State, pe: int, acts: _Operands, weights: _Operands, group: int, layer: Layer) -> None:
    """Multiply the vector pair at a PE's cursor and queue its products, if every bank has room for its share."""
    spec, shape = layer.spec, layer.shape
    cursor, formed, arriving = state.cursor[pe], state.formed, state.arriving
    if spec.bank_queue == 0 and state.n_waiting[pe] > 0:
        return
    act_list, weight_list = _lists(state, pe, group, layer.n_channels, layer.n_phases)
    first_act = acts.start[act_list] + cursor[ACTIVATION]
    stop_act = min(first_act + spec.i_vector, acts.start[act_list + 1])
    first_weight = weights.start[weight_list] + cursor[WEIGHT]
    stop_weight = min(first_weight + spec.f_vector, weights.start[weight_list + 1])
    arriving[:] = 0
    n_products = 0
    for a in range(first_act, stop_act):
        for w in range(first_weight, stop_weight):
            offset_row = acts.items[a, 0] - weights.items[w, 1]
            offset_col = acts.items[a, 1] - weights.items[w, 2]
            if offset_row < 0 or offset_col < 0:
                continue
            p, q = offset_row, offset_col
            if shape.stride > 1:
                p, q = p // shape.stride, q // shape.stride
            if p < shape.p and q < shape.q:
                bank = _bank(weights.items[w, 0], p, q, spec.n_banks)
                formed[n_products, 0] = weights.items[w, 0] - group * state.psums.shape[2]
                formed[n_products, 1] = p
                formed[n_products, 2] = q
                formed[n_products, 3] = acts.items[a, 3] * weights.items[w, 3]
                formed[n_products, 4] = bank
                arriving[bank] += 1
                n_products += 1
    for bank in range(spec.n_banks):
        n_queued = state.n_queued[pe, bank]
        if arriving[bank] > 0 and n_queued > 0 and n_queued + arriving[bank] > spec.bank_queue:
            return
    capacity = state.queue.shape[2]
    for i in range(n_products):
        bank = formed[i, 4]
        tail = (state.head[pe, bank] + state.n_queued[pe, bank]) % capacity
        for field in range(4):
            state.queue[pe, bank, tail, field] = formed[i, field]
        state.n_queued[pe, bank] += 1
    state.n_waiting[pe] += n_products
    state.counts[VECTOR_PAIRS] += 1
    if cursor[WEIGHT] == 0:
        state.counts[ACTIVATION_VECTORS] += 1
    a_vector, w_vector = cursor[ACTIVATION] // spec.i_vector, cursor[WEIGHT] // spec.f_vector
    if not state.fetched[weight_list, a_vector, w_vector]:
        state.fetched[weight_list, a_vector, w_vector] = True
        state.counts[WEIGHT_VECTORS] += 1
    cursor[WEIGHT] += spec.f_vector


@njit
def _accumulate(state: _State, pe: int, group: int) -> None:
    """Let each bank of a PE take the product at the head of its queue."""
    if state.n_waiting[pe] == 0:
        return
    psums, queue, n_queued = state.psums, state.queue, state.n_queued
    capacity = queue.shape[2]
    for bank in range(n_queued.shape[1]):
        if n_queued[pe, bank] > 0:
            head = state.head[pe, bank]
            k, p, q = queue[pe, bank, head, 0], queue[pe, bank, head, 1], queue[pe, bank, head, 2]
            psums[group % 2, pe, k, p, q] += queue[pe, bank, head, 3]
            state.head[pe, bank] = head + 1 if head + 1 < capacity else 0
            n_queued[pe, bank] -= 1
            state.n_waiting[pe] -= 1
            state.counts[PRODUCTS] += 1


@njit
def _find_work(
    state: _State,
    acts: _Operands,
    weights: _Operands,
    group: int,
    stop_channel: int,
    layer: Layer,
    has_pair: NDArray[np.bool_],
) -> bool:
    """Move every PE's cursor to its next pair; return whether any PE has a pair or products that wait."""
    is_any = False
    for pe in range(has_pair.shape[0]):
        has_pair[pe] = _seek(state, pe, acts, weights, group, stop_channel, layer)
        is_any = is_any or has_pair[pe] or state.n_waiting[pe] > 0
    return is_any


@njit
def _work(
    state: _State,
    acts: _Operands,
    weights: _Operands,
    group: int,
    layer: Layer,
    has_pair: NDArray[np.bool_],
    pe_cycles: I64,
) -> None:
    """One clock of all PEs that have work."""
    for pe in range(has_pair.shape[0]):
        if has_pair[pe] or state.n_waiting[pe] > 0:
            pe_cycles[pe] += 1
            if has_pair[pe]:
                _issue(state, pe, acts, weights, group, layer)
            _accumulate(state, pe, group)


@njit
def _new_state(acts: _Operands, weights: _Operands, k_group: int, layer: Layer) -> _State:
    spec, shape = layer.spec, layer.shape
    n_pes = spec.pe_rows * spec.pe_cols
    capacity = max(spec.bank_queue, spec.i_vector * spec.f_vector)
    most_acts = np.diff(acts.start).max() // spec.i_vector + 1
    most_weights = np.diff(weights.start).max() // spec.f_vector + 1
    return _State(
        np.zeros((n_pes, 4), dtype=np.int64),
        np.zeros((n_pes, spec.n_banks, capacity, 4), dtype=np.int64),
        np.zeros((n_pes, spec.n_banks), dtype=np.int64),
        np.zeros((n_pes, spec.n_banks), dtype=np.int64),
        np.zeros(n_pes, dtype=np.int64),
        np.zeros((2, n_pes, k_group, shape.p, shape.q), dtype=np.int64),
        np.zeros((weights.start.shape[0], most_acts, most_weights), dtype=np.bool_),
        np.zeros(4, dtype=np.int64),
        np.zeros((spec.i_vector * spec.f_vector, 5), dtype=np.int64),
        np.zeros(spec.n_banks, dtype=np.int64),
    )


@njit
def scnn_stepped(ifmap: I64, filters: I64, shape: ConvShape, k_group: int, spec: ScnnSpec) -> ScnnRun:
    """Step one convolution; the twin of :func:`~accel_sim.kernels.sparse.scnn.scnn_conv`.

    Parameters
    ----------
    ifmap, filters
        int64[C, H, W] and int64[K, C, R, S].
    shape, spec
        Layer and array.
    k_group
        Output channels that a PE's accumulators hold at once.
    """
    n_filters, n_channels = filters.shape[0], filters.shape[1]
    border = shape.pad if spec.tile_padding else 0
    layer = Layer(
        n_channels,
        shape.stride * shape.stride,
        filters.shape[2],
        filters.shape[3],
        (ifmap.shape[1] + 2 * border + spec.pe_rows - 1) // spec.pe_rows,
        (ifmap.shape[2] + 2 * border + spec.pe_cols - 1) // spec.pe_cols,
        shape,
        spec,
    )
    acts = _compress_tiles(ifmap, layer)
    weights = _compress_weights(filters, shape, k_group)
    state = _new_state(acts, weights, k_group, layer)
    outputs = np.zeros((n_filters, shape.p, shape.q), dtype=np.int64)
    n_pes = spec.pe_rows * spec.pe_cols
    n_groups = (n_filters + k_group - 1) // k_group
    pe_cycles = np.zeros(n_pes, dtype=np.int64)
    has_pair = np.zeros(n_pes, dtype=np.bool_)
    computed = exchanged = 0
    computing = exchanging = False
    stop_channel = slot = n_slots = 0
    cycle = compute_cycles = halo_cycles = 0
    while exchanged < n_groups:
        if exchanging and slot == n_slots:
            keep_own(state.psums[exchanged % 2], outputs, exchanged * k_group, layer)
            exchanged += 1
            exchanging = False
            continue
        if computing and not _find_work(state, acts, weights, computed, stop_channel, layer, has_pair):
            if stop_channel < n_channels:
                stop_channel += 1
            else:
                computed += 1
                computing = False
            continue
        if not exchanging and exchanged < computed:
            slot = 0
            n_slots = exchange_slots(layer) * (min(n_filters, (exchanged + 1) * k_group) - exchanged * k_group)
            exchanging = True
            continue
        sets_free = 2 - (computed - exchanged) if spec.halo_overlap else 1 - (computed - exchanged)
        if not computing and computed < n_groups and sets_free > 0:
            state.cursor[:] = 0
            stop_channel = 1 if spec.barrier == BARRIER_CHANNEL else n_channels
            computing = True
            continue
        if computing:
            _work(state, acts, weights, computed, layer, has_pair, pe_cycles)
            compute_cycles += 1
        if exchanging:
            first_k = exchanged * k_group
            stop_k = min(n_filters, first_k + k_group)
            send_halo(state.psums[exchanged % 2], outputs, first_k, stop_k, slot, layer)
            slot += 1
            halo_cycles += 1
        cycle += 1
    return ScnnRun(
        outputs,
        cycle,
        compute_cycles,
        int(state.counts[PRODUCTS]),
        pe_cycles,
        halo_cycles,
        int(state.counts[VECTOR_PAIRS]),
        int(state.counts[ACTIVATION_VECTORS]),
        int(state.counts[WEIGHT_VECTORS]),
    )

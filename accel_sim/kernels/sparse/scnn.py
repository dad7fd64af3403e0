"""SCNN: Cartesian products of compressed activations and weights on planar tiles (Parashar et al., ISCA 2017).

Each PE keeps its tile of every ifmap plane. For each group of output channels and each input channel it multiplies
every vector of ``i_vector`` non-zero activations with every vector of ``f_vector`` non-zero weights, a pair of vectors
a cycle. A crossbar scatters the products to accumulator banks, each of which takes one product a cycle, and a pair
waits until the queues of its banks have room. Products outside the ofmap are dropped after they have taken their place
in the vectors. With a stride, activations and weights are split into phases, and only equal phases meet.

The bank function, the group size and the halo areas are those of the public simulator DNNsim; where the paper differs
(barrier, overlap of the halo exchange, padding in the tiles), the key is an option.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.scnn_banks import Banks, issue_pairs, longest_backlog, position_bits

BARRIER_GROUP = 0
BARRIER_CHANNEL = 1


class ScnnSpec(NamedTuple):
    """The keys of an SCNN-like array.

    ``pe_rows`` x ``pe_cols`` PEs of ``i_vector`` x ``f_vector`` multipliers; ``n_banks`` accumulator banks a
    PE, a power of two up to 32;
    ``accumulator_entries`` psums that a PE holds for one group of output channels. ``barrier``: PEs wait for each other
    after each group of output channels (the paper) or after each input channel (DNNsim). ``halo_overlap``: the
    exchange of a group's halos hides behind the next group, as the paper's double buffering allows, or stands alone
    (DNNsim). ``tile_padding``: the plane that is cut into tiles includes the zero padding (DNNsim) or not.
    ``bank_queue``: products that wait at a bank; with 0 a vector pair is issued only when all banks are idle (DNNsim),
    which alone costs 29 % at density 0.1, where the paper finds that two banks a multiplier leave little contention.
    """

    pe_rows: int = 8
    pe_cols: int = 8
    i_vector: int = 4
    f_vector: int = 4
    n_banks: int = 32
    accumulator_entries: int = 1024
    bank_queue: int = 4
    barrier: int = BARRIER_GROUP
    halo_overlap: bool = True
    tile_padding: bool = False


class ConvShape(NamedTuple):
    """How the filters slide: ofmap rows and columns, one stride, one padding."""

    p: int
    q: int
    stride: int
    pad: int


class ScnnCounts(NamedTuple):
    """What one layer (one image, one channel group) costs.

    ``total_cycles`` with all halo exchanges; ``compute_cycles`` without. ``n_products`` multiplies that reach an
    accumulator, which is the number of effectual MACs. ``pe_cycles`` int64[n_pes] busy cycles of each PE,
    ``pe_conflict_cycles`` those of them in which no vector pair is issued. ``barrier_cycles`` idle PE-cycles at
    barriers. ``halo_cycles`` cycles of all exchanges, hidden or not. ``n_vector_pairs`` pairs of all PEs; each occupies
    ``i_vector * f_vector`` multipliers once. ``n_activation_vectors`` vectors read from the PEs' activation memories.
    ``n_weight_vectors`` vectors broadcast to the PEs. ``n_groups`` groups of output channels.
    """

    total_cycles: int
    compute_cycles: int
    n_products: int
    pe_cycles: NDArray[np.int64]
    pe_conflict_cycles: NDArray[np.int64]
    barrier_cycles: int
    halo_cycles: int
    n_vector_pairs: int
    n_activation_vectors: int
    n_weight_vectors: int
    n_groups: int


class Tiles(NamedTuple):
    """Non-zero activations by channel, PE and phase.

    ``row``, ``col`` int32[nnz]: coordinates in the padded plane divided by the stride. ``start``
    int64[C * n_pes * stride**2 + 1]: where each (channel, PE, phase) begins. ``height``, ``width``: of a tile.
    """

    row: NDArray[np.int32]
    col: NDArray[np.int32]
    start: NDArray[np.int64]
    height: int
    width: int


class PhaseWeights(NamedTuple):
    """Non-zero weights of one channel, group and phase, output channels fastest.

    ``channel_bits``, ``tap`` int64[nnz]: bank bits of the output channel, and number of the filter tap. ``tap_row``,
    ``tap_col`` int64[n_taps]: the taps' coordinates divided by the stride. ``tap_size`` int64[n_taps]: weights of each.
    """

    channel_bits: NDArray[np.int64]
    tap: NDArray[np.int64]
    tap_row: NDArray[np.int64]
    tap_col: NDArray[np.int64]
    tap_size: NDArray[np.int64]


@njit
def group_size(n_filters: int, shape: ConvShape, spec: ScnnSpec) -> int:
    """Return the output channels that a PE's accumulators hold at once: entries over the area of its ofmap tile."""
    tile_area = (-(-shape.p // spec.pe_rows)) * (-(-shape.q // spec.pe_cols))
    return max(1, min(n_filters, spec.accumulator_entries // tile_area))


@njit
def cut_tiles(ifmap: NDArray[np.bool_], shape: ConvShape, spec: ScnnSpec) -> Tiles:
    """Deal the non-zero activations of bool[C, H, W] to PEs and phases, each in row-major order."""
    n_channels, height, width = ifmap.shape
    border = shape.pad if spec.tile_padding else 0
    tile_height = -(-(height + 2 * border) // spec.pe_rows)
    tile_width = -(-(width + 2 * border) // spec.pe_cols)
    n_phases = shape.stride * shape.stride
    n_pes = spec.pe_rows * spec.pe_cols
    start = np.zeros(n_channels * n_pes * n_phases + 1, dtype=np.int64)
    row = np.zeros(ifmap.sum(), dtype=np.int32)
    col = np.zeros(row.shape[0], dtype=np.int32)
    cell = 0
    found = 0
    for channel in range(n_channels):
        for pe in range(n_pes):
            top = (pe // spec.pe_cols) * tile_height - border
            left = (pe % spec.pe_cols) * tile_width - border
            for phase in range(n_phases):
                for y in range(max(0, top), min(height, top + tile_height)):
                    if (y + shape.pad) % shape.stride != phase // shape.stride:
                        continue
                    for x in range(max(0, left), min(width, left + tile_width)):
                        if (x + shape.pad) % shape.stride == phase % shape.stride and ifmap[channel, y, x]:
                            row[found] = (y + shape.pad) // shape.stride
                            col[found] = (x + shape.pad) // shape.stride
                            found += 1
                cell += 1
                start[cell] = found
    return Tiles(row, col, start, tile_height, tile_width)


@njit
def multiply_vectors(
    tiles: Tiles, cell: int, weights: PhaseWeights, shape: ConvShape, spec: ScnnSpec, banks: Banks, pe: int
) -> int:
    """Issue all vector pairs of one cell of activations and a list of weights; return the products that count.

    Parameters
    ----------
    tiles, cell
        The activations and which (channel, PE, phase) of them.
    weights
        The weights of the same channel and phase.
    shape, spec
        Layer and array.
    banks
        State of all PEs' accumulator banks, updated.
    pe
        The PE that multiplies.
    """
    channel_bits, tap, tap_row, tap_col = weights.channel_bits, weights.tap, weights.tap_row, weights.tap_col
    row, col, reached, arrivals = tiles.row, tiles.col, banks.reached, banks.arrivals
    backlog = banks.backlog[pe]
    clock = banks.clock[pe]
    products = 0
    n_weights = tap.shape[0]
    n_pairs = -(-n_weights // spec.f_vector)
    stop = tiles.start[cell + 1] if n_weights > 0 else 0
    for first_a in range(tiles.start[cell], stop, spec.i_vector):
        for t in range(tap_row.shape[0]):
            if weights.tap_size[t] == 0:
                continue
            reached[t, 0] = 0
            reached[t, 1] = 0
            n_inside = 0
            for i in range(first_a, min(first_a + spec.i_vector, stop)):
                p = row[i] - tap_row[t]
                q = col[i] - tap_col[t]
                if 0 <= p < shape.p and 0 <= q < shape.q:
                    bits = position_bits(p, q, spec.n_banks)
                    reached[t, bits >> 4] += np.uint64(1) << np.uint64(4 * (bits & 12))
                    n_inside += 1
            products += n_inside * weights.tap_size[t]
        arrivals[:n_pairs] = 0
        pair = 0
        in_pair = 0
        for w in range(n_weights):
            word = 2 * (channel_bits[w] & 3) + (channel_bits[w] >> 4)
            arrivals[pair, word] += reached[tap[w], 0]
            arrivals[pair, word ^ 1] += reached[tap[w], 1]
            in_pair += 1
            if in_pair == spec.f_vector:
                in_pair = 0
                pair += 1
        clock = issue_pairs(arrivals, n_pairs, backlog, clock, spec.bank_queue)
    banks.clock[pe] = clock
    return products


@njit
def phase_weights(
    filters: NDArray[np.bool_], channel: int, first_k: int, stop_k: int, phase: int, shape: ConvShape, n_banks: int
) -> PhaseWeights:
    """List the non-zero weights of a channel, a group of output channels and a phase."""
    stride = shape.stride
    n_rows = -(-max(0, filters.shape[2] - phase // stride) // stride)
    n_cols = -(-max(0, filters.shape[3] - phase % stride) // stride)
    tap_row = np.empty(n_rows * n_cols, dtype=np.int64)
    tap_col = np.empty(n_rows * n_cols, dtype=np.int64)
    tap_size = np.zeros(n_rows * n_cols, dtype=np.int64)
    bits = np.empty(n_rows * n_cols * (stop_k - first_k), dtype=np.int64)
    tap = np.empty(n_rows * n_cols * (stop_k - first_k), dtype=np.int64)
    found = 0
    for t in range(n_rows * n_cols):
        tap_row[t] = t // n_cols
        tap_col[t] = t % n_cols
        for k in range(first_k, stop_k):
            if filters[k, channel, phase // stride + stride * tap_row[t], phase % stride + stride * tap_col[t]]:
                bits[found] = (((k & 4) << 2) | (k & 3)) & (n_banks - 1)
                tap[found] = t
                tap_size[t] += 1
                found += 1
    return PhaseWeights(bits[:found], tap[:found], tap_row, tap_col, tap_size)


@njit
def halo_region(n_taps: int, tile: int, shape: ConvShape, side: int) -> int:
    """Return how many ofmap rows (or columns) a tile's products reach on side 0 (before), 1 (own) or 2 (after)."""
    if side == 1:
        reach = tile
    elif side == 0:
        reach = max(0, n_taps - 1 - shape.pad)
    else:
        reach = shape.pad
    return -(-reach // shape.stride)


@njit
def scnn_conv(
    ifmap: NDArray[np.bool_], filters: NDArray[np.bool_], shape: ConvShape, spec: ScnnSpec
) -> ScnnCounts:
    """Time one convolution.

    Parameters
    ----------
    ifmap
        bool[C, H, W]: where the activations are not zero.
    filters
        bool[K, C, R, S]: where the weights are not zero.
    shape, spec
        Layer and array.

    Notes
    -----
    Group g computes in c(g) cycles and exchanges halos in x(g): the largest region around a tile times the group's
    channels, all links at once. With two sets of accumulators ``C(g) = max(C(g-1), X(g-2)) + c(g)`` and
    ``X(g) = max(C(g), X(g-1)) + x(g)``; without overlap the sum of all.
    """
    n_filters, n_channels = filters.shape[0], filters.shape[1]
    n_phases = shape.stride * shape.stride
    n_pes = spec.pe_rows * spec.pe_cols
    tiles = cut_tiles(ifmap, shape, spec)
    k_group = group_size(n_filters, shape, spec)
    largest_region = 0
    for side_y in range(3):
        for side_x in range(3):
            if side_y != 1 or side_x != 1:
                area = halo_region(filters.shape[2], tiles.height, shape, side_y) * halo_region(
                    filters.shape[3], tiles.width, shape, side_x
                )
                largest_region = max(largest_region, area)
    pe_cycles = np.zeros(n_pes, dtype=np.int64)
    pe_pairs = np.zeros(n_pes, dtype=np.int64)
    n_taps = filters.shape[2] * filters.shape[3]
    banks = Banks(
        np.zeros(n_pes, dtype=np.int64),
        np.zeros((n_pes, 8), dtype=np.uint64),
        np.zeros((-(-k_group * n_taps // spec.f_vector), 8), dtype=np.uint64),
        np.zeros((n_taps, 2), dtype=np.uint64),
    )
    n_products = 0
    n_activation_vectors = 0
    n_weight_vectors = 0
    compute_cycles = 0
    computed = 0
    exchanged = 0
    exchanged_before = 0
    halo_cycles = 0
    for first_k in range(0, n_filters, k_group):
        stop_k = min(first_k + k_group, n_filters)
        own_cycles = 0
        for channel in range(n_channels):
            for phase in range(n_phases):
                weights = phase_weights(filters, channel, first_k, stop_k, phase, shape, spec.n_banks)
                w_vectors = -(-weights.tap.shape[0] // spec.f_vector)
                most_a_vectors = 0
                for pe in range(n_pes):
                    cell = (channel * n_pes + pe) * n_phases + phase
                    a_vectors = -(-(tiles.start[cell + 1] - tiles.start[cell]) // spec.i_vector)
                    n_products += multiply_vectors(tiles, cell, weights, shape, spec, banks, pe)
                    pe_pairs[pe] += a_vectors * w_vectors
                    n_activation_vectors += a_vectors if w_vectors > 0 else 0
                    most_a_vectors = max(most_a_vectors, a_vectors)
                n_weight_vectors += most_a_vectors * w_vectors
            if spec.barrier == BARRIER_CHANNEL or channel == n_channels - 1:
                slowest = 0
                for pe in range(n_pes):
                    finished = banks.clock[pe] + longest_backlog(banks.backlog[pe])
                    pe_cycles[pe] += finished
                    slowest = max(slowest, finished)
                own_cycles += slowest
                banks.clock[:] = 0
                banks.backlog[:] = 0
        exchange = largest_region * (stop_k - first_k)
        compute_cycles += own_cycles
        halo_cycles += exchange
        if spec.halo_overlap:
            computed = max(computed, exchanged_before) + own_cycles
            exchanged_before = exchanged
            exchanged = max(computed, exchanged) + exchange
        else:
            exchanged += own_cycles + exchange
    return ScnnCounts(
        int(exchanged),
        int(compute_cycles),
        int(n_products),
        pe_cycles,
        pe_cycles - pe_pairs,
        int(n_pes * compute_cycles - pe_cycles.sum()),
        int(halo_cycles),
        int(pe_pairs.sum()),
        int(n_activation_vectors),
        int(n_weight_vectors),
        -(-n_filters // k_group),
    )

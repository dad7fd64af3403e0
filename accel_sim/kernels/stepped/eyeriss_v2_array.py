"""The stepped array of Eyeriss v2: real operands through all PEs, words through the mesh's ports, clock by clock.

Each PE finds its own part of a pass from its place in the grid, as its configuration bits would tell it; then it is
stepped over its ofmap rows, and each port is drained of what it has to bring.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.eyeriss_v2 import RowShape
from accel_sim.kernels.sparse.eyeriss_v2_types import Grid, Ports, Slide, Spread
from accel_sim.kernels.stepped.eyeriss_v2 import pe_stepped

I64 = NDArray[np.int64]
NOTHING = -1
GROUP, FILTERS, CHANNELS, ROW, STRIP = 0, 1, 2, 3, 4
N_ROLE = 5


class ArrayRun(NamedTuple):
    """What the stepped array did.

    ``outputs`` int64[N, G * K, P, Q]. ``mac_cycles`` int64[PEs]. ``iacts``, ``weights`` int64[PEs + 1, 2]: words and
    bits that left for so many PEs. ``psums_down``, ``psums_up`` words from and to the global buffer.
    """

    outputs: I64
    total_cycles: int
    mac_cycles: I64
    iacts: I64
    weights: I64
    psums_down: int
    psums_up: int
    n_activations: int
    n_macs: int


class _Layout(NamedTuple):
    """Blocks of a tile: of filters, of filter rows (blocks of channels by R); images by ofmap rows."""

    groups: int
    filter_blocks: int
    items: int
    strips: int


@njit
def _roles(first: tuple[int, int, int], layout: _Layout, n_rows: int, spread: Spread, grid: Grid) -> I64:
    """Return int64[PEs, N_ROLE]: group, block of filters, block of channels, filter row, first strip; or NOTHING."""
    columns = grid.cluster_cols * grid.pe_cols
    grid_rows = grid.cluster_rows * grid.pe_rows
    roles = np.full((grid_rows * columns, N_ROLE), NOTHING, dtype=np.int64)
    for row in range(grid_rows):
        for column in range(columns):
            place = row // spread.height * columns + column
            strip, place = place % spread.rows, place // spread.rows
            block, group = first[1] + place % spread.filters, first[0] + place // spread.filters
            item = first[2] + row % spread.height
            if place // spread.filters >= spread.groups or group >= layout.groups:
                continue
            if block >= layout.filter_blocks or item >= layout.items or strip >= layout.strips:
                continue
            role = roles[row * columns + column]
            role[GROUP], role[FILTERS], role[STRIP] = group, block, strip
            role[CHANNELS], role[ROW] = item // n_rows, item % n_rows
    return roles


@njit
def _drain(load: int, a_clock: int) -> int:
    """Return the clocks until a port that passes so much a clock is empty; a port of 0 takes none."""
    clocks = 0
    while load > 0 and a_clock > 0:
        load -= a_clock
        clocks += 1
    return clocks


@njit
def _weight_bits(weights: I64, ports: Ports) -> int:
    """Return the length of int64[m0, c0, S] as it is sent: each column in whole words."""
    n_bits = 0
    for c in range(weights.shape[1]):
        for s in range(weights.shape[2]):
            in_word = ports.weights_a_word
            for m in range(weights.shape[0]):
                if weights[m, c, s] != 0:
                    if in_word == ports.weights_a_word:
                        n_bits += ports.weight_word_bits
                        in_word = 0
                    in_word += 1
            n_bits += ports.weight_address_bits
    return n_bits


@njit
def _row_length(row: I64, slide: Slide, n_taps: int, ports: Ports) -> tuple[int, int]:
    """Return the words and bits of int64[c0, W] as they are sent: up to the last column that a window sees."""
    n_words = n_bits = 0
    for x in range(row.shape[1]):
        if x >= (slide.q - 1) * slide.stride_w + n_taps - slide.pad_w:
            break
        if x % slide.stride_w == 0:
            n_bits += ports.iact_address_bits
        for c in range(row.shape[0]):
            if row[c, x] != 0:
                n_words += 1
                n_bits += ports.iact_word_bits
    return n_words, n_bits


@njit
def _count_receivers(wanted: I64, lengths: I64, sent: I64) -> None:
    """Add to int64[PEs + 1, 2] what all PEs want, each thing once; ``wanted`` int64[PEs, n] is NOTHING or names it."""
    done = np.zeros(wanted.shape[0], dtype=np.bool_)
    for pe in range(wanted.shape[0]):
        if wanted[pe, 0] == NOTHING or done[pe]:
            continue
        receivers = 0
        for other in range(pe, wanted.shape[0]):
            if (wanted[other] == wanted[pe]).all():
                receivers += 1
                done[other] = True
        sent[receivers] += lengths[pe]


@njit
def _once(wanted: I64, lengths: I64, members: I64) -> int:
    """Return the bits that some PEs want through one port, each thing once."""
    n_bits = 0
    for i in range(members.shape[0]):
        known = wanted[members[i], 0] == NOTHING
        for before in members[:i]:
            known = known or (wanted[before] == wanted[members[i]]).all()
        if not known:
            n_bits += lengths[members[i], 1]
    return n_bits


@njit
def array_stepped(ifmap: I64, filters: I64, slide: Slide, spread: Spread, grid: Grid, ports: Ports) -> ArrayRun:
    """Step a tile; the twin of :func:`~accel_sim.kernels.sparse.eyeriss_v2_array.array_work`.

    Parameters
    ----------
    ifmap
        int64[N, G * C, H, W], without padding.
    filters
        int64[G * K, C, R, S].
    slide, spread, grid, ports
        As there.
    """
    n_images, height = ifmap.shape[0], ifmap.shape[2]
    channels, n_rows, n_taps = filters.shape[1:]
    n_groups = ifmap.shape[1] // channels
    n_filters = filters.shape[0] // n_groups
    layout = _Layout(
        n_groups,
        (n_filters + spread.m0 - 1) // spread.m0,
        (channels + spread.c0 - 1) // spread.c0 * n_rows,
        n_images * slide.p,
    )
    columns = grid.cluster_cols * grid.pe_cols
    grid_rows = grid.cluster_rows * grid.pe_rows
    pes = np.arange(grid_rows * columns).reshape(grid_rows, columns)
    shape = RowShape(slide.q, slide.stride_w, slide.pad_w)
    outputs = np.zeros((n_images, filters.shape[0], slide.p, slide.q), dtype=np.int64)
    mac_cycles = np.zeros(pes.size, dtype=np.int64)
    iacts, weights_sent = np.zeros((pes.size + 1, 2), dtype=np.int64), np.zeros((pes.size + 1, 2), dtype=np.int64)
    total = psums_down = psums_up = n_activations = n_macs = 0
    for first_g in range(0, n_groups, spread.groups):
        for first_m in range(0, layout.filter_blocks, spread.filters):
            for first_i in range(0, layout.items, spread.height):
                roles = _roles((first_g, first_m, first_i), layout, n_rows, spread, grid)
                lengths = np.zeros((pes.size, 2), dtype=np.int64)
                clocks = np.zeros(pes.size, dtype=np.int64)
                for pe in range(pes.size):
                    if roles[pe, 0] != NOTHING:
                        weights = _own_weights(filters, roles[pe], n_filters, spread)
                        lengths[pe, 0], lengths[pe, 1] = np.count_nonzero(weights), _weight_bits(weights, ports)
                _count_receivers(roles[:, :STRIP], lengths, weights_sent)
                slowest = 0
                for row in range(grid_rows):
                    for left in range(0, columns, grid.pe_cols):
                        load = _once(roles[:, :STRIP], lengths, pes[row, left : left + grid.pe_cols])
                        slowest = max(slowest, _drain(load, ports.weight_bits))
                iact_load = np.zeros((grid.cluster_rows, grid.cluster_cols), dtype=np.int64)
                up = np.zeros((grid.cluster_rows, columns), dtype=np.int64)
                down = np.zeros((grid.cluster_rows, columns), dtype=np.int64)
                for turn in range(0, layout.strips, spread.rows):
                    wanted = np.full((pes.size, 4), NOTHING, dtype=np.int64)
                    lengths[:] = 0
                    for pe in range(pes.size):
                        strip = turn + roles[pe, STRIP]
                        if roles[pe, 0] == NOTHING or strip >= layout.strips:
                            continue
                        n, p = strip // slide.p, strip % slide.p
                        weights = _own_weights(filters, roles[pe], n_filters, spread)
                        first_k = roles[pe, GROUP] * n_filters + roles[pe, FILTERS] * spread.m0
                        here = pe // columns // grid.pe_rows, pe % columns
                        place = pe // columns % spread.height
                        if place == 0 or pe // columns % grid.pe_rows == 0:
                            # The lowest PE of a set, or of what a set has in a cluster.
                            up[here] += slide.q * weights.shape[0]
                            down[here] += slide.q * weights.shape[0] if first_i > 0 else 0
                        if place == 0:
                            psums_up += slide.q * weights.shape[0]
                            psums_down += slide.q * weights.shape[0] if first_i > 0 else 0
                        y = p * slide.stride_h + roles[pe, ROW] - slide.top
                        if y < 0 or y >= height:
                            continue
                        low = roles[pe, GROUP] * channels + roles[pe, CHANNELS] * spread.c0
                        row_values = np.ascontiguousarray(ifmap[n, low : low + weights.shape[1], y])
                        wanted[pe, 0], wanted[pe, 1], wanted[pe, 2] = n, y, roles[pe, GROUP]
                        wanted[pe, 3] = roles[pe, CHANNELS]
                        lengths[pe] = np.array(_row_length(row_values, slide, n_taps, ports))
                        run = pe_stepped(row_values, weights, shape, grid.macs)
                        outputs[n, first_k : first_k + weights.shape[0], p] += run.psums
                        clocks[pe] += run.total_cycles
                        mac_cycles[pe] += run.mac_cycles
                        n_activations += run.n_activations
                        n_macs += run.n_macs
                    _count_receivers(wanted, lengths, iacts)
                    for cy in range(grid.cluster_rows):
                        for cx in range(grid.cluster_cols):
                            top, left = cy * grid.pe_rows, cx * grid.pe_cols
                            members = pes[top : top + grid.pe_rows, left : left + grid.pe_cols].copy().ravel()
                            iact_load[cy, cx] += _once(wanted, lengths, members)
                for cluster_load in iact_load.ravel():
                    slowest = max(slowest, _drain(int(cluster_load), ports.iact_bits))
                a_clock = ports.psum_bits // ports.psum_word_bits
                slowest = max(slowest, _drain(max(up.max(), down.max()), a_clock))
                total += max(slowest, clocks.max())
    return ArrayRun(
        outputs, total, mac_cycles, iacts, weights_sent, psums_down, psums_up, int(n_activations), int(n_macs)
    )


@njit
def _own_weights(filters: I64, role: I64, n_filters: int, spread: Spread) -> I64:
    """Return int64[m0, c0, S], the weights that a PE with such a role holds."""
    first_k, low = role[GROUP] * n_filters + role[FILTERS] * spread.m0, role[CHANNELS] * spread.c0
    stop = min(first_k + spread.m0, (role[GROUP] + 1) * n_filters)
    return np.ascontiguousarray(filters[first_k:stop, low : min(low + spread.c0, filters.shape[1]), role[ROW]])

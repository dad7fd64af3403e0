"""Row-stationary candidates in bulk: which letters fit, and a closed form of what each costs.

All arrays have one entry a candidate. The closed form takes every pass for as long as its slowest bus or its MACs;
what passes leave to each other is the pass model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.kernels.row_stationary_types import ArrayTiming
from accel_sim.mapping.base import Costs
from accel_sim.mapping.nest_search import power_steps
from accel_sim.mapping.row_stationary_arch import array_timing, mesh_of
from accel_sim.mapping.row_stationary_letters import RowStationaryLimits, RowStationaryMapping, sets_that_fit
from accel_sim.mapping.spans import axes_of, covered_rows
from accel_sim.units import ceil_div
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
FEW = 4
"""Up to so many sizes of a letter are all tried; of more, the powers of two and the largest."""


class Letters(NamedTuple):
    """Candidates, int64 [candidates] each; ``m_inner`` is 1 where ``m`` runs inside the images and strips."""

    m: I64
    n: I64
    e: I64
    p: I64
    q: I64
    r: I64
    t: I64
    m_inner: I64

    def take(self, index: I64 | NDArray[np.bool_]) -> Letters:
        """Return some of the candidates."""
        return Letters(*(column[index] for column in self))

    def mapping(self, index: int) -> RowStationaryMapping:
        """Return one candidate."""
        letters = {name: int(column[index]) for name, column in zip("mnepqrt", self, strict=False)}
        return RowStationaryMapping(**letters, order="nem" if self.m_inner[index] else "mne")


class Scores(NamedTuple):
    """What each candidate costs, float64 [candidates] each."""

    cycles: F64
    energy_pj: F64
    array_cycles: F64
    passes: F64


def legal_letters(shape: MacShape, limits: RowStationaryLimits) -> Letters | None:
    """Return every legal candidate of a grid, or None if the layer fits nowhere.

    ``m`` is the largest that the GLB has room for beside one ifmap tile, or beside two, spread evenly.
    """
    found = [_with_memory(shape, limits, *columns) for columns in _array_letters(shape, limits)]
    letters = Letters(*(np.concatenate(columns) for columns in zip(*found, strict=True))) if found else None
    return letters if letters is not None and letters.m.size else None


def _array_letters(shape: MacShape, limits: RowStationaryLimits) -> Iterator[tuple[I64, ...]]:
    """Yield ``n e p q r t`` that fit the array, the RFs and the filter buffer, for each ``r`` and ``e``."""
    most_q = min(shape.c, limits.ifmap_rf_words // shape.s)
    if shape.r > limits.rows or not most_q or (shape.dilation_h, shape.dilation_w) != (1, 1):
        return
    images = power_steps(1, shape.n)
    strips = sorted({ceil_div(shape.p, number) for number in range(1, shape.p + 1)}, reverse=True)
    for r in _sizes(min(limits.rows // shape.r, shape.c)):
        channels = _sizes(min(most_q, ceil_div(shape.c, r)))
        for e in strips:
            most_t = min(sets_that_fit(limits, shape.r, e, r), shape.k)
            if not most_t:
                continue
            grid = np.meshgrid(images, _sizes(limits.most_p), channels, _sizes(most_t), indexing="ij")
            n, p, q, t = (axis.ravel() for axis in grid)
            weights = p * q * shape.s
            fits = (weights <= limits.filter_rf_words) & (p * t <= shape.k)
            if limits.filter_buffer_bytes is not None:
                fits &= weights * r * t * shape.r * limits.filter_bits <= 8 * limits.filter_buffer_bytes
            n, p, q, t = (column[fits] for column in (n, p, q, t))
            yield n, np.full_like(n, e), p, q, np.full_like(n, r), t


def _sizes(most: int) -> list[int]:
    if most <= FEW:
        return list(range(1, most + 1))
    return sorted({*power_steps(1, most), *(3 * size for size in power_steps(1, most) if 3 * size <= most)})


def _with_memory(
    shape: MacShape, limits: RowStationaryLimits, n: I64, e: I64, p: I64, q: I64, r: I64, t: I64
) -> tuple[I64, ...]:
    """Complete the letters with those ``m`` that fit the GLB."""
    rows = (e - 1) * min(shape.stride_h, shape.r) + shape.r
    cols = (shape.q - 1) * min(shape.stride_w, shape.s) + shape.s
    ifmap_banks = _ceil(n * q * r * rows * cols * limits.ifmap_bits, 8 * limits.glb_bank_bytes)
    found: list[I64] = []
    beside_two = np.zeros_like(n)
    for tiles in (2, 1):
        banks = limits.glb_banks - tiles * ifmap_banks
        room = banks * limits.glb_bank_bytes * 8 // (n * e * shape.q * limits.psum_bits)
        blocks = _ceil(shape.k, np.clip(room, 1, shape.k))
        m = np.minimum(_ceil(_ceil(shape.k, blocks), p * t) * p * t, shape.k)
        m = np.where(m <= room, m, room // (p * t) * p * t)
        fits = (banks >= 1) & (m >= p * t) & (m != beside_two)
        beside_two = np.where(fits, m, 0)
        found.append(np.stack([m, n, e, p, q, r, t])[:, fits])
    every = np.concatenate(found, axis=1)
    one_tile = every[:, every[4] * every[5] >= shape.c]
    every = np.concatenate([every, one_tile], axis=1)
    m_inner = np.arange(every.shape[1]) >= every.shape[1] - one_tile.shape[1]
    return (*every, m_inner.astype(np.int64))


def scores(shape: MacShape, letters: Letters, arch: Accelerator, limits: RowStationaryLimits, costs: Costs) -> Scores:
    """Return what every candidate costs; DRAM traffic is that of dense tensors.

    A sweep is all passes of one strip of one block of images. Strips, and blocks of images, are all equal but the
    last, so four kinds of sweeps make a layer. Filters for the next pass come while a pass runs, if their buffer has
    room for two; so do ifmaps, on an array that does not stop for them.
    """
    timing, glb = array_timing(arch), arch.buffer_for("ifmap")
    m, n, e, p, q, r, t, m_inner = letters
    m_blocks, channel_blocks, at_once = _ceil(shape.k, m), _ceil(shape.c, q * r), p * t
    full, rest = shape.k // m, shape.k % m
    filter_blocks = full * _ceil(m, at_once) + _ceil(rest, at_once)
    # p and q summed over the blocks of filters and channels: the last ones are spread over the sets
    sum_p = full * (m // at_once * p + _ceil(m % at_once, t)) + rest // at_once * p + _ceil(rest % at_once, t)
    sum_q = shape.c // (q * r) * q + _ceil(shape.c % (q * r), r)
    one_pass_blocks = filter_blocks == m_blocks
    stays = (channel_blocks == 1) & one_pass_blocks & (m_inner == 0)
    strips, image_blocks = _ceil(shape.p, e), _ceil(shape.n, n)
    last_e, last_n = shape.p - (strips - 1) * e, shape.n - (image_blocks - 1) * n

    filter_words = shape.k * shape.c * shape.r * shape.s
    pass_bytes = at_once * q * r * shape.r * shape.s * limits.filter_bits / 8
    one_filter = 2 * pass_bytes > (limits.filter_buffer_bytes or np.inf)
    filter_bus = sum_p * sum_q * shape.s * shape.r * r * t * _per_word(timing.filter_bus_words)
    late = np.clip((2 * p * q * shape.s - timing.filter_rf_words * timing.filter_prefetch) / (p * q * shape.s), 0, 1)
    taken = late * filter_bus + sum_p * sum_q * shape.s  # until the array has taken the filters of all passes
    rate = costs.dram_bytes_per_cycle
    filter_dram = filter_words * limits.filter_bits / 8 / float(rate) if rate is not None else 0.0
    cols = (shape.q - 1) * min(shape.stride_w, shape.s) + shape.s
    # the last beat of a row of psums is not full
    widths = [words for words in (timing.psum_read_words, timing.psum_write_words) if words]
    beats = [_ceil(p * shape.q, words) / (p * shape.q) for words in widths]
    psum_word = np.maximum.reduce([np.zeros(p.size), *beats])

    def sweep(e: I64, images: I64) -> tuple[F64, F64]:
        """Return (cycles of the array, cycles with the filters from DRAM) of a sweep."""
        rows = (e - 1) * min(shape.stride_h, shape.r) + shape.r
        slots = shape.q * sum_p * (shape.s * sum_q + channel_blocks * timing.psum_add_cycles)
        starts = channel_blocks * filter_blocks * _start_cycles(shape, letters, rows, timing)
        psum_bus = e * shape.k * shape.q * channel_blocks * psum_word
        ifmap_bus = shape.c * filter_blocks * rows * cols * _per_word(timing.ifmap_bus_words)
        # filters of one column: an RF without room for a second ifmap column takes it when the first has been used
        ifmap_bus = ifmap_bus + shape.q * sum_p * sum_q * (shape.s == 1) * (2 * q > timing.ifmap_rf_words)
        busy = np.maximum(images * np.maximum.reduce([slots + starts, psum_bus, ifmap_bus]), filter_bus * (1 - late))
        # with one pass a block, a pass needs the psums of the pass before: they come back once all are stored
        turns = one_pass_blocks * (channel_blocks - 1) * m_blocks
        alone = busy + late * filter_bus * ~stays + turns * (shape.r * r + 2 * e * t + timing.pipeline_stages)
        return alone, np.maximum(alone, (filter_dram + one_filter * taken) * ~stays)

    array_cycles, cycles = np.zeros(m.size), np.zeros(m.size)
    for height, n_strips in ((e, strips - 1), (last_e, np.ones_like(e))):
        for images, n_blocks in ((n, image_blocks - 1), (last_n, np.ones_like(n))):
            times = shape.groups * n_strips * n_blocks
            if times.any():
                alone, fed = sweep(height, images)
                array_cycles += times * alone
                cycles += times * fed

    sweeps = shape.groups * strips * image_blocks
    fetched_rows = covered_rows(axes_of(shape)[0], shape.p, e)
    ifmap_loads = np.where((channel_blocks == 1) & (m_inner == 1), 1, m_blocks)
    ifmap_bytes = shape.groups * shape.n * shape.c * fetched_rows * shape.w * ifmap_loads * limits.ifmap_bits / 8
    filter_bytes = np.where(stays, shape.groups, sweeps) * filter_words * limits.filter_bits / 8
    ofmap_bytes = shape.n * shape.groups * shape.k * shape.p * shape.q * limits.ifmap_bits / 8
    dram_bytes = ifmap_bytes + filter_bytes + ofmap_bytes
    sent_rows = (shape.p - strips) * min(shape.stride_h, shape.r) + strips * shape.r
    ifmap_words = shape.groups * shape.n * shape.c * filter_blocks * sent_rows * cols
    psum_words = shape.groups * shape.n * shape.k * shape.p * shape.q * channel_blocks
    if rate is not None and mesh_of(arch).stops_for_fmaps:
        cycles += (ifmap_bytes + ofmap_bytes) / float(rate)
    elif rate is not None:
        psum_banks = np.ceil(n * m * e * shape.q * limits.psum_bits / 8 / limits.glb_bank_bytes)
        tile_rows = (e - 1) * min(shape.stride_h, shape.r) + shape.r
        ifmap_banks = np.ceil(n * q * r * tile_rows * cols * limits.ifmap_bits / 8 / limits.glb_bank_bytes)
        one_ifmap = psum_banks + 2 * ifmap_banks > limits.glb_banks
        cycles = np.maximum(cycles + one_ifmap * ifmap_bytes / float(rate), dram_bytes / float(rate))
    glb_bytes = (ifmap_words * limits.ifmap_bits + 2 * psum_words * limits.psum_bits) / 8
    energy_pj = dram_bytes * costs.dram_pj_per_byte + glb_bytes * costs.buffer_pj_per_byte[glb.name]
    passes = (sweeps * channel_blocks * filter_blocks).astype(np.float64)
    return Scores(cycles, energy_pj, array_cycles, passes)


def _start_cycles(shape: MacShape, letters: Letters, rows: I64, timing: ArrayTiming) -> F64:
    """Cycles that the array waits for the first window of an ifmap of `rows` rows.

    A column of it can come once the MACs have used a column of the ifmap before for the last time; so the bus starts
    with the last window and has ``S`` columns to bring, less those that found room earlier, until the second one ends.
    """
    s, pq = shape.s, letters.p * letters.q
    column = letters.q * letters.r * rows * _per_word(timing.ifmap_bus_words)
    early = timing.ifmap_rf_words // letters.q - s
    last, first = (s - early) * column - (2 * s - 2) * pq, (1 - early) * column - (s - 1) * pq
    waits: F64 = np.maximum(0.0, np.maximum(first, last) + shape.r * letters.r - 1 - letters.p * timing.psum_add_cycles)
    return waits


def _ceil(a: I64 | int, b: I64 | int) -> I64:
    return np.asarray(-(-a // b), dtype=np.int64)


def _per_word(bus_words: int) -> float:
    """Cycles a word on a bus; none on a bus that is switched off."""
    return 1 / bus_words if bus_words else 0.0

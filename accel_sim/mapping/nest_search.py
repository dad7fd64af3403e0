"""Scores tiled loop nests in bulk: traffic, buffer needs and bounds of many candidates at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.mapping.base import Costs, Objective, WordBits, rank
from accel_sim.mapping.bursts import SIZE_NAMES, burst_bytes
from accel_sim.mapping.loop_nest import ORDERS, Rooms, TileSizes, fetches, loop_counts, residents, tile_words
from accel_sim.mapping.spans import axes_of, covered_rows
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
OPERANDS = ("ifmap", "filter", "psum")


@dataclass(frozen=True, slots=True, kw_only=True)
class NestScores:
    """What one loop order costs for every candidate; arrays int64 [candidates].

    ``resident`` are tiles of an operand that stay together, ``tile_bytes`` the size of one, ``fetched`` how many are
    brought in per group (psums: fresh or fetched back), ``moves`` how often each tensor passes between DRAM and chip
    (``psum``: spilled and fetched back), ``dram_bytes`` the whole layer's traffic, ``steps`` the array's tile steps.
    """

    resident: Mapping[str, I64]
    tile_bytes: Mapping[str, I64]
    fetched: Mapping[str, I64]
    moves: Mapping[str, I64]
    dram_bytes: I64
    steps: I64

    def fits(self, rooms: Rooms, tiles: int) -> NDArray[np.bool_]:
        """Whether the buffers hold the resident tiles and ``tiles`` of the passing ones, all tenants together."""
        legal = np.ones(self.steps.shape, dtype=np.bool_)
        for buffer, size in rooms.size_bytes.items():
            used = np.zeros(self.steps.shape, dtype=np.int64)
            held = np.zeros(self.steps.shape, dtype=np.int64)
            for operand in rooms.tenants(buffer):
                used += self.resident[operand] * self.tile_bytes[operand]
                kept = np.maximum(self.resident[operand], np.minimum(tiles, self.fetched[operand]))
                held += kept * self.tile_bytes[operand]
            legal &= (used <= rooms.usable_bytes[buffer]) & (held <= size)
        return legal


def score(shape: MacShape, bits: WordBits, rooms: Rooms, grid: Mapping[str, I64], order: str) -> NestScores:
    """Score every candidate of ``grid`` (int64 arrays by size name) under one loop order.

    The traffic is exact for dense tensors of whole bytes: edges and padding are cut from every tile.
    """
    sizes = tuple(grid[name] for name in SIZE_NAMES)
    counts = loop_counts(shape, *sizes)
    words = tile_words(shape, *sizes)
    width = {"ifmap": bits.ifmap, "filter": bits.filter, "psum": max(bits.psum, bits.ofmap)}
    tile_bytes = {name: -(-words[name] * width[name] // 8) for name in OPERANDS}
    resident = residents(order, counts, tile_bytes, rooms)
    fetched = {name: fetches(name, order, counts, resident[name]) for name in OPERANDS}
    final = counts["b"] * counts["k"]
    rows, cols = axes_of(shape)
    ifmap_words = shape.n * shape.c * covered_rows(rows, shape.p, grid["tp"]) * covered_rows(cols, shape.q, grid["tq"])
    filter_words = shape.k * shape.c * shape.r * shape.s
    ofmap_words = shape.n * shape.k * shape.p * shape.q
    moves = {
        "ifmap": fetched["ifmap"] // (counts["b"] * counts["c"]),
        "filter": fetched["filter"] // (counts["k"] * counts["c"]),
        "psum": 2 * (fetched["psum"] // final - 1),
        "ofmap": np.ones_like(final),
    }
    dram_bits = (
        moves["ifmap"] * ifmap_words * bits.ifmap
        + moves["filter"] * filter_words * bits.filter
        + ofmap_words * (bits.ofmap + moves["psum"] * bits.psum)
    )
    return NestScores(
        resident=resident,
        tile_bytes=tile_bytes,
        fetched=fetched,
        moves=moves,
        dram_bytes=shape.groups * dram_bits // 8,
        steps=shape.groups * counts["b"] * counts["k"] * counts["c"],
    )


def search(
    shape: MacShape,
    bits: WordBits,
    rooms: Rooms,
    grid: Mapping[str, I64],
    compute_cycles: I64,
    buffer_pj: F64,
    costs: Costs,
    objective: Objective,
) -> TileSizes | None:
    """Return the best candidate under any loop order, or ``None`` if none fits its buffers.

    Transfers hide behind the array where the buffers hold two tiles of each passing operand; where they hold one, the
    array waits for every tile. They take the time of all bursts that they start.

    Parameters
    ----------
    grid
        Tile sizes, int64 [candidates] by name.
    compute_cycles, buffer_pj
        The array's cycles and the on-chip energy of each candidate for the whole layer, [candidates].
    """
    scores = {order: score(shape, bits, rooms, grid, order) for order in ORDERS}
    index = np.flatnonzero(np.concatenate([scores[order].fits(rooms, 1) for order in ORDERS]))
    if not index.size:
        return None
    hidden = np.concatenate([scores[order].fits(rooms, 2) for order in ORDERS])
    dram_bytes = np.concatenate([scores[order].dram_bytes for order in ORDERS]).astype(np.float64)
    once = burst_bytes(shape, bits, costs, grid)
    bursts = np.concatenate([sum(scores[order].moves[name] * once[name] for name in once) for order in ORDERS])
    steps = np.concatenate([scores[order].steps for order in ORDERS])
    compute = np.tile(compute_cycles.astype(np.float64), len(ORDERS))
    rate = costs.dram_bytes_per_cycle
    dram = bursts / float(rate) if rate is not None else np.zeros_like(dram_bytes)
    cycles = np.where(hidden, np.maximum(compute, dram), compute + dram)
    traffic_pj = dram_bytes * costs.dram_pj_per_byte + np.tile(buffer_pj, len(ORDERS))
    pick = int(index[rank(objective, costs, shape.n_macs, cycles[index], traffic_pj[index], steps[index])])
    which_order, candidate = divmod(pick, compute_cycles.size)
    tn, tp, tq, tk, tc = (int(grid[name][candidate]) for name in SIZE_NAMES)
    return TileSizes(tn=tn, tp=tp, tq=tq, tk=tk, tc=tc, order=ORDERS[which_order])


def power_steps(smallest: int, largest: int) -> list[int]:
    """Return ``smallest`` doubled until ``largest``, and ``largest`` itself."""
    steps = []
    size = max(1, smallest)
    while size < largest:
        steps.append(size)
        size *= 2
    return [*steps, largest]


def product_grid(choices: Mapping[str, list[int]]) -> dict[str, I64]:
    """Return every combination of ``choices`` as int64 arrays by name."""
    axes = [np.array(values, dtype=np.int64) for values in choices.values()]
    return {name: axis.ravel() for name, axis in zip(choices, np.meshgrid(*axes, indexing="ij"), strict=True)}

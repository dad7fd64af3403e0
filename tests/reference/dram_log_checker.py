"""Find what a DRAM command log violates, with the data sheet's demands alone."""

from __future__ import annotations

import numba
import numpy as np

from tests.reference.dram_jedec import Memory, demands

NEVER = -(1 << 40)


def violations(memory: Memory, log: np.ndarray) -> dict[str, int]:
    """Return how often each demand is violated, without those that never are.

    ``log`` is int64[n, 6]: clock, command, channel, bank, row, column. Besides the demands of `dram_jedec` it must keep
    ``tFAW``, ``state`` (reads and writes of the open row only, refresh with all rows closed), ``command bus`` (one
    command a clock, or one row and one column command), ``data bus`` (no two bursts at once) and ``refresh`` (number
    k in its interval, with any two ranks one interval apart).
    """
    listed = demands(memory)
    distance = np.zeros((len(listed), 7, 7, 4), np.int64)
    for i, demand in enumerate(listed):
        for before in demand.before:
            for after in demand.after:
                for relation in demand.relations:
                    distance[i, before, after, relation] = demand.clocks
    named = distance.argmax(axis=0)
    relations = np.array([[memory.relation(a, b) for b in range(memory.banks)] for a in range(memory.banks)])
    t = memory.timing
    numbers = np.array([
        memory.burst_clocks, t["AL"] + t["CL"], t["AL"] + t["CWL"], t["tFAW"] + memory.extra.get("tFAW", 0),
        t["tREFI"] // memory.ranks, memory.banks // memory.ranks, int(memory.dual),
    ])  # fmt: skip
    others = ("tFAW", "state", "command bus", "data bus", "refresh")
    counts = np.zeros(len(listed) + len(others), np.int64)
    for channel in range(memory.channels):
        lines = log[log[:, 2] == channel]
        _check(lines, distance.max(axis=0), named, relations, numbers, counts)
    names = [demand.name for demand in listed] + list(others)
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


@numba.njit(cache=True)
def _check(lines, distance, named, relations, numbers, counts):
    burst, rl, wl, window, interval, banks_per_rank, dual = numbers
    n_banks = relations.shape[0]
    faw, state, bus, data, refresh = -5, -4, -3, -2, -1
    last = np.full((7, n_banks), NEVER)
    row = np.full(n_banks, -1)
    acts = np.full((n_banks // banks_per_rank, 4), NEVER)
    clock_before, column_before, together = NEVER, False, 0
    data_end = NEVER
    n_refreshes = 0
    for i in range(lines.shape[0]):
        clock, command, bank = lines[i, 0], lines[i, 1], lines[i, 3]
        is_column = command in (2, 3, 5, 6)
        for other in range(n_banks):
            relation = relations[other, bank]
            for before in range(7):
                if clock - last[before, other] < distance[before, command, relation]:
                    counts[named[before, command, relation]] += 1
        last[command, bank] = clock
        together = together + 1 if clock == clock_before else 1
        if clock < clock_before or together > 1 + dual or (together == 2 and is_column == column_before):
            counts[bus] += 1
        clock_before, column_before = clock, is_column
        if command == 0:
            counts[state] += row[bank] >= 0
            row[bank] = lines[i, 4]
            rank = bank // banks_per_rank
            counts[faw] += clock - acts[rank, 0] < window
            acts[rank, :3] = acts[rank, 1:].copy()
            acts[rank, 3] = clock
        elif is_column:
            counts[state] += row[bank] != lines[i, 4]
            start = clock + (rl if command in (2, 5) else wl)
            counts[data] += start < data_end
            data_end = start + burst
        if command in (1, 5, 6):
            counts[state] += row[bank] < 0
            row[bank] = -1
        if command == 4:
            for b in range(bank, bank + banks_per_rank):
                counts[state] += row[b] >= 0
            n_refreshes += 1
            counts[refresh] += not n_refreshes * interval <= clock < (n_refreshes + 1) * interval

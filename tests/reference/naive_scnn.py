"""SCNN from the specification: lists of vector pairs, bank queues stepped with dictionaries."""

from __future__ import annotations

from itertools import product
from typing import Any

Item = tuple[int, ...]


def chunks(items: list[Item], size: int) -> list[list[Item]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def bank(k: int, p: int, q: int, n_banks: int) -> int:
    return ((((k & 4) << 2) ^ ((p & 2) << 3) ^ ((q & 2) << 3)) + ((p & 1) << 3) + ((q & 1) << 2) + (k & 3)) % n_banks


def run_pairs(pairs: list[dict[int, int]], queue: int) -> int:
    """Cycles of a PE: each pair is a table bank -> products."""
    waiting: dict[int, int] = {}
    cycles = issued = 0
    while issued < len(pairs) or waiting:
        if issued < len(pairs):
            if queue == 0:
                room = not waiting
            else:
                room = all(b not in waiting or waiting[b] + n <= queue for b, n in pairs[issued].items())
            if room:
                for b, n in pairs[issued].items():
                    waiting[b] = waiting.get(b, 0) + n
                issued += 1
        waiting = {b: n - 1 for b, n in waiting.items() if n > 1}
        cycles += 1
    return cycles


def conv(ifmap: Any, filters: Any, shape: Any, spec: Any) -> dict[str, Any]:
    n_k, n_c, n_r, n_s = filters.shape
    _, height, width = ifmap.shape
    stride, pad = shape.stride, shape.pad
    border = pad if spec.tile_padding else 0
    tile_h = -(-(height + 2 * border) // spec.pe_rows)
    tile_w = -(-(width + 2 * border) // spec.pe_cols)
    area = -(-shape.p // spec.pe_rows) * -(-shape.q // spec.pe_cols)
    k_group = max(1, min(n_k, spec.accumulator_entries // area))
    phases = list(product(range(stride), repeat=2))
    pes = list(product(range(spec.pe_rows), range(spec.pe_cols)))
    before = [-(-max(0, n - 1 - pad) // stride) for n in (n_r, n_s)]
    after = -(-pad // stride)
    own = [-(-tile_h // stride), -(-tile_w // stride)]
    sides = product((before[0], own[0], after), (before[1], own[1], after))
    halo = max(y * x for i, (y, x) in enumerate(sides) if i != 4)
    n_products = n_pairs = n_weight_vectors = 0
    pe_cycles = [0] * len(pes)
    groups = []
    for first in range(0, n_k, k_group):
        ks = range(first, min(n_k, first + k_group))
        work: list[list[list[dict[int, int]]]] = [[] for _ in pes]
        for c in range(n_c):
            for pe in range(len(pes)):
                work[pe].append([])
            for phase in phases:
                weights = [
                    (k, r, s)
                    for r in range(n_r)
                    for s in range(n_s)
                    for k in ks
                    if (r % stride, s % stride) == phase and filters[k, c, r, s]
                ]
                most = 0
                for pe, (row, col) in enumerate(pes):
                    acts = [
                        (y + pad, x + pad)
                        for y in range(height)
                        for x in range(width)
                        if (y + border) // tile_h == row
                        and (x + border) // tile_w == col
                        and ((y + pad) % stride, (x + pad) % stride) == phase
                        and ifmap[c, y, x]
                    ]
                    most = max(most, len(chunks(acts, spec.i_vector)))
                    for a_vector in chunks(acts, spec.i_vector):
                        for w_vector in chunks(weights, spec.f_vector):
                            table: dict[int, int] = {}
                            for (y, x), (k, r, s) in product(a_vector, w_vector):
                                p, q = (y - r) // stride, (x - s) // stride
                                if 0 <= p < shape.p and 0 <= q < shape.q:
                                    b = bank(k, p, q, spec.n_banks)
                                    table[b] = table.get(b, 0) + 1
                            work[pe][-1].append(table)
                            n_products += sum(table.values())
                            n_pairs += 1
                n_weight_vectors += most * len(chunks(weights, spec.f_vector))
        if spec.barrier == 0:
            own_cycles = [run_pairs([pair for channel in w for pair in channel], spec.bank_queue) for w in work]
            groups.append((max(own_cycles), halo * len(ks)))
        else:
            by_channel = [[run_pairs(w[c], spec.bank_queue) for w in work] for c in range(n_c)]
            own_cycles = [sum(channel[pe] for channel in by_channel) for pe in range(len(pes))]
            groups.append((sum(max(channel) for channel in by_channel), halo * len(ks)))
        pe_cycles = [a + b for a, b in zip(pe_cycles, own_cycles, strict=True)]
    computed = [0, 0]
    exchanged = [0, 0]
    for own_time, exchange in groups:
        start = max(computed[-1], exchanged[-2] if spec.halo_overlap else exchanged[-1])
        computed.append(start + own_time)
        exchanged.append(max(computed[-1], exchanged[-1]) + exchange)
    return {
        "total_cycles": exchanged[-1],
        "compute_cycles": sum(c for c, _ in groups),
        "halo_cycles": sum(x for _, x in groups),
        "n_products": n_products,
        "n_vector_pairs": n_pairs,
        "n_weight_vectors": n_weight_vectors,
        "pe_cycles": pe_cycles,
    }

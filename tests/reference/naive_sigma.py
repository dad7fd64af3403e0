"""SIGMA-like folds and streaming from the specification, with Python lists."""

from __future__ import annotations

from typing import Any

CARRY = -2


def folds(rows: list[list[int]], n_multipliers: int, cut_rows: bool) -> list[list[list[int]]]:
    """Each fold is a list of clusters, each a list of places (CARRY first in a continued row)."""
    out: list[list[list[int]]] = []
    current: list[list[int]] = []
    room = n_multipliers
    for row in rows:
        left = list(row)
        if not left:
            continue
        if not cut_rows and len(left) > room and current:
            out.append(current)
            current, room = [], n_multipliers
        if cut_rows:
            while left:
                current.append(left[:room])
                left = left[room:]
                room -= len(current[-1])
                if room == 0:
                    out.append(current)
                    current, room = [], n_multipliers
        elif len(left) <= room:
            current.append(left)
            room -= len(left)
            if room == 0:
                out.append(current)
                current, room = [], n_multipliers
        else:
            out.append([left[:n_multipliers]])
            left = left[n_multipliers:]
            while left:
                out.append([[CARRY, *left[: n_multipliers - 1]]])
                left = left[n_multipliers - 1 :]
            current, room = [], n_multipliers
    if current:
        out.append(current)
    return out


def finishing_adder(first: int, last: int) -> tuple[int, int]:
    """(level, node) at which the inputs first..last are one value, forwarding from the smaller edge."""
    level = 0
    counts = dict.fromkeys(range(first, last + 1), 1)
    while True:
        nodes: dict[int, int] = {}
        for i in counts:
            nodes[i // 2] = nodes.get(i // 2, 0) + 1
        low, high = min(nodes), max(nodes)
        if low % 2 == 1 and len(nodes) > 1:
            others = sum(n for node, n in nodes.items() if node != low)
            if nodes[low] < others:
                del nodes[low]
            elif len(nodes) == 2:
                del nodes[high]
        if len(nodes) > 1:
            high = max(nodes)
            others = sum(n for node, n in nodes.items() if node != high)
            if high % 2 == 0 and others >= nodes[high]:
                del nodes[high]
        if len(nodes) == 1:
            return level, min(nodes)
        counts = dict.fromkeys(nodes, 1)
        level += 1


def line_table(n_multipliers: int, n_lines: int) -> dict[tuple[int, int], int]:
    """Line of every (level, node): pairs of adders with a forwarding link first, root first, then the edge adders."""
    n_levels = n_multipliers.bit_length() - 1
    pairs, edges = [], []
    for from_root in range(n_levels):
        level = n_levels - 1 - from_root
        n_nodes = 2**from_root
        pairs += [((level, a), (level, a + 1)) for a in range(1, n_nodes - 1, 2)]
        # STONNE gives the root level a spare second adder, which takes a place among the edge adders.
        edges += [(level, 0), (level, n_nodes - 1 if from_root else -1)]
    table = {}
    for i, pair in enumerate(pairs):
        for adder in pair:
            table[adder] = i % n_lines
    for i, adder in enumerate(edges):
        table[adder] = (i + 2 * len(pairs)) % n_lines
    return table


def gemm(rows: list[list[int]], counts: list[int], n_columns: int, spec: Any) -> dict[str, int]:
    if spec.drop_useless:
        rows = [[k for k in row if counts[k]] for row in rows]
    n_levels = spec.n_multipliers.bit_length() - 1
    lines = line_table(spec.n_multipliers, spec.collection_lines or 1)
    total = reads = writes = 0
    all_folds = folds(rows, spec.n_multipliers, spec.cut_rows)
    for clusters in all_folds:
        places = [k for cluster in clusters for k in cluster]
        slots = places + [None] * (spec.n_multipliers - len(places))
        group = spec.n_multipliers if spec.non_blocking else max(1, spec.n_multipliers // spec.distribution_ports)
        width = spec.distribution_ports if spec.non_blocking else 1
        sent: list[list[int]] = []
        for m, k in enumerate(slots):
            members = [x for x in slots[m // group * group : (m // group + 1) * group] if x is not None]
            if k is None:
                continue
            needed = sorted(set(members))
            load = -(-sum(x >= 0 for x in members) // width)
            per_column = -(-len(needed) // width)
            sent.append([load + n * per_column + needed.index(k) // width for n in range(n_columns)])
        arrivals: dict[int, list[int]] = {}
        first = 0
        for cluster in clusters:
            members = range(first, first + len(cluster))
            line = lines[finishing_adder(members[0], members[-1])] if spec.collection_lines else first
            arrivals.setdefault(line, []).extend(max(sent[m][n] for m in members) for n in range(n_columns))
            first += len(cluster)
        last = 0
        for times in arrivals.values():
            clock = -1
            for time in sorted(times):
                clock = max(clock + 1, time)
            last = max(last, clock)
        total += last + 1 + 5 + n_levels
        reads += sum(counts[k] for k in set(places) if k >= 0)
        writes += n_columns * len(clusters)
    # Every part of a row but its first goes on with a psum, for every column.
    psums = n_columns * (sum(len(clusters) for clusters in all_folds) - sum(1 for row in rows if row))
    return {
        "total_cycles": total,
        "n_folds": len(all_folds),
        "n_streaming_reads": reads,
        "n_psum_reads": psums,
        "n_output_writes": writes,
        "n_stationary_reads": sum(len(row) for row in rows),
        "n_effectual_macs": sum(counts[k] for row in rows for k in row),
    }

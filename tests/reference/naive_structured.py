"""N:M tensor cores, dual-side tensor cores and N:M systolic arrays from their cycle rules, with Python loops."""

from __future__ import annotations

from typing import Any


def tensor_core(n_rows: int, n_columns: int, k: int, sparse: bool, spec: Any) -> dict[str, int]:
    places = spec.mma_k * spec.m // spec.n if sparse else spec.mma_k
    cores = [0] * spec.n_cores
    n = 0
    for i in range(0, n_rows, spec.mma_m):
        for j in range(0, n_columns, spec.mma_n):
            tile = i // spec.mma_m * -(-n_columns // spec.mma_n) + j // spec.mma_n
            for _ in range(0, k, places):
                cores[tile % spec.n_cores] += -(-spec.mma_m * spec.mma_n * spec.mma_k // spec.macs)
                n += 1
    return {"total_cycles": max(cores), "n_instructions": n}


def dual_side(a: Any, b: Any, spec: Any) -> dict[str, Any]:
    units = [0] * spec.n_units
    slots = 0
    tile = 0
    for i in range(0, a.shape[0], spec.tile_m):
        for j in range(0, b.shape[0], spec.tile_n):
            for k in range(a.shape[1]):
                in_a, in_b = int(a[i : i + spec.tile_m, k].sum()), int(b[j : j + spec.tile_n, k].sum())
                steps = -(-in_a // spec.step_m) * -(-in_b // spec.step_n)
                units[tile % spec.n_units] += steps or spec.empty_place_cycles
                slots += steps * spec.step_m * spec.step_n
            tile += 1
    return {"total_cycles": max(units), "n_slots": slots}


def structured(n_rows: int, n_columns: int, k: int, spec: Any) -> dict[str, int]:
    groups = [min(spec.rows // spec.n, -(-k // spec.m) - g) for g in range(0, -(-k // spec.m), spec.rows // spec.n)]
    columns = [min(spec.cols, n_columns - c) for c in range(0, n_columns, spec.cols)]
    total = slots = 0
    for group in groups:
        for column in columns:
            last_mac = (n_rows - 1) + (group * spec.n - 1) + (column - 1)
            total += group * spec.n + last_mac + 1
            slots += n_rows * group * spec.n * column
    return {"total_cycles": total, "n_slots": slots, "n_folds": len(groups) * len(columns)}

"""splitmix64 and packed bits with Python's own integers, one element at a time."""

from __future__ import annotations

M64 = (1 << 64) - 1


def mix64(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    return z ^ (z >> 31)


def stream_of(seed: int, key: int) -> int:
    return mix64(mix64((seed + 0x9E3779B97F4A7C15) & M64) ^ key)


def hash_at(stream: int, index: int) -> int:
    return mix64((stream + (index + 1) * 0x9E3779B97F4A7C15) & M64)


def threshold_rows(stream: int, first_row: int, row_bits: int, thresholds: list[int]) -> list[list[bool]]:
    return [
        [hash_at(stream, (first_row + i) * row_bits + c) >> 11 < threshold for c in range(row_bits)]
        for i, threshold in enumerate(thresholds)
    ]


def smallest_n_of_m(hashes: list[int], n: int, m: int) -> list[bool]:
    keep = [False] * len(hashes)
    for start in range(0, len(hashes), m):
        group = sorted(range(start, min(start + m, len(hashes))), key=lambda i: (hashes[i], i))
        for i in group[:n]:
            keep[i] = True
    return keep


def row_counts(rows: list[list[bool]]) -> list[int]:
    return [sum(row) for row in rows]


def transpose(rows: list[list[bool]]) -> list[list[bool]]:
    return [list(column) for column in zip(*rows, strict=True)]

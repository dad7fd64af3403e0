"""Entries of run-limited formats and a Huffman decoder, one element at a time."""

from __future__ import annotations


def entries(stream: list[int], max_run: int) -> list[tuple[int, int]]:
    """(zeros before, value) of a stream; zeros at its end are dropped."""
    out = []
    zeros = 0
    for value in stream:
        if value == 0:
            zeros += 1
            continue
        while zeros > max_run:
            out.append((max_run, 0))
            zeros -= max_run + 1
        out.append((zeros, value))
        zeros = 0
    return out


def padding_entries(rows: list[list[int]], max_run: int, restart_rows: bool) -> list[int]:
    if restart_rows:
        return [sum(v == 0 for _, v in entries(row, max_run)) for row in rows]
    out = []
    seen = 0
    for last in range(len(rows)):
        joined = [v for row in rows[: last + 1] for v in row]
        total = sum(v == 0 for _, v in entries(joined, max_run))
        out.append(total - seen)
        seen = total
    return out


def interleaved_entries(
    segments: list[list[int]], n_parts: int, max_run: int
) -> tuple[list[list[int]], list[list[int]]]:
    nnz, padding = [], []
    for segment in segments:
        lists = [entries(segment[part::n_parts], max_run) for part in range(n_parts)]
        nnz.append([sum(v != 0 for _, v in e) for e in lists])
        padding.append([sum(v == 0 for _, v in e) for e in lists])
    return nnz, padding


def huffman_decode(bits: list[int], codes: dict[str, int]) -> list[int]:
    out = []
    word = ""
    for bit in bits:
        word += str(bit)
        if word in codes:
            out.append(codes[word])
            word = ""
    return out

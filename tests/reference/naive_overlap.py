"""Strided memory accesses as sets of bytes."""

from __future__ import annotations

from typing import NamedTuple


class NaiveAccess(NamedTuple):
    number: int
    address: int
    run_bytes: int
    inner: int
    inner_stride: int
    outer: int
    outer_stride: int

    def touched(self) -> set[int]:
        """Every byte."""
        return {
            self.address + o * self.outer_stride + i * self.inner_stride + byte
            for o in range(self.outer)
            for i in range(self.inner)
            for byte in range(self.run_bytes)
        }


def unordered(
    reads: list[NaiveAccess], ordered: list[int], open_until: list[int], writes: list[NaiveAccess]
) -> set[tuple[int, int]]:
    """Return (index of a read, number of a write) of all that share a byte and have ordered <= number < open_until."""
    return {
        (k, write.number)
        for k, read in enumerate(reads)
        for write in writes
        if ordered[k] <= write.number < open_until[k] and read.touched() & write.touched()
    }

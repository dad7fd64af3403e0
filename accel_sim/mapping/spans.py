"""Cuts one dimension into blocks, and finds the ifmap rows (or columns) that each block of the ofmap needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.workload import MacShape, VectorShape

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The blocks of one dimension: first index and size of each, int64 [blocks]."""

    start: I64
    size: I64

    @classmethod
    def cut(cls, total: int, tile: int) -> Span:
        """Cut ``total`` into blocks of ``tile``, the last one smaller."""
        start = np.arange(0, total, tile, dtype=np.int64)
        return cls(start=start, size=np.minimum(tile, total - start))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliding:
    """How a window slides along one axis of the ifmap: its taps, stride, dilation, padding, and the axis' length."""

    window: int
    stride: int
    dilation: int
    padding: int
    size: int

    def cover(self, outputs: Span) -> Span:
        """Return the ifmap rows inside the fmap from the first to the last that each block needs; size 0 if none."""
        first = outputs.start * self.stride - self.padding
        last = (outputs.start + outputs.size - 1) * self.stride - self.padding + (self.window - 1) * self.dilation
        start = np.clip(first, 0, self.size)
        return Span(start=start, size=np.maximum(np.minimum(last + 1, self.size) - start, 0))

    def touched(self, outputs: Span) -> I64:
        """Return how many of the covered rows some window of the block touches, int64 [blocks].

        Fewer than `cover` gives only where the stride (or the dilation) leaves rows out.
        """
        if self.stride <= self.window and self.dilation == 1:
            return self.cover(outputs).size
        counts = []
        for start, size in zip(outputs.start, outputs.size, strict=True):
            positions = (start + np.arange(size))[:, None] * self.stride - self.padding
            rows = np.unique(positions + np.arange(self.window)[None, :] * self.dilation)
            counts.append(int(((rows >= 0) & (rows < self.size)).sum()))
        return np.array(counts, dtype=np.int64)


def axes_of(shape: MacShape | VectorShape) -> tuple[Sliding, Sliding]:
    """Return how the window of a layer slides along rows and along columns."""
    dilation = (shape.dilation_h, shape.dilation_w) if isinstance(shape, MacShape) else (1, 1)
    rows = Sliding(window=shape.r, stride=shape.stride_h, dilation=dilation[0], padding=shape.pad_h, size=shape.h)
    cols = Sliding(window=shape.s, stride=shape.stride_w, dilation=dilation[1], padding=shape.pad_w, size=shape.w)
    return rows, cols


def covered_rows(axis: Sliding, outputs: int, tiles: I64) -> I64:
    """Return the ifmap rows that all blocks of ``outputs`` ofmap rows need, for each tile height, int64 [tiles]."""
    heights, which = np.unique(tiles, return_inverse=True)
    sums = [int(axis.cover(Span.cut(outputs, int(height))).size.sum()) for height in heights]
    return np.array(sums, dtype=np.int64)[which.ravel()]

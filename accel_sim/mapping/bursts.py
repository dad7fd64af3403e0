"""The bursts that a tiled tensor takes in DRAM: short runs cost whole ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.mapping.base import Costs, WordBits
from accel_sim.mapping.spans import Span, axes_of
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]
SIZE_NAMES = ("tn", "tp", "tq", "tk", "tc")


class Cuts(NamedTuple):
    """How the candidates cut one dimension of a tensor.

    ``blocks`` are the sizes of all blocks for each different tile size, ``which`` the candidate's, int64 [candidates];
    ``whole`` is the size of the dimension.
    """

    blocks: tuple[I64, ...]
    which: I64
    whole: int

    @property
    def covered(self) -> I64:
        """Sizes of all blocks added up, int64 [candidates]."""
        sums: I64 = np.array([int(sizes.sum()) for sizes in self.blocks], dtype=np.int64)[self.which]
        return sums

    @property
    def is_cut(self) -> NDArray[np.bool_]:
        """Whether a box leaves out a part of the dimension, bool [candidates]."""
        cut = [sizes.size > 1 or int(sizes[0]) != self.whole for sizes in self.blocks]
        return np.array(cut, dtype=np.bool_)[self.which]


def burst_bytes(shape: MacShape, bits: WordBits, costs: Costs, grid: Mapping[str, I64]) -> dict[str, I64]:
    """Return the bytes of all bursts that take each tensor's tiles once, int64 [candidates], for the whole layer.

    Neighbouring words form a run, and a run takes whole bursts of ``dram_quantum_bytes``; in layout ``tiled`` a tile is
    a run. ``psum`` are spilled ones, which lie as the ofmap does.
    """
    rows, cols = axes_of(shape)
    n, k, c = _cut(shape.n, grid["tn"]), _cut(shape.k, grid["tk"]), _cut(shape.c, grid["tc"])
    p, q = _cut(shape.p, grid["tp"]), _cut(shape.q, grid["tq"])
    y = Cuts(tuple(rows.cover(Span.cut(shape.p, int(sizes[0]))).size for sizes in p.blocks), p.which, shape.h)
    x = Cuts(tuple(cols.cover(Span.cut(shape.q, int(sizes[0]))).size for sizes in q.blocks), q.which, shape.w)
    all_c, all_k = c._replace(whole=shape.groups * shape.c), k._replace(whole=shape.groups * shape.k)
    once = np.zeros_like(n.which)
    r, s = (Cuts((np.array([size]),), once, size) for size in (shape.r, shape.s))
    boxes = {"ifmap": (x, y, all_c, n), "filter": (s, r, c, all_k), "psum": (q, p, all_k, n), "ofmap": (q, p, all_k, n)}
    result = {}
    for tensor, (columns, lines, channels, outermost) in boxes.items():
        width, quantum = getattr(bits, tensor), costs.dram_quantum_bytes
        order = (columns, lines, channels) if costs.dram_layout != "nhwc" else (channels, columns, lines)
        quanta = _tile_quanta if costs.dram_layout == "tiled" else _run_quanta
        result[tensor] = shape.groups * quantum * quanta((*order, outermost), width, quantum)
    return result


def _cut(total: int, tiles: I64) -> Cuts:
    sizes, which = np.unique(tiles, return_inverse=True)
    return Cuts(tuple(Span.cut(total, int(size)).size for size in sizes), which.ravel().astype(np.int64), total)


def _run_quanta(dims: Sequence[Cuts], word_bits: int, quantum_bytes: int) -> I64:
    """Bursts of all boxes; ``dims`` from the fastest. A run ends in the first dimension that is cut."""
    quanta = np.zeros_like(dims[0].which)
    going_on = np.ones(quanta.shape, dtype=np.bool_)
    words_before = 1
    for i, dim in enumerate(dims):
        bits = [words_before * sizes * word_bits for sizes in dim.blocks]
        one_line = np.array([int((-(-size // (8 * quantum_bytes))).sum()) for size in bits], dtype=np.int64)
        lines = np.ones_like(quanta)
        for slower in dims[i + 1 :]:
            lines = lines * slower.covered
        ends = going_on & (dim.is_cut | (i == len(dims) - 1))
        quanta = np.where(ends, one_line[dim.which] * lines, quanta)
        going_on &= ~ends
        words_before *= dim.whole
    return quanta


def _tile_quanta(dims: Sequence[Cuts], word_bits: int, quantum_bytes: int) -> I64:
    """Bursts where every box is one run; boxes of one size are counted together."""
    distinct = [[np.unique(sizes, return_counts=True) for sizes in dim.blocks] for dim in dims]
    quanta = np.empty_like(dims[0].which)
    for candidate in range(quanta.size):
        words = counts = np.ones(1, dtype=np.int64)
        for dim, tables in zip(dims, distinct, strict=True):
            sizes, often = tables[int(dim.which[candidate])]
            words, counts = np.outer(words, sizes).ravel(), np.outer(counts, often).ravel()
        quanta[candidate] = int((-(-words * word_bits // (8 * quantum_bytes)) * counts).sum())
    return quanta

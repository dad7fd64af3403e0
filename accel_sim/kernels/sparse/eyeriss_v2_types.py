"""What the array of Eyeriss v2 is made of, how a tile lies on it, and what it counts: plain tuples for its kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]

BY_PE, BY_IACT, BY_WEIGHT, BY_PSUM = 0, 1, 2, 3
N_LIMITS = 4
IACTS, WEIGHTS = 0, 1


class Grid(NamedTuple):
    """Clusters, their PEs and the multipliers of a PE."""

    cluster_rows: int = 8
    cluster_cols: int = 2
    pe_rows: int = 3
    pe_cols: int = 4
    macs: int = 2


class Ports(NamedTuple):
    """What passes a cluster's routers in a cycle, and how long each word is; a port of 0 takes no time.

    ``iact_bits`` over all routers of a cluster, ``weight_bits`` to a row and ``psum_bits`` to (and from) a column of
    its PEs. An activation takes ``iact_word_bits``, and each segment ``iact_address_bits``; a column of weights whole
    words of ``weight_word_bits`` for ``weights_a_word`` of them, and ``weight_address_bits``; a psum
    ``psum_word_bits``.
    """

    iact_bits: int
    weight_bits: int
    psum_bits: int
    iact_word_bits: int
    iact_address_bits: int
    weight_word_bits: int
    weights_a_word: int
    weight_address_bits: int
    psum_word_bits: int


class Slide(NamedTuple):
    """How windows slide over a tile: ofmap rows and columns, strides, rows of padding above, columns on the left."""

    p: int
    q: int
    stride_h: int
    stride_w: int
    top: int
    pad_w: int


class Spread(NamedTuple):
    """How a tile is laid on the PEs.

    ``c0`` input and ``m0`` output channels of a PE; ``height`` PEs of a set; sets with other ofmap ``rows``,
    ``filters`` and layer ``groups``.
    """

    c0: int
    m0: int
    height: int
    rows: int
    filters: int
    groups: int


class ArrayWork(NamedTuple):
    """What a tile costs.

    ``total_cycles``; ``limit_cycles`` int64[N_LIMITS]: the part of them in passes that each limit decides, and
    ``wait_cycles`` int64[N_LIMITS]: what of these goes beyond the slowest PE.
    ``mac_cycles``, ``bubble_cycles`` int64[PEs], by rows of the grid. ``sent_words``, ``sent_bits`` int64[2, PEs + 1]:
    activations and weights that leave for so many PEs at a time. ``psum_reads``, ``psum_writes`` words from and to the
    global buffer. ``n_activations`` read by PEs, ``n_macs`` products of non-zero operands.
    """

    total_cycles: int
    n_passes: int
    limit_cycles: I64
    wait_cycles: I64
    mac_cycles: I64
    bubble_cycles: I64
    sent_words: I64
    sent_bits: I64
    psum_reads: int
    psum_writes: int
    n_activations: int
    n_macs: int

"""What the stepped pixel mesh is given, holds and gives back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]

# Places in a command's counts.
IFMAP_LOADS = 0
IFMAP_ARRIVALS = 1
IFMAP_PASSED = 2
FILTER_READS = 3
FILTER_ARRIVALS = 4
OFMAP_WRITES = 5
MACS = 6
IFMAP_ZERO_MACS = 7
EFFECTUAL_MACS = 8
N_COUNTS = 9

# Columns of a probe's log.
LOG_CLOCK = 0
LOG_COMMAND = 1
LOG_ROW = 2
LOG_COL = 3
LOG_SUM = 4
N_LOG = 5

# What goes along with the products of a clock: whether they begin or end sums, and where they lie. A single pixel has
# no corner (TOP is -1); its PEs are counted one after the other, WIDTH of them.
BEGINS = 0
ENDS = 1
TOP = 2
LEFT = 3
FILTER = 4
IMAGE = 5
COMMAND = 6
HEIGHT = 7
WIDTH = 8
N_TAGS = 9

# A PE's FIFOs: words for the neighbour on the left, and for the one above.
ACROSS = 0
DOWN = 1

# What is known of the FIFOs of a row: words in each, places of the oldest and of the next one.
HELD = 0
OLDEST = 1
NEXT = 2

# A word that no PE has taken.
EMPTY = -0x5A5A5A5A5A5A


class PixelPes(NamedTuple):
    """``rows x cols`` PEs with two FIFOs of ``fifo_words`` each; ``stages`` clocks from operands to the sum's write."""

    rows: int
    cols: int
    fifo_words: int
    stages: int


class Reuse(NamedTuple):
    """Window rows and columns whose words come from the buffer; later ones are a neighbour's of a stride before."""

    fresh_rows: int
    fresh_cols: int


class State(NamedTuple):
    """What the mesh holds; all int64.

    ``words`` [rows, cols] are the PEs' operands; ``fifos`` [2, fifo_words, rows, cols] their FIFOs, `ACROSS` and
    `DOWN`, with the words in those of a row, the place of the oldest and of the next one in ``at`` [2, rows, 3];
    ``products`` [stages, rows, cols] and ``tags`` [stages, `N_TAGS`] the pipeline; ``sums`` [rows, cols].
    """

    words: I64
    fifos: I64
    at: I64
    products: I64
    tags: I64
    sums: I64


class Books(NamedTuple):
    """What a run gives: ``outputs`` (n, K, p, q), ``counts`` [commands, `N_COUNTS`], ``ends`` [commands], all int64.

    ``watched`` [4] is an output to follow (image, filter, row, column; -1 for none), ``log`` [window, `N_LOG`] its sum
    after each addition and ``n_logged`` [1] how many there are.
    """

    outputs: I64
    counts: I64
    ends: I64
    watched: I64
    log: I64
    n_logged: I64


class PixelRun(NamedTuple):
    """A finished run: its books, and the clock after the last sum was written."""

    books: Books
    cycles: int

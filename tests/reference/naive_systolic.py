"""What the naive systolic arrays share: one object a PE, one token a value, one clock at a time.

Written from the description of the machine, with no timing formula. When a fold may start is found by trying:
the machine runs with the earliest start that is left, and where two values want one register, a value is used
that is no longer or not yet there, or a port is asked for two words, it raises `CollisionError` and the fold starts a
clock later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COUNTS = (
    "ifmap_reads",
    "filter_reads",
    "psum_reads",
    "psum_writes",
    "accumulator_reads",
    "accumulator_writes",
    "ofmap_writes",
)


class CollisionError(Exception):
    """Two values at one place, or a value that is not there."""


@dataclass(kw_only=True)
class Machine:
    """``psum_path`` is written, read_back or accumulated; ``drain`` none, rows, columns or collector."""

    rows: int
    cols: int
    skip_edges: bool = False
    double_buffered: bool = False
    pipelined: bool = False
    psum_path: str = "written"
    row_skew: int = 1
    latency: int = 0
    drain: str = "none"


@dataclass(kw_only=True)
class Fold:
    """The part of a gemm in the array: rows and columns that hold work, and those whose time passes."""

    group: int
    row_fold: int
    last_row_fold: bool
    first_row: int
    first_col: int
    rows: int
    cols: int
    rows_used: int
    cols_used: int


@dataclass(kw_only=True)
class Outcome:
    """What a run did."""

    outputs: np.ndarray
    counts: dict[str, int]
    starts: list[int]
    ends: list[int]

    @property
    def cycles(self) -> int:
        return max(self.ends)


def cut(machine: Machine, groups: int, row_size: int, col_size: int) -> list[Fold]:
    folds = []
    for group in range(groups):
        for first_col in range(0, col_size, machine.cols):
            for row_fold, first_row in enumerate(range(0, row_size, machine.rows)):
                rows_used = min(machine.rows, row_size - first_row)
                cols_used = min(machine.cols, col_size - first_col)
                folds.append(
                    Fold(
                        group=group,
                        row_fold=row_fold,
                        last_row_fold=first_row + machine.rows >= row_size,
                        first_row=first_row,
                        first_col=first_col,
                        rows=rows_used if machine.skip_edges else machine.rows,
                        cols=cols_used if machine.skip_edges else machine.cols,
                        rows_used=rows_used,
                        cols_used=cols_used,
                    )
                )
    return folds


@dataclass(frozen=True)
class Token:
    """A value on its way: which fold and stream position it belongs to; ``row`` is where a loaded value stops."""

    value: int
    fold: int
    tick: int = 0
    row: int = 0

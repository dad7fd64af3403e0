"""A systolic array in numbers: its dataflow, its size, and which machine's conventions it follows.

``docs/systolic.md`` compares the conventions; papers mix them.
"""

from __future__ import annotations

from typing import NamedTuple

WEIGHT_STATIONARY = 0
OUTPUT_STATIONARY = 1
INPUT_STATIONARY = 2

# Where psums go that leave a weight or input stationary array before the last row fold.
PSUM_WRITTEN = 0  # to the buffer, and nobody counts reading them back (SCALE-Sim)
PSUM_READ_BACK = 1  # to the buffer, and back into the top of the array with the next row fold
PSUM_ACCUMULATED = 2  # into an accumulator SRAM below the array

# How the results leave an output stationary array.
DRAIN_NONE = 0  # each PE writes its own, in the cycle of its last MAC (SCALE-Sim)
DRAIN_ROWS = 1  # shifted down, one row of results a cycle
DRAIN_COLUMNS = 2  # shifted right, one column of results a cycle
DRAIN_COLLECTOR = 3  # every PE sends its own to one write queue, which retires half of what it holds (STONNE)


class GemmShape(NamedTuple):
    """``groups`` independent products of M x K ifmap pixels by K x N filters."""

    m: int
    k: int
    n: int
    groups: int


class SystolicArray(NamedTuple):
    """An R x C array and its conventions; one static type, so that kernels compile once.

    Parameters
    ----------
    dataflow
        ``WEIGHT_STATIONARY``, ``OUTPUT_STATIONARY`` or ``INPUT_STATIONARY``.
    rows, cols
        PEs.
    skip_edges
        An edge fold takes the time of the rows and columns it uses, not of the full array.
    double_buffered
        Each PE has a second stationary register, loaded under the stream of the current fold.
    pipelined
        A fold's fill runs under the drain of the one before; otherwise the array empties between folds.
    psum_path
        ``PSUM_WRITTEN``, ``PSUM_READ_BACK`` or ``PSUM_ACCUMULATED``; no effect on output stationary.
    row_skew_cycles
        Registers a psum passes per row of a weight or input stationary array: 1, or 2 where the PE registers
        its psum input as well as its sum.
    latency_cycles
        Further registers that each result passes inside the PE and at the edge of the array.
    drain
        ``DRAIN_*``; output stationary only.
    """

    dataflow: int
    rows: int
    cols: int
    skip_edges: bool
    double_buffered: bool
    pipelined: bool
    psum_path: int
    row_skew_cycles: int
    latency_cycles: int
    drain: int


class Accesses(NamedTuple):
    """Words moved between the array and its buffers, over a fold or a whole layer.

    ``psum_*`` are sums that are not final, at the buffer; ``accumulator_*`` all sums at the accumulator SRAM;
    ``ofmap_writes`` final sums written to the buffer.
    """

    ifmap_reads: int
    filter_reads: int
    psum_reads: int
    psum_writes: int
    accumulator_reads: int
    accumulator_writes: int
    ofmap_writes: int


def scalesim_array(dataflow: int, rows: int, cols: int) -> SystolicArray:
    """SCALE-Sim 3.0.0: every fold takes the full array, folds do not overlap, nothing drains or is read back."""
    return SystolicArray(
        dataflow=dataflow,
        rows=rows,
        cols=cols,
        skip_edges=False,
        double_buffered=False,
        pipelined=False,
        psum_path=PSUM_WRITTEN,
        row_skew_cycles=1,
        latency_cycles=0,
        drain=DRAIN_NONE,
    )


def rtl_output_stationary(rows: int, cols: int) -> SystolicArray:
    """Open RTL, run one tile at a time: operand registers in each PE, then all PEs shift their sums down."""
    return scalesim_array(OUTPUT_STATIONARY, rows, cols)._replace(latency_cycles=1, drain=DRAIN_ROWS)


def rtl_weight_stationary(rows: int, cols: int) -> SystolicArray:
    """The same open RTL with stationary weights: two registers a row for psums, weights loaded row by row."""
    return scalesim_array(WEIGHT_STATIONARY, rows, cols)._replace(
        psum_path=PSUM_ACCUMULATED, row_skew_cycles=2, latency_cycles=2
    )


def handshake_output_stationary(rows: int, cols: int, multiply_cycles: int, add_cycles: int) -> SystolicArray:
    """Open RTL with valid/ready control: tiles follow each other, sums leave column by column."""
    return scalesim_array(OUTPUT_STATIONARY, rows, cols)._replace(
        pipelined=True, latency_cycles=multiply_cycles + add_cycles, drain=DRAIN_COLUMNS
    )


def stonne_output_stationary(rows: int, cols: int) -> SystolicArray:
    """STONNE's OS mesh with enough bandwidth; ``rows`` and ``cols`` are its tile sizes T_M and T_N.

    The four cycles of a tile are: configure, accumulate, collection bus, write port.
    """
    return scalesim_array(OUTPUT_STATIONARY, rows, cols)._replace(
        skip_edges=True, latency_cycles=4, drain=DRAIN_COLLECTOR
    )


def check(gemm: GemmShape, array: SystolicArray) -> None:
    """Refuse sizes and combinations that no array has.

    Raises
    ------
    ValueError
        Names the field.
    """
    for name, size in gemm._asdict().items():
        if size < 1:
            raise ValueError(f"gemm {name} is {size}, must be at least 1")
    for name, size in (("rows", array.rows), ("cols", array.cols), ("row_skew_cycles", array.row_skew_cycles)):
        if size < 1:
            raise ValueError(f"{name} is {size}, must be at least 1")
    if array.row_skew_cycles > 2:
        raise ValueError(f"row_skew_cycles is {array.row_skew_cycles}, must be 1 or 2")
    if array.latency_cycles < 0:
        raise ValueError(f"latency_cycles is {array.latency_cycles}, must be at least 0")
    for name, code, last in (
        ("dataflow", array.dataflow, INPUT_STATIONARY),
        ("psum_path", array.psum_path, PSUM_ACCUMULATED),
        ("drain", array.drain, DRAIN_COLLECTOR),
    ):
        if not 0 <= code <= last:
            raise ValueError(f"{name} is {code}, must be 0 to {last}")
    if array.pipelined and array.drain == DRAIN_COLLECTOR:
        raise ValueError("pipelined folds and the collector drain exclude each other: the queue serves one fold")

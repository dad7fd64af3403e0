"""EIE: a sparse matrix times a sparse vector on PEs that each own every n-th row (Han et al., ISCA 2016)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.runs import interleaved_entries
from accel_sim.kernels.sparse.broadcast_queue import broadcast_queue


class EieSpec(NamedTuple):
    """The keys of an EIE-like array, with the paper's values.

    ``queue_depth`` activations a PE holds, ``max_run`` 15 for a 4-bit run, ``entries_per_read`` 8 for a 64-bit row of
    4 + 4 bit entries, ``empty_slice_cycles`` see :func:`~accel_sim.kernels.sparse.broadcast_queue.broadcast_queue`,
    ``pipeline_stages`` 4: codebook look-up and address sum; accumulator read and multiply; shift and add; write.
    """

    n_pes: int = 64
    queue_depth: int = 8
    max_run: int = 15
    entries_per_read: int = 8
    empty_slice_cycles: int = 1
    pipeline_stages: int = 4


class EieCounts(NamedTuple):
    """What one matrix-vector product costs.

    ``total_cycles`` from the first broadcast to the last accumulator write. ``n_entries`` multiplies, padding zeros
    included; ``n_effectual_macs`` those with two non-zero operands. ``broadcast_stall_cycles`` cycles in which a full
    queue held the broadcast up. ``pe_entries``, ``pe_padding`` int64[n_pes]: busy cycles of each PE, and those of them
    spent on padding zeros; a PE idles in the other ``total_cycles - pe_entries``. ``n_broadcasts`` activations sent,
    each written to every queue. ``n_pointer_reads`` 16-bit pointers, two for each activation that a PE takes.
    ``n_matrix_reads`` rows of the matrix SRAM. ``n_accumulator_reads``, ``n_accumulator_writes`` one an entry.
    """

    total_cycles: int
    n_entries: int
    n_effectual_macs: int
    broadcast_stall_cycles: int
    pe_entries: NDArray[np.int64]
    pe_padding: NDArray[np.int64]
    n_broadcasts: int
    n_pointer_reads: int
    n_matrix_reads: int
    n_accumulator_reads: int
    n_accumulator_writes: int


@njit
def eie_matvec(column_words: NDArray[np.uint64], columns: NDArray[np.int64], spec: EieSpec) -> EieCounts:
    """Time ``y = W x`` for the masks of W and x.

    Parameters
    ----------
    column_words
        uint64[n_cols, ceil(n_rows / 64)]: the mask of W by columns, that is of its transpose; bit i of a column is
        row i, which belongs to PE ``i mod n_pes``.
    columns
        int64[n_nonzero]: where x is not zero, ascending.
    spec
        The array.
    """
    nnz, padding = interleaved_entries(column_words, spec.n_pes, spec.max_run)
    return eie_product(nnz, padding, columns, spec)


@njit
def eie_product(
    nnz: NDArray[np.int32], padding: NDArray[np.int32], columns: NDArray[np.int64], spec: EieSpec
) -> EieCounts:
    """Time one product of a matrix whose entries are counted, so that a batch of vectors counts them once.

    Parameters
    ----------
    nnz, padding
        int32[n_cols, n_pes] each; see :func:`~accel_sim.kernels.runs.interleaved_entries`.
    columns
        int64[n_nonzero]: where the vector is not zero, ascending.
    spec
        The array.
    """
    entries = nnz + padding
    timing = broadcast_queue(entries, columns, spec.queue_depth, spec.empty_slice_cycles)
    pe_padding = np.zeros(spec.n_pes, dtype=np.int64)
    for column in columns:
        for pe in range(spec.n_pes):
            pe_padding[pe] += padding[column, pe]
    total_cycles = timing.drained_cycles
    for pe in range(spec.n_pes):
        if timing.pe_entries[pe] > 0:
            total_cycles = max(total_cycles, timing.pe_last_issue[pe] + spec.pipeline_stages)
    n_entries = timing.pe_entries.sum()
    return EieCounts(
        total_cycles,
        n_entries,
        n_entries - pe_padding.sum(),
        timing.broadcast_stall_cycles,
        timing.pe_entries,
        pe_padding,
        columns.shape[0],
        2 * spec.n_pes * columns.shape[0],
        matrix_reads(entries, columns, spec.entries_per_read),
        n_entries,
        n_entries,
    )


@njit
def matrix_reads(entries: NDArray[np.int32], columns: NDArray[np.int64], entries_per_read: int) -> int:
    """Count the rows that all PEs read from their matrix SRAMs.

    The entries of a PE lie one after the other, so that a row may end one column and begin the next; a row stays in the
    read register and is read again only if another row was read in between.

    Parameters
    ----------
    entries
        int32[n_cols, n_pes]: entries of each PE in each column.
    columns
        int64[n_broadcasts]: the columns that are used, ascending.
    entries_per_read
        Entries in a row of the SRAM.
    """
    n_pes = entries.shape[1]
    address = np.zeros(n_pes, dtype=np.int64)
    row_held = np.full(n_pes, -1, dtype=np.int64)
    n_reads = np.int64(0)
    position = 0
    for column in range(entries.shape[0]):
        used = position < columns.shape[0] and columns[position] == column
        for pe in range(n_pes):
            n_entries = np.int64(entries[column, pe])
            if used and n_entries > 0:
                first_row = address[pe] // entries_per_read
                last_row = (address[pe] + n_entries - 1) // entries_per_read
                n_reads += last_row - first_row + (1 if first_row != row_held[pe] else 0)
                row_held[pe] = last_row
            address[pe] += n_entries
        if used:
            position += 1
    return int(n_reads)

"""EIE: a sparse matrix times a sparse vector on PEs that each own every n-th row (Han et al., ISCA 2016)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.bits import popcount, row_counts, set_columns, transpose_words
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
    """What matrix-vector products cost, one after the other.

    ``total_cycles`` from the first broadcast to the last accumulator write of each product. ``n_entries`` multiplies,
    padding zeros included; ``n_effectual_macs`` those with two non-zero operands. ``broadcast_stall_cycles`` cycles in
    which a full queue held the broadcast up. ``empty_slice_pe_cycles`` cycles of all PEs spent on activations for which
    they have no entry, ``queue_empty_pe_cycles`` those in which they wait for a broadcast. ``pe_entries`` and
    ``pe_padding`` int64[n_pes]: busy cycles of each PE, and those of them spent on padding zeros. In the rest of
    ``n_pes * total_cycles`` a PE has no more work. ``n_broadcasts`` activations sent, each written to every queue.
    ``n_pointer_reads`` 16-bit pointers, two for each activation that a PE takes. ``n_matrix_reads`` rows of the matrix
    SRAM. ``n_accumulator_reads`` and ``n_accumulator_writes``: one an entry.
    """

    total_cycles: int
    n_entries: int
    n_effectual_macs: int
    broadcast_stall_cycles: int
    empty_slice_pe_cycles: int
    queue_empty_pe_cycles: int
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
    vector = np.zeros((1, (column_words.shape[0] + 63) // 64), dtype=np.uint64)
    for column in columns:
        vector[0, column // 64] |= np.uint64(1) << np.uint64(column % 64)
    nnz, padding = interleaved_entries(column_words, spec.n_pes, spec.max_run)
    return eie_products(nnz, padding, vector, spec)


@njit
def eie_products(
    nnz: NDArray[np.int32], padding: NDArray[np.int32], vectors: NDArray[np.uint64], spec: EieSpec
) -> EieCounts:
    """Time the products of one matrix, whose entries are counted, with many vectors.

    Only the queues are followed vector by vector. What a column costs wherever it is sent is counted once and taken as
    often as it is sent.

    Parameters
    ----------
    nnz, padding
        int32[n_cols, n_pes] each; see :func:`~accel_sim.kernels.runs.interleaved_entries`.
    vectors
        uint64[n_vectors, ceil(n_cols / 64)]: where each vector is not zero.
    spec
        The array.
    """
    n_cols = nnz.shape[0]
    entries = nnz + padding
    total_cycles = np.int64(0)
    stall_cycles = np.int64(0)
    pe_cycles = np.int64(0)
    for vector in range(vectors.shape[0]):
        columns = set_columns(vectors, vector)
        timing = broadcast_queue(entries, columns, spec.queue_depth, spec.empty_slice_cycles)
        written = timing.last_issue + spec.pipeline_stages if timing.last_issue >= 0 else 0
        total_cycles += max(timing.drained_cycles, written)
        stall_cycles += timing.broadcast_stall_cycles
        pe_cycles += timing.pe_cycles
    senders = transpose_words(vectors, n_cols)
    n_sent = row_counts(senders)
    pe_entries = np.zeros(spec.n_pes, dtype=np.int64)
    pe_padding = np.zeros(spec.n_pes, dtype=np.int64)
    n_empty = np.int64(0)
    for column in range(n_cols):
        for pe in range(spec.n_pes):
            n_empty += n_sent[column] if entries[column, pe] == 0 else 0
            pe_entries[pe] += n_sent[column] * entries[column, pe]
            pe_padding[pe] += n_sent[column] * padding[column, pe]
    n_entries = pe_entries.sum()
    n_broadcasts = n_sent.sum()
    empty_cycles = n_empty * spec.empty_slice_cycles
    return EieCounts(
        int(total_cycles),
        n_entries,
        n_entries - pe_padding.sum(),
        int(stall_cycles),
        int(empty_cycles),
        int(pe_cycles - n_entries - empty_cycles),
        pe_entries,
        pe_padding,
        n_broadcasts,
        2 * spec.n_pes * n_broadcasts,
        matrix_reads(entries, senders, spec.entries_per_read),
        n_entries,
        n_entries,
    )


@njit
def matrix_reads(entries: NDArray[np.int32], senders: NDArray[np.uint64], entries_per_read: int) -> int:
    """Count the rows that all PEs read from their matrix SRAMs.

    The entries of a PE lie one after the other, so that a row may end one column and begin the next; a row stays in the
    read register and is read again only if another row was read in between. Columns are sent in ascending order, so a
    product reads a row once if it sends any of the columns that have entries there, which is counted for 64 products
    at a time.

    Parameters
    ----------
    entries
        int32[n_cols, n_pes]: entries of each PE in each column.
    senders
        uint64[n_cols, ceil(n_vectors / 64)]: the vectors that send each column.
    entries_per_read
        Entries in a row of the SRAM.
    """
    n_cols, n_pes = entries.shape
    address = np.zeros(n_pes, dtype=np.int64)
    row_readers = np.zeros((n_pes, senders.shape[1]), dtype=np.uint64)
    n_reads = np.int64(0)
    n_sent = row_counts(senders)
    for column in range(n_cols):
        for pe in range(n_pes):
            if entries[column, pe] == 0:
                continue
            first_row = address[pe] // entries_per_read
            begins_row = address[pe] % entries_per_read == 0
            address[pe] += entries[column, pe]
            last_row = (address[pe] - 1) // entries_per_read
            # Rows that this column ends are complete: the one that it shares, and those that it fills alone.
            for word in range(senders.shape[1]):
                earlier = np.uint64(0) if begins_row else row_readers[pe, word]
                shared = earlier | senders[column, word]
                n_reads += popcount(shared) - popcount(earlier)
                row_readers[pe, word] = shared if last_row == first_row else senders[column, word]
            n_reads += (last_row - first_row) * n_sent[column]
    return int(n_reads)

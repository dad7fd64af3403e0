"""ESE: one sparse matrix times many dense vectors, a vector a channel (Han et al., FPGA 2017).

Channels work in lock step on one shared stream of entries, so a zero activation is not skipped; within a channel PEs
own interleaved rows and wait for each other through queues, as in EIE. What balances them is the pruning: a mask with
equal work in every PE's rows (pattern ``balanced``) leaves only start-up and padding. Channel count and lock step are
recalled, not found in a source.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.bits import row_counts, transpose_words
from accel_sim.kernels.jit import njit
from accel_sim.kernels.runs import interleaved_entries
from accel_sim.kernels.sparse.broadcast_queue import broadcast_queue


class EseSpec(NamedTuple):
    """The keys of an ESE-like array: channels, PEs of a channel, queue depth, longest run, and pipeline stages."""

    n_channels: int = 32
    n_pes: int = 32
    queue_depth: int = 8
    max_run: int = 15
    empty_slice_cycles: int = 1
    pipeline_stages: int = 4


class EseCounts(NamedTuple):
    """What a batch of matrix-vector products costs.

    ``total_cycles`` all rounds of channels, one after the other. ``n_rounds`` of at most ``n_channels`` vectors.
    ``n_macs`` multiplies of all vectors, padding included; ``n_effectual_macs`` those with two non-zero operands.
    ``broadcast_stall_cycles`` of all rounds. ``empty_slice_pe_cycles``, ``queue_empty_pe_cycles`` as in EIE, of the PEs
    of one channel over all rounds. ``pe_entries``, ``pe_padding`` int64[n_pes] busy cycles of a PE over all
    rounds, alike in every channel, and those spent on padding. ``n_entry_reads`` entries read for the channels to
    share, of all PEs and rounds. ``n_pointer_reads`` likewise.
    """

    total_cycles: int
    n_rounds: int
    n_macs: int
    n_effectual_macs: int
    broadcast_stall_cycles: int
    empty_slice_pe_cycles: int
    queue_empty_pe_cycles: int
    pe_entries: NDArray[np.int64]
    pe_padding: NDArray[np.int64]
    n_entry_reads: int
    n_pointer_reads: int


@njit
def ese_spmv(column_words: NDArray[np.uint64], vectors: NDArray[np.uint64], spec: EseSpec) -> EseCounts:
    """Time ``Y = W X`` for the mask of W and the vectors of a batch.

    Parameters
    ----------
    column_words
        uint64[n_cols, ceil(n_rows / 64)]: the mask of W by columns.
    vectors
        uint64[n_vectors, ceil(n_cols / 64)]: where each vector is not zero; only counted, never skipped.
    spec
        The array.
    """
    n_cols = column_words.shape[0]
    nnz, padding = interleaved_entries(column_words, spec.n_pes, spec.max_run)
    timing = broadcast_queue(nnz + padding, np.arange(n_cols), spec.queue_depth, spec.empty_slice_cycles)
    pe_entries = np.zeros(spec.n_pes, dtype=np.int64)
    pe_padding = np.zeros(spec.n_pes, dtype=np.int64)
    n_empty = np.int64(0)
    for column in range(n_cols):
        for pe in range(spec.n_pes):
            pe_entries[pe] += nnz[column, pe] + padding[column, pe]
            pe_padding[pe] += padding[column, pe]
            n_empty += 1 if nnz[column, pe] == 0 else 0
    written = timing.last_issue + spec.pipeline_stages if timing.last_issue >= 0 else 0
    round_cycles = max(timing.drained_cycles, written)
    column_nnz = row_counts(column_words)
    n_non_zero = row_counts(transpose_words(vectors, n_cols))
    n_rounds = -(-vectors.shape[0] // spec.n_channels)
    n_entries = pe_entries.sum()
    empty_cycles = n_empty * spec.empty_slice_cycles
    return EseCounts(
        n_rounds * round_cycles,
        n_rounds,
        vectors.shape[0] * n_entries,
        (column_nnz * n_non_zero).sum(),
        n_rounds * timing.broadcast_stall_cycles,
        int(n_rounds * empty_cycles),
        int(n_rounds * (timing.pe_cycles - n_entries - empty_cycles)),
        n_rounds * pe_entries,
        n_rounds * pe_padding,
        n_rounds * n_entries,
        n_rounds * 2 * spec.n_pes * n_cols,
    )

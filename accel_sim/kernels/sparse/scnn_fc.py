"""SCNN on a fully connected layer: every weight is used once, so a quarter of the multipliers works.

Inputs are dealt to the PEs (input j to PE ``j mod n_pes``), each of which runs its own inputs as channels of a 1 x 1
plane: one activation meets ``f_vector`` weights a cycle. That is the 25 % of peak that the paper states for such layers
(Parashar et al., ISCA 2017). PEs do not wait for each other before the end; how the paper adds up the PEs' psums is not
published, and no time is counted for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.sparse.scnn import ConvShape, ScnnSpec, scnn_conv


class ScnnFcCounts(NamedTuple):
    """What one matrix-vector product costs.

    ``total_cycles`` of the slowest PE. ``n_products`` effectual MACs. ``pe_cycles``, ``pe_conflict_cycles``
    int64[n_pes]: busy cycles of each PE, and those of them in which no vector pair is issued. ``n_vector_pairs``,
    ``n_activation_vectors`` and ``n_weight_vectors`` of all PEs; weights are not shared.
    """

    total_cycles: int
    n_products: int
    pe_cycles: NDArray[np.int64]
    pe_conflict_cycles: NDArray[np.int64]
    n_vector_pairs: int
    n_activation_vectors: int
    n_weight_vectors: int


@njit
def scnn_fc(activations: NDArray[np.bool_], weights: NDArray[np.bool_], spec: ScnnSpec) -> ScnnFcCounts:
    """Time ``y = W x``.

    Parameters
    ----------
    activations
        bool[C]: where x is not zero.
    weights
        bool[K, C]: where W is not zero.
    spec
        The array.
    """
    n_pes = spec.pe_rows * spec.pe_cols
    own = ScnnSpec(
        1,
        1,
        spec.i_vector,
        spec.f_vector,
        spec.n_banks,
        spec.accumulator_entries,
        spec.bank_queue,
        spec.barrier,
        True,
        False,
    )
    pe_cycles = np.zeros(n_pes, dtype=np.int64)
    pe_conflict_cycles = np.zeros(n_pes, dtype=np.int64)
    n_products = 0
    n_pairs = 0
    n_activation_vectors = 0
    n_weight_vectors = 0
    for pe in range(n_pes):
        inputs = activations[pe::n_pes].copy().reshape(-1, 1, 1)
        filters = weights[:, pe::n_pes].copy().reshape(weights.shape[0], -1, 1, 1)
        counts = scnn_conv(inputs, filters, ConvShape(1, 1, 1, 0), own)
        pe_cycles[pe] = counts.total_cycles
        pe_conflict_cycles[pe] = counts.pe_conflict_cycles[0]
        n_products += counts.n_products
        n_pairs += counts.n_vector_pairs
        n_activation_vectors += counts.n_activation_vectors
        n_weight_vectors += counts.n_weight_vectors
    return ScnnFcCounts(
        int(pe_cycles.max()),
        n_products,
        pe_cycles,
        pe_conflict_cycles,
        n_pairs,
        n_activation_vectors,
        n_weight_vectors,
    )

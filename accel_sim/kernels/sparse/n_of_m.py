"""Tensor cores with N:M sparsity in one operand, such as NVIDIA's 2:4: exactly m / n of the dense rate, or nothing.

A matrix instruction multiplies ``mma_m x mma_k`` stored values of A with ``mma_n`` columns of B. With a sparse A
the stored values stand for ``m / n`` times as many places of K; metadata pick the operand of each from B, which
is not compressed. So instructions along K shrink by m / n, A's traffic by n / m plus metadata, and B's not at
all. Sizes: PTX ISA, ``mma`` and ``mma.sp`` (m16n8k16 dense and m16n8k32 sparse for 16-bit values); rate: 312
TFLOPS over 432 cores at 1410 MHz is 256 multiply-adds a core and cycle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit


class TensorCoreSpec(NamedTuple):
    """The keys of N:M tensor cores.

    ``n_cores`` cores, ``macs`` multiply-adds of a core and cycle; ``mma_m``, ``mma_n``, ``mma_k`` stored shape of
    an instruction; ``n``, ``m`` of the sparsity; ``a_bits``, ``b_bits`` of a value; ``operand_bytes_per_cycle`` that a
    core can take in, 0 for no limit.
    """

    n_cores: int = 432
    macs: int = 256
    mma_m: int = 16
    mma_n: int = 8
    mma_k: int = 16
    n: int = 2
    m: int = 4
    a_bits: int = 16
    b_bits: int = 16
    operand_bytes_per_cycle: int = 0


class TensorCoreCounts(NamedTuple):
    """What one GEMM costs.

    ``total_cycles`` of the slowest core; ``compute_cycles`` what the multipliers alone need. ``n_instructions``
    of all cores, ``n_slots`` multiplier slots they occupy. ``a_values``, ``b_values`` operands delivered to the cores,
    and ``a_bytes``, ``metadata_bytes``, ``b_bytes`` what they take.
    """

    total_cycles: int
    compute_cycles: int
    n_instructions: int
    n_slots: int
    a_values: int
    b_values: int
    a_bytes: int
    metadata_bytes: int
    b_bytes: int


@njit
def fullest_group(mask: NDArray[np.bool_], m: int) -> int:
    """Return the most non-zero values of any group of ``m`` consecutive columns of bool[rows, K]."""
    fullest = 0
    for row in range(mask.shape[0]):
        for first in range(0, mask.shape[1], m):
            n_set = 0
            for place in range(first, min(first + m, mask.shape[1])):
                n_set += 1 if mask[row, place] else 0
            fullest = max(fullest, n_set)
    return fullest


@njit
def index_bits(m: int) -> int:
    """Return the bits that number ``m`` places."""
    bits = 1
    while (1 << bits) < m:
        bits += 1
    return bits


@njit
def tensor_core_gemm(n_rows: int, n_columns: int, k: int, sparse: bool, spec: TensorCoreSpec) -> TensorCoreCounts:
    """Time a GEMM of A (``n_rows x k``) and B (``k x n_columns``).

    Parameters
    ----------
    n_rows, n_columns, k
        Sizes of the GEMM.
    sparse
        A is stored N:M along K; the caller has made sure that its mask allows that.
    spec
        The cores: tiles of the output are dealt to them in turn.
    """
    places = spec.mma_k * spec.m // spec.n if sparse else spec.mma_k
    k_steps = -(-k // places)
    tiles = (-(-n_rows // spec.mma_m)) * (-(-n_columns // spec.mma_n))
    tiles_a_core = -(-tiles // spec.n_cores)
    compute = -(-spec.mma_m * spec.mma_n * spec.mma_k // spec.macs)
    a_values = spec.mma_m * spec.mma_k
    b_values = places * spec.mma_n
    a_bits = a_values * spec.a_bits
    metadata_bits = spec.mma_m * spec.mma_k * index_bits(spec.m) if sparse else 0
    b_bits = b_values * spec.b_bits
    cycles = compute
    if spec.operand_bytes_per_cycle > 0:
        cycles = max(compute, -(-(a_bits + metadata_bits + b_bits) // (8 * spec.operand_bytes_per_cycle)))
    n_instructions = tiles * k_steps
    return TensorCoreCounts(
        tiles_a_core * k_steps * cycles,
        tiles_a_core * k_steps * compute,
        n_instructions,
        n_instructions * spec.mma_m * spec.mma_n * spec.mma_k,
        n_instructions * a_values,
        n_instructions * b_values,
        n_instructions * a_bits // 8,
        n_instructions * metadata_bits // 8,
        n_instructions * b_bits // 8,
    )

"""The integers that a layer is verified on: those of its trace, or seeded ones under its masks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.compression.masks import tensor_mask
from accel_sim.compression.traces import read_trace
from accel_sim.errors import Fault, WorkloadError
from accel_sim.kernels.hash import hash_range, stream_of
from accel_sim.workload import Layer, Tensor

I32 = NDArray[np.int32]
MOST_BITS = 32
_CHUNK = 1 << 20
_MODULUS = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operands:
    """ifmap int32 (N, C over all groups, H, W), without padding; filters int32 (K over all groups, C, R, S)."""

    ifmap: I32
    filters: I32


def layer_operands(layer: Layer, seed: int) -> Operands:
    """Return the operands of a MAC layer.

    Raises
    ------
    WorkloadError
        If an operand is wider than 32 bits.
    TraceError
        If a trace cannot be read.
    """
    assert layer.filter is not None
    return Operands(ifmap=tensor_values(layer.ifmap, seed), filters=tensor_values(layer.filter, seed))


def tensor_values(tensor: Tensor, seed: int) -> I32:
    """Return signed integers of the tensor's width, int32 in its shape.

    Whole numbers from a trace are taken as they are. Elsewhere (no trace, a trace of masks or of fractions) values are
    drawn that are zero exactly where the mask is: element ``i`` depends on seed, name and ``i`` alone.

    Raises
    ------
    WorkloadError
        If the tensor, or a value in its trace, is wider than 32 bits.
    TraceError
        If its trace cannot be read.
    """
    if tensor.bits > MOST_BITS:
        message = f"found {tensor.bits}; stepped arrays take operands of up to {MOST_BITS} bits"
        raise WorkloadError(Fault(key=f"{tensor.name}.bits", message=message))
    if tensor.is_dense:
        return _drawn(tensor, seed)
    mask = tensor_mask(tensor, seed)
    if tensor.trace is not None:
        traced = read_trace(tensor)
        if traced.dtype.kind in "iu" or (traced.dtype.kind == "f" and bool((traced == np.rint(traced)).all())):
            return _whole(tensor, traced)
    values = _drawn(tensor, seed)
    values *= mask.to_bool()
    return values


def _whole(tensor: Tensor, traced: NDArray[Any]) -> I32:
    limits = np.iinfo(np.int32)
    if traced.min() < limits.min or traced.max() > limits.max:
        message = f"holds values from {traced.min()} to {traced.max()}; stepped arrays take {MOST_BITS} bits"
        raise WorkloadError(Fault(file=str(tensor.trace), key=tensor.name, message=message))
    return traced.astype(np.int32)


def _drawn(tensor: Tensor, seed: int) -> I32:
    """Draw values, none of them zero: the upper bits of a hash, read as a signed number."""
    key = int.from_bytes(hashlib.blake2b(f"{tensor.name} values".encode(), digest_size=8).digest(), "little")
    with np.errstate(over="ignore"):
        stream = np.uint64(stream_of(np.uint64(seed % _MODULUS), np.uint64(key)))
        values = np.empty(tensor.n_elements, dtype=np.int32)
        for first in range(0, values.size, _CHUNK):
            part = values[first : first + _CHUNK]
            part[:] = hash_range(stream, first, part.size).view(np.int64) >> (64 - tensor.bits)
            part[part == 0] = -1
    return values.reshape(tensor.shape)

"""The mask of a tensor: from its trace where it has one, else drawn from its density and pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.patterns import random_bits
from accel_sim.compression.traces import read_trace
from accel_sim.errors import Fault, WorkloadError
from accel_sim.workload import Tensor

MOST_VALUES = 2**31
"""A mask is held whole, a bit a value, and for a moment a byte a value."""


@lru_cache(maxsize=32)
def tensor_mask(tensor: Tensor, seed: int) -> BitMask:
    """Return the non-zero pattern of ``tensor``.

    Raises
    ------
    WorkloadError
        If the tensor is too large for a mask.
    TraceError
        If its trace has no such array, or one that is wrong; see :func:`accel_sim.compression.traces.read_trace`.
    """
    check_mask_size(tensor)
    if tensor.trace is None:
        params: dict[str, Any] = dict(tensor.pattern_params)
        return random_bits(tensor.shape, tensor.density, tensor.pattern, seed, tensor.name, **params)
    return BitMask.of(read_trace(tensor))


def check_mask_size(tensor: Tensor) -> None:
    """Raise `WorkloadError` if a tensor is too large for a mask."""
    if tensor.n_elements > MOST_VALUES:
        message = f"{tensor.n_elements} values; allowed where each is followed: at most {MOST_VALUES}"
        raise WorkloadError(Fault(key=tensor.name, message=message))

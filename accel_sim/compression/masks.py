"""The mask of a tensor: from its trace where it has one, else drawn from its density and pattern."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.patterns import random_bits
from accel_sim.errors import TraceError
from accel_sim.workload import Tensor


@lru_cache(maxsize=32)
def tensor_mask(tensor: Tensor, seed: int) -> BitMask:
    """Return the non-zero pattern of ``tensor``.

    A trace is an ``.npz`` file with one array a tensor, named as the tensor is (``conv1.filter``): values, or a
    boolean mask.

    Raises
    ------
    TraceError
        If the trace cannot be read, has no such array, or one of another shape.
    """
    if tensor.trace is None:
        params: dict[str, Any] = dict(tensor.pattern_params)
        return random_bits(tensor.shape, tensor.density, tensor.pattern, seed, tensor.name, **params)
    try:
        with np.load(tensor.trace, allow_pickle=False) as arrays:
            if tensor.name not in arrays:
                raise TraceError(f"{tensor.trace}: no array {tensor.name!r}; there are {', '.join(arrays)}")
            values = arrays[tensor.name]
    except (OSError, ValueError, EOFError) as error:
        raise TraceError(f"{tensor.trace}: not a readable .npz file ({error})") from error
    if values.shape != tensor.shape:
        raise TraceError(
            f"{tensor.trace}: {tensor.name} has shape {list(values.shape)}; the layer needs {list(tensor.shape)}"
        )
    return BitMask.of(values)

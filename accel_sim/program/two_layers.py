"""Tables with a row for each of the two layers that are live at the same time."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)


def fill(table: NDArray[T], row: int, values: NDArray[T]) -> NDArray[T]:
    """Return ``table`` (2, ...) with ``values`` at the start of ``row``, widened if they do not fit."""
    n_values = values.shape[0]
    if n_values > table.shape[1]:
        wider = np.zeros((2, *values.shape), dtype=table.dtype)
        wider[:, : table.shape[1]] = table
        table = wider
    table[row, :n_values] = values
    return table

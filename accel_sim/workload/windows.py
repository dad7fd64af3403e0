"""Windows that slide over a padded axis: how many positions they have, and which of them see padding."""

from __future__ import annotations

from collections.abc import Mapping

from accel_sim.errors import WorkloadError

INT64_MAX = 2**63 - 1
MAX_WINDOW = 65_536

Pair = tuple[int, int]
Shape4 = tuple[int, int, int, int]


def window_positions(size: int, window: int, stride: int, pad: int, dilation: int = 1) -> int:
    """Return how many positions a window has along one axis; 0 or less where it does not fit."""
    return (size + 2 * pad - dilation * (window - 1) - 1) // stride + 1


def taps_in_bounds(size: int, window: int, positions: int, stride: int, pad: int, dilation: int) -> int:
    """Return how many (position, tap) pairs along one axis fall on data and not on padding.

    Tap `t` of position `x` falls on index ``x * stride + t * dilation - pad``; for each tap, the positions whose
    index lies in ``0 .. size - 1`` are one interval.
    """
    total = 0
    for tap in range(window):
        offset = tap * dilation - pad
        first = max(0, -(offset // stride))
        last = min(positions - 1, (size - 1 - offset) // stride)
        total += max(0, last - first + 1)
    return total


def check_sizes(sizes: Mapping[str, int]) -> None:
    """Refuse sizes that cannot be, by name: paddings count from 0, all else from 1.

    Raises
    ------
    WorkloadError
        For the first size that is no integer or out of range.
    """
    for name, value in sizes.items():
        least = 0 if name.startswith("pad_") else 1
        if not isinstance(value, int) or value < least:
            raise WorkloadError(f"{name} is {value!r}; allowed: whole numbers from {least}")
    for name in ("r", "s"):
        if sizes[name] > MAX_WINDOW:
            raise WorkloadError(f"{name} is {sizes[name]}; allowed: at most {MAX_WINDOW}")

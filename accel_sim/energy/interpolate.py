"""Power-law interpolation through the points of a table."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log


def along(x: float, points: Sequence[tuple[float, float]]) -> float:
    """Return the value at `x` on straight lines through `points` in log-log; the outer lines go on beyond the ends.

    Parameters
    ----------
    x
        Above zero.
    points
        (x, value), ascending in x. Two neighbours of which one is zero are joined by a line in linear scale, cut at
        zero; a single point stands for all x.

    Returns
    -------
    float
        Exactly the value of a point where `x` is one.
    """
    for known, value in points:
        if x == known:
            return value
    if len(points) == 1:
        return points[0][1]
    above = next((i for i, (known, _) in enumerate(points) if known > x), len(points) - 1)
    (x0, y0), (x1, y1) = points[max(above, 1) - 1], points[max(above, 1)]
    if y0 > 0 and y1 > 0:
        return y0 * exp(log(y1 / y0) * log(x / x0) / log(x1 / x0))
    return max(0.0, y0 + (y1 - y0) * (x - x0) / (x1 - x0))

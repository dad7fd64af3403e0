"""The named sparsity patterns and the parameters each takes."""

from __future__ import annotations

from collections.abc import Mapping

from accel_sim.errors import nearest

PATTERN_PARAMS: dict[str, tuple[str, ...]] = {
    # each value is non-zero by itself
    "bernoulli": (),
    # n values in each group of m along C are non-zero
    "n_of_m": ("n", "m"),
    # blocks of rows x columns of the K x (C R S) matrix are zero or kept as a whole
    "block": ("rows", "columns"),
    # channels (of an ifmap) or whole filters are zero or kept
    "channel": (),
    # runs of `length` values along C are zero or kept
    "vector": ("length",),
}


def check_pattern(kind: str, params: Mapping[str, int]) -> str | None:
    """Return what is wrong with a pattern, or None."""
    names = PATTERN_PARAMS.get(kind)
    if names is None:
        choices = list(PATTERN_PARAMS)
        return f"unknown pattern {kind!r}{nearest(kind, choices)}; allowed: {', '.join(choices)}"
    for name in params:
        if name not in names:
            allowed = ", ".join(names) if names else "none"
            return f"pattern {kind!r} has no parameter {name!r}{nearest(name, names)}; allowed: {allowed}"
    missing = [name for name in names if name not in params]
    if missing:
        return f"pattern {kind!r} needs {' and '.join(missing)}"
    for name, value in params.items():
        if value < 1:
            return f"pattern {kind!r}: {name} is {value}; allowed: at least 1"
    if kind == "n_of_m" and params["n"] > params["m"]:
        return f"pattern 'n_of_m': n is {params['n']}, more than m, which is {params['m']}"
    return None

"""The named sparsity patterns of a workload file and the parameters each takes."""

from __future__ import annotations

from collections.abc import Mapping

from accel_sim.errors import nearest

PatternValue = int | float | tuple[int, ...]

# name -> {parameter: required}. Axes count over (N, C, H, W) of a fmap and (K, C, R, S) of a filter.
PATTERN_PARAMS: dict[str, dict[str, bool]] = {
    # each value is non-zero by itself
    "bernoulli": {},
    # as bernoulli, but the rows (axis 0) differ in density, log-normally with this standard deviation
    "lognormal": {"sigma": False},
    # n values of each group of m along an axis are non-zero
    "n_of_m": {"n": True, "m": True, "axis": False},
    # blocks, with a size for each axis, are zero or kept as a whole
    "block": {"block": True},
    # runs of `length` values along an axis are zero or kept as a whole
    "vector": {"length": True, "axis": False},
    # slices across an axis are zero or kept as a whole
    "channel": {"axis": False},
    # each row keeps one run of values, shifted from row to row
    "banded": {},
    # each of `n_parts` interleaved groups of rows keeps the same number of values
    "balanced": {"n_parts": True},
}

_N_AXES = 4
_MOST_SIGMA = 10
_MOST_COUNT = 2**31 - 1


def default_axis(kind: str, role: str) -> int | None:
    """Return the axis that a pattern follows where a file names none; None for patterns without an axis.

    Groups and runs lie along C, the axis along which operands are fetched. A slice is a channel of a fmap but a whole
    filter of a layer.
    """
    if "axis" not in PATTERN_PARAMS[kind]:
        return None
    return 0 if kind == "channel" and role == "filter" else 1


def check_pattern(kind: str, params: Mapping[str, PatternValue]) -> str | None:
    """Return what is wrong with a pattern, or None."""
    known = PATTERN_PARAMS.get(kind)
    if known is None:
        choices = list(PATTERN_PARAMS)
        return f"unknown pattern {kind!r}{nearest(kind, choices)}; allowed: {', '.join(choices)}"
    for name in params:
        if name not in known:
            allowed = ", ".join(known) or "no parameter"
            return f"pattern {kind!r} has no parameter {name!r}{nearest(name, list(known))}; allowed: {allowed}"
    missing = [name for name, required in known.items() if required and name not in params]
    if missing:
        return f"pattern {kind!r} needs {' and '.join(missing)}"
    for name, value in params.items():
        mistake = _check_value(name, value)
        if mistake:
            return f"pattern {kind!r}: {mistake}"
    n, m = params.get("n"), params.get("m")
    if isinstance(n, int) and isinstance(m, int) and n > m:
        return f"pattern {kind!r}: n is {n}, more than m, which is {m}"
    return None


def _check_value(name: str, value: PatternValue) -> str | None:
    if name == "block":
        if not isinstance(value, tuple) or len(value) != _N_AXES or min(value) < 1:
            found = list(value) if isinstance(value, tuple) else value
            return f"block is {found}; allowed: {_N_AXES} sizes from 1"
        return None
    if isinstance(value, tuple):
        return f"{name} is a list; allowed: one number"
    if name == "axis":
        return None if 0 <= value < _N_AXES else f"axis is {value}; allowed: 0 to {_N_AXES - 1}"
    if name == "sigma":
        if value <= 0:
            return f"sigma is {value}; allowed: greater than 0"
        return None if value <= _MOST_SIGMA else f"sigma is {value}; allowed: at most {_MOST_SIGMA}"
    if value < 1:
        return f"{name} is {value}; allowed: at least 1"
    return None if value <= _MOST_COUNT else f"{name} is {value}; allowed: at most {_MOST_COUNT}"


def misfit(kind: str, params: Mapping[str, PatternValue], shape: tuple[int, ...]) -> str | None:
    """Return why a pattern that is right in itself does not fit a tensor of this shape, or None."""
    block, axis, length, n_parts = (params.get(name) for name in ("block", "axis", "length", "n_parts"))
    if isinstance(block, tuple) and any(size > whole for size, whole in zip(block, shape, strict=False)):
        return f"pattern {kind!r}: block is {list(block)}; the tensor has only {list(shape)}"
    if isinstance(length, int) and isinstance(axis, int) and length > shape[axis]:
        return f"pattern {kind!r}: length is {length}; axis {axis} of {list(shape)} has only {shape[axis]}"
    if isinstance(n_parts, int) and n_parts > shape[0]:
        return f"pattern {kind!r}: n_parts is {n_parts}; the tensor {list(shape)} has only {shape[0]} rows"
    return None

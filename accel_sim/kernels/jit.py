"""A typed doorway to numba: the one ``njit`` that every kernel uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def njit(function: F) -> F:
    """Compile ``function`` in nopython mode and cache the machine code on disk.

    Fast-math stays off: results must be the same on every machine.
    """
    return cast(F, numba.njit(cache=True)(function))


def inline_njit(function: F) -> F:
    """As :func:`njit`, for small helpers that are always inlined by numba into their caller."""
    return cast(F, numba.njit(cache=True, inline="always")(function))

"""Kernels of many small functions over many arrays, without counting references between them.

Numba counts a reference to each array that one compiled function hands to another: two locked instructions, about
10 ns, for each array of a NamedTuple and each call. In a loop that does 100 ns of work a step this is nearly all
of the time (event loop, 60 arrays: 5.5 us a command with counting, 0.15 us without). ``borrow`` gives the outermost
function its arguments as arrays that nobody counts, which is safe because the caller holds them until it
returns; ``inlined`` functions are merged into it, so that the compiler sees this and drops the counting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import types
from numba.extending import intrinsic, overload

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def inlined(function: F) -> F:
    """Compile as :func:`accel_sim.kernels.jit.njit` does, and always merge the machine code into the caller's."""
    return cast(F, numba.njit(cache=True, forceinline=True)(function))


def borrow(arrays: T) -> T:
    """Return ``arrays`` (a NamedTuple of arrays or of such) for use in the calling function; in plain Python, as is."""
    return arrays


def _without_owners(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return ``value`` with no array in it that knows the object that owns its memory."""
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo = array.meminfo.type(None)
        array.parent = array.parent.type(None)
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        kinds: list[Any] = list(kind)  # type: ignore[call-overload]
        fields = [_without_owners(context, builder, k, builder.extract_value(value, i)) for i, k in enumerate(kinds)]
        return context.make_tuple(builder, kind, fields)
    return value


def _uncounted_arrays(typing_context: Any, arrays: Any) -> Any:
    """Type and generate a tuple whose arrays have no owner, so that there is nothing to count."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _without_owners(context, builder, signature.args[0], arguments[0])

    return arrays(arrays), generate


uncounted_arrays: Any = intrinsic(_uncounted_arrays)


# Merged as machine code, not by numba's own inlining: that would take stores into the result for dead code.
@overload(borrow, jit_options={"forceinline": True})
def _borrow_compiled(arrays: Any) -> Any:
    def uncounted(arrays: Any) -> Any:
        return uncounted_arrays(arrays)

    return uncounted

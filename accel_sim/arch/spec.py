"""What every specification is built from: the frozen base and the checked field types."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, Field

from accel_sim.config import StrictModel
from accel_sim.units import parse_bytes


class Spec(StrictModel):
    """A frozen part of an architecture; a key that it does not know is refused."""


def _size_bytes(value: object) -> object:
    """Turn ``'64 KiB'`` into bytes; what is no text is left to the field's own check."""
    return parse_bytes(value) if isinstance(value, str) else value


MOST_COUNT = 2**31 - 1
Count = Annotated[int, Field(gt=0, le=MOST_COUNT)]
"""A whole number of at least one."""

MOST_WAYS = 65_536
Ways = Annotated[int, Field(gt=0, le=MOST_WAYS)]
"""How many of something an array has side by side or in a row, such as PEs, lanes or words of a queue.

A run takes memory for each, and products of several such numbers stay within 64 bits.
"""

Width = Annotated[int, Field(gt=0, le=64)]
"""Bits of a value."""

RunWidth = Annotated[int, Field(gt=0, le=32)]
"""Bits of the number of zeros before a stored value."""

Natural = Annotated[int, Field(ge=0, le=MOST_COUNT)]
"""A whole number that may be zero."""

Positive = Annotated[float, Field(gt=0)]
"""A number above zero."""

NonNegative = Annotated[float, Field(ge=0)]
"""A number that may be zero."""

Size = Annotated[int, BeforeValidator(_size_bytes), Field(gt=0, le=2**48)]
"""A size in bytes, written as an integer or a text such as ``64 KiB``."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""A lower-case name that may stand in a dotted path."""


def exact(number: float) -> Fraction:
    """Return the decimal number that was written, exactly: ``exact(0.98) == Fraction(98, 100)``.

    A float holds the nearest binary number; its shortest decimal form is what stood in the file.
    """
    return Fraction(repr(number))

"""Counts for people: three digits and a suffix, never four digits of the scale below."""

from __future__ import annotations

import pytest

from accel_sim.units import format_count


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (999.4, "999.4"),
        (1_000, "1 k"),
        (999_499, "999 k"),
        (999_500, "1 M"),
        (999_999, "1 M"),
        (-999_999_999, "-1 G"),
        (2.66e9, "2.66 G"),
        (4e15, "4e+03 T"),
    ],
)
def test_three_digits(count: float, text: str) -> None:
    assert format_count(count) == text

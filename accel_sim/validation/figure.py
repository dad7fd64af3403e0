"""A figure that others published, how ours is computed, and what comes of comparing them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published number.

    Parameters
    ----------
    name
        What it is, e.g. ``eyeriss alexnet conv1 processing latency``; unique.
    source
        Where it is printed: paper, table.
    published
        Their number.
    unit
        Its unit, e.g. ``ms``; empty for a ratio.
    ours
        Computes our number in the same unit, from models only: never from the published one.
    tolerance
        Largest accepted difference, as a part of the published number.
    reason
        Why ours differs, where it is known; required for a figure that misses its tolerance.
    """

    name: str
    source: str
    published: float
    unit: str
    ours: Callable[[], float]
    tolerance: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A figure and our number."""

    figure: Figure
    ours: float

    @property
    def difference(self) -> float:
        """Ours minus theirs, as a part of theirs (of 1, where theirs is zero)."""
        return (self.ours - self.figure.published) / (abs(self.figure.published) or 1.0)

    @property
    def is_hit(self) -> bool:
        """Whether the difference is within the tolerance."""
        return abs(self.difference) <= self.figure.tolerance

    @property
    def verdict(self) -> str:
        """``ok`` or ``miss``."""
        return "ok" if self.is_hit else "miss"

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain data, in the order of its columns."""
        figure = self.figure
        return {
            "figure": figure.name,
            "source": figure.source,
            "unit": figure.unit,
            "published": figure.published,
            "ours": self.ours,
            "difference": self.difference,
            "tolerance": figure.tolerance,
            "verdict": self.verdict,
            "reason": figure.reason,
        }


def evaluate(figure: Figure) -> Outcome:
    """Compute our number for a figure."""
    return Outcome(figure=figure, ours=float(figure.ours()))

"""The vector unit: everything that is not a MAC, such as pooling, activation, elementwise addition."""

from __future__ import annotations

from accel_sim.arch.spec import Count, Natural, Spec


class Vector(Spec):
    """``lanes`` operations a cycle.

    Parameters
    ----------
    lanes
        Elements processed in a cycle.
    bits
        Width of an element.
    pipeline_stages
        Cycles from the first operand to its result.
    """

    lanes: Count
    bits: Count
    pipeline_stages: Natural

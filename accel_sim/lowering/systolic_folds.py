"""What the folds of a layer look like: those that use equally many rows and columns, counted together."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from accel_sim.kernels.systolic_array import INPUT_STATIONARY, OUTPUT_STATIONARY
from accel_sim.mapping.systolic_plan import SystolicPlan, step_table
from accel_sim.workload import MacShape

WORDS = (
    "ifmap_reads",
    "filter_reads",
    "psum_reads",
    "psum_writes",
    "accumulator_reads",
    "accumulator_writes",
    "ofmap_writes",
)


@lru_cache(maxsize=64)
def fold_classes(shape: MacShape, plan: SystolicPlan) -> tuple[dict[str, int], ...]:
    """Return the classes of folds of a layer, the largest folds first; callers must not change them.

    Each has ``rows`` and ``cols`` in use, how many ``folds`` there are, and what these add up to: ``cycles`` from the
    first operand of a fold to that of the next, ``stream_cycles`` in which operands enter, and the words that pass
    between the array and its buffers. Cycles of all classes add up to those of the array, words to its accesses.
    """
    steps = step_table(shape, plan).steps
    spans = {
        INPUT_STATIONARY: steps.window_end - steps.window_first,
        OUTPUT_STATIONARY: steps.pixel_end - steps.pixel_first,
    }
    held = spans.get(plan.array.dataflow, steps.window_end - steps.window_first)
    rows = held // np.maximum(1, steps.folds)
    code = rows * (plan.array.cols + 1) + steps.cols_used
    found, which = np.unique(code, return_inverse=True)
    classes = [
        {
            "rows": int(value) // (plan.array.cols + 1),
            "cols": int(value) % (plan.array.cols + 1),
            **{
                name: int(np.bincount(which, column, found.size)[i])
                for name, column in (
                    ("folds", steps.folds),
                    ("cycles", steps.own_cycles),
                    ("stream_cycles", steps.stream_cycles),
                    *((name, getattr(steps, name)) for name in WORDS),
                )
            },
        }
        for i, value in enumerate(found)
    ]
    return tuple(reversed(classes))

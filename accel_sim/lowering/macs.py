"""Counts of MACs by what became of them, for arrays that spend a cycle on every MAC."""

from __future__ import annotations

from accel_sim.lowering.context import LoweringContext
from accel_sim.program import Action, ActionKey
from accel_sim.workload import Layer

STEP_MACS = ActionKey("array", "", "mac")
"""MACs that an array command works through, counted command by command: together they must be those of the layer."""


def mac_actions(context: LoweringContext, layer: Layer) -> list[Action]:
    """Return the MACs of ``layer`` that are done and those that a zero operand gates (the multiplier holds still)."""
    gated = {
        "none": 0,
        "gate_ifmap": context.zeros.ifmap_zero_macs,
        "gate_both": layer.n_macs - context.zeros.n_effectual_macs,
    }[context.arch.mac.sparsity]
    counts = {"done": layer.n_macs - gated, "gated": gated}
    return [Action(ActionKey("mac", "", event), 0, n_macs) for event, n_macs in counts.items() if n_macs]

"""Lowers no local reuse: what an adder-tree array does in one tile step, and what it reads and writes."""

from __future__ import annotations

from accel_sim.arch import AdderTree
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.loop_nest import Step, StepCost, lower_nest
from accel_sim.lowering.macs import STEP_MACS, mac_actions
from accel_sim.lowering.steps import nest_geometry
from accel_sim.mapping.base import Mapping
from accel_sim.mapping.loop_nest import NestPlan
from accel_sim.program import Action, ActionKey, LayerProgram
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, MacShape

PEER = "array"


def lower_no_local_reuse(context: LoweringContext, layer: Layer, mapping: Mapping) -> LayerProgram:
    """Return the program of ``layer`` on an adder-tree array.

    One operation a cycle: ``tn`` filters by ``ti`` channels of one ofmap pixel and one filter tap. Each operation
    reads a row of ``ti`` ifmap words, shared by all trees, and a row of ``tn x ti`` weights. Sums stay in the trees'
    registers while the channels and taps of the tile run, then go to the output buffer; the next tile fetches them
    from there.
    """
    plan, array, shape = mapping.plan, context.arch.array, layer.shape
    assert isinstance(plan, NestPlan)
    assert isinstance(array, AdderTree)
    assert isinstance(shape, MacShape)
    ifmaps, filters, psums = (context.arch.buffer_for(tensor) for tensor in ("ifmap", "filter", "psum"))
    bits = plan.bits

    def cost(step: Step) -> StepCost:
        taps = step.pixels * shape.r * shape.s
        k_groups, c_groups = ceil_div(step.k, array.tn), ceil_div(step.c, array.ti)
        operations = taps * k_groups * c_groups
        macs = taps * step.k * step.c
        ifmap_row, filter_row = array.ti * bits.ifmap // 8, array.tn * array.ti * bits.filter // 8
        psum_row = array.tn * bits.psum // 8
        full_groups, rest = divmod(step.k, array.tn)
        read_ifmap = ActionKey(ifmaps.name, "ifmap", "read", PEER)
        actions = [
            Action(STEP_MACS, 0, macs),
            Action(read_ifmap, taps * c_groups * full_groups * ifmap_row, taps * step.c * full_groups, array.tn),
            Action(read_ifmap, taps * c_groups * bool(rest) * ifmap_row, taps * step.c * bool(rest), rest),
            Action(ActionKey(PEER, "ifmap", "write", ifmaps.name), 0, macs),
            Action(ActionKey(filters.name, "filter", "read", PEER), operations * filter_row, macs),
            Action(ActionKey(PEER, "filter", "write", filters.name), 0, macs),
            Action(
                ActionKey(psums.name, "psum", "write", PEER), step.pixels * k_groups * psum_row, step.pixels * step.k
            ),
        ]
        if not step.first:
            key = ActionKey(psums.name, "psum", "read", PEER)
            actions.append(Action(key, step.pixels * k_groups * psum_row, step.pixels * step.k))
        demands = [
            demand
            for buffer in (ifmaps, filters, psums)
            for demand in context.port_demands(
                buffer, sum(action.n_bytes for action in actions if action.key.level == buffer.name), write=False
            )
        ]
        return StepCost(own_cycles=operations, demands=tuple(demands), actions=tuple(actions))

    geometry = nest_geometry(shape, plan)
    return lower_nest(context, layer, geometry, cost, array.pipeline_stages, mac_actions(context, layer))

"""Equal layers are lowered once: what a systolic program depends on, and how it becomes that of another layer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from accel_sim.lowering.codec import decoded_streams
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.machine import DMA_FILTER, DMA_IFMAP, DMA_OFMAP
from accel_sim.lowering.memory_map import TensorPlace
from accel_sim.mapping.systolic_plan import SystolicPlan
from accel_sim.program import LayerProgram, Machine
from accel_sim.workload import Layer, MacShape

LONGEST = 1 << 15
"""Commands of the longest program that is kept for layers to come; a longer one costs more to hold than to find."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A program and the DRAM addresses at which its tensors begin, by the unit that moves them."""

    program: LayerProgram
    bases: Mapping[str, int]


class _Of:
    """A machine, equal to itself only: each job builds its own, for one architecture."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Of) and other.machine is self.machine

    def __hash__(self) -> int:
        return id(self.machine)


@lru_cache(maxsize=1)
def _kept(machine: _Of) -> dict[Hashable, _Kept]:
    """Return the programs lowered so far for ``machine``, the latest one that anything was lowered for."""
    return {}


def lowered_once(
    context: LoweringContext,
    layer: Layer,
    plan: SystolicPlan,
    waits: Mapping[str, int],
    lower: Callable[[], LayerProgram],
) -> LayerProgram:
    """Return the program that ``lower`` makes, or that of an equal layer at this layer's addresses.

    Parameters
    ----------
    waits
        Stores of earlier layers for which the first load of each operand waits.
    """
    if decoded_streams(context.arch):
        # A compressed tensor's commands depend on its own bytes.
        return lower()
    places = context.places[layer.name]
    assert places.filter is not None
    tensors = {DMA_IFMAP: places.inputs[0], DMA_FILTER: places.filter, DMA_OFMAP: places.ofmap}
    assert isinstance(layer.shape, MacShape)
    key = (
        layer.shape,
        plan,
        layer.filter is not None and layer.filter.is_weight,
        *(context.loads(layer, operand) for operand in range(2)),
        context.has_filters(layer),
        context.stores(layer),
        tuple(context.ledger.signals(layer.name)),
        tuple(waits.items()),
        *(_geometry(place) for place in tensors.values()),
    )
    bases = {unit: place.base for unit, place in tensors.items()}
    kept = _kept(_Of(context.machine))
    if key in kept:
        return _moved(kept[key], bases, context, layer)
    program = lower()
    if program.n_commands <= LONGEST:
        kept[key] = _Kept(program, bases)
    return program


def _geometry(place: TensorPlace) -> Hashable:
    """What of a tensor's place decides how a box of it is moved; its address only shifts it."""
    return place.shape, place.word_bits, place.order, place.stored


def _moved(kept: _Kept, bases: Mapping[str, int], context: LoweringContext, layer: Layer) -> LayerProgram:
    program = kept.program
    address = program.address.copy()
    for unit, base in bases.items():
        index = context.machine.unit_index(unit)
        address[program.unit_ptr[index] : program.unit_ptr[index + 1]] += base - kept.bases[unit]
    return replace(program, name=layer.name, index=context.index, address=address)

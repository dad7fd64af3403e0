"""What every dataflow offers the mapper: candidates, legality, bounds, and one way to rank them."""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator, SystolicMesh
from accel_sim.errors import Fault, MappingError, nearest
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, Tensor

Objective = Literal["cycles", "energy", "edp"]
Param = int | str
Kind = type[int] | type[str] | tuple[str, ...]
"""What a mapping parameter may be: a whole number from 1, a text, or one of a few texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordBits:
    """Width of one value of each tensor on this machine, in bits; ``*_words`` of its own words make up one of them."""

    ifmap: int
    filter: int
    ofmap: int
    psum: int
    ifmap_words: int = 1
    filter_words: int = 1

    def bytes_of(self, tensor: str, words: int) -> int:
        """Bytes of ``words`` packed words of ``tensor``."""
        return -(-words * int(getattr(self, tensor)) // 8)


def word_bits(layer: Layer, arch: Accelerator) -> WordBits:
    """Return the widths at which ``arch`` stores and moves the tensors of ``layer``.

    A bit-parallel machine gives every operand its own full word, or as many as ``array.operand_words`` allows, however
    narrow the layer's values are; psums have the machine's width. A layer that is wider than that is a
    :class:`MappingError`, unless ``mac.any_width``.
    """
    machine, most = arch.mac.bits, _most_words(arch)
    times = f" and array.operand_words: {most}" if most > 1 else ""
    keys = {tensor: f"mac.bits.{tensor}: {getattr(machine, tensor)}{times}" for tensor in ("ifmap", "filter")}
    faults = [
        Fault(
            key=f"{layer.name}.bits.{tensor}",
            message=f"{bits} bits do not fit the {most * allowed}-bit {tensor} operand of {arch.name} ({keys[tensor]})",
        )
        for tensor, bits, allowed in (
            ("ifmap", layer.ifmap.bits, machine.ifmap),
            ("filter", layer.filter.bits if layer.filter is not None else 0, machine.filter),
        )
        if bits > most * allowed and not arch.mac.any_width
    ]
    if faults:
        raise MappingError(faults)
    ifmap_words = _words(layer.ifmap.bits, machine.ifmap, most)
    filter_words = _words(layer.filter.bits, machine.filter, most) if layer.filter is not None else 1
    return WordBits(
        ifmap=ifmap_words * machine.ifmap,
        filter=filter_words * machine.filter,
        ofmap=fmap_bits(layer.ofmap, arch),
        psum=machine.psum,
        ifmap_words=ifmap_words,
        filter_words=filter_words,
    )


def fmap_bits(tensor: Tensor, arch: Accelerator) -> int:
    """Return the width at which ``arch`` stores a value of an fmap: that of an ifmap operand, or of several."""
    width = arch.mac.bits.ifmap
    return width * _words(tensor.bits, width, _most_words(arch))


def _most_words(arch: Accelerator) -> int:
    return arch.array.operand_words if isinstance(arch.array, SystolicMesh) else 1


def _words(bits: int, width: int, most: int) -> int:
    return min(most, max(1, ceil_div(bits, width)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the ranking needs to know of the world outside a mapping.

    Parameters
    ----------
    dram_bytes_per_cycle
        Peak rate of the memory; ``None`` when transfers take no time.
    dram_quantum_bytes, dram_layout
        What the memory moves at least, and the order of a tensor's words in it.
    dram_pj_per_byte
        Energy of a byte from or to DRAM.
    buffer_pj_per_byte
        Energy of a byte at each buffer, by name.
    mac_pj
        Energy of a multiply-accumulate.
    static_pj_per_cycle
        Energy of a cycle in which nothing happens: clock and leakage.
    """

    dram_bytes_per_cycle: Fraction | None
    dram_quantum_bytes: int
    dram_layout: str
    dram_pj_per_byte: float
    buffer_pj_per_byte: MappingABC[str, float]
    mac_pj: float
    static_pj_per_cycle: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Closed-form lower bounds of one layer under one mapping.

    ``limits_cycles`` names each bound (``array``, ``dram``, a bus or port) in cycles. ``mapping_efficiency`` is the
    share of PEs that hold work, averaged over the folds of the array; None where a dataflow has no folds.
    """

    limits_cycles: MappingABC[str, int]
    dram_bytes: int
    active_pes: int
    mapping_efficiency: float | None = None

    @property
    def limit(self) -> str:
        """Name of the largest bound; the first one named wins a tie."""
        return max(self.limits_cycles, key=lambda name: self.limits_cycles[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """One layer's mapping: the dataflow, its parameters, and what they imply."""

    dataflow: str
    params: MappingABC[str, Param]
    bounds: Bounds
    plan: object = field(repr=False)


class Dataflow(Protocol):
    """A way to run a MAC layer on an array; one object a dataflow, registered in :mod:`accel_sim.mapping.registry`."""

    name: str

    def choose(self, layer: Layer, arch: Accelerator, costs: Costs, objective: Objective) -> Mapping:
        """Return the best legal mapping; the same input always gives the same answer.

        Raises
        ------
        MappingError
            If the layer fits nowhere: which buffer or register file, by how many bytes or words.
        """
        ...

    def from_params(self, layer: Layer, arch: Accelerator, params: MappingABC[str, Param]) -> Mapping:
        """Return the mapping that ``params`` spell out.

        Raises
        ------
        MappingError
            One fault for each missing, unknown, non-positive or overflowing parameter.
        """
        ...


def rank(
    objective: Objective,
    costs: Costs,
    n_macs: int,
    cycles: NDArray[np.float64],
    traffic_pj: NDArray[np.float64],
    *tie_breakers: NDArray[np.float64] | NDArray[np.int64],
) -> int:
    """Return the index of the best candidate; ties go to the other measure, then to ``tie_breakers``, then to order.

    The energy of a candidate is that of its traffic, of the layer's MACs, and of the time it takes (clock, leakage).

    Parameters
    ----------
    cycles, traffic_pj, tie_breakers
        One entry a candidate.
    """
    energy_pj = traffic_pj + n_macs * costs.mac_pj + cycles * costs.static_pj_per_cycle
    first, second = {
        "cycles": (cycles, energy_pj),
        "energy": (energy_pj, cycles),
        "edp": (cycles * energy_pj, cycles),
    }[objective]
    return int(np.lexsort((*reversed(tie_breakers), second, first))[0])


def read_params(
    layer: Layer,
    params: MappingABC[str, Param],
    required: MappingABC[str, Kind],
    optional: MappingABC[str, Kind] | None = None,
) -> dict[str, Param]:
    """Check the names and values of mapping parameters: ``int`` is a whole number from 1, a tuple lists what may be.

    Raises
    ------
    MappingError
        One fault a parameter.
    """
    allowed = {**required, **(optional or {})}
    key = f"layers.{layer.name}"
    faults = []
    for name, value in params.items():
        if name not in allowed:
            message = f"unknown parameter; allowed: {', '.join(allowed)}{nearest(name, list(allowed))}"
        else:
            message = _mistake(value, allowed[name])
        if message:
            faults.append(Fault(key=f"{key}.{name}", message=message))
    faults += [Fault(key=key, message=f"parameter {name!r} is missing") for name in required if name not in params]
    if faults:
        raise MappingError(faults)
    return dict(params)


def _mistake(value: object, kind: Kind) -> str:
    """Return what is wrong with the value of a parameter, or an empty text."""
    if isinstance(kind, tuple):
        return "" if value in kind else f"found {value!r}; allowed: {', '.join(kind)}"
    if not isinstance(value, kind) or isinstance(value, bool):
        return f"found {value!r}; allowed: {'whole numbers from 1' if kind is int else 'text'}"
    return f"found {value}; must be at least 1" if isinstance(value, int) and value < 1 else ""

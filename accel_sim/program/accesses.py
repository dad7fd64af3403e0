"""Where a layer's commands read and write the memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.overlap import Accesses
from accel_sim.program.layer_program import I64, LayerProgram
from accel_sim.program.machine import Machine

MEMORY = "dram"


def memory_servers(machine: Machine) -> NDArray[np.bool]:
    """Return which servers are the memory with addresses, bool [S]: of kind ``dram``, or called so."""
    return np.array([MEMORY in (server.kind, server.name) for server in machine.servers], dtype=bool)


def memory_templates(machine: Machine, program: LayerProgram) -> NDArray[np.bool]:
    """Return which templates demand something of the memory, bool [templates]."""
    rows = program.templates
    found = np.zeros(rows.wait_ptr.size - 1, dtype=bool)
    row_of_demand = np.repeat(np.arange(found.size), np.diff(rows.demand_ptr))
    found[row_of_demand[memory_servers(machine)[rows.demand_server]]] = True
    return found


class Touches(NamedTuple):
    """Accesses of one unit in one layer before they are looked at closely; int64 [n] in queue order.

    ``position``: the command's row in the program. ``demand``: its entry in the templates. ``number``: the command's
    place among the unit's memory commands of the whole run. ``low``, ``high``: first byte and end of all its bytes.
    """

    position: I64
    demand: I64
    number: I64
    low: I64
    high: I64

    def kept(self, mask: NDArray[np.bool]) -> Touches:
        """Return those where ``mask`` is true."""
        return Touches(*(column[mask] for column in self))


def touches_of(machine: Machine, program: LayerProgram, unit: int, first_number: int) -> tuple[Touches, Touches]:
    """Return the reads and the writes of ``unit`` in ``program``; its memory commands count from ``first_number``."""
    rows = program.templates
    first, last = program.unit_ptr[unit : unit + 2]
    template = program.template[first:last]
    number = first_number - 1 + np.cumsum(memory_templates(machine, program)[template])
    n_demands = np.diff(rows.demand_ptr)[template]
    position = np.repeat(np.arange(first, last), n_demands)
    number = np.repeat(number, n_demands)
    within = np.arange(position.size) - np.repeat(np.cumsum(n_demands) - n_demands, n_demands)
    demand = rows.demand_ptr[program.template[position]] + within
    low = program.address[position]
    span = (
        (rows.demand_outer - 1) * rows.demand_outer_stride
        + (rows.demand_inner - 1) * rows.demand_inner_stride
        + rows.demand_run_bytes
    )
    touches = Touches(position, demand, number, low, low + span[demand])
    at_memory = memory_servers(machine)[rows.demand_server][demand]
    write = rows.demand_write[demand] != 0
    return touches.kept(at_memory & ~write), touches.kept(at_memory & write)


def meets(touches: Touches, others: list[Touches]) -> NDArray[np.bool]:
    """Return which of ``touches`` lie within the bounds of any of ``others``, bool [n]."""
    low = np.concatenate([other.low for other in others])
    high = np.concatenate([other.high for other in others])
    if not low.size:
        return np.zeros(touches.low.size, dtype=bool)
    order = np.argsort(low, kind="stable")
    low, reach = low[order], np.maximum.accumulate(high[order])
    # Of all that begin before the end of a touch, one that ends after its beginning meets it.
    before = np.searchsorted(low, touches.high)
    found: NDArray[np.bool] = (before > 0) & (reach[np.maximum(before, 1) - 1] > touches.low)
    return found


def accesses_of(program: LayerProgram, touches: Touches) -> Accesses:
    """Return the runs of ``touches``; runs that follow one another without a gap become one."""
    rows = program.templates
    run_bytes = rows.demand_run_bytes[touches.demand]
    inner, inner_stride = rows.demand_inner[touches.demand], rows.demand_inner_stride[touches.demand]
    outer, outer_stride = rows.demand_outer[touches.demand], rows.demand_outer_stride[touches.demand]
    joined = inner_stride == run_bytes
    run_bytes, inner = np.where(joined, run_bytes * inner, run_bytes), np.where(joined, 1, inner)
    joined = outer_stride == run_bytes
    run_bytes, outer = np.where(joined, run_bytes * outer, run_bytes), np.where(joined, 1, outer)
    address = program.address[touches.position]
    return Accesses(touches.number, address, run_bytes, inner, inner_stride, outer, outer_stride)

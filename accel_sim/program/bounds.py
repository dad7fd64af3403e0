"""Whether a layer's arrays fit together and point only at what is there, checked before any kernel reads them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import ProgramError
from accel_sim.program.layer_program import I64, LayerProgram
from accel_sim.program.machine import Machine


def check_bounds(machine: Machine, program: LayerProgram) -> None:
    """Raise :class:`ProgramError` unless every pointer, index and amount of ``program`` is legal on ``machine``.

    A semaphore that a unit waits for without owning it is also found here.
    """
    n_units, n_rows = len(machine.units), program.templates.wait_ptr.size - 1
    n_commands = program.template.size
    rows = program.templates

    def check(what: str, holds: bool | np.bool) -> None:
        if not holds:
            raise ProgramError(f"layer {program.name!r}: {what}")

    check("the primary unit is not in the machine", 0 <= program.primary_unit < n_units)
    check("unit_ptr needs one entry a unit, and one", program.unit_ptr.size == n_units + 1)
    check("unit_ptr does not cover the commands", is_pointer(program.unit_ptr, n_commands))
    for name, column in (("own_cycles", program.own_cycles), ("address", program.address)):
        check(f"{name} needs one entry a command", column.size == n_commands)
        check(f"{name} must not be negative", n_commands == 0 or column.min() >= 0)
    check("a command has no such template", within(program.template, n_rows))
    for name, n_targets, least in (
        ("wait", len(machine.semaphores), 1),
        ("signal", len(machine.semaphores), 1),
        ("demand", len(machine.servers), 1),
        ("action", len(program.action_keys), 0),
    ):
        columns = {key: getattr(rows, key) for key in rows._fields if key.startswith(name) and not key.endswith("_ptr")}
        indices, amounts, *rest = columns.values()
        pointer = getattr(rows, f"{name}_ptr")
        check(f"{name}_ptr needs one entry a template, and one", pointer.size == n_rows + 1)
        check(f"{name}_ptr does not cover its entries", is_pointer(pointer, indices.size))
        check(f"the columns of {name} differ in length", all(c.size == indices.size for c in columns.values()))
        check(f"a {name} names what is not in the machine", within(indices, n_targets))
        check(f"a {name} is below {least}", amounts.size == 0 or amounts.min() >= least)
        if name == "demand" and amounts.size:
            run_bytes, inner, inner_stride, outer, outer_stride, _ = rest
            check("a demand has an empty shape", min(run_bytes.min(), inner.min(), outer.min()) >= 1)
            check("a demand has a negative stride", min(inner_stride.min(), outer_stride.min()) >= 0)
    check_transfers(machine, program)
    check_waiters(machine, program)


def check_transfers(machine: Machine, program: LayerProgram) -> None:
    """Raise :class:`ProgramError` if a command asks a memory for several transfers: it keeps one a command."""
    rows = program.templates
    row_of_demand = np.repeat(np.arange(rows.demand_ptr.size - 1), np.diff(rows.demand_ptr))
    for index, server in enumerate(machine.servers):
        if server.kind == "dram" and np.bincount(row_of_demand[rows.demand_server == index]).max(initial=0) > 1:
            raise ProgramError(f"layer {program.name!r}: a command asks server {server.name!r} for several transfers")


def is_pointer(pointer: I64, size: int) -> bool:
    """Whether ``pointer`` starts at 0, never falls and ends at ``size``."""
    return bool(pointer.size and pointer[0] == 0 and pointer[-1] == size and (np.diff(pointer) >= 0).all())


def within(indices: NDArray[np.signedinteger], size: int) -> bool:
    """Whether all ``indices`` lie in ``range(size)``."""
    return indices.size == 0 or bool(indices.min() >= 0 and indices.max() < size)


def check_waiters(machine: Machine, program: LayerProgram) -> None:
    """Raise :class:`ProgramError` if a unit waits for a semaphore that belongs to another one."""
    owner = np.array([machine.unit_index(semaphore.unit) for semaphore in machine.semaphores], dtype=np.int64)
    rows = program.templates
    n_rows = rows.wait_ptr.size - 1
    row_of_wait = np.repeat(np.arange(n_rows), np.diff(rows.wait_ptr))
    for unit in range(len(machine.units)):
        used = np.zeros(n_rows, dtype=bool)
        used[program.template[program.unit_ptr[unit] : program.unit_ptr[unit + 1]]] = True
        wrong = np.flatnonzero(used[row_of_wait] & (owner[rows.wait_semaphore] != unit))
        if wrong.size:
            semaphore = machine.semaphores[int(rows.wait_semaphore[wrong[0]])]
            raise ProgramError(
                f"layer {program.name!r}: unit {machine.units[unit].name!r} waits for semaphore {semaphore.name!r},"
                f" which belongs to unit {semaphore.unit!r}"
            )

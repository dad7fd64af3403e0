"""The event loop's blocks of memory, built from a machine and filled with the layers that are live."""

from __future__ import annotations

import numpy as np

from accel_sim.engine.tables import alone_cycles, timed_servers
from accel_sim.kernels import loop_state as loop
from accel_sim.kernels.servers import NEVER
from accel_sim.program.layer_program import I64, LayerProgram
from accel_sim.program.machine import Machine


def layout_of(machine: Machine) -> loop.Layout:
    """Return where things stand in the blocks of a run on ``machine``."""
    n_units, n_semaphores, n_servers = len(machine.units), len(machine.semaphores), len(machine.servers)
    deepest = max([unit.depth for unit in machine.units], default=1)
    ring = 1 << (deepest - 1).bit_length()
    events = loop.CLOCK_SIZE + n_units * loop.UNIT_SIZE
    flights = events + n_units + n_servers
    semaphores = flights + n_units * ring * loop.FLIGHT_SIZE
    return loop.Layout(
        n_units=n_units,
        n_semaphores=n_semaphores,
        n_servers=n_servers,
        ring=ring,
        units=loop.CLOCK_SIZE,
        events=events,
        flights=flights,
        semaphores=semaphores,
        quanta=semaphores + n_semaphores * loop.SEMAPHORE_SIZE,
        busy=1,
        idle=1 + n_units,
        stalled=1 + 2 * n_units,
        lost=1 + 2 * n_units + n_semaphores,
    )


def units_of(at: loop.Layout, state: I64) -> I64:
    """Return a view of the units' records, int64 [U, UNIT_SIZE]."""
    return state[at.units : at.events].reshape(at.n_units, loop.UNIT_SIZE)


def semaphores_of(at: loop.Layout, state: I64) -> I64:
    """Return a view of the semaphores' records, int64 [N, SEMAPHORE_SIZE]."""
    return state[at.semaphores : at.quanta].reshape(at.n_semaphores, loop.SEMAPHORE_SIZE)


def initial_state(machine: Machine, at: loop.Layout) -> I64:
    """Return the state before the first cycle."""
    state = np.zeros(at.quanta + at.n_servers * at.n_units, dtype=np.int64)
    units, semaphores = units_of(at, state), semaphores_of(at, state)
    units[:, loop.DEPTH] = [unit.depth for unit in machine.units]
    units[:, loop.LAYER] = -1
    units[:, loop.DOING] = loop.IDLE
    state[at.events : at.flights] = NEVER
    semaphores[:, loop.HAVE] = [semaphore.initial for semaphore in machine.semaphores]
    semaphores[:, loop.WAITER] = [machine.unit_index(semaphore.unit) for semaphore in machine.semaphores]
    return state


def fill_row(live: I64, row: int, machine: Machine, program: LayerProgram, record: bool) -> I64:
    """Return ``live`` with ``program`` in ``row``, widened if it does not fit. Nothing of ``program`` is kept."""
    rows = program.templates
    n_rows = rows.wait_ptr.size - 1
    alone = alone_cycles(machine, program)
    longest = np.zeros(n_rows, dtype=np.int64)
    np.maximum.at(longest, np.repeat(np.arange(n_rows), np.diff(rows.demand_ptr)), alone)
    timed = timed_servers(machine)[rows.demand_server]
    timed_ptr = np.concatenate(([0], np.cumsum(timed)))[rows.demand_ptr]

    templates_at = loop.UNIT_PTR + program.unit_ptr.size
    waits_at = templates_at + n_rows * loop.TEMPLATE_SIZE
    signals_at = waits_at + 2 * rows.wait_semaphore.size
    demands_at = signals_at + 2 * rows.signal_semaphore.size
    commands_at = demands_at + 2 * int(timed_ptr[-1])
    record_at = commands_at + loop.COMMAND_SIZE * program.n_commands
    width = record_at + (2 * program.n_commands if record else 0)
    if width > live.shape[1]:
        wider = np.zeros((2, width), dtype=np.int64)
        wider[:, : live.shape[1]] = live
        live = wider

    block = live[row]
    block[loop.PRIMARY] = program.primary_unit
    block[loop.LEFT] = program.n_commands
    block[loop.PRIMARY_LEFT] = np.diff(program.unit_ptr)[program.primary_unit]
    block[loop.COMMANDS_AT] = commands_at
    block[loop.RECORD_AT] = record_at if record else 0
    block[loop.UNIT_PTR : templates_at] = commands_at + loop.COMMAND_SIZE * program.unit_ptr
    table = block[templates_at:waits_at].reshape(n_rows, loop.TEMPLATE_SIZE)
    for field, start, pointer in (
        (loop.WAITS, waits_at, rows.wait_ptr),
        (loop.SIGNALS, signals_at, rows.signal_ptr),
        (loop.DEMANDS, demands_at, timed_ptr),
    ):
        table[:, field] = start + 2 * pointer[:-1]
        table[:, field + 1] = start + 2 * pointer[1:]
    table[:, loop.ALONE_CYCLES] = longest
    block[waits_at:signals_at:2] = rows.wait_semaphore
    block[waits_at + 1 : signals_at : 2] = rows.wait_amount
    block[signals_at:demands_at:2] = rows.signal_semaphore
    block[signals_at + 1 : demands_at : 2] = rows.signal_amount
    block[demands_at:commands_at:2] = rows.demand_server[timed]
    block[demands_at + 1 : commands_at : 2] = rows.demand_quanta[timed]
    commands = block[commands_at:record_at].reshape(program.n_commands, loop.COMMAND_SIZE)
    np.multiply(program.template, loop.TEMPLATE_SIZE, out=commands[:, 0], dtype=np.int64)
    commands[:, 0] += templates_at
    commands[:, loop.OWN_CYCLES] = program.own_cycles
    return live

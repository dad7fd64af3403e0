"""The event loop's memory, built from a machine and filled with the layers that are live."""

from __future__ import annotations

import numpy as np

from accel_sim.engine.dram import DramCounts, controller_config, count
from accel_sim.engine.tables import alone_cycles, column, timed_servers, zeros
from accel_sim.kernels.dram.clients import flush
from accel_sim.kernels.dram.domains import clock_ratio
from accel_sim.kernels.dram.server import advance_until
from accel_sim.kernels.dram.transfers import new_dram, no_dram
from accel_sim.kernels.loop_state import CLOCKS, IDLE, PER_CYCLES, SERVER, Books, Flights, Live, Memory, Units
from accel_sim.kernels.servers import NEVER
from accel_sim.program.layer_program import I64, LayerProgram, Templates
from accel_sim.program.machine import Machine
from accel_sim.program.two_layers import fill


def no_flights(machine: Machine) -> Flights:
    """Return empty rings, as long as the deepest unit needs."""
    deepest = max([unit.depth for unit in machine.units], default=1)
    shape = len(machine.units), 1 << (deepest - 1).bit_length()
    return Flights(*(zeros(*shape) for _ in Flights._fields))


def idle_units(machine: Machine) -> Units:
    """Return units before the first cycle."""
    n_units, n_servers = len(machine.units), len(machine.servers)
    return Units(
        depth=column([unit.depth for unit in machine.units]),
        waiter=column([machine.unit_index(semaphore.unit) for semaphore in machine.semaphores]),
        have=column([semaphore.initial for semaphore in machine.semaphores]),
        layer=np.full(n_units, -1, dtype=np.int64),
        cursor=zeros(n_units),
        queue_end=zeros(n_units),
        issued=zeros(n_units),
        pushed=zeros(n_units),
        ended=zeros(n_units),
        touched=zeros(n_units),
        unit_event=np.full(n_units, NEVER, dtype=np.int64),
        server_event=np.full(n_servers, NEVER, dtype=np.int64),
        doing=np.full(n_units, IDLE, dtype=np.int64),
        since=zeros(n_units),
        since_window=zeros(n_units),
    )


def empty_books(machine: Machine, n_windows: int) -> Books:
    """Return books with ``n_windows`` rows."""
    n_units, n_servers = len(machine.units), len(machine.servers)
    return Books(
        clock=zeros(4),
        boundary=zeros(n_windows),
        busy=zeros(n_windows, n_units),
        idle=zeros(n_windows, n_units),
        semaphore=zeros(n_windows, len(machine.semaphores)),
        server=zeros(n_windows, n_units * n_servers),
        quanta=zeros(n_servers, n_units),
    )


def longer_books(books: Books) -> Books:
    """Return ``books`` with twice the rows."""
    per_window = ("boundary", "busy", "idle", "semaphore", "server")
    tables = {name: getattr(books, name) for name in per_window}
    return books._replace(**{name: np.concatenate((table, zeros(*table.shape))) for name, table in tables.items()})


def no_layers() -> Live:
    """Return rows that hold no layer yet."""
    indices = np.zeros((2, 0), dtype=np.int32)
    return Live(
        unit_ptr=zeros(2, 0),
        template=indices,
        own_cycles=zeros(2, 0),
        wait_ptr=zeros(2, 0),
        wait_semaphore=indices,
        wait_amount=zeros(2, 0),
        signal_ptr=zeros(2, 0),
        signal_semaphore=indices,
        signal_amount=zeros(2, 0),
        demand_ptr=zeros(2, 0),
        demand_server=indices,
        demand_quanta=zeros(2, 0),
        demand_shape=zeros(2, 0, 6),
        address=zeros(2, 0),
        alone_cycles=zeros(2, 0),
        primary=zeros(2),
        left=zeros(2),
        primary_left=zeros(2),
        issue_cycle=zeros(2, 0),
        end_cycle=zeros(2, 0),
    )


def fill_row(live: Live, row: int, machine: Machine, program: LayerProgram, record: bool) -> Live:
    """Return ``live`` with ``program`` in ``row``, widened where it does not fit. Nothing of ``program`` is kept."""
    rows = program.templates
    n_rows = rows.wait_ptr.size - 1
    alone = zeros(n_rows)
    np.maximum.at(alone, np.repeat(np.arange(n_rows), np.diff(rows.demand_ptr)), alone_cycles(machine, program))
    timed = timed_servers(machine)[rows.demand_server]
    has_memory = any(server.kind == "dram" for server in machine.servers)
    no_cycles = np.full(program.n_commands if record else 0, -1, dtype=np.int64)
    live = live._replace(
        unit_ptr=fill(live.unit_ptr, row, program.unit_ptr),
        template=fill(live.template, row, program.template),
        own_cycles=fill(live.own_cycles, row, program.own_cycles),
        wait_ptr=fill(live.wait_ptr, row, rows.wait_ptr),
        wait_semaphore=fill(live.wait_semaphore, row, rows.wait_semaphore),
        wait_amount=fill(live.wait_amount, row, rows.wait_amount),
        signal_ptr=fill(live.signal_ptr, row, rows.signal_ptr),
        signal_semaphore=fill(live.signal_semaphore, row, rows.signal_semaphore),
        signal_amount=fill(live.signal_amount, row, rows.signal_amount),
        demand_ptr=fill(live.demand_ptr, row, np.concatenate(([0], np.cumsum(timed)))[rows.demand_ptr]),
        demand_server=fill(live.demand_server, row, rows.demand_server[timed]),
        demand_quanta=fill(live.demand_quanta, row, rows.demand_quanta[timed]),
        demand_shape=fill(live.demand_shape, row, _shapes(rows)[timed] if has_memory else zeros(0, 6)),
        address=fill(live.address, row, program.address if has_memory else zeros(0)),
        alone_cycles=fill(live.alone_cycles, row, alone),
        issue_cycle=fill(live.issue_cycle, row, no_cycles),
        end_cycle=fill(live.end_cycle, row, no_cycles),
    )
    live.primary[row] = program.primary_unit
    live.left[row] = program.n_commands
    live.primary_left[row] = np.diff(program.unit_ptr)[program.primary_unit]
    return live


def _shapes(rows: Templates) -> I64:
    """Return each demand as the memory takes it, int64 [demands, 6]."""
    columns = (
        rows.demand_run_bytes,
        rows.demand_inner,
        rows.demand_inner_stride,
        rows.demand_outer,
        rows.demand_outer_stride,
        rows.demand_write,
    )
    return np.stack(columns, axis=1)


def memory_of(machine: Machine, transfers: int) -> Memory:
    """Return the machine's memory at clock 0, where each unit may have so many transfers under way."""
    for index, server in enumerate(machine.servers):
        if server.setup is not None:
            device = server.setup.device
            ratio = clock_ratio(server.setup.core_clock_hz, device.clock_ps)
            dram = new_dram(controller_config(device), len(machine.units), transfers)
            return Memory(dram=dram, state=column([index, *ratio, 0]))
    return Memory(dram=no_dram(), state=column([-1, 1, 1, 0]))


def memory_counts(memory: Memory, now: int) -> DramCounts | None:
    """Let the memory run to cycle ``now`` and write back what it buffers; return what it counted, if there is one."""
    if memory.state[SERVER] < 0:
        return None
    advance_until(memory.dram, now, (memory.state[CLOCKS], memory.state[PER_CYCLES]))
    return count(memory.dram.channels, int(flush(memory.dram)))

"""A machine and its servers as the arrays that kernels read; which runs fit their 64-bit clock."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import ProgramError
from accel_sim.kernels import servers as kernel
from accel_sim.program.layer_program import I64, LayerProgram
from accel_sim.program.machine import Machine

TIME_LIMIT = 2**62


def server_arrays(machine: Machine, capacity: int) -> I64:
    """Return idle servers (see :mod:`accel_sim.kernels.servers`) with room for ``capacity`` demands of each unit."""
    n_units = len(machine.units)
    rows = np.zeros((len(machine.servers), kernel.row_width(n_units, capacity)), dtype=np.int64)
    for row, server in zip(rows, machine.servers, strict=True):
        divisor = gcd(server.rate_num, server.rate_den)
        row[kernel.RATE_NUM] = server.rate_num // divisor
        row[kernel.RATE_DEN] = server.rate_den // divisor
        row[kernel.LATENCY] = server.latency_cycles
        row[kernel.FIXED_PRIORITY] = server.arbitration == "fixed_priority"
        row[kernel.N_UNITS] = n_units
        row[kernel.CAPACITY] = capacity
        row[kernel.LAST_UNIT] = n_units - 1
    return rows


def grow_servers(servers: I64, capacity: int) -> I64:
    """Return ``servers`` with room for ``capacity`` demands of each unit, and everything that is under way."""
    if not servers.size:
        return servers
    n_units, old = (int(field) for field in servers[0, [kernel.N_UNITS, kernel.CAPACITY]])
    grown = np.zeros((len(servers), kernel.row_width(n_units, capacity)), dtype=np.int64)
    grown[:, : kernel.LANES] = servers[:, : kernel.LANES]
    grown[:, kernel.CAPACITY] = capacity
    grown[:, kernel.DONE_FIRST] = 0
    for before, after in zip(servers, grown, strict=True):
        old_lanes, old_done = np.split(before[kernel.LANES :], [n_units * (kernel.RING + 2 * old)])
        lanes, done = np.split(after[kernel.LANES :], [n_units * (kernel.RING + 2 * capacity)])
        for source, target in zip(old_lanes.reshape(n_units, -1), lanes.reshape(n_units, -1), strict=True):
            target[kernel.N_WAITING] = source[kernel.N_WAITING]
            ring = source[kernel.RING :].reshape(old, 2)
            target[kernel.RING : kernel.RING + 2 * old] = np.roll(ring, -source[kernel.FIRST], axis=0).ravel()
        ring = old_done.reshape(n_units * old, 3)
        done[: old_done.size] = np.roll(ring, -before[kernel.DONE_FIRST], axis=0).ravel()
    return grown


def timed_servers(machine: Machine) -> NDArray[np.bool]:
    """Return which servers take time, bool [S]; a kind that no engine has is a :class:`ProgramError`."""
    for server in machine.servers:
        if server.kind == "dram":
            raise ProgramError(f"server {server.name!r}: engines have ideal and bandwidth servers, not {server.kind}")
    return np.array([server.kind != "ideal" for server in machine.servers], dtype=bool)


def alone_cycles(machine: Machine, program: LayerProgram) -> I64:
    """Return what each demand entry takes by itself, int64 [demands]; 0 at ideal servers."""
    num = np.array([server.rate_num for server in machine.servers], dtype=np.int64)
    den = np.array([server.rate_den for server in machine.servers], dtype=np.int64)
    latency = np.array([server.latency_cycles for server in machine.servers], dtype=np.int64)
    server = program.templates.demand_server
    cycles = -(-program.templates.demand_quanta * den[server] // num[server]) + latency[server]
    return np.where(timed_servers(machine)[server], cycles, 0)


class TimeBudget:
    """Refuses a run whose clock might leave 64 bits, before it can.

    Something in flight makes progress in every cycle, so a run never outlasts the sum of all own cycles and of all
    demands by themselves. Servers multiply cycles by their rate and by the number of units.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.most_cycles = 0.0
        factor = max([server.rate_num for server in machine.servers], default=1) * max(len(machine.units), 1)
        self.limit_cycles = TIME_LIMIT / 2 / factor

    def spend(self, program: LayerProgram) -> None:
        """Count one more layer (in floats, which do not overflow); :class:`ProgramError` if it may be too much."""
        rows = program.templates
        times = program.executions().astype(np.float64)
        row = np.repeat(np.arange(times.size), np.diff(rows.demand_ptr))
        num, den, latency = (
            np.array([getattr(server, name) for server in self.machine.servers], dtype=np.float64)[rows.demand_server]
            for name in ("rate_num", "rate_den", "latency_cycles")
        )
        self.most_cycles += float(program.own_cycles.sum(dtype=np.float64))
        self.most_cycles += float((times[row] * (rows.demand_quanta * den / num + 1 + latency)).sum())
        if self.most_cycles > self.limit_cycles:
            raise ProgramError(
                f"layer {program.name!r}: the run may take {self.most_cycles:.3g} cycles; with these server rates the"
                f" clock holds {self.limit_cycles:.3g}"
            )

"""A machine's servers as arrays, and which runs fit their 64-bit clock."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import ProgramError
from accel_sim.kernels.servers import Servers
from accel_sim.program.layer_program import I64, LayerProgram
from accel_sim.program.machine import Machine

TIME_LIMIT = 2**62


def column(values: list[int]) -> I64:
    """Return ``values`` as int64."""
    return np.array(values, dtype=np.int64)


def zeros(*shape: int) -> I64:
    """Return int64 zeros."""
    return np.zeros(shape, dtype=np.int64)


def server_arrays(machine: Machine, capacity: int) -> Servers:
    """Return idle servers with room for ``capacity`` demands of each unit at each server."""
    n_servers, n_units = len(machine.servers), len(machine.units)
    divisors = [gcd(server.rate_num, server.rate_den) for server in machine.servers]
    return Servers(
        rate_num=column([s.rate_num // d for s, d in zip(machine.servers, divisors, strict=True)]),
        rate_den=column([s.rate_den // d for s, d in zip(machine.servers, divisors, strict=True)]),
        latency_cycles=column([s.latency_cycles for s in machine.servers]),
        fixed_priority=column([s.arbitration == "fixed_priority" for s in machine.servers]),
        free_tick=zeros(n_servers),
        last_unit=np.full(n_servers, n_units - 1, dtype=np.int64),
        n_asking=zeros(n_servers),
        quanta=zeros(n_servers, n_units, capacity),
        tag=zeros(n_servers, n_units, capacity),
        first=zeros(n_servers, n_units),
        n_waiting=zeros(n_servers, n_units),
        done_cycle=zeros(n_servers, n_units * capacity),
        done_unit=zeros(n_servers, n_units * capacity),
        done_tag=zeros(n_servers, n_units * capacity),
        done_first=zeros(n_servers),
        n_done=zeros(n_servers),
    )


def grow_servers(servers: Servers, capacity: int) -> Servers:
    """Return ``servers`` with room for ``capacity`` demands of each unit, and everything that is under way."""

    def wider(ring: I64, first: I64, size: int) -> I64:
        """Return the rings along the last axis unrolled, so that their oldest entries stand at 0."""
        old = ring.shape[-1]
        order = (first[..., np.newaxis] + np.arange(old)) % old
        grown = zeros(*ring.shape[:-1], size)
        grown[..., :old] = np.take_along_axis(ring, order, axis=-1)
        return grown

    n_done = servers.n_waiting.shape[1] * capacity
    return servers._replace(
        quanta=wider(servers.quanta, servers.first, capacity),
        tag=wider(servers.tag, servers.first, capacity),
        first=np.zeros_like(servers.first),
        done_cycle=wider(servers.done_cycle, servers.done_first, n_done),
        done_unit=wider(servers.done_unit, servers.done_first, n_done),
        done_tag=wider(servers.done_tag, servers.done_first, n_done),
        done_first=np.zeros_like(servers.done_first),
    )


def timed_servers(machine: Machine) -> NDArray[np.bool]:
    """Return which servers take time, bool [S]."""
    return np.array([server.kind != "ideal" for server in machine.servers], dtype=bool)


def alone_cycles(machine: Machine, program: LayerProgram) -> I64:
    """Return what each demand entry takes by itself, int64 [demands]; 0 at ideal servers.

    What a transfer of a clock-stepped memory takes by itself is not known, so it never counts as a loss: it stands here
    as longer than any run.
    """
    num = column([server.rate_num for server in machine.servers])
    den = column([server.rate_den for server in machine.servers])
    latency = column([server.latency_cycles for server in machine.servers])
    server = program.templates.demand_server
    cycles = -(-program.templates.demand_quanta * den[server] // num[server]) + latency[server]
    cycles = np.where(timed_servers(machine)[server], cycles, 0)
    return np.where(np.array([s.kind == "dram" for s in machine.servers], dtype=bool)[server], TIME_LIMIT // 2, cycles)


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

"""What the event loop remembers: the live layers, commands in flight, the units, the books."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.dram.transfers import Dram

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

# What a unit does; 0 and above: stalled for that semaphore.
BUSY = -1
IDLE = -2

# Fields of Books.clock.
NOW = 0
WINDOW = 1
ADMITTED = 2
RETIRED = 3


class Live(NamedTuple):
    """The two live layers, layer ``l`` in row ``l % 2``; rows are as long as the longest layer so far. int64 but (i32).

    ``unit_ptr`` [2, U+1], ``template`` (i32) and ``own_cycles`` [2, commands] as in a layer's program; template tables
    [2, ...] likewise, ``*_semaphore`` and ``demand_server`` i32; ``demand_*`` hold only demands that take time.
    ``address`` [2, commands] and ``demand_shape`` [2, demands, 6] (as the memory takes it) are empty without a memory.
    ``alone_cycles`` [2, templates]: the longest that one of a template's demands takes by itself. ``primary``,
    ``left``, ``primary_left`` [2]: primary unit; commands not yet ended, of all units and of that one.
    ``issue_cycle``, ``end_cycle`` [2, commands], or [2, 0] when nothing is recorded.
    """

    unit_ptr: I64
    template: I32
    own_cycles: I64
    wait_ptr: I64
    wait_semaphore: I32
    wait_amount: I64
    signal_ptr: I64
    signal_semaphore: I32
    signal_amount: I64
    demand_ptr: I64
    demand_server: I32
    demand_quanta: I64
    demand_shape: I64
    address: I64
    alone_cycles: I64
    primary: I64
    left: I64
    primary_left: I64
    issue_cycle: I64
    end_cycle: I64


class Flights(NamedTuple):
    """Commands in flight; a unit's n-th one is at n modulo D of its ring, D a power of two. int64 [U, D].

    ``row``, ``command``: where the command stands in :class:`Live`. ``own_end``: issue + own cycles; ``alone_end``:
    issue + what it would need alone; ``outstanding``: demands not completed; ``last_cycle``, ``last_server``: latest
    completion so far, of several in one cycle the lowest server.
    """

    row: I64
    command: I64
    own_end: I64
    alone_end: I64
    outstanding: I64
    last_cycle: I64
    last_server: I64


class Units(NamedTuple):
    """State of U units, N semaphores, S servers. int64.

    ``depth`` [U], ``waiter`` [N] (the unit that waits) are never written; ``have`` [N]: amounts. ``layer``, ``cursor``,
    ``queue_end`` [U]: the next command and the end of its queue. ``issued``, ``pushed``, ``ended`` [U]: commands,
    counted from the start; ``pushed`` is those whose demands are with the servers. ``touched`` [U]: 1 if the unit may
    act in this cycle. ``unit_event`` [U]: cycle in which the oldest command in flight ends by itself, ``server_event``
    [S]: earliest completion (0: to be asked again). ``doing`` [U]: a semaphore, ``BUSY`` or ``IDLE``, since cycle
    ``since`` [U], which lies in window ``since_window`` [U].
    """

    depth: I64
    waiter: I64
    have: I64
    layer: I64
    cursor: I64
    queue_end: I64
    issued: I64
    pushed: I64
    ended: I64
    touched: I64
    unit_event: I64
    server_event: I64
    doing: I64
    since: I64
    since_window: I64


class Memory(NamedTuple):
    """The clock-stepped memory of a machine, if it has one.

    ``dram``: the memory, or one that nobody asks. ``state`` int64 [4]: index of its server (-1: there is none), DRAM
    clocks per core cycle as numerator and denominator, transfers under way.
    """

    dram: Dram
    state: I64


# Fields of Memory.state.
SERVER = 0
CLOCKS = 1
PER_CYCLES = 2
UNDER_WAY = 3


class Books(NamedTuple):
    """Where time went; int64.

    ``clock`` [4]: ``NOW``, current ``WINDOW``, layers ``ADMITTED`` and ``RETIRED``. One row a window: ``boundary`` [W],
    its end once it is closed; ``busy``, ``idle`` [W, U], ``semaphore`` [W, N], ``server`` [W, U * S]: cycles in it.
    ``quanta`` [S, U]: quanta asked of each server by each unit.
    """

    clock: I64
    boundary: I64
    busy: I64
    idle: I64
    semaphore: I64
    server: I64
    quanta: I64

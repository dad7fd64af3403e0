"""The event loop's memory: three int64 arrays and the names of their fields.

Numba counts references to every array that one function hands to another, about 10 ns each time; with an array a
field the loop would spend forty times its work on that. So all of its state is three blocks:

``state`` [width]
    Clock: ``NOW``, current ``WINDOW``, layers ``ADMITTED``, ``RETIRED_LAYERS``. Then, at the offsets of
    :class:`Layout`: ``units``, U records of ``UNIT_SIZE``; ``events``, U + S cycles: when the unit's oldest command ends
    by itself, when the server completes a demand; ``flights``, U rings of ``ring`` records of ``FLIGHT_SIZE`` (a unit's
    n-th command is in place n modulo ``ring``, a power of two); ``semaphores``, N records of ``SEMAPHORE_SIZE``;
    ``quanta``, S x U: quanta asked of each server by each unit.
``live`` [2, width]
    Layer ``l`` in row ``l % 2``. A header, ``unit_ptr`` from ``UNIT_PTR`` on (positions of commands in the row), then
    template records, entries (pairs of index and amount), commands, and recorded cycles. All references are
    positions in the row.
``books`` [W, columns]
    One row a window: its end in column 0, then cycles at the columns of :class:`Layout`.
"""

from __future__ import annotations

from typing import NamedTuple

RETIRED = 0
DEADLOCK = 1

# What a unit does; 0 and above: stalled for that semaphore.
BUSY = -1
IDLE = -2

# state: the clock.
NOW = 0
WINDOW = 1
ADMITTED = 2
RETIRED_LAYERS = 3
CLOCK_SIZE = 4

# state: one unit. LAYER, CURSOR, QUEUE_END: its next command and where its queue ends. ISSUED, PUSHED, ENDED: commands
# counted from the start. DOING since cycle SINCE, which lies in window SINCE_WINDOW.
DEPTH = 0
LAYER = 1
CURSOR = 2
QUEUE_END = 3
ISSUED = 4
PUSHED = 5
ENDED = 6
TOUCHED = 7
DOING = 8
SINCE = 9
SINCE_WINDOW = 10
UNIT_SIZE = 11

# state: one command in flight. OWN_END, ALONE_END: issue + own cycles, issue + what it needs alone. OUTSTANDING:
# demands not completed. LAST_CYCLE, LAST_SERVER: latest completion, of several in one cycle the lowest server.
LAYER_ROW = 0
COMMAND = 1
OWN_END = 2
ALONE_END = 3
OUTSTANDING = 4
LAST_CYCLE = 5
LAST_SERVER = 6
FLIGHT_SIZE = 7

# state: one semaphore; WAITER is the unit that waits for it.
HAVE = 0
WAITER = 1
SEMAPHORE_SIZE = 2

# live: the header. LEFT, PRIMARY_LEFT: commands not yet ended, of all units and of the primary unit.
# RECORD_AT: where pairs of issue and end cycle stand, one a command; 0 when nothing is recorded.
PRIMARY = 0
LEFT = 1
PRIMARY_LEFT = 2
COMMANDS_AT = 3
RECORD_AT = 4
UNIT_PTR = 5

# live: one template; first and last position of its entries. DEMANDS holds only those that take time.
WAITS = 0
SIGNALS = 2
DEMANDS = 4
ALONE_CYCLES = 6
TEMPLATE_SIZE = 7

# live: one command: the position of its template, and its own cycles.
OWN_CYCLES = 1
COMMAND_SIZE = 2


class Layout(NamedTuple):
    """Sizes, and where things stand in ``state`` (``units`` to ``quanta``) and in a row of ``books`` (the rest).

    ``busy``, ``idle``: one column a unit; ``stalled``: one a semaphore; ``lost``: unit x server.
    """

    n_units: int
    n_semaphores: int
    n_servers: int
    ring: int
    units: int
    events: int
    flights: int
    semaphores: int
    quanta: int
    busy: int
    idle: int
    stalled: int
    lost: int

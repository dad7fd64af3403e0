"""Untimed replay of a tile program: who gets how far, whatever the timing, and what must have ended before.

Commands take no time here. A semaphore has one waiting unit and a queue one head, so whatever order units move in,
the same commands can go ahead: a program that gets stuck here gets stuck with any timing, and in the same place.

A replay may have a **gate**: one unit whose commands at the memory are held back, each until nothing else in the whole
machine can move, and then released in queue order. A command that issues while the gate has released ``n`` of its
memory commands can issue before the next one has ended, in some timing; and before the ``n`` first ones have ended, in
none. So one replay for each unit tells for any two commands at the memory whether one must wait for the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.jit import njit
from accel_sim.kernels.references import borrow, inlined

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]


class Queues(NamedTuple):
    """The two live layers, layer ``l`` in row ``l % 2``, and who waits for what.

    ``unit_ptr`` int64 [2, U+1], ``template`` int32 [2, commands]; template tables [2, ...] as in a layer's program;
    ``at_memory`` uint8 [2, templates]: 1 for a template with a demand on the memory. ``depth`` int64 [U], ``waiter``
    int64 [N].
    """

    unit_ptr: I64
    template: I32
    wait_ptr: I64
    wait_semaphore: I32
    wait_amount: I64
    signal_ptr: I64
    signal_semaphore: I32
    signal_amount: I64
    at_memory: U8
    depth: I64
    waiter: I64


class Replays(NamedTuple):
    """State of R replays of U units and N semaphores, rings of D commands. int64 but ``after``.

    ``gate`` [R]: the unit held back, -1 for none. ``have`` [R, N]. ``layer``, ``cursor``, ``queue_end`` [R, U]: next
    command and end of its queue. ``touched`` [R, U]: 1 if the unit may be able to move. ``left`` [R, 2]: commands of
    the live layers that have not ended. ``row``, ``command`` [R, D]: the gate's commands in flight, the n-th at n
    modulo D; ``issued``, ``ended`` [R] count them. ``released`` [R]: its memory commands that have ended. ``after``
    int32 [R, 2, commands]: for commands at the memory, ``released`` when they issued.
    """

    gate: I64
    have: I64
    layer: I64
    cursor: I64
    queue_end: I64
    touched: I64
    left: I64
    row: I64
    command: I64
    issued: I64
    ended: I64
    released: I64
    after: I32


@inlined
def end_command(queues: Queues, replays: Replays, r: int, row: int, command: int) -> None:
    """Give the signals of a command and count it as ended."""
    template = queues.template[row, command]
    for i in range(queues.signal_ptr[row, template], queues.signal_ptr[row, template + 1]):
        semaphore = queues.signal_semaphore[row, i]
        replays.have[r, semaphore] += queues.signal_amount[row, i]
        replays.touched[r, queues.waiter[semaphore]] = 1
    replays.left[r, row] -= 1


@inlined
def end_oldest(queues: Queues, replays: Replays, r: int) -> None:
    """End the gate's oldest command in flight, and all after it that are not at the memory."""
    ring = replays.row.shape[1]
    first = True
    while replays.ended[r] < replays.issued[r]:
        slot = replays.ended[r] % ring
        row, command = replays.row[r, slot], replays.command[r, slot]
        if queues.at_memory[row, queues.template[row, command]]:
            if not first:
                return
            replays.released[r] += 1
        end_command(queues, replays, r, row, command)
        replays.ended[r] += 1
        first = False


@inlined
def unmet_wait(queues: Queues, replays: Replays, r: int, unit: int) -> int:
    """Return the entry of the first wait of the next command that is not satisfied, -1 if all are."""
    row = replays.layer[r, unit] & 1
    template = queues.template[row, replays.cursor[r, unit]]
    for i in range(queues.wait_ptr[row, template], queues.wait_ptr[row, template + 1]):
        if replays.have[r, queues.wait_semaphore[row, i]] < queues.wait_amount[row, i]:
            return i
    return -1


@inlined
def find_next(queues: Queues, replays: Replays, r: int, unit: int, n_admitted: int) -> bool:
    """Move ``unit`` to its next admitted command; False when there is none."""
    while replays.cursor[r, unit] == replays.queue_end[r, unit] and replays.layer[r, unit] + 1 < n_admitted:
        replays.layer[r, unit] += 1
        row = replays.layer[r, unit] & 1
        replays.cursor[r, unit] = queues.unit_ptr[row, unit]
        replays.queue_end[r, unit] = queues.unit_ptr[row, unit + 1]
    found: bool = replays.cursor[r, unit] < replays.queue_end[r, unit]
    return found


@inlined
def move(queues: Queues, replays: Replays, r: int, unit: int, n_admitted: int) -> None:
    """Let ``unit`` issue all it can."""
    replays.touched[r, unit] = 0
    gated = replays.gate[r] == unit
    while find_next(queues, replays, r, unit, n_admitted) and unmet_wait(queues, replays, r, unit) < 0:
        if gated and replays.issued[r] - replays.ended[r] == queues.depth[unit]:
            return
        row = replays.layer[r, unit] & 1
        command = replays.cursor[r, unit]
        replays.cursor[r, unit] += 1
        template = queues.template[row, command]
        for i in range(queues.wait_ptr[row, template], queues.wait_ptr[row, template + 1]):
            replays.have[r, queues.wait_semaphore[row, i]] -= queues.wait_amount[row, i]
        at_memory = queues.at_memory[row, template]
        if at_memory:
            replays.after[r, row, command] = replays.released[r]
        if not gated:
            end_command(queues, replays, r, row, command)
            continue
        slot = replays.issued[r] % replays.row.shape[1]
        replays.row[r, slot] = row
        replays.command[r, slot] = command
        replays.issued[r] += 1
        if not at_memory and replays.issued[r] - replays.ended[r] == 1:
            end_oldest(queues, replays, r)


@njit
def replay_until_retired(queues: Queues, replays: Replays, r: int, n_admitted: int, n_retired: int) -> bool:
    """Go on with replay ``r`` until the oldest live layer has ended; False if nothing can move before that.

    The caller takes that layer out, puts the next in its place and calls again with the new numbers.
    """
    queues = borrow(queues)
    replays = borrow(replays)
    replays.touched[r, :] = 1
    while True:
        again = True
        while again:
            again = False
            for unit in range(queues.depth.size):
                if replays.touched[r, unit]:
                    move(queues, replays, r, unit, n_admitted)
                    again = True
        if replays.left[r, n_retired & 1] == 0:
            return True
        if replays.ended[r] == replays.issued[r]:
            return False
        end_oldest(queues, replays, r)
        replays.touched[r, replays.gate[r]] = 1

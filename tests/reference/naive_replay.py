"""Untimed replay with sets and lists: which commands can ever issue, if one of them never ends."""

from __future__ import annotations

from typing import NamedTuple

Name = tuple[int, int, int]


class NaiveCommand(NamedTuple):
    """(semaphore, amount) of waits and signals; the bytes it reads and writes in memory."""

    waits: list[tuple[int, int]]
    signals: list[tuple[int, int]]
    reads: set[int]
    writes: set[int]


class NaiveProgram(NamedTuple):
    """``layers[layer][unit]`` is a queue of commands; depth of each unit; amounts at the start."""

    layers: list[list[list[NaiveCommand]]]
    depths: list[int]
    initial: list[int]


def issued(program: NaiveProgram, held: Name | None) -> set[Name]:
    """Return (layer, unit, number) of every command that can issue while ``held`` has not ended."""
    have = list(program.initial)
    queues = [
        [(layer, unit, number) for layer, units in enumerate(program.layers) for number in range(len(units[unit]))]
        for unit in range(len(program.depths))
    ]
    started: set[Name] = set()
    ended: set[Name] = set()
    again = True
    while again:
        again = False
        for unit, queue in enumerate(queues):
            flying = [name for name in queue if name in started - ended]
            if flying and flying[0] != held:
                ended.add(flying[0])
                for semaphore, amount in at(program, flying[0]).signals:
                    have[semaphore] += amount
                again = True
            waiting = [name for name in queue if name not in started]
            flying = [name for name in queue if name in started - ended]
            if not waiting or len(flying) == program.depths[unit]:
                continue
            layer = waiting[0][0]
            before = [name for other in queues for name in other if name[0] <= layer - 2]
            waits = at(program, waiting[0]).waits
            if all(name in ended for name in before) and all(have[s] >= amount for s, amount in waits):
                for semaphore, amount in waits:
                    have[semaphore] -= amount
                started.add(waiting[0])
                again = True
    return started


def at(program: NaiveProgram, name: Name) -> NaiveCommand:
    layer, unit, number = name
    return program.layers[layer][unit][number]


def hazards(program: NaiveProgram) -> set[tuple[Name, Name]]:
    """Return every (read, write) of bytes in common that nothing orders, in a program that can finish."""
    names = [
        (layer, unit, number)
        for layer, units in enumerate(program.layers)
        for unit, queue in enumerate(units)
        for number in range(len(queue))
    ]
    found = set()
    for read in names:
        for write in names:
            if read == write or not at(program, read).reads & at(program, write).writes:
                continue
            earlier = write[0] < read[0] or (write[:2] == read[:2] and write[2] < read[2])
            same_layer = write[0] == read[0] and write[1] != read[1]
            if earlier and read in issued(program, write):
                found.add((read, write))
            if same_layer and read in issued(program, write) and write in issued(program, read):
                found.add((read, write))
    return found

"""A systolic array whose PEs hold an operand: weight stationary, or input stationary with the operands exchanged."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from tests.reference.naive_systolic import COUNTS, CollisionError, Fold, Machine, Outcome, Token, cut


@dataclass
class HeldPe:
    """A PE that holds an operand."""

    weight: Token | None = None
    shadow: Token | None = None
    loading: Token | None = None
    operand: Token | None = None
    above: Token | None = None
    psum: Token | None = None


def run_held(machine: Machine, streamed: np.ndarray, held: np.ndarray) -> Outcome:
    """``streamed`` (groups, T, K) @ ``held`` (groups, K, columns), as in a weight stationary array.

    ``ifmap_reads`` counts the streamed operand and ``filter_reads`` the held one.
    """
    folds = cut(machine, held.shape[0], held.shape[1], held.shape[2])
    loads: list[int] = []
    starts: list[int] = []
    outcome = None
    for index in range(len(folds)):
        if index == 0:
            load = 0
        elif machine.pipelined or machine.double_buffered:
            load = loads[-1] + folds[index - 1].rows
        else:
            load = outcome.ends[-1]
        while True:
            try:
                _simulate_held(machine, folds[: index + 1], [*loads, load], starts, streamed, held)
                break
            except CollisionError:
                load += 1
        start = load if index == 0 or machine.pipelined else max(load, outcome.ends[-1])
        while True:
            try:
                outcome = _simulate_held(machine, folds[: index + 1], [*loads, load], [*starts, start], streamed, held)
                break
            except CollisionError:
                start += 1
        loads.append(load)
        starts.append(start)
    return outcome


def _simulate_held(
    machine: Machine,
    folds: list[Fold],
    loads: list[int],
    starts: list[int],
    streamed: np.ndarray,
    held: np.ndarray,
) -> Outcome:
    """Run folds with given starts; the last may be only loaded."""
    groups, stream, _ = streamed.shape
    pes = [[HeldPe() for _ in range(machine.cols)] for _ in range(machine.rows)]
    operand_fifos = [deque([None] * (machine.row_skew * row)) for row in range(machine.rows)]
    load_fifos = [deque([None] * col) for col in range(machine.cols)]
    exit_fifos = [deque([None] * machine.latency) for _ in range(machine.cols)]
    psum_fifos = [deque([None] * col) for col in range(machine.cols)]
    stored: dict[tuple[int, int, int], tuple[int, int]] = {}
    outputs = np.zeros((groups, stream, held.shape[2]), dtype=np.int64)
    counts = dict.fromkeys(COUNTS, 0)
    ends = [-1] * len(starts)
    left_to_retire = [stream * fold.cols for fold in folds]
    loaded = 0
    clock = 0
    while any(left_to_retire[: len(starts)]) or loaded < sum(fold.rows * fold.cols for fold in folds):
        # Ports: one vector of operands, one row of values to hold.
        vector: list[Token | None] = [None] * machine.rows
        wanted_psums: list[tuple[int, int] | None] = [None] * machine.cols
        for index, start in enumerate(starts):
            tick = clock - start
            if 0 <= tick < stream:
                fold = folds[index]
                for row in range(fold.rows):
                    if vector[row] is not None:
                        raise CollisionError("operand port")
                    used = row < fold.rows_used
                    counts["ifmap_reads"] += used
                    value = int(streamed[fold.group, tick, fold.first_row + row]) if used else 0
                    vector[row] = Token(value, index, tick)
                wanted_psums = [(index, tick)] * machine.cols
        new_row: list[Token | None] = [None] * machine.cols
        for index, load in enumerate(loads):
            fold = folds[index]
            row = fold.rows - 1 - (clock - load)
            if 0 <= row < fold.rows and clock >= load:
                for col in range(fold.cols):
                    if new_row[col] is not None:
                        raise CollisionError("load port")
                    used = row < fold.rows_used and col < fold.cols_used
                    counts["filter_reads"] += used
                    value = int(held[fold.group, fold.first_row + row, fold.first_col + col]) if used else 0
                    new_row[col] = Token(value, index, row=row)
        # PEs, from the far corner so that each still sees its neighbours as they were.
        entering = []
        for row in range(machine.rows):
            operand_fifos[row].append(vector[row])
            entering.append(operand_fifos[row].popleft())
        psum_wires = []
        for col in range(machine.cols):
            psum_fifos[col].append(wanted_psums[col])
            psum_wires.append(psum_fifos[col].popleft())
        finished: list[Token | None] = [None] * machine.cols
        for row in reversed(range(machine.rows)):
            for col in reversed(range(machine.cols)):
                pe = pes[row][col]
                operand = entering[row] if col == 0 else pes[row][col - 1].operand
                if operand is not None and col >= folds[operand.fold].cols:
                    operand = None
                pe.operand = operand
                if row == 0:
                    psum = _top_psum(machine, folds, psum_wires[col], col, stored, counts)
                elif machine.row_skew == 1:
                    psum = pes[row - 1][col].psum
                else:
                    psum = pe.above
                    pe.above = pes[row - 1][col].psum
                pe.psum = None
                if operand is None:
                    continue
                if machine.double_buffered and operand.tick == 0:
                    pe.weight = pe.shadow
                weight = pe.weight
                if weight is None or weight.fold != operand.fold or weight.row != row:
                    raise CollisionError("the value this operand needs is not here")
                if psum is None or (psum.fold, psum.tick) != (operand.fold, operand.tick):
                    raise CollisionError("psum and operand do not meet")
                result = Token(psum.value + weight.value * operand.value, operand.fold, operand.tick)
                if row < folds[operand.fold].rows - 1:
                    pe.psum = result
                elif finished[col] is not None:
                    raise CollisionError("two psums leave one column")
                else:
                    finished[col] = result
        for col in range(machine.cols):
            exit_fifos[col].append(finished[col])
            psum = exit_fifos[col].popleft()
            if psum is not None:
                _retire(machine, folds, psum, col, stored, outputs, counts)
                left_to_retire[psum.fold] -= 1
                if left_to_retire[psum.fold] == 0:
                    ends[psum.fold] = clock + 1
        # Values to hold step down through the registers they will stop in.
        for col in range(machine.cols):
            load_fifos[col].append(new_row[col])
            arriving = load_fifos[col].popleft()
            for row in range(machine.rows):
                pe = pes[row][col]
                going_on, pe.loading = pe.loading, None
                if arriving is not None:
                    if machine.double_buffered:
                        pe.shadow = arriving
                    else:
                        pe.weight = arriving
                    if arriving.row == row:
                        loaded += 1
                    else:
                        pe.loading = arriving
                arriving = going_on
        clock += 1
    return Outcome(outputs=outputs, counts=counts, starts=list(starts), ends=ends)


def _top_psum(
    machine: Machine,
    folds: list[Fold],
    wanted: tuple[int, int] | None,
    col: int,
    stored: dict[tuple[int, int, int], tuple[int, int]],
    counts: dict[str, int],
) -> Token | None:
    """The psum that enters the first row: of the row fold before where it is read back, else zero."""
    if wanted is None or col >= folds[wanted[0]].cols:
        return None
    index, tick = wanted
    fold = folds[index]
    if machine.psum_path != "read_back" or fold.row_fold == 0 or col >= fold.cols_used:
        return Token(0, index, tick)
    row_fold, value = stored.get((fold.group, tick, fold.first_col + col), (-1, 0))
    if row_fold != fold.row_fold - 1:
        raise CollisionError("the psum to read back is not written yet")
    counts["psum_reads"] += 1
    return Token(value, index, tick)


def _retire(
    machine: Machine,
    folds: list[Fold],
    psum: Token,
    col: int,
    stored: dict[tuple[int, int, int], tuple[int, int]],
    outputs: np.ndarray,
    counts: dict[str, int],
) -> None:
    """Write a psum to the buffer or the accumulator."""
    fold = folds[psum.fold]
    if col >= fold.cols_used:
        return
    place = (fold.group, psum.tick, fold.first_col + col)
    value = psum.value
    if fold.row_fold > 0 and machine.psum_path != "read_back":
        row_fold, before = stored.get(place, (-1, 0))
        if row_fold != fold.row_fold - 1:
            raise CollisionError("psums out of order")
        value += before
        counts["accumulator_reads"] += machine.psum_path == "accumulated"
    if machine.psum_path == "accumulated":
        counts["accumulator_writes"] += 1
        counts["accumulator_reads"] += fold.last_row_fold
    elif not fold.last_row_fold:
        counts["psum_writes"] += 1
    stored[place] = (fold.row_fold, value)
    if fold.last_row_fold:
        counts["ofmap_writes"] += 1
        outputs[place] = value

"""A systolic array whose PEs hold sums: output stationary."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.reference.naive_systolic import COUNTS, CollisionError, Fold, Machine, Outcome, Token, cut


@dataclass(frozen=True)
class Result:
    """A complete sum and the PE it was made in."""

    value: int
    fold: int
    row: int
    col: int


@dataclass
class SumPe:
    """A PE that holds a sum, and the register through which sums leave."""

    left: Token | None = None
    top: Token | None = None
    sum: int = 0
    drain: Result | None = None


def run_sums(machine: Machine, left: np.ndarray, right: np.ndarray) -> Outcome:
    """``left`` (groups, M, K) @ ``right`` (groups, K, N), as in an output stationary array."""
    folds = cut(machine, left.shape[0], left.shape[1], right.shape[2])
    starts: list[int] = []
    outcome = None
    for index in range(len(folds)):
        if index == 0:
            start = 0
        else:
            start = starts[-1] + 1 if machine.pipelined else outcome.ends[-1]
        while True:
            try:
                outcome = _simulate_sums(machine, folds[: index + 1], [*starts, start], left, right)
                break
            except CollisionError:
                start += 1
        starts.append(start)
    return outcome


def _simulate_sums(
    machine: Machine, folds: list[Fold], starts: list[int], left: np.ndarray, right: np.ndarray
) -> Outcome:
    stream = left.shape[2]
    pes = [[SumPe() for _ in range(machine.cols)] for _ in range(machine.rows)]
    left_fifos = [deque([None] * (row + machine.latency)) for row in range(machine.rows)]
    top_fifos = [deque([None] * (col + machine.latency)) for col in range(machine.cols)]
    queue: deque[Result] = deque()
    outputs = np.zeros((left.shape[0], left.shape[1], right.shape[2]), dtype=np.int64)
    counts = dict.fromkeys(COUNTS, 0)
    complete = [[0] * max(machine.rows, machine.cols) for _ in folds]
    left_to_retire = [fold.rows * fold.cols for fold in folds]
    ends = [-1] * len(folds)

    def retire(result: Result) -> None:
        fold = folds[result.fold]
        if result.row < fold.rows_used and result.col < fold.cols_used:
            outputs[fold.group, fold.first_row + result.row, fold.first_col + result.col] = result.value
            counts["ofmap_writes"] += 1
        left_to_retire[result.fold] -= 1
        if left_to_retire[result.fold] == 0:
            ends[result.fold] = clock + 1

    clock = 0
    while any(left_to_retire):
        rows_in: list[Token | None] = [None] * machine.rows
        cols_in: list[Token | None] = [None] * machine.cols
        for index, start in enumerate(starts):
            tick = clock - start
            fold = folds[index]
            if not 0 <= tick < stream:
                continue
            if any(rows_in) or any(cols_in):
                raise CollisionError("operand port")
            for row in range(fold.rows):
                used = row < fold.rows_used
                counts["ifmap_reads"] += used
                rows_in[row] = Token(int(left[fold.group, fold.first_row + row, tick]) if used else 0, index, tick)
            for col in range(fold.cols):
                used = col < fold.cols_used
                counts["filter_reads"] += used
                cols_in[col] = Token(int(right[fold.group, tick, fold.first_col + col]) if used else 0, index, tick)
        # Results leave before new ones take their registers.
        if machine.drain in ("rows", "columns"):
            _drain_step(machine, folds, pes, complete, retire)
        for row in range(machine.rows):
            left_fifos[row].append(rows_in[row])
            rows_in[row] = left_fifos[row].popleft()
        for col in range(machine.cols):
            top_fifos[col].append(cols_in[col])
            cols_in[col] = top_fifos[col].popleft()
        done: list[Result] = []
        for row in reversed(range(machine.rows)):
            for col in reversed(range(machine.cols)):
                pe = pes[row][col]
                pe.left = rows_in[row] if col == 0 else pes[row][col - 1].left
                pe.top = cols_in[col] if row == 0 else pes[row - 1][col].top
                if pe.left is not None and col >= folds[pe.left.fold].cols:
                    pe.left = None
                if pe.top is not None and row >= folds[pe.top.fold].rows:
                    pe.top = None
                if pe.left is None or pe.top is None:
                    continue
                if (pe.left.fold, pe.left.tick) != (pe.top.fold, pe.top.tick):
                    raise CollisionError("operands do not meet")
                pe.sum = (0 if pe.left.tick == 0 else pe.sum) + pe.left.value * pe.top.value
                if pe.left.tick == stream - 1:
                    done.append(Result(pe.sum, pe.left.fold, row, col))
        for result in done:
            pe = pes[result.row][result.col]
            complete[result.fold][result.row if machine.drain == "columns" else result.col] += 1
            if machine.drain == "none":
                retire(result)
            elif machine.drain == "collector":
                queue.append(result)
            elif pe.drain is not None:
                raise CollisionError("the drain register is taken")
            else:
                pe.drain = result
        if machine.drain == "collector":
            for _ in range((len(queue) + 1) // 2):
                retire(queue.popleft())
        clock += 1
    return Outcome(outputs=outputs, counts=counts, starts=list(starts), ends=ends)


def _drain_step(
    machine: Machine,
    folds: list[Fold],
    pes: list[list[SumPe]],
    complete: list[list[int]],
    retire: Callable[[Result], None],
) -> None:
    """Every lane whose sums are complete (or all lanes, when folds do not overlap) moves a step to its exit."""
    down = machine.drain == "rows"
    for lane in range(machine.cols if down else machine.rows):
        chain = [pes[row][lane] for row in range(machine.rows)] if down else pes[lane]
        exited = 0
        for place in reversed(range(len(chain))):
            result = chain[place].drain
            if result is None:
                continue
            fold = folds[result.fold]
            steps, all_results = (fold.rows, fold.rows * fold.cols) if down else (fold.cols, fold.rows * fold.cols)
            if machine.pipelined:
                moves = complete[result.fold][lane] == steps
            else:
                moves = sum(complete[result.fold]) == all_results
            if not moves:
                continue
            chain[place].drain = None
            if place == steps - 1:
                exited += 1
                if exited > 1:
                    raise CollisionError("two results leave one lane")
                retire(result)
            elif chain[place + 1].drain is not None:
                raise CollisionError("a result runs into another")
            else:
                chain[place + 1].drain = result

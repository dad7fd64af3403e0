"""Finds where a stepped run first differs: from numpy in an output, from the fast path in a cycle or a count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.program import ActionKey
from accel_sim.validation.verify.fast_path import FastPath
from accel_sim.validation.verify.operands import Operands
from accel_sim.validation.verify.twin import LayerJob, Stepped, Tally, Twin
from accel_sim.validation.verify.verdict import Difference, What

NOTHING = Tally(0, 0, 0)
UNITS = {"words": "words", "delivered": "words that arrive", "n_bytes": "bytes"}


class Miscount(NamedTuple):
    """An action whose counts differ: in which field of `Tally`, and the two counts."""

    key: ActionKey
    field: str
    stepped: int
    expected: int


def wrong_output(twin: Twin, job: LayerJob, run: Stepped, wrong: NDArray[np.bool_], reference: Operands) -> Difference:
    """Follow the first output that is not numpy's; ``wrong`` bool (N, K, P, Q), not all False."""
    image, channel, row, column = (int(index) for index in np.unravel_index(np.argmax(wrong), wrong.shape))
    where = twin.first_wrong(job, run, (image, channel, row, column), reference)
    n_wrong = int(np.count_nonzero(wrong))
    return Difference(
        layer=job.layer.name,
        what="outputs",
        subject=f"the sum of output [{image}, {channel}, {row}, {column}] ({n_wrong:,} of {wrong.size:,} are wrong)",
        part=_name(twin, job, run, where.part),
        clock=where.clock,
        pe=where.pe,
        stepped=where.stepped,
        expected=where.expected,
    )


def wrong_cycles(twin: Twin, job: LayerJob, run: Stepped, fast: FastPath) -> Difference:
    """Find a part that ends in another cycle than the program's, after parts that do not."""
    if fast.n_commands != run.commands[-1]:
        return _unlike_parts(twin, job, run, fast, "cycles")
    ends = fast.ends(run.commands)
    part = first_part(run.n_parts, lambda n: twin.upto(job, run, n)[0] != ends[n - 1])
    clock, _ = twin.upto(job, run, part + 1)
    return Difference(
        layer=job.layer.name,
        what="cycles",
        subject=f"the end of this {twin.part}",
        part=_name(twin, job, run, part),
        clock=clock,
        stepped=clock,
        expected=int(ends[part]),
    )


def miscounts(run: Stepped, fast: FastPath) -> Iterator[Miscount]:
    """Yield the actions whose counts differ, by key."""
    counts = fast.counts()
    for key in sorted({*counts, *run.tallies}):
        tally, count = run.tallies.get(key, NOTHING), counts.get(key, NOTHING)
        for field in Tally._fields:
            stepped, expected = getattr(tally, field), getattr(count, field)
            if stepped != expected and stepped >= 0:
                yield Miscount(key, field, stepped, expected)
                break


def wrong_count(twin: Twin, job: LayerJob, run: Stepped, fast: FastPath, found: list[Miscount]) -> Difference:
    """Find a part in which the first of the miscounts differs; what no command counts has none."""
    key, field, stepped, expected = found[0]
    peer = f"({key.peer})" if key.peer else ""
    subject = " ".join(text for text in (key.level, key.tensor, key.event, peer, UNITS[field]) if text)
    if len(found) > 1:
        subject += f" (and {len(found) - 1} other counts)"
    part, clock = "", -1
    if fast.counts_by_command(key):
        if fast.n_commands != run.commands[-1]:
            return _unlike_parts(twin, job, run, fast, "accesses")
        sums = np.concatenate(([0], fast.sums(key, field)[run.commands - 1]))

        def counted(n_parts: int) -> int:
            if n_parts == 0:
                return 0
            return int(getattr(twin.upto(job, run, n_parts)[1].get(key, NOTHING), field))

        index = first_part(run.n_parts, lambda n: counted(n) != sums[n])
        part, clock = _name(twin, job, run, index), twin.upto(job, run, index + 1)[0]
        stepped, expected = counted(index + 1) - counted(index), int(sums[index + 1] - sums[index])
    return Difference(
        layer=job.layer.name,
        what="accesses",
        subject=subject,
        part=part,
        clock=clock,
        stepped=stepped,
        expected=expected,
    )


def first_part(n_parts: int, differs: Callable[[int], bool]) -> int:
    """Return a part after which books differ that agreed before it; ``differs(n)`` looks at the first n parts.

    It is the first such part, unless a later one makes up for it.
    """
    agree, differ = 0, n_parts
    while differ - agree > 1:
        middle = (agree + differ) // 2
        if differs(middle):
            differ = middle
        else:
            agree = middle
    return differ - 1


def _unlike_parts(twin: Twin, job: LayerJob, run: Stepped, fast: FastPath, what: What) -> Difference:
    return Difference(
        layer=job.layer.name,
        what=what,
        subject=f"the number of array commands for {run.n_parts} {twin.part}s",
        stepped=int(run.commands[-1]),
        expected=fast.n_commands,
    )


def _name(twin: Twin, job: LayerJob, run: Stepped, part: int) -> str:
    return f"{twin.part} {part} of {run.n_parts} ({twin.describe(job, part)})"

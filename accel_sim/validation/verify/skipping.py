"""Verifies machines that skip zeros: a layer's steps, one after the other, through the machine's own stepped array.

The part of a layer is a **step**: a band of the fmaps with a block of filters, cut by the stored sizes of the layer's
tensors as the lowering does (groups outermost, then bands, then blocks). The cut is the mapping; everything within a
step comes from real operands that move through the machine's stepped kernel.

A machine is added by one object with the methods of :class:`SkipStepper`, wrapped as ``SkippingTwin(MyStepper())`` in
`accel_sim.validation.verify.registry`. Its ``step`` gets the integers of one step and returns what came out, the clocks
that it took, the MACs that took a multiplier, and a tally of every action that the machine's ``cost`` lists
(`accel_sim.validation.verify.skip_tile` has the types, and makes the two ends of a transfer). What all machines count
alike is added here: the sums that leave the array, and the MACs worked through, done and skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.errors import ArchError, Fault
from accel_sim.lowering.machine import ARRAY
from accel_sim.lowering.macs import STEP_MACS
from accel_sim.lowering.row_order import filter_order, is_balanced
from accel_sim.lowering.skipping_cut import Step, cut_layer, filter_edges, layer_steps
from accel_sim.lowering.skipping_machines import MACHINES
from accel_sim.mapping.base import word_bits
from accel_sim.program import ActionKey
from accel_sim.units import ceil_div
from accel_sim.validation.verify.operands import Operands
from accel_sim.validation.verify.skip_tile import StepRun, StepTile
from accel_sim.validation.verify.twin import LayerJob, Stepped, Tallies, Tally, WrongSum, span

I64 = NDArray[np.int64]


class SkipStepper(Protocol):
    """The stepped array of one machine that skips zeros."""

    def refused(self, arch: Accelerator) -> Iterator[Fault]:
        """Yield the settings of the machine that the stepped array does not have."""
        ...

    def step(self, tile: StepTile) -> StepRun:
        """Move a step's operands through the array; must not call the kernels of the fast path."""
        ...

    def pe(self, tile: StepTile, output: tuple[int, int, int, int], tap: tuple[int, int, int]) -> str:
        """Name the PE or lane that makes a product, by the machine's own rule.

        ``output``: (image, filter, row, column) within the step; ``tap``: (channel, row, column) of the filter.
        """
        ...


class _Book(NamedTuple):
    """A step that was run: the clock at its end, and what it moved."""

    end: int
    n_macs: int
    tallies: Tallies


class _Part(NamedTuple):
    """A step of a layer, and the array commands that it is."""

    step: Step
    n_commands: int


class SkippingTwin:
    """A machine's stepped array over whole layers; see :class:`accel_sim.validation.verify.twin.Twin`."""

    part = "step"

    def __init__(self, stepper: SkipStepper) -> None:
        self.stepper = stepper

    def step(self, job: LayerJob) -> Stepped:
        """Run all steps, one after the other."""
        faults = list(self.stepper.refused(job.arch))
        if faults:
            raise ArchError(faults)
        shape = job.shape
        outputs = np.zeros(shape.ofmap_shape, dtype=np.int64)
        books: list[_Book] = []
        parts = _parts(job)
        for step, _ in parts:
            tile = _tile(job, step, job.operands)
            run = self.stepper.step(tile)
            band = step.band
            images, rows = slice(band.first_n, band.first_n + band.n), slice(band.first_p, band.first_p + band.p)
            outputs[images, _filters(job, step), rows] = run.outputs
            start = books[-1].end if books else 0
            books.append(_Book(start + run.cycles, run.n_macs, _sum((run.tallies, _common(tile, run)))))
        return Stepped(
            outputs=outputs,
            cycles=books[-1].end,
            n_macs=sum(book.n_macs for book in books),
            tallies=_sum(book.tallies for book in books),
            commands=np.cumsum([part.n_commands for part in parts]),
            detail=books,
        )

    def upto(self, job: LayerJob, run: Stepped, n_parts: int) -> tuple[int, Tallies]:
        """Return the books of the first steps."""
        return run.detail[n_parts - 1].end, _sum(book.tallies for book in run.detail[:n_parts])

    def first_wrong(
        self, job: LayerJob, run: Stepped, output: tuple[int, int, int, int], reference: Operands
    ) -> WrongSum:
        """Run the output's step again with more and more of the filters' taps, until its sum is wrong.

        The PE is that of the first wrong tap (channels, then rows, then columns). The clock is the one at which the
        sums of the output's window are done, or that of the step's end where the array works on all windows at once.
        """
        image, channel, row, column = output
        channels = np.arange(job.shape.groups * job.shape.k)
        part, step = next(
            (part, step)
            for part, (step, _) in enumerate(_parts(job))
            if step.band.first_n <= image < step.band.first_n + step.band.n
            and step.band.first_p <= row < step.band.first_p + step.band.p
            and channel in channels[_filters(job, step)]
        )
        in_block = channels[_filters(job, step)].tolist().index(channel)
        inside = image - step.band.first_n, in_block, row - step.band.first_p, column
        tile = _tile(job, step, job.operands)
        right = _sums(_tile(job, step, reference), inside)

        def found(n_taps: int) -> int:
            kept = tile.filters.copy()
            kept.reshape(len(kept), -1)[:, n_taps:] = 0
            return int(self.stepper.step(replace(tile, filters=kept)).outputs[inside])

        whole = self.stepper.step(tile)
        clock = run.detail[part].end
        if whole.window_ends is not None:
            clock += int(whole.window_ends[tile.window_index(inside)]) - whole.cycles
        if whole.outputs[inside] == right[-1]:
            return WrongSum(part, clock, "on the way out", int(run.outputs[output]), int(right[-1]))
        agree, differ = 0, right.size
        while differ - agree > 1:
            middle = (agree + differ) // 2
            agree, differ = (middle, differ) if found(middle) == right[middle - 1] else (agree, middle)
        r, s = divmod((differ - 1) % (job.shape.r * job.shape.s), job.shape.s)
        tap = (differ - 1) // (job.shape.r * job.shape.s), r, s
        pe = self.stepper.pe(tile, inside, tap)
        return WrongSum(part, clock, pe, found(differ), int(right[differ - 1]))

    def describe(self, job: LayerJob, part: int) -> str:
        """Return the step's group, band and block of filters."""
        step, _ = _parts(job)[part]
        band = step.band
        blocks = (
            ("group", step.group, step.n_groups),
            ("image", band.first_n, band.n),
            ("row", band.first_p, band.p),
            ("filter", step.first_k, step.k),
        )
        return ", ".join(span(*block) for block in blocks)


def _common(tile: StepTile, run: StepRun) -> dict[ActionKey, Tally]:
    """Return what all machines count alike."""
    results, word = tile.arch.buffer_for("ofmap").name, tile.arch.array.RESULTS
    n_outputs = run.outputs.size
    n_macs = n_outputs * int(np.prod(tile.filters.shape[1:]))
    skipped = n_macs - run.n_macs
    return {
        ActionKey(results, "psum", "write", ARRAY): Tally(n_outputs, n_outputs, tile.bits.bytes_of(word, n_outputs)),
        STEP_MACS: Tally(n_macs, n_macs),
        ActionKey("mac", "", "done"): Tally(run.n_macs, run.n_macs),
        ActionKey("mac", "", "skipped"): Tally(skipped, skipped),
    }


def _sum(books: Iterable[Mapping[ActionKey, Tally]]) -> dict[ActionKey, Tally]:
    """Add tallies up; bytes are unknown where they are so in any of them."""
    total: dict[ActionKey, Tally] = {}
    for tallies in books:
        for key, more in tallies.items():
            old = total.get(key, Tally(0, 0, 0))
            n_bytes = -1 if min(old.n_bytes, more.n_bytes) < 0 else old.n_bytes + more.n_bytes
            total[key] = Tally(old.words + more.words, old.delivered + more.delivered, n_bytes)
    return total


def _parts(job: LayerJob) -> list[_Part]:
    """Return the steps of a layer in the order of the program, each as many commands as an operand has pieces."""
    assert job.places is not None, "skipping machines are cut by what their tensors take in memory"
    assert job.places.filter is not None
    shape, bits = job.shape, word_bits(job.layer, job.arch)
    unit, most = MACHINES[job.arch.array.organisation].block(job.arch.array, shape)
    cut = cut_layer(job.layer, job.arch, job.places, bits, unit, most)
    words_each = shape.c * shape.r * shape.s
    parts = []
    for step in layer_steps(cut, shape):
        first_word = (step.group * shape.k + step.first_k) * words_each
        n_filter = len(filter_edges(cut, job.places.filter, first_word, step.k * words_each)) - 1
        n_ifmap = ceil_div(step.n_groups * shape.c, cut.c) if step.band.rows else 0
        parts.append(_Part(step, max(n_ifmap, n_filter)))
    return parts


def _filters(job: LayerJob, step: Step) -> slice | I64:
    """Return the filters of a step; where rows are dealt by their work, it is that of the job's operands."""
    first = step.group * job.shape.k + step.first_k
    own = slice(first, first + step.k)
    if not is_balanced(job.arch, job.layer):
        return own
    filters = job.operands.filters
    return filter_order(job.arch, job.layer, np.count_nonzero(filters.reshape(len(filters), -1), axis=1))[own]


def _tile(job: LayerJob, step: Step, operands: Operands) -> StepTile:
    shape, band = job.shape, step.band
    first_c = step.group * shape.c
    ifmap = operands.ifmap.reshape(shape.n, shape.groups * shape.c, shape.h, shape.w)
    images, rows = slice(band.first_n, band.first_n + band.n), slice(band.first_row, band.first_row + band.rows)
    filters = operands.filters.reshape(shape.groups * shape.k, shape.c, shape.r, shape.s)
    return StepTile(
        arch=job.arch,
        bits=word_bits(job.layer, job.arch),
        shape=shape,
        band=band,
        ifmap=ifmap[images, first_c : first_c + step.n_groups * shape.c, rows].astype(np.int64),
        filters=filters[_filters(job, step)],
        n_groups=step.n_groups,
    )


def _sums(tile: StepTile, output: tuple[int, int, int, int]) -> I64:
    """Return numpy's sum of an output after each tap of its filter: channels, then rows, then columns."""
    group = output[1] // tile.shape.k if tile.n_groups > 1 else 0
    sums: I64 = np.cumsum(tile.windows(group)[tile.window_index(output)] * tile.filters[output[1]].ravel())
    return sums

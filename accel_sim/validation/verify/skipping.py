"""Verifies machines that skip zeros: a layer's steps, one after the other, through the machine's own stepped array.

The part of a layer is a **step**: a band of the fmaps with a block of filters, cut by the stored sizes of the layer's
tensors as the lowering does (groups outermost, then bands, then blocks). The cut is the mapping; everything within a
step comes from real operands that move through the machine's stepped kernel.

A machine is added by one object with the methods of :class:`SkipStepper`, wrapped as ``SkippingTwin(MyStepper())`` in
`accel_sim.validation.verify.registry`. Its ``step`` gets the integers of one step and returns what came out, the clocks
that it took, the MACs that took a multiplier, and a tally of every action that the machine's ``cost`` lists; `moved`
makes the two ends of a transfer. What all machines count alike is added here: the sums that leave the array, and the
MACs worked through, done and skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.errors import ArchError, Fault
from accel_sim.lowering.machine import ARRAY
from accel_sim.lowering.macs import STEP_MACS
from accel_sim.lowering.skipping_cut import Band, Cut, cut_layer, filter_edges, ifmap_pieces
from accel_sim.lowering.skipping_machines import MACHINES
from accel_sim.mapping.base import WordBits, word_bits
from accel_sim.program import ActionKey
from accel_sim.validation.verify.operands import Operands
from accel_sim.validation.verify.twin import LayerJob, Stepped, Tallies, Tally, WrongSum, span
from accel_sim.workload import MacShape

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepTile:
    """The operands of one step.

    Parameters
    ----------
    arch, bits, shape
        The machine, its words, and the whole layer.
    band
        The ofmap rows of the step, the ifmap rows that they see, and the rows of padding above and below these.
    ifmap
        int64 (N, C, H, W): the band's images and rows, one group's channels, without padding.
    filters
        int32 (K, C, R, S): the block's. A kernel that wants int64 is given ``filters.astype(np.int64)``.
    """

    arch: Accelerator
    bits: WordBits
    shape: MacShape
    band: Band
    ifmap: I64
    filters: I32

    @property
    def n_windows(self) -> int:
        """Ofmap pixels of one filter, all images."""
        return self.band.n * self.band.p * self.shape.q

    @property
    def ofmap_shape(self) -> tuple[int, int, int, int]:
        """(N, K, P, Q) of the step's outputs."""
        return self.band.n, len(self.filters), self.band.p, self.shape.q

    def padded(self) -> I64:
        """Return int64 (N, C, H', W') with all padding in place, exactly as far as windows reach."""
        shape, band = self.shape, self.band
        height = (band.p - 1) * shape.stride_h + (shape.r - 1) * shape.dilation_h + 1
        width = (shape.q - 1) * shape.stride_w + (shape.s - 1) * shape.dilation_w + 1
        padded = np.zeros((band.n, shape.c, height, width), dtype=np.int64)
        top = band.first_row - (band.first_p * shape.stride_h - shape.pad_h)
        seen = self.ifmap[:, :, :, : max(0, width - shape.pad_w)]
        padded[:, :, top : top + band.rows, shape.pad_w : shape.pad_w + seen.shape[3]] = seen[:, :, : height - top]
        return padded

    def windows(self) -> I64:
        """Return int64 (windows, C x R x S): what each ofmap pixel sees, images, then rows, then columns."""
        shape, band = self.shape, self.band
        padded = self.padded()
        windows = np.empty((band.n, band.p, shape.q, shape.c, shape.r, shape.s), dtype=np.int64)
        for r, s in np.ndindex(shape.r, shape.s):
            top, left = r * shape.dilation_h, s * shape.dilation_w
            rows = slice(top, top + (band.p - 1) * shape.stride_h + 1, shape.stride_h)
            cols = slice(left, left + (shape.q - 1) * shape.stride_w + 1, shape.stride_w)
            windows[..., r, s] = padded[:, :, rows, cols].transpose(0, 2, 3, 1)
        return windows.reshape(self.n_windows, -1)

    def window_index(self, output: tuple[int, int, int, int]) -> int:
        """Return which of the `windows` an output (image, filter, row, column) within the step comes from."""
        image, _, row, column = output
        return (image * self.band.p + row) * self.shape.q + column

    def ofmap(self, by_window: I64) -> I64:
        """Return (windows, K) as (N, K, P, Q)."""
        return by_window.reshape(self.band.n, self.band.p, self.shape.q, -1).transpose(0, 3, 1, 2)


class StepRun(NamedTuple):
    """What a machine did in a step.

    ``outputs`` int64 (N, K, P, Q). ``n_macs``: MACs of the layer that took a multiplier; padding entries of a format
    are none. ``tallies``: the accesses of the step's command, all of them but the sums that leave.
    """

    outputs: I64
    cycles: int
    n_macs: int
    tallies: Tallies


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


class _Step(NamedTuple):
    """One step of a layer: its group, band and block of filters, and the array commands that it is."""

    group: int
    band: Band
    first_k: int
    k: int
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
        steps = _steps(job)
        for step in steps:
            tile = _tile(job, step, job.operands)
            run = self.stepper.step(tile)
            first = step.group * shape.k + step.first_k
            band = step.band
            images, rows = slice(band.first_n, band.first_n + band.n), slice(band.first_p, band.first_p + band.p)
            outputs[images, first : first + step.k, rows] = run.outputs
            start = books[-1].end if books else 0
            books.append(_Book(start + run.cycles, run.n_macs, _sum((run.tallies, _common(tile, run)))))
        return Stepped(
            outputs=outputs,
            cycles=books[-1].end,
            n_macs=sum(book.n_macs for book in books),
            tallies=_sum(book.tallies for book in books),
            commands=np.cumsum([step.n_commands for step in steps]),
            detail=books,
        )

    def upto(self, job: LayerJob, run: Stepped, n_parts: int) -> tuple[int, Tallies]:
        """Return the books of the first steps."""
        return run.detail[n_parts - 1].end, _sum(book.tallies for book in run.detail[:n_parts])

    def first_wrong(
        self, job: LayerJob, run: Stepped, output: tuple[int, int, int, int], reference: Operands
    ) -> WrongSum:
        """Run the output's step again with more and more of the filters' taps, until its sum is wrong.

        The PE is that of the first wrong tap (channels, then rows, then columns); the clock is that of the step's end.
        """
        image, channel, row, column = output
        group, in_group = divmod(channel, job.shape.k)
        part, step = next(
            (part, step)
            for part, step in enumerate(_steps(job))
            if step.group == group
            and step.band.first_n <= image < step.band.first_n + step.band.n
            and step.band.first_p <= row < step.band.first_p + step.band.p
            and step.first_k <= in_group < step.first_k + step.k
        )
        inside = image - step.band.first_n, in_group - step.first_k, row - step.band.first_p, column
        tile = _tile(job, step, job.operands)
        right = _sums(_tile(job, step, reference), inside)

        def found(n_taps: int) -> int:
            kept = tile.filters.copy()
            kept.reshape(len(kept), -1)[:, n_taps:] = 0
            fewer = StepTile(
                arch=tile.arch, bits=tile.bits, shape=tile.shape, band=tile.band, ifmap=tile.ifmap, filters=kept
            )
            return int(self.stepper.step(fewer).outputs[inside])

        if found(right.size) == right[-1]:
            return WrongSum(part, run.detail[part].end, "on the way out", int(run.outputs[output]), int(right[-1]))
        agree, differ = 0, right.size
        while differ - agree > 1:
            middle = (agree + differ) // 2
            agree, differ = (middle, differ) if found(middle) == right[middle - 1] else (agree, middle)
        r, s = divmod((differ - 1) % (job.shape.r * job.shape.s), job.shape.s)
        tap = (differ - 1) // (job.shape.r * job.shape.s), r, s
        pe = self.stepper.pe(tile, inside, tap)
        return WrongSum(part, run.detail[part].end, pe, found(differ), int(right[differ - 1]))

    def describe(self, job: LayerJob, part: int) -> str:
        """Return the step's group, band and block of filters."""
        step = _steps(job)[part]
        band = step.band
        blocks = (("image", band.first_n, band.n), ("row", band.first_p, band.p), ("filter", step.first_k, step.k))
        return ", ".join([f"group {step.group}", *(span(*block) for block in blocks)])


def moved(
    level: str, tensor: str, words: int, n_bytes: int, peer: str, arrivals: int | None = None
) -> dict[ActionKey, Tally]:
    """Return a read at ``level`` and its arrival at ``peer``.

    Parameters
    ----------
    words, n_bytes
        What the level reads.
    arrivals
        Words that arrive, over all receivers; ``words`` where each has one.
    """
    received = words if arrivals is None else arrivals
    # Bytes may move without a word: pointers to columns that hold nothing.
    copies = received // words if words else 1
    assert copies * words == received, "every word goes to as many receivers"
    return {
        ActionKey(level, tensor, "read", peer): Tally(words, received, n_bytes),
        ActionKey(peer, tensor, "write", level): Tally(received, received, n_bytes * copies),
    }


def counted(level: str, tensor: str, event: str, words: int, n_bytes: int, peer: str = "") -> dict[ActionKey, Tally]:
    """Return an access of which the other end is not counted, such as one of a PE's own register files."""
    return {ActionKey(level, tensor, event, peer): Tally(words, words, n_bytes)}


def _common(tile: StepTile, run: StepRun) -> dict[ActionKey, Tally]:
    """Return what all machines count alike."""
    results = tile.arch.buffer_for("ofmap").name
    n_outputs = run.outputs.size
    n_macs = n_outputs * int(np.prod(tile.filters.shape[1:]))
    skipped = n_macs - run.n_macs
    return {
        ActionKey(results, "psum", "write", ARRAY): Tally(n_outputs, n_outputs, tile.bits.bytes_of("ofmap", n_outputs)),
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


def _steps(job: LayerJob) -> list[_Step]:
    """Return the steps of a layer in the order of the program."""
    assert job.places is not None, "skipping machines are cut by what their tensors take in memory"
    shape, bits = job.shape, word_bits(job.layer, job.arch)
    unit, most = MACHINES[job.arch.array.organisation].block(job.arch.array, shape)
    cut = cut_layer(job.layer, job.arch, job.places, bits, unit, most)
    return [
        _Step(group, band, first_k, k, _n_commands(job, cut, band, group * shape.k + first_k, k))
        for group in range(shape.groups)
        for band in cut.bands
        for first_k in range(0, shape.k, cut.k)
        for k in [min(cut.k, shape.k - first_k)]
    ]


def _n_commands(job: LayerJob, cut: Cut, band: Band, first_filter: int, k: int) -> int:
    """Return the array commands of a step: one for each piece of the operand that comes in more of them."""
    assert job.places is not None
    assert job.places.filter is not None
    words_each = job.shape.c * job.shape.r * job.shape.s
    n_filter = len(filter_edges(cut, job.places.filter, first_filter * words_each, k * words_each)) - 1
    return max(ifmap_pieces(cut, band, job.shape.c), n_filter)


def _tile(job: LayerJob, step: _Step, operands: Operands) -> StepTile:
    shape, band = job.shape, step.band
    first_c, first_k = step.group * shape.c, step.group * shape.k + step.first_k
    ifmap = operands.ifmap.reshape(shape.n, shape.groups * shape.c, shape.h, shape.w)
    images, rows = slice(band.first_n, band.first_n + band.n), slice(band.first_row, band.first_row + band.rows)
    filters = operands.filters.reshape(shape.groups * shape.k, shape.c, shape.r, shape.s)
    return StepTile(
        arch=job.arch,
        bits=word_bits(job.layer, job.arch),
        shape=shape,
        band=band,
        ifmap=ifmap[images, first_c : first_c + shape.c, rows].astype(np.int64),
        filters=filters[first_k : first_k + step.k],
    )


def _sums(tile: StepTile, output: tuple[int, int, int, int]) -> I64:
    """Return numpy's sum of an output after each tap of its filter: channels, then rows, then columns."""
    sums: I64 = np.cumsum(tile.windows()[tile.window_index(output)] * tile.filters[output[1]].ravel())
    return sums

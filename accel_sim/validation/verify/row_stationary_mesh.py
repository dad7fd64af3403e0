"""Verifies the row-stationary mesh: the mapping's passes through the stepped buses, register files and psum chains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import ArchError, Fault
from accel_sim.kernels.row_stationary import layer_cycles
from accel_sim.kernels.stepped import row_stationary_parts as parts
from accel_sim.kernels.stepped.row_stationary import SteppedRun, step_row_stationary
from accel_sim.lowering.macs import STEP_MACS
from accel_sim.mapping.row_stationary_arch import array_timing
from accel_sim.mapping.row_stationary_letters import RowStationaryMapping
from accel_sim.mapping.row_stationary_passes import PassTable, enumerate_passes
from accel_sim.program import ActionKey
from accel_sim.validation.verify.convolution import convolve
from accel_sim.validation.verify.operands import Operands
from accel_sim.validation.verify.twin import LayerJob, Stepped, Tallies, Tally, WrongSum, span

I64 = NDArray[np.int64]
RF, NOC = "rf", "noc"
COMMANDS = 2
"""Of the array, for a pass: it fills the filter RFs, and runs."""


class RowStationaryTwin:
    """`accel_sim.kernels.stepped.row_stationary`; see :class:`accel_sim.validation.verify.twin.Twin`."""

    part = "pass"

    def step(self, job: LayerJob) -> Stepped:
        """Run all passes."""
        _refuse(job)
        run, ofmap = _run(job, job.operands)
        return Stepped(
            outputs=ofmap,
            cycles=run.cycles,
            n_macs=int(run.counts[parts.MACS]),
            tallies=_tallies(job, run.counts),
            commands=COMMANDS * np.arange(1, _table(job).count + 1),
            detail=None,
        )

    def upto(self, job: LayerJob, run: Stepped, n_parts: int) -> tuple[int, Tallies]:
        """Run the first passes alone: later ones disturb none before them, they only use what is left of the buses.

        Run alone they drain, which a pass that others follow does under the next one.
        """
        first, _ = _run(job, job.operands, n_parts)
        if n_parts == run.n_parts:
            return run.cycles, run.tallies
        kinds, sequence = _table(job).kinds()
        window = _letters(job).window(job.shape)
        _, drain_cycles = layer_cycles(array_timing(job.arch), window, kinds, sequence[:n_parts])
        return first.cycles - int(drain_cycles), _tallies(job, first.counts)

    def first_wrong(
        self, job: LayerJob, run: Stepped, output: tuple[int, int, int, int], reference: Operands
    ) -> WrongSum:
        """Find the pass by running fewer of them, and its PE by feeding the filter's rows and channel sets one by one.

        The clock is that of the pass's end.
        """
        table = _table(job)
        image, channel, row, _ = output
        group, in_group = divmod(channel, job.shape.k)
        mine = np.flatnonzero(
            (table.group == group)
            & (table.first_image <= image)
            & (image < table.first_image + table.images)
            & (table.first_row <= row)
            & (row < table.first_row + table.rows)
            & (table.first_filter <= in_group)
            & (in_group < table.first_filter + table.filters)
        )

        def sums_after(n_passes: int) -> tuple[int, int]:
            last = int(mine[n_passes - 1])
            _, found = _run(job, job.operands, last + 1)
            channels = (0, int(table.first_channel[last] + table.channels[last]))
            return int(found[output]), _partial_sum(job, reference, output, channels, (0, job.shape.r))

        right, wrong = 0, mine.size
        while wrong - right > 1:
            middle = (right + wrong) // 2
            found, expected = sums_after(middle)
            right, wrong = (middle, wrong) if found == expected else (right, middle)
        at = int(mine[wrong - 1])
        found, expected = sums_after(wrong)
        clock, _ = self.upto(job, run, at + 1)
        return WrongSum(at, clock, _pe(job, table, at, output, reference), found, expected)

    def describe(self, job: LayerJob, part: int) -> str:
        """Return what the pass works on."""
        table = _table(job)
        blocks = (
            ("image", table.first_image, table.images),
            ("row", table.first_row, table.rows),
            ("filter", table.first_filter, table.filters),
            ("channel", table.first_channel, table.channels),
        )
        texts = [span(name, int(first[part]), int(size[part])) for name, first, size in blocks]
        return ", ".join([f"group {table.group[part]}", *texts])


def _refuse(job: LayerJob) -> None:
    """Raise for settings that the stepped array does not have."""
    timing = array_timing(job.arch)
    needs = {
        "noc.filter_words_per_cycle": timing.filter_bus_words,
        "noc.ifmap_words_per_cycle": timing.ifmap_bus_words,
        "noc.psum_read_words_per_cycle": timing.psum_read_words,
        "noc.psum_write_words_per_cycle": timing.psum_write_words,
        "array.pipeline_stages": timing.pipeline_stages,
        "array.psum_add_cycles": timing.psum_add_cycles,
    }
    faults = [
        Fault(key=key, message="found 0; the stepped array has no such thing that takes no time")
        for key, value in needs.items()
        if value < 1
    ]
    if job.arch.mac.sparsity == "gate_both":
        message = "found 'gate_both'; the stepped array gates on ifmap zeros only: allowed: none, gate_ifmap"
        faults.append(Fault(key="mac.sparsity", message=message))
    if faults:
        raise ArchError(faults)


def _letters(job: LayerJob) -> RowStationaryMapping:
    assert isinstance(job.mapping.plan, RowStationaryMapping)
    return job.mapping.plan


def _table(job: LayerJob) -> PassTable:
    return enumerate_passes(job.shape, _letters(job))


def _run(job: LayerJob, operands: Operands, n_passes: int | None = None) -> tuple[SteppedRun, I64]:
    """Run the first passes, or all; return the run and the psums in the GLB after it, int64 (N, K, P, Q)."""
    shape = job.shape
    padded = np.zeros((shape.n, shape.groups * shape.c, shape.padded_h, shape.padded_w), dtype=np.int64)
    padded[:, :, shape.pad_h : shape.pad_h + shape.h, shape.pad_w : shape.pad_w + shape.w] = operands.ifmap
    psums = np.zeros(shape.ofmap_shape, dtype=np.int64)
    passes = _table(job).stepped(shape)[:n_passes]
    filters = operands.filters.astype(np.int64)
    run = step_row_stationary(array_timing(job.arch), _letters(job).window(shape), passes, padded, filters, psums)
    return run, psums


def _tallies(job: LayerJob, counts: I64) -> dict[ActionKey, Tally]:
    """Return the stepped array's counts, int64 [13], as tallies.

    Its PEs count what they would do without gating: a gated MAC reads no weight, and neither reads nor writes a psum.
    """
    glb, filter_buffer = job.arch.buffer_for("ifmap").name, job.arch.buffer_for("filter").name
    gated = int(counts[parts.GATED_MACS]) if job.arch.mac.sparsity == "gate_ifmap" else 0
    psums_read, psums_written = int(counts[parts.GLB_PSUM_READS]), int(counts[parts.GLB_PSUM_WRITES])
    ifmap_arrivals, filter_arrivals = int(counts[parts.RF_IFMAP_WRITES]), int(counts[parts.RF_FILTER_WRITES])

    def moved(words: int, delivered: int | None = None) -> Tally:
        return Tally(words, words if delivered is None else delivered)

    return {
        ActionKey(glb, "ifmap", "read", RF): moved(int(counts[parts.GLB_IFMAP_READS]), ifmap_arrivals),
        ActionKey(filter_buffer, "filter", "read", RF): moved(int(counts[parts.GLB_FILTER_READS]), filter_arrivals),
        ActionKey(RF, "ifmap", "write", glb): moved(ifmap_arrivals),
        ActionKey(RF, "filter", "write", filter_buffer): moved(filter_arrivals),
        ActionKey(glb, "psum", "read", "array"): moved(psums_read),
        ActionKey(glb, "psum", "write", "array"): moved(psums_written),
        ActionKey(NOC, "ifmap", "hop"): moved(ifmap_arrivals),
        ActionKey(NOC, "filter", "hop"): moved(filter_arrivals),
        ActionKey(NOC, "psum", "hop"): moved(int(counts[parts.LINK_PSUMS]) + psums_read + psums_written),
        ActionKey(RF, "ifmap", "read"): moved(int(counts[parts.RF_IFMAP_READS])),
        ActionKey(RF, "filter", "read"): moved(int(counts[parts.RF_FILTER_READS]) - gated),
        ActionKey(RF, "psum", "read"): moved(int(counts[parts.RF_PSUM_READS]) - gated),
        ActionKey(RF, "psum", "write"): moved(int(counts[parts.RF_PSUM_WRITES]) - gated),
        STEP_MACS: moved(int(counts[parts.MACS])),
        ActionKey("mac", "", "done"): moved(int(counts[parts.MACS]) - gated),
        ActionKey("mac", "", "gated"): moved(gated),
    }


def _pe(job: LayerJob, table: PassTable, at: int, output: tuple[int, int, int, int], reference: Operands) -> str:
    """Return the first PE of the chain whose own psum is wrong in a pass, from the bottom of the chain."""
    _, channel, row, _ = output
    filter_set = (channel % job.shape.k - int(table.first_filter[at])) // int(table.p[at])
    ofmap_row = row - int(table.first_row[at])
    chain = f"ofmap row {ofmap_row} of filter set {filter_set}"
    first, channels = int(table.first_channel[at]), int(table.channels[at])
    for channel_set in range(int(table.r[at])):
        start = first + channel_set * int(table.q[at])
        stop = min(start + int(table.q[at]), first + channels)
        for filter_row in range(job.shape.r):
            rows = (filter_row, filter_row + 1)
            alone = Operands(ifmap=job.operands.ifmap, filters=_only(job.operands.filters, (start, stop), rows))
            _, found = _run(job, alone, at + 1)
            if int(found[output]) != _partial_sum(job, reference, output, (start, stop), rows):
                return f"PE of filter row {filter_row}, channel set {channel_set}, {chain}"
    return f"psum chain of {chain}"


def _only(filters: NDArray[np.int32], channels: tuple[int, int], rows: tuple[int, int]) -> NDArray[np.int32]:
    """Return filters with all weights zero but those of some channels and rows."""
    kept = np.zeros_like(filters)
    part = np.s_[:, slice(*channels), slice(*rows)]
    kept[part] = filters[part]
    return kept


def _partial_sum(
    job: LayerJob,
    reference: Operands,
    output: tuple[int, int, int, int],
    channels: tuple[int, int],
    rows: tuple[int, int],
) -> int:
    """Return numpy's sum of an output over some channels and filter rows."""
    return int(convolve(job.layer, reference.ifmap, _only(reference.filters, channels, rows))[output])

"""Verifies systolic arrays: the mapping's gemms, one behind another, through every PE register."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from accel_sim.kernels.im2col import ofmap_tensor
from accel_sim.kernels.stepped.systolic import step_gemm
from accel_sim.kernels.stepped.systolic_run import SteppedRun
from accel_sim.kernels.systolic_array import OUTPUT_STATIONARY, PSUM_ACCUMULATED, PSUM_READ_BACK
from accel_sim.lowering.macs import STEP_MACS
from accel_sim.mapping.systolic_plan import SystolicPlan, step_table
from accel_sim.program import ActionKey
from accel_sim.validation.verify.convolution import convolve
from accel_sim.validation.verify.operands import Operands
from accel_sim.validation.verify.systolic_gemms import (
    Gemms,
    cut_gemms,
    folds_of,
    gemm_operands,
    join_words,
    ranges_of,
    terms_of,
    visits_of,
    word_shift,
)
from accel_sim.validation.verify.twin import LayerJob, Stepped, Tallies, Tally, WrongSum, span

I64 = NDArray[np.int64]
RF, NOC, PEER = "rf", "noc", "array"


class SystolicTwin:
    """`accel_sim.kernels.stepped.systolic`; see :class:`accel_sim.validation.verify.twin.Twin`.

    A part is a step of the program: consecutive folds for which the memory does nothing new.
    """

    part = "step"

    def step(self, job: LayerJob) -> Stepped:
        """Run all gemms without watching a PE."""
        gemms = cut_gemms(job.shape, _plan(job))
        run, _ = step_gemm(*gemm_operands(job.operands, gemms), _plan(job).array, parts=gemms.parts)
        sums = join_words(run.outputs, gemms.bits)
        ofmap = np.empty_like(sums)
        ofmap[:, gemms.order] = sums
        steps = step_table(job.shape, _plan(job)).steps
        per_step = 2 if _plan(job).array.double_buffered else 1
        return Stepped(
            outputs=ofmap_tensor(ofmap, gemms.conv)[:, :, : job.shape.p, : job.shape.q],
            cycles=run.cycles,
            n_macs=_macs(job, gemms, run) // (gemms.bits.ifmap_words * gemms.bits.filter_words),
            tallies=_tallies(job, gemms, run),
            commands=per_step * (np.flatnonzero(steps.folds) + 1),
            detail=run,
        )

    def upto(self, job: LayerJob, run: Stepped, n_parts: int) -> tuple[int, Tallies]:
        """Run the folds of the first parts alone: no fold disturbs one before it."""
        gemms, folds = cut_gemms(job.shape, _plan(job)), _folds_upto(job)[n_parts - 1]
        if n_parts == run.n_parts:
            return run.cycles, run.tallies
        array = _plan(job).array
        first, _ = step_gemm(*gemm_operands(job.operands, gemms), array, parts=gemms.parts, n_folds=int(folds))
        after = gemms.fold(int(folds))
        # With one register for the operand that stays, the next command begins with its load.
        load_cycles = 0 if array.double_buffered or array.dataflow == OUTPUT_STATIONARY else after.rows
        return int(run.detail.fold_starts[folds]) - load_cycles, _tallies(job, gemms, first, int(folds))

    def first_wrong(
        self, job: LayerJob, run: Stepped, output: tuple[int, int, int, int], reference: Operands
    ) -> WrongSum:
        """Watch the PEs that the output's sum passes, fold after fold."""
        gemms, array = cut_gemms(job.shape, _plan(job)), _plan(job).array
        image, channel, row, column = output
        group, filter_index = divmod(channel, job.shape.k)
        pixel = (image * gemms.conv.p + row) * gemms.conv.q + column
        place = int(np.flatnonzero(gemms.order == pixel)[0])
        right, operands = gemm_operands(reference, gemms), gemm_operands(job.operands, gemms)
        starts, ends = run.detail.fold_starts, run.detail.fold_ends
        fold, expected = -1, 0
        for words in product(range(gemms.bits.ifmap_words), range(gemms.bits.filter_words)):
            vector = place * gemms.bits.ifmap_words + words[0]
            column = filter_index * gemms.bits.filter_words + words[1]
            terms = terms_of(right, group, vector, column)
            expected += int(terms.sum()) << word_shift(gemms.bits, *words)
            for fold in folds_of(gemms, array, group, vector, column):
                cut, first_cycle = gemms.fold(fold), int(starts[fold])
                visits = list(visits_of(cut, array, vector, column, terms))
                pes = np.unique([visit.row * array.cols + visit.col for visit in visits])
                n_cycles = int(ends[fold]) - first_cycle
                _, samples = step_gemm(*operands, array, pes, first_cycle, n_cycles, parts=gemms.parts)
                for visit in visits:
                    found = int(samples[visit.offset, np.searchsorted(pes, visit.row * array.cols + visit.col)])
                    if found != visit.expected:
                        clock, pe = first_cycle + visit.offset, f"PE ({visit.row}, {visit.col})"
                        return WrongSum(_part_of(job, fold), clock, pe, found, visit.expected)
        found = int(run.outputs[output])
        return WrongSum(_part_of(job, fold), int(ends[fold]) - 1, "on the way out", found, expected)

    def describe(self, job: LayerJob, part: int) -> str:
        """Return the folds of a step, and what they work on."""
        gemms, ends = cut_gemms(job.shape, _plan(job)), _folds_upto(job)
        first, last = int(ends[part - 1]) if part else 0, int(ends[part]) - 1
        parts = [ranges_of(gemms.fold(index), _plan(job).array) for index in (first, last)]
        spans = [
            span(name, low, high - low)
            for name, (low, _), (_, high) in zip(("pixel", "filter", "window element"), *parts, strict=True)
        ]
        return ", ".join([span("fold", first, last - first + 1), f"group {gemms.fold(first).group}", *spans])


def _plan(job: LayerJob) -> SystolicPlan:
    assert isinstance(job.mapping.plan, SystolicPlan)
    return job.mapping.plan


def _folds_upto(job: LayerJob) -> I64:
    """Folds that have ended at the end of each part, int64 [parts]."""
    folds = step_table(job.shape, _plan(job)).steps.folds
    return np.cumsum(folds[folds > 0])


def _part_of(job: LayerJob, fold: int) -> int:
    return int(np.searchsorted(_folds_upto(job), fold, side="right"))


def _macs(job: LayerJob, gemms: Gemms, run: SteppedRun, n_folds: int | None = None) -> int:
    """MACs that the array did in its first folds for pixels of the layer: windows that hang over its edge have none."""
    hanging = 0
    if not gemms.is_real.all():
        for index in range(gemms.cuts.shape[0] if n_folds is None else n_folds):
            pixels, filters, window = ranges_of(gemms.fold(index), _plan(job).array)
            outside = int(np.count_nonzero(~gemms.is_real[slice(*pixels)]))
            hanging += outside * (filters[1] - filters[0]) * (window[1] - window[0])
    return int(run.moves.macs - hanging)


def _gated(job: LayerJob) -> int:
    """MACs of the layer that a zero operand gates, by numpy."""
    ifmap, filters = (values != 0 for values in (job.operands.ifmap, job.operands.filters))
    if job.arch.mac.sparsity == "none":
        return 0
    if job.arch.mac.sparsity == "gate_ifmap":
        filters = np.ones_like(filters)
    effectual = convolve(job.layer, ifmap.astype(np.int32), filters.astype(np.int32))
    return job.layer.n_macs - int(effectual.sum())


def _tallies(job: LayerJob, gemms: Gemms, run: SteppedRun, n_folds: int | None = None) -> dict[ActionKey, Tally]:
    """Return the stepped array's counts as tallies."""
    array, words, moves = _plan(job).array, run.accesses, run.moves
    ifmaps, filters, psums, ofmaps = (
        job.arch.buffer_for(tensor).name for tensor in ("ifmap", "filter", "psum", "ofmap")
    )
    # Where values take several words, each word of one meets each of the other.
    times = gemms.bits.ifmap_words * gemms.bits.filter_words
    word_macs = _macs(job, gemms, run, n_folds)
    macs = word_macs // times
    gated = _gated(job) if n_folds is None else 0

    def moved(count: int, delivered: int | None = None) -> Tally:
        return Tally(int(count), int(count if delivered is None else delivered))

    tallies = {
        STEP_MACS: moved(macs),
        ActionKey(ifmaps, "ifmap", "read", RF): moved(words.ifmap_reads, moves.ifmap_taken),
        ActionKey(RF, "ifmap", "write", ifmaps): moved(moves.ifmap_taken),
        ActionKey(NOC, "ifmap", "hop"): moved(moves.ifmap_taken),
        ActionKey(filters, "filter", "read", RF): moved(words.filter_reads, moves.filter_taken),
        ActionKey(RF, "filter", "write", filters): moved(moves.filter_taken),
        ActionKey(NOC, "filter", "hop"): moved(moves.filter_taken),
        ActionKey(NOC, "psum", "hop"): moved(moves.psum_hops if array.dataflow == OUTPUT_STATIONARY else word_macs),
        ActionKey(RF, "ifmap", "read"): moved(word_macs),
        ActionKey(RF, "filter", "read"): moved(word_macs - times * gated),
        ActionKey(RF, "psum", "read"): moved(word_macs - times * gated),
        ActionKey(RF, "psum", "write"): moved(word_macs - times * gated),
        ActionKey("mac", "", "done"): moved(macs - gated),
        ActionKey("mac", "", "gated"): moved(gated),
    }
    if times > 1:
        tallies[ActionKey("mac", "", "again")] = moved(word_macs - macs)
    if array.dataflow == OUTPUT_STATIONARY:
        tallies[ActionKey(ofmaps, "ofmap", "write", PEER)] = moved(words.ofmap_writes)
    elif array.psum_path == PSUM_ACCUMULATED:
        tallies[ActionKey(psums, "psum", "write", PEER)] = moved(words.accumulator_writes)
        # Final sums are read by the unit that moves them on, not by the array.
        tallies[ActionKey(psums, "psum", "read", PEER)] = moved(words.accumulator_reads - words.ofmap_writes)
    elif array.psum_path == PSUM_READ_BACK:
        tallies[ActionKey(psums, "psum", "write", PEER)] = moved(words.psum_writes + words.ofmap_writes)
        tallies[ActionKey(psums, "psum", "read", PEER)] = moved(words.psum_reads)
    else:
        tallies[ActionKey(ofmaps, "ofmap", "write", PEER)] = moved(words.psum_writes + words.ofmap_writes)
    return tallies

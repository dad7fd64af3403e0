"""Verifies the adder-tree array: the mapping's tiles through the stepped multipliers, trees and sum registers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import AdderTree
from accel_sim.kernels.im2col import ConvShape
from accel_sim.kernels.stepped import adder_tree_types as stepped
from accel_sim.kernels.stepped.adder_tree import digit_extents, step_adder_tree
from accel_sim.lowering.macs import STEP_MACS
from accel_sim.mapping.loop_nest import NestPlan
from accel_sim.program import ActionKey
from accel_sim.units import ceil_div
from accel_sim.validation.verify.operands import Operands
from accel_sim.validation.verify.twin import LayerJob, Stepped, Tallies, Tally, WrongSum, span
from accel_sim.workload import MacShape

I64 = NDArray[np.int64]
PEER = "array"
LOGGED = (stepped.LOG_TAP_ROW, stepped.LOG_TAP_COLUMN, stepped.LOG_CHANNEL, stepped.LOG_CHANNELS)
DIGITS = {"b": (stepped.IMAGE, stepped.ROW, stepped.COLUMN), "k": (stepped.FILTER,), "c": (stepped.CHANNEL,)}


class AdderTreeTwin:
    """`accel_sim.kernels.stepped.adder_tree`; see :class:`accel_sim.validation.verify.twin.Twin`."""

    part = "tile"

    def step(self, job: LayerJob) -> Stepped:
        """Run the layer without watching an output."""
        run = _run(job)
        return Stepped(
            outputs=run.psums.transpose(0, 3, 1, 2),
            cycles=run.cycles,
            n_macs=int(run.counts[:, stepped.MACS].sum()),
            tallies=_tallies(job, run.counts),
            commands=np.arange(1, run.tile_ends.size + 1),
            detail=run,
        )

    def upto(self, job: LayerJob, run: Stepped, n_parts: int) -> tuple[int, Tallies]:
        """Return the books of the first tiles."""
        return int(run.detail.tile_ends[n_parts - 1]), _tallies(job, run.detail.counts[:n_parts])

    def first_wrong(
        self, job: LayerJob, run: Stepped, output: tuple[int, int, int, int], reference: Operands
    ) -> WrongSum:
        """Run again, watch the output, and follow its sum operation by operation."""
        shape = job.shape
        room = shape.r * shape.s * shape.c
        probe = stepped.Probe(
            place=np.array(output, dtype=np.int64),
            log=np.zeros((room, stepped.N_LOG), dtype=np.int64),
            products=np.zeros((room, _array(job).inputs), dtype=np.int64),
            n=np.zeros(1, dtype=np.int64),
        )
        _run(job, probe)
        right = total = 0
        log = probe.log[: probe.n[0]]
        for row, products in zip(log, probe.products, strict=False):
            weights, values = _right_operands(shape, reference, output, row)
            expected = weights * values
            right += int(expected.sum())
            total = int(row[stepped.LOG_SUM])
            if total != right:
                lanes = np.flatnonzero(products[: expected.size] != expected)
                pe = f"tree {row[stepped.LOG_TREE]}" + (f", multiplier {lanes[0]}" if lanes.size else "")
                return WrongSum(int(row[stepped.LOG_TILE]), int(row[stepped.LOG_CLOCK]), pe, total, right)
        last, value = log[-1], int(run.outputs[output])
        pe = f"tree {last[stepped.LOG_TREE]}, on the way out"
        return WrongSum(int(last[stepped.LOG_TILE]), int(last[stepped.LOG_CLOCK]), pe, value, right)

    def describe(self, job: LayerJob, part: int) -> str:
        """Return the tile's blocks."""
        conv, nest = _conv(job.shape), _nest(job)
        extents = digit_extents(conv, nest)
        digits = np.zeros(stepped.N_DIGITS, dtype=np.int64)
        digits[nest.order] = np.unravel_index(part, extents[nest.order])
        sizes = (nest.images, nest.rows, nest.cols, nest.filters, nest.channels)
        totals = (conv.n, conv.p, conv.q, conv.k, conv.c)
        names = ("image", "row", "column", "filter", "channel")
        blocks = [
            span(name, int(digit) * size, min(size, total - int(digit) * size))
            for name, digit, size, total in zip(names, digits[1:], sizes, totals, strict=True)
        ]
        return ", ".join([f"group {digits[stepped.GROUP]}", *blocks])


def _run(job: LayerJob, probe: stepped.Probe | None = None) -> stepped.SteppedRun:
    ifmap = np.ascontiguousarray(job.operands.ifmap.transpose(0, 2, 3, 1))
    filters = np.ascontiguousarray(job.operands.filters.transpose(2, 3, 0, 1))
    return step_adder_tree(_array(job), _conv(job.shape), _nest(job), ifmap, filters, probe)


def _array(job: LayerJob) -> stepped.AdderTrees:
    array = job.arch.array
    assert isinstance(array, AdderTree)
    return stepped.AdderTrees(trees=array.tn, inputs=array.ti, stages=array.pipeline_stages)


def _conv(shape: MacShape) -> ConvShape:
    return ConvShape(**{name: getattr(shape, name) for name in ConvShape._fields})


def _nest(job: LayerJob) -> stepped.TileNest:
    assert isinstance(job.mapping.plan, NestPlan)
    sizes = job.mapping.plan.sizes
    order = [stepped.GROUP, *(digit for letter in sizes.order for digit in DIGITS[letter])]
    return stepped.TileNest(sizes.tn, sizes.tp, sizes.tq, sizes.tk, sizes.tc, np.array(order, dtype=np.int64))


def _tallies(job: LayerJob, counts: I64) -> dict[ActionKey, Tally]:
    """Return the counts, int64 (tiles, `N_COUNTS`), as tallies; bytes are those of whole rows."""
    trees, inputs, _ = _array(job)
    assert isinstance(job.mapping.plan, NestPlan)
    bits = job.mapping.plan.bits
    sums = [int(column) for column in counts.sum(axis=0)]
    nbin, sb, nbout = (job.arch.buffer_for(tensor).name for tensor in ("ifmap", "filter", "psum"))

    def row_bytes(words: int, word_bits: int) -> int:
        return ceil_div(words * word_bits, 8)

    ifmap_arrivals, sb_words = sums[stepped.IFMAP_ARRIVALS], sums[stepped.SB_WORDS_READ]
    nbout_read, nbout_written = sums[stepped.NBOUT_WORDS_READ], sums[stepped.NBOUT_WORDS_WRITTEN]
    psum_row = row_bytes(trees, bits.psum)
    macs = sums[stepped.MACS]
    gated = {
        "none": 0,
        "gate_ifmap": sums[stepped.IFMAP_ZERO_MACS],
        "gate_both": macs - sums[stepped.EFFECTUAL_MACS],
    }[job.arch.mac.sparsity]
    return {
        ActionKey(nbin, "ifmap", "read", PEER): Tally(
            sums[stepped.NBIN_WORDS_READ], ifmap_arrivals, sums[stepped.NBIN_ROWS_READ] * row_bytes(inputs, bits.ifmap)
        ),
        ActionKey(PEER, "ifmap", "write", nbin): Tally(ifmap_arrivals, ifmap_arrivals, 0),
        ActionKey(sb, "filter", "read", PEER): Tally(
            sb_words, sb_words, sums[stepped.SB_ROWS_READ] * row_bytes(trees * inputs, bits.filter)
        ),
        ActionKey(PEER, "filter", "write", sb): Tally(sb_words, sb_words, 0),
        ActionKey(nbout, "psum", "read", PEER): Tally(nbout_read, nbout_read, sums[stepped.NBOUT_ROWS_READ] * psum_row),
        ActionKey(nbout, "psum", "write", PEER): Tally(
            nbout_written, nbout_written, sums[stepped.NBOUT_ROWS_WRITTEN] * psum_row
        ),
        STEP_MACS: Tally(macs, macs, 0),
        ActionKey("mac", "", "done"): Tally(macs - gated, macs - gated, 0),
        ActionKey("mac", "", "gated"): Tally(gated, gated, 0),
    }


def _right_operands(
    shape: MacShape, reference: Operands, output: tuple[int, int, int, int], row: I64
) -> tuple[I64, I64]:
    """Return the weights and ifmap values that an operation of a probe's log should have met, int64 [channels]."""
    image, filter_index, p, q = output
    r, s, first, size = (int(row[at]) for at in LOGGED)
    y = p * shape.stride_h + r * shape.dilation_h - shape.pad_h
    x = q * shape.stride_w + s * shape.dilation_w - shape.pad_w
    in_group = first - filter_index // shape.k * shape.c
    weights = reference.filters[filter_index, in_group : in_group + size, r, s].astype(np.int64)
    if not (0 <= y < shape.h and 0 <= x < shape.w):
        return weights, np.zeros_like(weights)
    return weights, reference.ifmap[image, first : first + size, y, x].astype(np.int64)

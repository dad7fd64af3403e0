"""Verifies the pixel mesh: a layer's images and tiles of filters through the PEs and the FIFOs between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import PixelMesh
from accel_sim.kernels.im2col import ConvShape
from accel_sim.kernels.stepped import pixel_mesh_types as stepped
from accel_sim.kernels.stepped.pixel_mesh import step_pixel_mesh
from accel_sim.lowering.macs import STEP_MACS
from accel_sim.mapping.pixel_stationary import PixelPlan
from accel_sim.program import ActionKey
from accel_sim.units import ceil_div
from accel_sim.validation.verify.operands import Operands
from accel_sim.validation.verify.twin import LayerJob, Stepped, Tallies, Tally, WrongSum, span

I64 = NDArray[np.int64]
RF, NOC, PEER = "rf", "noc", "array"
NOWHERE = (-1, -1, -1, -1)


class PixelMeshTwin:
    """`accel_sim.kernels.stepped.pixel_mesh`; see :class:`accel_sim.validation.verify.twin.Twin`.

    A part is a command: a tile of filters over one image.
    """

    part = "tile"

    def step(self, job: LayerJob) -> Stepped:
        """Run the layer without watching an output."""
        run = _run(job)
        books = run.books
        return Stepped(
            outputs=books.outputs,
            cycles=run.cycles,
            n_macs=int(books.counts[:, stepped.MACS].sum()),
            tallies=_tallies(job, books.counts),
            commands=np.arange(1, books.ends.size + 1),
            detail=books,
        )

    def upto(self, job: LayerJob, run: Stepped, n_parts: int) -> tuple[int, Tallies]:
        """Return the books of the first tiles; the last one ends when its sums are written."""
        clock = run.cycles if n_parts == run.n_parts else int(run.detail.ends[n_parts - 1])
        return clock, _tallies(job, run.detail.counts[:n_parts])

    def first_wrong(
        self, job: LayerJob, run: Stepped, output: tuple[int, int, int, int], reference: Operands
    ) -> WrongSum:
        """Run again, watch the output, and follow its sum tap by tap."""
        books = _run(job, output).books
        log = books.log[: books.n_logged[0]]
        right = np.cumsum(_terms(job, reference, output))
        wrong = np.flatnonzero(log[:, stepped.LOG_SUM] != right[: len(log)])
        if wrong.size:
            row = log[wrong[0]]
            pe = f"PE ({row[stepped.LOG_ROW]}, {row[stepped.LOG_COL]})"
            clock, total = int(row[stepped.LOG_CLOCK]), int(row[stepped.LOG_SUM])
            return WrongSum(int(row[stepped.LOG_COMMAND]), clock, pe, total, int(right[wrong[0]]))
        last = log[-1]
        value = int(run.outputs[output])
        clock = int(last[stepped.LOG_CLOCK])
        return WrongSum(int(last[stepped.LOG_COMMAND]), clock, "on the way out", value, int(right[-1]))

    def describe(self, job: LayerJob, part: int) -> str:
        """Return the tile's image and filters."""
        shape, plan = job.shape, _plan(job)
        tiles = ceil_div(shape.k, plan.tk)
        group, rest = divmod(part, shape.n * tiles)
        image, tile = divmod(rest, tiles)
        filters = span("filter", tile * plan.tk, min(plan.tk, shape.k - tile * plan.tk))
        return f"group {group}, image {image}, {filters}"


def _run(job: LayerJob, watched: tuple[int, int, int, int] = NOWHERE) -> stepped.PixelRun:
    mesh = job.arch.array
    assert isinstance(mesh, PixelMesh)
    pes = stepped.PixelPes(mesh.rows, mesh.cols, mesh.fifo_words, mesh.pipeline_stages)
    conv = ConvShape(**{name: getattr(job.shape, name) for name in ConvShape._fields})
    return step_pixel_mesh(pes, conv, _plan(job).tk, job.operands.ifmap, job.operands.filters, watched)


def _plan(job: LayerJob) -> PixelPlan:
    assert isinstance(job.mapping.plan, PixelPlan)
    return job.mapping.plan


def _terms(job: LayerJob, reference: Operands, output: tuple[int, int, int, int]) -> I64:
    """Products of one output in the order channels, filter rows, filter columns, int64 [window]."""
    shape = job.shape
    image, filter_index, p, q = output
    first = filter_index // shape.k * shape.c
    window = np.zeros((shape.c, shape.r, shape.s), dtype=np.int64)
    for r in range(shape.r):
        for s in range(shape.s):
            y = p * shape.stride_h + r * shape.dilation_h - shape.pad_h
            x = q * shape.stride_w + s * shape.dilation_w - shape.pad_w
            if 0 <= y < shape.h and 0 <= x < shape.w:
                window[:, r, s] = reference.ifmap[image, first : first + shape.c, y, x]
    products: I64 = window * reference.filters[filter_index].astype(np.int64)
    return products.ravel()


def _tallies(job: LayerJob, counts: I64) -> dict[ActionKey, Tally]:
    """Return the counts, int64 (commands, `N_COUNTS`), as tallies."""
    sums = [int(column) for column in counts.sum(axis=0)]
    ifmaps, filters, ofmaps = (job.arch.buffer_for(tensor).name for tensor in ("ifmap", "filter", "ofmap"))
    macs = sums[stepped.MACS]
    gated = {
        "none": 0,
        "gate_ifmap": sums[stepped.IFMAP_ZERO_MACS],
        "gate_both": macs - sums[stepped.EFFECTUAL_MACS],
    }[job.arch.mac.sparsity]
    done = macs - gated

    def moved(count: int, delivered: int | None = None) -> Tally:
        return Tally(count, count if delivered is None else delivered)

    tallies = {
        STEP_MACS: moved(macs),
        ActionKey(ifmaps, "ifmap", "read", RF): moved(sums[stepped.IFMAP_LOADS], sums[stepped.IFMAP_ARRIVALS]),
        ActionKey(RF, "ifmap", "write", ifmaps): moved(sums[stepped.IFMAP_ARRIVALS]),
        ActionKey(RF, "ifmap", "write"): moved(sums[stepped.IFMAP_PASSED]),
        ActionKey(NOC, "ifmap", "hop"): moved(sums[stepped.IFMAP_PASSED]),
        ActionKey(filters, "filter", "read", PEER): moved(sums[stepped.FILTER_READS], sums[stepped.FILTER_ARRIVALS]),
        ActionKey(PEER, "filter", "write", filters): moved(sums[stepped.FILTER_ARRIVALS]),
        ActionKey(ofmaps, "ofmap", "write", PEER): moved(sums[stepped.OFMAP_WRITES]),
        ActionKey("mac", "", "done"): moved(done),
        ActionKey("mac", "", "gated"): moved(gated),
        ActionKey(RF, "ifmap", "read"): moved(macs),
        ActionKey(RF, "psum", "read"): moved(done),
        ActionKey(RF, "psum", "write"): moved(done),
    }
    return {key: tally for key, tally in tallies.items() if tally.words}

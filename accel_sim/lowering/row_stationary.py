"""Lowers row stationary: passes as array commands, and what each pass reads, writes and moves between PEs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Buffer
from accel_sim.kernels.row_stationary import layer_cycles
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.loop_nest import Step, StepCost, StepTimes, lower_nest
from accel_sim.lowering.macs import STEP_MACS, mac_actions
from accel_sim.lowering.steps import Geometry, Steps, Visits
from accel_sim.mapping.base import Mapping, WordBits, word_bits
from accel_sim.mapping.row_stationary_arch import array_timing
from accel_sim.mapping.row_stationary_letters import RowStationaryMapping
from accel_sim.mapping.row_stationary_passes import PassTable, enumerate_passes
from accel_sim.mapping.spans import Span, axes_of
from accel_sim.program import Action, ActionKey, LayerProgram
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, MacShape

I64 = NDArray[np.int64]
RF, NOC = "rf", "noc"


def lower_row_stationary(context: LoweringContext, layer: Layer, mapping: Mapping) -> LayerProgram:
    """Return the program of ``layer`` on a row-stationary mesh.

    A pass is two commands of the array: it fills the filter RFs, after which the filter buffer is free for the next
    pass's filters, and then runs. An ifmap tile stays in the GLB for all filters of its ``m``; psums stay there for
    all channels.
    """
    shape, letters = layer.shape, mapping.plan
    assert isinstance(shape, MacShape)
    assert isinstance(letters, RowStationaryMapping)
    table = enumerate_passes(shape, letters)
    kinds, sequence = table.kinds()
    cycles, drain_cycles = layer_cycles(array_timing(context.arch), letters.window(shape), kinds, sequence)
    own, wait_filter = cycles[:, 0], cycles[:, 3]
    first_column = wait_filter + table.p * table.q * shape.s
    fill = np.where(table.loads_filters == 1, np.minimum(own, first_column), 0)
    bits = word_bits(layer, context.arch)
    return lower_nest(
        context,
        layer,
        pass_geometry(shape, letters, table, bits),
        _PassCost(context, shape, letters, bits),
        drain_cycles,
        [*mac_actions(context, layer), *_rf_actions(context, layer)],
        StepTimes(fill_cycles=fill, work_cycles=own - fill),
    )


def pass_geometry(shape: MacShape, letters: RowStationaryMapping, table: PassTable, bits: WordBits) -> Geometry:
    """Return the passes of ``table`` as steps; whole rows are fetched, and what no window touches is not kept."""
    filters, first = np.unique(table.first_filter, return_index=True)
    k = Span(start=filters, size=table.filters[first])
    n, p, c = Span.cut(shape.n, letters.n), Span.cut(shape.p, letters.e), Span.cut(shape.c, letters.q * letters.r)
    q = Span.cut(shape.q, shape.q)
    at = {
        "n": table.first_image // letters.n,
        "p": table.first_row // letters.e,
        "k": np.searchsorted(filters, table.first_filter),
        "c": table.first_channel // (letters.q * letters.r),
    }
    block = ((table.group * n.size.size + at["n"]) * p.size.size + at["p"]) * (shape.k + 1)
    m_block = table.first_filter // letters.m
    first_c, last_c = at["c"] == 0, at["c"] == c.size.size - 1
    rows, cols = axes_of(shape)
    loads = table.loads_filters == 1
    return Geometry(
        steps=Steps(
            group=table.group,
            q=np.zeros_like(table.group),
            **at,
            visits={
                "ifmap": _stays((block + m_block) * c.size.size + at["c"]),
                "filter": Visits(tile=np.cumsum(loads), begins=loads, ends=loads),
                "psum": Visits(tile=block + at["k"], begins=first_c, ends=last_c),
            },
            first_c=first_c,
            last_c=last_c,
        ),
        bits=bits,
        n=n,
        p=p,
        q=q,
        k=k,
        c=c,
        y=rows.cover(p),
        x=Span(start=np.zeros(1, dtype=np.int64), size=np.array([shape.w])),
        kept_rows=rows.touched(p),
        kept_cols=cols.touched(q),
        room_rows=_sent(p.size, shape.r, shape.stride_h),
        room_cols=_sent(q.size, shape.s, shape.stride_w),
    )


def _stays(tile: I64) -> Visits:
    """A tile stays while consecutive passes use it."""
    changes = tile[1:] != tile[:-1]
    edge = np.ones(1, dtype=np.bool_)
    return Visits(tile=tile, begins=np.concatenate([edge, changes]), ends=np.concatenate([changes, edge]))


def _sent(outputs: I64, window: int, stride: int) -> I64:
    """Ifmap rows (columns) that a block of ofmap rows brings to the array, padding among them."""
    return (outputs - 1) * min(stride, window) + window


class _PassCost:
    """What a pass counts; its cycles come from :func:`layer_cycles`."""

    def __init__(
        self, context: LoweringContext, shape: MacShape, letters: RowStationaryMapping, bits: WordBits
    ) -> None:
        arch = context.arch
        self.context, self.shape, self.letters, self.bits = context, shape, letters, bits
        self.ifmaps, self.filters, self.psums = (arch.buffer_for(name) for name in ("ifmap", "filter", "psum"))

    def __call__(self, step: Step) -> StepCost:
        """Return the counts of one pass."""
        shape = self.shape
        sets = ceil_div(step.k, ceil_div(step.k, self.letters.t))
        channel_sets = ceil_div(step.c, ceil_div(step.c, self.letters.r))
        row_words = step.n * step.c * step.cols
        filter_words = step.k * step.c * shape.r * shape.s
        psum_words = step.pixels * step.k
        taken = {"ifmap": row_words * shape.r * step.p * sets, "filter": filter_words * step.p}
        links = psum_words * (shape.r * channel_sets - 1)
        actions = [
            Action(STEP_MACS, 0, psum_words * step.c * shape.r * shape.s),
            *self._multicast_rows(step, row_words, sets),
            Action(
                ActionKey(RF, "ifmap", "write", self.ifmaps.name), self._bytes("ifmap", taken["ifmap"]), taken["ifmap"]
            ),
            *(self._filters(step, filter_words, taken["filter"])),
            Action(
                ActionKey(self.psums.name, "psum", "read_initial" if step.first else "read", "array"),
                self._bytes("psum", psum_words),
                psum_words,
            ),
            Action(ActionKey(self.psums.name, "psum", "write", "array"), self._bytes("psum", psum_words), psum_words),
            Action(ActionKey(NOC, "ifmap", "hop"), 0, taken["ifmap"]),
            Action(ActionKey(NOC, "psum", "hop"), 0, links + 2 * psum_words),
        ]
        demands = [
            demand
            for buffer in dict.fromkeys((self.ifmaps, self.psums))
            for demand in self.context.port_demands(
                buffer, sum(action.n_bytes for action in actions if action.key.level == buffer.name), write=False
            )
        ]
        return StepCost(own_cycles=0, demands=tuple(demands), actions=tuple(actions))

    def _arrival(self, tensor: str, source: Buffer, words: int) -> Action:
        return Action(ActionKey(RF, tensor, "write", source.name), self._bytes(tensor, words), words)

    def _bytes(self, tensor: str, words: int) -> int:
        return self.bits.bytes_of(tensor, words)

    def _multicast_rows(self, step: Step, row_words: int, sets: int) -> list[Action]:
        """Ifmap rows leave the GLB once; row ``y`` goes to the PEs of each ofmap row whose window holds it."""
        stride = min(self.shape.stride_h, self.shape.r)
        rows = np.arange(step.p)[:, None] * stride + np.arange(self.shape.r)[None, :]
        receivers, n_rows = np.unique(np.bincount(rows.ravel()), return_counts=True)
        key = ActionKey(self.ifmaps.name, "ifmap", "read", RF)
        return [
            Action(key, self._bytes("ifmap", int(count) * row_words), int(count) * row_words, int(fan_out) * sets)
            for fan_out, count in zip(receivers, n_rows, strict=True)
        ]

    def _filters(self, step: Step, words: int, taken: int) -> list[Action]:
        """Filters leave their buffer once a pass; each goes to the PEs of its row."""
        return [
            Action(ActionKey(self.filters.name, "filter", "read", RF), self._bytes("filter", words), words, step.p),
            self._arrival("filter", self.filters, taken),
            Action(ActionKey(NOC, "filter", "hop"), 0, taken),
        ]


def _rf_actions(context: LoweringContext, layer: Layer) -> list[Action]:
    """Reads and writes of the register files by the MACs.

    Every MAC reads its ifmap word. One that is not gated also reads its weight, and reads and writes its psum.
    """
    bits = word_bits(layer, context.arch)
    done = sum(action.words for action in mac_actions(context, layer) if action.key.event == "done")
    counts = (
        ("ifmap", "read", layer.n_macs),
        ("filter", "read", done),
        ("psum", "read", done),
        ("psum", "write", done),
    )
    return [
        Action(ActionKey(RF, tensor, event), bits.bytes_of(tensor, words), words) for tensor, event, words in counts
    ]

"""Lowers a tiled loop nest: loads, array steps, psum spills and stores, each in its unit's queue.

What the array does in a step is the dataflow's own affair: it gives a :class:`StepCost` for each class of equal steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Buffer
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.machine import ARRAY, DMA_OFMAP, DMA_PSUM, LOADERS, allocator, loader_of, room_wait, space
from accel_sim.lowering.memory_map import TensorPlace
from accel_sim.lowering.steps import Geometry, classify
from accel_sim.lowering.transfer import Four, Runs, box_address, box_runs
from accel_sim.program import Action, Demand, LayerProgram
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, MacShape

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one array step works on.

    ``n`` images, ``p x q`` ofmap pixels of each, ``k`` filters, ``c`` channels; ``rows x cols`` ifmap words of each
    channel, as the buffer holds them. ``first`` and ``last``: whether psums start from nothing here, and whether they
    are complete after.
    """

    n: int
    p: int
    q: int
    k: int
    c: int
    rows: int
    cols: int
    first: bool
    last: bool

    @property
    def pixels(self) -> int:
        """Ofmap pixels of the step."""
        return self.n * self.p * self.q


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCost:
    """What the array needs for a step: its own cycles, port demands, counted actions."""

    own_cycles: int
    demands: tuple[Demand, ...]
    actions: tuple[Action, ...]


def lower_nest(
    context: LoweringContext,
    layer: Layer,
    geometry: Geometry,
    cost: Callable[[Step], StepCost],
    drain_cycles: int,
    layer_actions: Sequence[Action] = (),
) -> LayerProgram:
    """Return the program of ``layer`` cut as ``geometry`` says.

    Parameters
    ----------
    cost
        The array's cost of a step; called once for each class of equal steps.
    drain_cycles
        Cycles that the last step takes longer until the array's pipeline is empty.
    layer_actions
        Counts that belong to the layer as a whole.
    """
    nest = _Nest(context, layer, geometry)
    nest.queue_loads()
    nest.queue_array(cost, drain_cycles)
    nest.queue_psums()
    for action in layer_actions:
        nest.builder.count(action)
    return nest.builder.build(ARRAY)


class _Nest:
    """One layer's steps, tiles and queues."""

    def __init__(self, context: LoweringContext, layer: Layer, geometry: Geometry) -> None:
        assert isinstance(layer.shape, MacShape)
        self.context, self.layer, self.shape = context, layer, layer.shape
        self.cut, self.steps, self.bits = geometry, geometry.steps, geometry.bits
        self.places = context.places[layer.name]
        self.builder = context.builder(layer)
        self.buffers: dict[str, Buffer] = {
            "ifmap": context.arch.buffer_for("ifmap"),
            "filter": context.arch.buffer_for("filter"),
            "psum": context.arch.buffer_for("psum"),
        }
        cut, steps = geometry, geometry.steps
        self.ifmap_class, self.ifmap_boxes = classify(
            [
                cut.n.size[steps.n],
                cut.c.size[steps.c],
                cut.y.size[steps.p],
                cut.x.size[steps.q],
                cut.kept_rows[steps.p],
                cut.kept_cols[steps.q],
                cut.room_rows[steps.p],
                cut.room_cols[steps.q],
            ]
        )
        self.filter_class, self.filter_boxes = classify([cut.k.size[steps.k], cut.c.size[steps.c]])
        self.psum_class, self.psum_boxes = classify(
            [cut.n.size[steps.n], cut.k.size[steps.k], cut.p.size[steps.p], cut.q.size[steps.q]]
        )

    # Boxes in DRAM and bytes in buffers

    def _runs(self, operand: str, box: tuple[int, ...]) -> Runs:
        if operand == "ifmap":
            n, c, h, w, *_ = box
            return box_runs(self.places.inputs[0], n, c, h, w)
        if operand == "filter":
            assert self.places.filter is not None
            k, c = box
            return box_runs(self.places.filter, k, c, self.shape.r, self.shape.s)
        n, k, p, q = box
        return box_runs(self.places.ofmap if operand == "ofmap" else self.places.scratch, n, k, p, q)

    def _words(self, operand: str, box: tuple[int, ...]) -> int:
        """Words of a tile that enter or leave its buffer; padding is made on chip."""
        if operand == "ifmap":
            n, c, _, _, rows, cols, _, _ = box
            return n * c * rows * cols
        if operand == "filter":
            k, c = box
            return k * c * self.shape.r * self.shape.s
        return math.prod(box)

    def _room(self, operand: str, box: tuple[int, ...]) -> int:
        """Bytes that a tile occupies in its buffer; an ofmap tile has the room of its psums."""
        words = self._words(operand, box)
        if operand == "ifmap":
            n, c, *_, rows, cols = box
            words = n * c * rows * cols
        bits = max(self.bits.psum, self.bits.ofmap) if operand == "psum" else getattr(self.bits, operand)
        return ceil_div(words * bits, 8)

    # Queues

    def queue_loads(self) -> None:
        """Queue the allocators' grants and the loads of ifmap and filter tiles."""
        steps = self.steps
        grants: dict[str, list[tuple[I64, I64, I64]]] = {}
        streams = (("ifmap", self.ifmap_class, self.ifmap_boxes), ("filter", self.filter_class, self.filter_boxes))
        for rank, (operand, classes, boxes) in enumerate(streams):
            at = np.flatnonzero(steps.visits[operand].begins)
            if loader_of(self.buffers[operand]) is None:
                self._grant(grants, rank, operand, at, classes, boxes, f"grant:{operand}")
            self._load(operand, at, classes, boxes)
        psum = steps.visits["psum"]
        fresh = np.flatnonzero(psum.begins & steps.first_c)
        again = np.flatnonzero(psum.begins & ~steps.first_c)
        self._grant(grants, 2, "psum", fresh, self.psum_class, self.psum_boxes, "grant:array")
        self._grant(grants, 2, "psum", again, self.psum_class, self.psum_boxes, "grant:psum")
        for name, parts in grants.items():
            at, rank_of, rows = (np.concatenate([part[i] for part in parts]) for i in range(3))
            self.builder.queue(name, rows[np.lexsort((rank_of, at))])

    def _grant(
        self,
        grants: dict[str, list[tuple[I64, I64, I64]]],
        rank: int,
        operand: str,
        at: I64,
        classes: I64,
        boxes: list[tuple[int, ...]],
        semaphore: str,
    ) -> None:
        if not at.size:
            return
        buffer = self.buffers[operand]
        rows = np.array(
            [
                self.builder.template(waits={space(buffer): self._room(operand, box)}, signals={semaphore: 1})
                for box in boxes
            ]
        )
        parts = grants.setdefault(allocator(buffer), [])
        parts.append((at, np.full(at.size, rank), rows[classes[at]]))

    def _load(self, operand: str, at: I64, classes: I64, boxes: list[tuple[int, ...]]) -> None:
        steps, cut = self.steps, self.cut
        waits_for = self.layer.inputs[:1] if operand == "ifmap" else ()
        if operand == "filter" and self.layer.filter is not None and not self.layer.filter.is_weight:
            waits_for = self.layer.inputs[1:]
        producers = self.context.ledger.wait_for(operand, waits_for)

        def row(box: tuple[int, ...], extra: dict[str, int]) -> int:
            runs, words = self._runs(operand, box), self._words(operand, box)
            demands, actions = self.context.load(
                operand, runs, words, getattr(self.bits, operand), self.buffers[operand]
            )
            return self.builder.template(
                waits={**extra, **room_wait(self.buffers[operand], operand, self._room(operand, box))},
                signals={f"ready:{operand}": 1},
                demands=demands,
                actions=actions,
            )

        rows = np.array([row(box, {}) for box in boxes])[classes[at]]
        rows[0] = row(boxes[classes[at[0]]], {f"stored:{operand}": producers})
        channel = steps.group[at] * self.shape.c + cut.c.start[steps.c[at]]
        if operand == "ifmap":
            n, c, p, q = steps.n[at], steps.c[at], steps.p[at], steps.q[at]
            size: Four = (cut.n.size[n], cut.c.size[c], cut.y.size[p], cut.x.size[q])
            address = box_address(self.places.inputs[0], cut.n.start[n], channel, cut.y.start[p], cut.x.start[q], size)
        else:
            assert self.places.filter is not None
            filters = steps.group[at] * self.shape.k + cut.k.start[steps.k[at]]
            size = (cut.k.size[steps.k[at]], cut.c.size[steps.c[at]], self.shape.r, self.shape.s)
            address = box_address(self.places.filter, filters, cut.c.start[steps.c[at]], 0, 0, size)
        self.builder.queue(LOADERS[operand], rows, 0, address)

    def queue_array(self, cost: Callable[[Step], StepCost], drain_cycles: int) -> None:
        """Queue the array's steps: wait for tiles that begin here, release those that end here."""
        steps = self.steps
        flags = [
            mask.astype(np.int64)
            for operand in ("ifmap", "filter", "psum")
            for mask in (steps.visits[operand].begins, steps.visits[operand].ends)
        ]
        columns = [self.ifmap_class, self.filter_class, self.psum_class, *flags]
        columns += [steps.first_c.astype(np.int64), steps.last_c.astype(np.int64)]
        classes, rows = classify(columns)
        works, own_cycles = [], []
        for ifmap, filters, psum, *bits in rows:
            boxes = self.ifmap_boxes[ifmap], self.filter_boxes[filters], self.psum_boxes[psum]
            waits, signals = self._step_events(boxes, bits)
            first, last = bool(bits[-2]), bool(bits[-1])
            n, k, p, q = boxes[2]
            step = cost(
                Step(n=n, p=p, q=q, k=k, c=boxes[1][1], rows=boxes[0][6], cols=boxes[0][7], first=first, last=last)
            )
            own_cycles.append(step.own_cycles)
            works.append(
                self.builder.template(waits=waits, signals=signals, demands=step.demands, actions=step.actions)
            )
        templates, cycles = np.array(works)[classes], np.array(own_cycles, dtype=np.int64)[classes]
        cycles[-1] += drain_cycles
        self.builder.queue(ARRAY, templates, cycles)

    def _step_events(
        self, boxes: tuple[tuple[int, ...], ...], flags: Sequence[int]
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Return what a step waits for, and what it signals at its end."""
        ifmap_begins, ifmap_ends, filter_begins, filter_ends, psum_begins, psum_ends, first, _ = flags
        waits = {"ready:ifmap": ifmap_begins, "ready:filter": filter_begins}
        waits["grant:array" if first else "ready:psum"] = psum_begins
        signals = {"done:array": psum_ends}
        for operand, box, ends in (("filter", boxes[1], filter_ends), ("ifmap", boxes[0], ifmap_ends)):
            if ends:
                name = space(self.buffers[operand])
                signals[name] = signals.get(name, 0) + self._room(operand, box)
        return waits, signals

    def queue_psums(self) -> None:
        """Queue the stores of finished ofmap tiles, and the spills and reloads of unfinished ones."""
        steps, psum = self.steps, self.steps.visits["psum"]
        buffer = self.buffers["psum"]
        at = np.flatnonzero(psum.ends)
        final = steps.last_c[at]

        def store_row(box: tuple[int, ...], done: bool) -> int:
            tensor = "ofmap" if done else "psum"
            runs, words = self._runs("ofmap" if done else "scratch", box), self._words("psum", box)
            demands, actions = self.context.store(tensor, runs, words, getattr(self.bits, tensor), buffer)
            signals = {space(buffer): self._room("psum", box)}
            signals |= self.context.ledger.signals(self.layer.name) if done else {"spilled": 1}
            return self.builder.template(waits={"done:array": 1}, signals=signals, demands=demands, actions=actions)

        rows = np.empty(at.size, dtype=np.int64)
        address = np.empty(at.size, dtype=np.int64)
        for done, place in ((True, self.places.ofmap), (False, self.places.scratch)):
            mask = final == done
            if mask.any():
                table = np.array([store_row(box, done) for box in self.psum_boxes])
                rows[mask] = table[self.psum_class[at[mask]]]
                address[mask] = self._psum_address(place, at[mask])
        self.builder.queue(DMA_OFMAP, rows, 0, address)
        self.context.ledger.add(self.layer.name, int(final.sum()))
        self._queue_reloads(at[~final])

    def _psum_address(self, place: TensorPlace, at: I64) -> I64:
        steps, cut = self.steps, self.cut
        n, k, p, q = steps.n[at], steps.k[at], steps.p[at], steps.q[at]
        channel = steps.group[at] * self.shape.k + cut.k.start[k]
        size = (cut.n.size[n], cut.k.size[k], cut.p.size[p], cut.q.size[q])
        return box_address(place, cut.n.start[n], channel, cut.p.start[p], cut.q.start[q], size)

    def _queue_reloads(self, spilled_at: I64) -> None:
        """Queue the return of spilled psums; each waits until its own spill has been stored."""
        steps, psum = self.steps, self.steps.visits["psum"]
        again = np.flatnonzero(psum.begins & ~steps.first_c)
        if not again.size:
            return
        # The reload of a tile needs the tile's latest spill: the last one before it in step order.
        both = np.concatenate([again, spilled_at])
        order = np.lexsort((np.arange(both.size) >= again.size, both, psum.tile[both]))
        joined, is_reload = both[order], order < again.size
        spill_number = np.empty(order.size, dtype=np.int64)
        spill_number[~is_reload] = np.searchsorted(spilled_at, joined[~is_reload]) + 1
        where = np.flatnonzero(is_reload)
        needed_by = np.zeros(steps.count, dtype=np.int64)
        needed_by[joined[where]] = spill_number[where - 1]
        needed = np.maximum.accumulate(needed_by[again])
        more = np.diff(needed, prepend=0)
        classes, boxes = classify([self.psum_class[again], more])

        def row(box: tuple[int, ...], amount: int) -> int:
            runs, words = self._runs("scratch", box), self._words("psum", box)
            demands, actions = self.context.load("psum", runs, words, self.bits.psum, self.buffers["psum"])
            return self.builder.template(
                waits={"grant:psum": 1, "spilled": amount}, signals={"ready:psum": 1}, demands=demands, actions=actions
            )

        table = np.array([row(self.psum_boxes[box], amount) for box, amount in boxes])
        self.builder.queue(DMA_PSUM, table[classes], 0, self._psum_address(self.places.scratch, again))

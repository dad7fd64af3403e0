"""Lowers machines that skip zeros: the cycles of each step come from the machine's kernel on the layer's own masks.

A step is a band of the fmaps with a block of filters. Its ifmap stays for all blocks, and its filters for all bands,
where they fit, as the machines that keep weights on chip want it. Else they are streamed, and a step is as many array
commands as there are pieces, with an even share of its cycles each. A piece has its share of the exact stored size of
its tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from accel_sim.arch import Buffer
from accel_sim.compression.bitmask import BitMask
from accel_sim.compression.masks import tensor_mask
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.filter_parts import pointer_share
from accel_sim.lowering.machine import ARRAY, DMA_OFMAP, DRAM, LOADERS, allocator, space
from accel_sim.lowering.macs import STEP_MACS
from accel_sim.lowering.row_order import in_order
from accel_sim.lowering.skipping_cut import Step, cut_layer, end_byte, filter_edges, layer_steps, start_byte
from accel_sim.lowering.skipping_machines import MACHINES
from accel_sim.lowering.skipping_tile import I64, SkipCost, SkipTile
from accel_sim.lowering.transfer import Runs, box_address, box_runs
from accel_sim.mapping.base import Mapping, word_bits
from accel_sim.program import Action, ActionKey, LayerProgram
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, MacShape, Tensor

NOUNS = ("pe", "lane", "unit")
"""What works side by side, as in the facts ``<wait>_pe_cycles``: a PE's work, its waits and its idle cycles add up."""

MOST_LISTED = 1024
"""Work is listed PE by PE in the result up to so many."""


class Piece(NamedTuple):
    """What one load brings: its place in DRAM, its words, its runs of bytes, and how many of them fill each buffer."""

    address: int
    words: int
    runs: Runs
    fills: dict[Buffer, int]


class Use(NamedTuple):
    """The pieces of an operand that a step works on, whether they come for it, and whether they leave with it."""

    tensor: str
    pieces: list[Piece]
    comes: bool
    leaves: bool


def lower_skipping(context: LoweringContext, layer: Layer, mapping: Mapping) -> LayerProgram:
    """Return the program of ``layer`` on the machine of the architecture's organisation."""
    lowering = _Skipping(context, layer)
    lowering.queue_steps()
    return lowering.build()


class _Skipping:
    """One layer's steps and queues."""

    def __init__(self, context: LoweringContext, layer: Layer) -> None:
        assert isinstance(layer.shape, MacShape)
        assert layer.filter is not None
        self.context, self.layer, self.shape = context, layer, layer.shape
        self.arch = context.arch
        self.machine = MACHINES[self.arch.array.organisation]
        self.bits = word_bits(layer, self.arch)
        self.places = context.places[layer.name]
        self.builder = context.builder(layer)
        self.buffers = {tensor: self.arch.buffer_for(tensor) for tensor in ("ifmap", "filter", "ofmap")}
        self.pointers = self.arch.pointer_buffer()
        unit, most = self.machine.block(self.arch.array, self.shape)
        self.cut = cut_layer(layer, self.arch, self.places, self.bits, unit, most)
        self.ifmap = _mask(layer.ifmap, context.seed)
        self.filters = in_order(self.arch, layer, _mask(layer.filter, context.seed))
        self.waits = {
            "ifmap": context.ledger.wait_for("ifmap", layer.inputs[:1]),
            "filter": 0 if layer.filter.is_weight else context.ledger.wait_for("filter", layer.inputs[1:]),
        }
        self.n_stores = 0
        self.n_done = 0
        self.n_cycles = 0
        self.work: I64 | None = None
        self.facts: dict[str, int] = {}

    def queue_steps(self) -> None:
        """Queue all steps; what of an operand the next step needs too stays on chip where there is room."""
        cut, bands = self.cut, self.cut.bands
        streamed = cut.c < self.shape.c
        for step in layer_steps(cut, self.shape):
            is_first = step.first_k == 0
            is_last = step.first_k + step.k == step.n_groups * self.shape.k
            if is_first:
                ifmap = self._ifmap_pieces(step)
            uses = (
                Use("ifmap", ifmap, streamed or is_first, streamed or is_last),
                Use(
                    "filter",
                    self._filter_pieces(step),
                    not cut.resident or step.band is bands[0],
                    not cut.resident or step.band is bands[-1],
                ),
            )
            for use in uses:
                self._load(use)
            n_outputs = step.band.n * step.band.p * self.shape.q * step.k
            self._compute(self._cost(step), uses, n_outputs * self.shape.c * self.shape.r * self.shape.s, n_outputs)
            self._store(step)

    def build(self) -> LayerProgram:
        """Return the program, with the MACs done and skipped and what the result says of the sparsity."""
        counts = {"done": self.n_done, "skipped": self.layer.n_macs - self.n_done}
        for event, words in counts.items():
            if words:
                self.builder.count(Action(ActionKey("mac", "", event), 0, words))
        self.context.ledger.add(self.layer.name, self.n_stores)
        work = self.work if self.work is not None else np.zeros(1, dtype=np.int64)
        facts: dict[str, object] = {
            "n_done": self.n_done,
            "filters_resident": self.cut.resident,
            **self.facts,
            **self._idle(work),
            "work_cycles_max": int(work.max()),
            "work_cycles_mean": float(work.mean()),
        }
        if work.size <= MOST_LISTED:
            facts["work_cycles"] = [int(cycles) for cycles in work]
            grid = self.arch.array.grid
            if grid is not None and math.prod(grid) == work.size:
                facts["work_grid"] = list(grid)
        return replace(
            self.builder.build(ARRAY),
            bounds_cycles={"array": ceil_div(self.n_done, self.arch.array.macs_per_cycle)},
            details={"sparsity": facts, **self.context.preload.facts()},
        )

    def _idle(self, work: I64) -> dict[str, int]:
        """Return the cycles of all PEs (lanes, units) that neither their work nor a wait with a name accounts for."""
        noun = next((noun for noun in NOUNS if any(fact.endswith(f"_{noun}_cycles") for fact in self.facts)), NOUNS[0])
        waits = sum(value for fact, value in self.facts.items() if fact.endswith(f"_{noun}_cycles"))
        idle = work.size * self.n_cycles - int(work.sum()) - waits
        assert idle >= 0, "no PE works and waits in more cycles than there are"
        return {f"idle_{noun}_cycles": idle}

    def _cost(self, step: Step) -> SkipCost:
        tile = SkipTile(
            shape=self.shape,
            images=_rows(self.ifmap, step.band.first_n, step.band.n),
            filter_bits=_rows(self.filters, step.group * self.shape.k + step.first_k, step.k),
            first_c=step.group * self.shape.c,
            band=step.band,
            n_groups=step.n_groups,
        )
        cost = self.machine.cost(self.arch, self.bits, tile)
        self.n_done += cost.n_done
        self.n_cycles += cost.cycles
        self.work = cost.work_cycles if self.work is None else self.work + cost.work_cycles
        for name, value in cost.facts.items():
            self.facts[name] = self.facts.get(name, 0) + value
        return cost

    def _ifmap_pieces(self, step: Step) -> list[Piece]:
        """Return a band's ifmap, so many channels at a time; nothing where it is all padding."""
        place, shape, band = self.places.inputs[0], self.shape, step.band
        channels = step.n_groups * shape.c
        pieces = []
        for first_c in range(0, channels if band.rows else 0, self.cut.c):
            size = (band.n, min(self.cut.c, channels - first_c), band.rows, shape.w)
            address = int(box_address(place, band.first_n, step.group * shape.c + first_c, band.first_row, 0, size))
            runs = box_runs(place, *size)
            pieces.append(Piece(address, math.prod(size), runs, {self.buffers["ifmap"]: runs.n_bytes}))
        return pieces

    def _filter_pieces(self, step: Step) -> list[Piece]:
        """Return a block of filters, in one piece where it fits; nothing where it is on the chip before the run."""
        place, shape = self.places.filter, self.shape
        assert place is not None
        if self.context.has_filters(self.layer):
            return []
        words_each = shape.c * shape.r * shape.s
        first = (step.group * shape.k + step.first_k) * words_each
        edges = filter_edges(self.cut, place, first, step.k * words_each)
        pieces = []
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            n_bytes = end_byte(place, high) - start_byte(place, low)
            fills = {self.buffers["filter"]: n_bytes}
            if self.pointers is not None:
                pointer_bytes = min(n_bytes, pointer_share(self.arch, place, low, high))
                fills = {self.buffers["filter"]: n_bytes - pointer_bytes, self.pointers: pointer_bytes}
            pieces.append(Piece(place.base + start_byte(place, low), high - low, Runs(n_bytes), fills))
        return pieces

    def _load(self, use: Use) -> None:
        """Queue the loads of an operand; buffers hold what DRAM does, so both ends move the same bytes."""
        tensor = use.tensor
        for piece in use.pieces if use.comes else ():
            demands = self.context.load(tensor, piece.runs, piece.words, 0, self.buffers[tensor])[0]
            actions = []
            waits = {space(buffer): n_bytes for buffer, n_bytes in piece.fills.items()}
            waits[f"stored:{tensor}"] = self.waits[tensor]
            for buffer, n_bytes in piece.fills.items():
                # Entries stand for the words of the tensor; pointers are words of their own.
                words = piece.words if buffer is self.buffers[tensor] else ceil_div(8 * n_bytes, buffer.width_bits)
                demands += self.context.port_demands(buffer, n_bytes, write=True)
                actions += [
                    Action(ActionKey(DRAM, tensor, "read", buffer.name), n_bytes, words),
                    Action(ActionKey(buffer.name, tensor, "write", DRAM), n_bytes, words),
                ]
            self.waits[tensor] = 0
            row = self.builder.template(waits=waits, signals={f"ready:{tensor}": 1}, demands=demands, actions=actions)
            self.builder.queue(LOADERS[tensor], row, 0, piece.address)

    def _compute(self, cost: SkipCost, uses: Sequence[Use], n_macs: int, n_outputs: int) -> None:
        """Queue a step: as many commands as an operand has pieces, with an even share of the cycles each."""
        results = self.buffers["ofmap"]
        room = self.bits.bytes_of(self.arch.array.RESULTS, n_outputs)
        grant = self.builder.template(waits={space(results): room}, signals={"grant:array": 1})
        self.builder.queue(allocator(results), grant)
        n_parts = max(1, *(len(use.pieces) for use in uses))
        edges = [cost.cycles * i // n_parts for i in range(n_parts + 1)]
        for part in range(n_parts):
            waits, signals = self._piece_events(uses, part, n_parts)
            actions: list[Action] = []
            if part == 0:
                waits["grant:array"] = 1
            if part == n_parts - 1:
                signals["done:array"] = 1
                actions = [
                    Action(STEP_MACS, 0, n_macs),
                    *cost.actions,
                    Action(ActionKey(results.name, "psum", "write", ARRAY), room, n_outputs),
                ]
            demands = [
                demand
                for buffer in self.arch.buffers
                for demand in self.context.port_demands(
                    buffer, sum(action.n_bytes for action in actions if action.key.level == buffer.name), write=False
                )
            ]
            row = self.builder.template(waits=waits, signals=signals, demands=demands, actions=actions)
            self.builder.queue(ARRAY, row, edges[part + 1] - edges[part])

    def _piece_events(self, uses: Sequence[Use], part: int, n_parts: int) -> tuple[dict[str, int], dict[str, int]]:
        """Return the pieces that a part of a step waits for, and the room that it gives back."""
        waits, signals = {}, {}
        for tensor, pieces, comes, leaves in uses:
            for i, piece in enumerate(pieces):
                if comes and i * n_parts // len(pieces) == part:
                    waits[f"ready:{tensor}"] = 1
                if leaves and (i + 1) * n_parts // len(pieces) - 1 == part:
                    signals.update({space(buffer): n_bytes for buffer, n_bytes in piece.fills.items()})
        return waits, signals

    def _store(self, step: Step) -> None:
        """Queue the store of a step's results, packed on the way where the ofmap is compressed."""
        place, shape, results, band = self.places.ofmap, self.shape, self.buffers["ofmap"], step.band
        size = (band.n, step.k, band.p, shape.q)
        words, runs = math.prod(size), box_runs(place, *size)
        demands, actions = self.context.store("ofmap", runs, words, self.bits.ofmap, results)
        held = self.bits.bytes_of(self.arch.array.RESULTS, words)
        signals = {space(results): held, **self.context.ledger.signals(self.layer.name)}
        row = self.builder.template(waits={"done:array": 1}, signals=signals, demands=demands, actions=actions)
        first_k = step.group * shape.k + step.first_k
        address = int(box_address(place, band.first_n, first_k, band.first_p, 0, size))
        self.builder.queue(DMA_OFMAP, row, 0, address)
        self.n_stores += 1


def _mask(tensor: Tensor, seed: int) -> BitMask:
    """Return where a tensor is not zero; a dense one has nothing to draw."""
    if not tensor.is_dense:
        return tensor_mask(tensor, seed)
    row = BitMask.of(np.ones(math.prod(tensor.shape[1:]), dtype=np.bool_))
    return BitMask(shape=tensor.shape, words=np.repeat(row.words, tensor.shape[0], axis=0))


def _rows(mask: BitMask, first: int, n: int) -> BitMask:
    """Return some slices of axis 0."""
    return BitMask(shape=(n, *mask.shape[1:]), words=mask.words[first : first + n])

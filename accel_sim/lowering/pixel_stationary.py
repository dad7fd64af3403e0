"""Lowers pixel stationary: tiles of filters over the pixels of one image, and what PEs take from their neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import PixelMesh
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.grants import Grants
from accel_sim.lowering.machine import ARRAY, DMA_FILTER, DMA_IFMAP, DMA_OFMAP, loader_of, room_wait, space
from accel_sim.lowering.macs import STEP_MACS, mac_actions
from accel_sim.lowering.memory_map import stored_bytes
from accel_sim.lowering.transfer import Runs, box_address, box_runs
from accel_sim.mapping.base import Mapping
from accel_sim.mapping.pixel_stationary import PixelPlan, is_vector, tile_cycles
from accel_sim.mapping.spans import Span
from accel_sim.program import Action, ActionKey, Demand, LayerProgram
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, MacShape

I64 = NDArray[np.int64]
RF, NOC, PEER = "rf", "noc", "array"
NOTHING: tuple[list[Demand], list[Action]] = ([], [])
"""A transfer that does not happen: what it would bring is on the chip already."""


def lower_pixel_stationary(context: LoweringContext, layer: Layer, mapping: Mapping) -> LayerProgram:
    """Return the program of ``layer`` on a pixel mesh: a command of the array for each image and tile of filters."""
    shape, plan, mesh = layer.shape, mapping.plan, context.arch.array
    assert isinstance(shape, MacShape)
    assert isinstance(plan, PixelPlan)
    assert isinstance(mesh, PixelMesh)
    work = _Layer(context, layer, shape, plan, mesh)
    work.queue_ifmaps()
    work.queue_filters()
    work.queue_ofmaps()
    work.grants.queue()
    work.queue_array()
    for action in [*mac_actions(context, layer), *work.register_actions()]:
        work.builder.count(action)
    return replace(work.builder.build(ARRAY), details=context.preload.facts())


class _Layer:
    """One layer's steps in the order groups, images, tiles of filters; ``begins`` and ``ends`` by operand."""

    def __init__(
        self, context: LoweringContext, layer: Layer, shape: MacShape, plan: PixelPlan, mesh: PixelMesh
    ) -> None:
        arch = context.arch
        self.context, self.layer, self.shape, self.plan, self.mesh = context, layer, shape, plan, mesh
        self.places = context.places[layer.name]
        self.builder = context.builder(layer)
        self.grants = Grants(self.builder)
        self.ifmaps, self.filters, self.ofmaps = (arch.buffer_for(name) for name in ("ifmap", "filter", "ofmap"))
        self.takes_room = int(arch.activations == "dram")
        self.has_filters = context.has_filters(layer)
        self.tiles = Span.cut(shape.k, plan.tk)
        lengths = (shape.groups, shape.n, self.tiles.size.size)
        self.group, self.image, self.tile = np.indices(lengths, dtype=np.int64).reshape(3, -1)
        self.n_filters = self.tiles.size[self.tile]
        first_image, last_image = self.image == 0, self.image == shape.n - 1
        comes = not self.has_filters
        self.begins = {"ifmap": self.tile == 0, "filter": comes & (first_image | (not plan.keeps_filters))}
        self.ends = {"ifmap": self.tile == lengths[2] - 1, "filter": comes & (last_image | (not plan.keeps_filters))}
        bits, window = plan.bits, shape.c * shape.r * shape.s
        self.ifmap_room = self.takes_room * bits.bytes_of("ifmap", shape.c * shape.h * shape.w)
        self.filter_room = -(-self.n_filters * window * bits.filter // 8)
        self.ofmap_room = self.takes_room * -(-self.n_filters * shape.p * shape.q * bits.ofmap // 8)

    def queue_ifmaps(self) -> None:
        """Queue the load of each image, where it does not lie on the chip already."""
        shape, bits, place = self.shape, self.plan.bits, self.places.inputs[0]
        producers = self.context.ledger.wait_for("ifmap", self.layer.inputs[:1])
        at = np.flatnonzero(self.begins["ifmap"])
        demands, actions = NOTHING
        if self.context.loads(self.layer, 0):
            runs = box_runs(place, 1, shape.c, shape.h, shape.w)
            words = shape.c * shape.h * shape.w
            demands, actions = self.context.load("ifmap", runs, words, bits.ifmap, self.ifmaps)
        waits = room_wait(self.ifmaps, "ifmap", self.ifmap_room) if self.ifmap_room else {}

        def template(stored: int) -> int:
            return self.builder.template(
                waits={"stored:ifmap": stored, **waits}, signals={"ready:ifmap": 1}, demands=demands, actions=actions
            )

        rows = np.full(at.size, template(0))
        rows[0] = template(producers)
        size = (1, shape.c, shape.h, shape.w)
        address = box_address(place, self.image[at], self.group[at] * shape.c, 0, 0, size)
        self.builder.queue(DMA_IFMAP, rows, 0, address)
        if loader_of(self.ifmaps) is None:
            room = np.full(at.size, self.ifmap_room, dtype=np.int64)
            self.grants.add(at, 0, self.ifmaps, room, "grant:ifmap")

    def queue_filters(self) -> None:
        """Queue the load of each tile of filters, which is one run, unless they are on the chip before the run."""
        if self.has_filters:
            return
        shape, bits, place = self.shape, self.plan.bits, self.places.filter
        assert place is not None
        is_weight = self.layer.filter is not None and self.layer.filter.is_weight
        producers = self.context.ledger.wait_for("filter", () if is_weight else self.layer.inputs[1:])
        at = np.flatnonzero(self.begins["filter"])
        window = shape.c * shape.r * shape.s

        def template(filters: int, stored: int) -> int:
            words = filters * window
            demands, actions = NOTHING
            if is_weight or self.context.loads(self.layer, 1):
                runs = Runs(stored_bytes(words * bits.filter, place.stored))
                demands, actions = self.context.load("filter", runs, words, bits.filter, self.filters)
            room = bits.bytes_of("filter", words)
            return self.builder.template(
                waits={"stored:filter": stored, **room_wait(self.filters, "filter", room)},
                signals={"ready:filter": 1},
                demands=demands,
                actions=actions,
            )

        sizes, which = np.unique(self.n_filters[at], return_inverse=True)
        rows = np.array([template(int(size), 0) for size in sizes])[which.ravel()]
        rows[0] = template(int(self.n_filters[at[0]]), producers)
        first = self.group[at] * shape.k + self.tiles.start[self.tile[at]]
        address = box_address(place, first, 0, 0, 0, (self.n_filters[at], shape.c, shape.r, shape.s))
        self.builder.queue(DMA_FILTER, rows, 0, address)
        if loader_of(self.filters) is None:
            self.grants.add(at, 1, self.filters, self.filter_room[at], "grant:filter")

    def queue_ofmaps(self) -> None:
        """Queue the end of each tile of the ofmap: its store, or that later layers find it on the chip."""
        shape, bits, place = self.shape, self.plan.bits, self.places.ofmap

        def template(filters: int) -> int:
            words = filters * shape.p * shape.q
            demands, actions = NOTHING
            if self.context.stores(self.layer):
                runs = box_runs(place, 1, filters, shape.p, shape.q)
                demands, actions = self.context.store("ofmap", runs, words, bits.ofmap, self.ofmaps)
            room = self.takes_room * bits.bytes_of("ofmap", words)
            return self.builder.template(
                waits={"done:array": 1},
                signals={space(self.ofmaps): room, **self.context.ledger.signals(self.layer.name)},
                demands=demands,
                actions=actions,
            )

        sizes, which = np.unique(self.n_filters, return_inverse=True)
        rows = np.array([template(int(size)) for size in sizes])[which.ravel()]
        first = self.group * shape.k + self.tiles.start[self.tile]
        address = box_address(place, self.image, first, 0, 0, (1, self.n_filters, shape.p, shape.q))
        self.builder.queue(DMA_OFMAP, rows, 0, address)
        self.context.ledger.add(self.layer.name, rows.size)
        self.grants.add(np.arange(rows.size), 2, self.ofmaps, self.ofmap_room, "grant:array")

    def queue_array(self) -> None:
        """Queue the array's commands."""
        marks = [self.begins["ifmap"], self.ends["ifmap"], self.begins["filter"], self.ends["filter"]]
        code = self.n_filters.copy()
        for mark in marks:
            code = 2 * code + mark
        _, first, which = np.unique(code, return_index=True, return_inverse=True)
        rows, cycles = [], []
        for step in first.tolist():
            filters = int(self.n_filters[step])
            actions = self._actions(filters)
            signals = {"done:array": 1, space(self.ifmaps): self.ifmap_room * int(self.ends["ifmap"][step])}
            freed = int(self.filter_room[step]) * int(self.ends["filter"][step])
            signals[space(self.filters)] = signals.get(space(self.filters), 0) + freed
            demands = [
                demand
                for buffer in dict.fromkeys((self.ifmaps, self.filters, self.ofmaps))
                for demand in self.context.port_demands(
                    buffer, sum(action.n_bytes for action in actions if action.key.level == buffer.name), write=False
                )
            ]
            rows.append(
                self.builder.template(
                    waits={
                        "ready:ifmap": int(self.begins["ifmap"][step]),
                        "ready:filter": int(self.begins["filter"][step]),
                        "grant:array": self.takes_room,
                    },
                    signals=signals,
                    demands=demands,
                    actions=actions,
                )
            )
            cycles.append(tile_cycles(self.shape, self.mesh, filters))
        own_cycles = np.array(cycles, dtype=np.int64)[which.ravel()]
        own_cycles[-1] += self.mesh.pipeline_stages
        self.builder.queue(ARRAY, np.array(rows)[which.ravel()], own_cycles)

    def _actions(self, filters: int) -> list[Action]:
        """What a tile of filters counts for one image."""
        shape, bits = self.shape, self.plan.bits
        window, pixels = shape.c * shape.r * shape.s, shape.p * shape.q
        macs, outputs = filters * window * pixels, filters * pixels
        if is_vector(shape):
            whole, rest = divmod(filters, self.mesh.n_pes)
            reads = [(whole * window, self.mesh.n_pes), (window * bool(rest), rest)]
            weights = [(macs, 1)]
            passed = 0
        else:
            loaded = filters * shape.c * self._window_reads()
            reads, passed = [(loaded, 1)], macs - loaded
            weights = [(filters * window * count, pes) for count, pes in self._patch_sizes()]
        taken = macs - passed
        read_filter = ActionKey(self.filters.name, "filter", "read", PEER)
        return [
            Action(STEP_MACS, 0, macs),
            *(
                Action(ActionKey(self.ifmaps.name, "ifmap", "read", RF), bits.bytes_of("ifmap", words), words, fan_out)
                for words, fan_out in reads
            ),
            Action(ActionKey(RF, "ifmap", "write", self.ifmaps.name), bits.bytes_of("ifmap", taken), taken),
            Action(ActionKey(RF, "ifmap", "write"), bits.bytes_of("ifmap", passed), passed),
            Action(ActionKey(NOC, "ifmap", "hop"), 0, passed),
            *(Action(read_filter, bits.bytes_of("filter", words), words, fan_out) for words, fan_out in weights),
            Action(ActionKey(PEER, "filter", "write", self.filters.name), 0, macs),
            Action(ActionKey(self.ofmaps.name, "ofmap", "write", PEER), bits.bytes_of("ofmap", outputs), outputs),
        ]

    def _patch_sizes(self) -> list[tuple[int, int]]:
        """How many patches of an ofmap channel use how many PEs."""
        return [
            (n_rows * n_cols, height * width)
            for n_rows, height in _edges(self.shape.p, self.mesh.rows)
            for n_cols, width in _edges(self.shape.q, self.mesh.cols)
        ]

    def _window_reads(self) -> int:
        """ifmap words that one channel's windows bring from the buffer, over all patches.

        All PEs load in the first cycle; with stride s in the first s x s. Later a column of PEs loads, or where a
        filter row begins, a row of PEs, and the others take what a neighbour has had before. Dilated windows skip
        what neighbours have, and strides may be longer than the FIFOs.
        """
        shape, fifo_words = self.shape, self.mesh.fifo_words
        fresh_rows, fresh_cols = min(shape.stride_h, shape.r), min(shape.stride_w, shape.s)
        if (shape.dilation_h, shape.dilation_w) != (1, 1) or fresh_cols > fifo_words:
            fresh_rows, fresh_cols = shape.r, shape.s
        elif fresh_rows * fresh_cols > fifo_words:
            fresh_rows = shape.r
        reads = 0
        for n_rows, height in _edges(shape.p, self.mesh.rows):
            for n_cols, width in _edges(shape.q, self.mesh.cols):
                a_patch = fresh_rows * fresh_cols * height * width
                a_patch += (shape.r - fresh_rows) * fresh_cols * width
                a_patch += shape.r * (shape.s - fresh_cols) * height
                reads += n_rows * n_cols * a_patch
        return reads

    def register_actions(self) -> list[Action]:
        """Reads of the PEs' registers by the MACs, and their sums; a gated one reads only its ifmap word."""
        done = sum(action.words for action in mac_actions(self.context, self.layer) if action.key.event == "done")
        counts = (("ifmap", "read", self.layer.n_macs), ("psum", "read", done), ("psum", "write", done))
        return [
            Action(ActionKey(RF, tensor, event), self.plan.bits.bytes_of(tensor, words), words)
            for tensor, event, words in counts
        ]


def _edges(size: int, tile: int) -> list[tuple[int, int]]:
    """Return (how many, size) of the whole tiles and of the smaller last one."""
    parts = [(size // tile, tile), (ceil_div(size % tile, tile), size % tile)]
    return [(count, length) for count, length in parts if count]

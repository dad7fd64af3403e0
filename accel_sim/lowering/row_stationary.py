"""Lowers row stationary: passes as array commands, and the traffic that brings their tiles and takes their ofmaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator
from accel_sim.kernels.row_stationary import layer_cycles
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.machine import (
    ARRAY,
    DMA_FILTER,
    DMA_IFMAP,
    DMA_OFMAP,
    allocator,
    space,
    standard_machine,
)
from accel_sim.lowering.macs import mac_actions
from accel_sim.lowering.row_stationary_counts import PassSizes, pass_actions, rf_actions
from accel_sim.lowering.row_stationary_tiles import FilterParts, PassTiles, filter_parts, pass_tiles
from accel_sim.lowering.steps import classify
from accel_sim.lowering.transfer import box_address, box_runs
from accel_sim.mapping.base import Mapping, word_bits
from accel_sim.mapping.row_stationary_arch import array_timing, mesh_of
from accel_sim.mapping.row_stationary_letters import RowStationaryMapping
from accel_sim.mapping.row_stationary_passes import PassTable, enumerate_passes
from accel_sim.program import Action, Demand, LayerProgram, Machine, Semaphore
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, MacShape

I64 = NDArray[np.int64]
IDLE, WRITTEN = "idle:array", "written:ofmap"


def row_stationary_machine(arch: Accelerator) -> Machine:
    """Return the machine of ``arch``; where fmap traffic stops the array, the two wait for each other.

    Then an ifmap tile is loaded once the array has used up the one before, and passes go on once the finished ofmap
    tiles are written.
    """
    if not mesh_of(arch).stops_for_fmaps:
        return standard_machine(arch)
    turns = (
        Semaphore(name=IDLE, unit=DMA_IFMAP, initial=1, reason="array"),
        Semaphore(name=WRITTEN, unit=ARRAY, initial=1, reason="dram:ofmap"),
    )
    return standard_machine(arch, extra_semaphores=turns)


def lower_row_stationary(context: LoweringContext, layer: Layer, mapping: Mapping) -> LayerProgram:
    """Return the program of ``layer`` on a row-stationary mesh.

    A pass is two commands of the array: it fills the filter RFs, after which the filter buffer is free for the next
    pass's filters, and then runs. An ifmap tile stays in the GLB while consecutive passes use it; psums stay there
    for all channels, and leave as ofmap.
    """
    queues = _Queues(context, layer, mapping)
    queues.room()
    queues.ifmaps()
    queues.filters()
    queues.passes()
    queues.ofmaps()
    for action in (*mac_actions(context, layer), *rf_actions(context, layer)):
        queues.builder.count(action)
    return queues.builder.build(ARRAY)


class _Queues:
    """One layer's passes and tiles, and the queues made from them."""

    def __init__(self, context: LoweringContext, layer: Layer, mapping: Mapping) -> None:
        assert isinstance(layer.shape, MacShape)
        assert isinstance(mapping.plan, RowStationaryMapping)
        self.context, self.layer, self.shape = context, layer, layer.shape
        self.letters: RowStationaryMapping = mapping.plan
        self.table: PassTable = enumerate_passes(layer.shape, self.letters)
        self.bits = word_bits(layer, context.arch)
        self.glb, self.filter_buffer = context.arch.buffer_for("ifmap"), context.arch.buffer_for("filter")
        self.tiles: PassTiles = pass_tiles(layer.shape, self.letters, self.table, self.bits, self.glb)
        self.stops = mesh_of(context.arch).stops_for_fmaps
        self.places = context.places[layer.name]
        self.builder = context.builder(layer)
        self.parts: FilterParts = filter_parts(self.table, layer.shape, self.bits, self.filter_buffer)

    def room(self) -> None:
        """Grant banks of the GLB in the order in which passes need them, the ifmap of a pass before its psums."""
        tiles, grants = self.tiles, []
        for rank, (mask, room_bytes, semaphore) in enumerate(
            (
                (tiles.ifmap_begins, tiles.ifmap_room_bytes, "grant:ifmap"),
                (tiles.first_c, tiles.psum_room_bytes, "grant:array"),
            )
        ):
            at = np.flatnonzero(mask)

            def grant(room: int, signal: str = semaphore) -> int:
                return self.builder.template(waits={space(self.glb): room}, signals={signal: 1})

            grants.append((at, np.full(at.size, rank), _rows([room_bytes[at]], grant)))
        at, rank_of, rows = (np.concatenate([part[i] for part in grants]) for i in range(3))
        self.builder.queue(allocator(self.glb), rows[np.lexsort((rank_of, at))])

    def ifmaps(self) -> None:
        """Load each ifmap tile."""
        table, tiles, place = self.table, self.tiles, self.places.inputs[0]
        at = np.flatnonzero(tiles.ifmap_begins)
        producers = self.context.ledger.wait_for("ifmap", self.layer.inputs[:1])

        def load(images: int, channels: int, rows: int, kept_rows: int, stored: int) -> int:
            runs = box_runs(place, images, channels, rows, self.shape.w)
            words = images * channels * kept_rows * tiles.kept_cols
            demands, actions = self.context.load("ifmap", runs, words, self.bits.ifmap, self.glb)
            waits = {"stored:ifmap": stored, "grant:ifmap": 1, **({IDLE: 1} if self.stops else {})}
            return self.builder.template(waits=waits, signals={"ready:ifmap": 1}, demands=demands, actions=actions)

        columns = [table.images[at], table.channels[at], tiles.rows[at], tiles.kept_rows[at], _first(at, producers)]
        channel = table.group[at] * self.shape.c + table.first_channel[at]
        size = (table.images[at], table.channels[at], tiles.rows[at], self.shape.w)
        address = box_address(place, table.first_image[at], channel, tiles.row_start[at], 0, size)
        self.builder.queue(DMA_IFMAP, _rows(columns, load), 0, address)

    def filters(self) -> None:
        """Load the filters of each pass that does not find them in the array, as many at a time as their buffer holds.

        A pass whose filters outgrow the buffer takes them in parts.
        """
        table, place = self.table, self.places.filter
        assert place is not None
        made_here = self.layer.filter is not None and not self.layer.filter.is_weight
        producers = self.context.ledger.wait_for("filter", self.layer.inputs[1:] if made_here else ())

        def load(filters: int, channels: int, stored: int) -> int:
            runs = box_runs(place, filters, channels, self.shape.r, self.shape.s)
            words = filters * channels * self.shape.r * self.shape.s
            demands, actions = self.context.load("filter", runs, words, self.bits.filter, self.filter_buffer)
            waits = {"stored:filter": stored, space(self.filter_buffer): self._filter_room(filters, channels)}
            return self.builder.template(waits=waits, signals={"ready:filter": 1}, demands=demands, actions=actions)

        comes = np.flatnonzero(table.loads_filters[self.parts.of_pass])
        at, first, filters = (column[comes] for column in self.parts)
        rows = _rows([filters, table.channels[at], _first(at, producers)], load)
        first_filter = table.group[at] * self.shape.k + table.first_filter[at] + first
        size = (filters, table.channels[at], self.shape.r, self.shape.s)
        self.builder.queue(DMA_FILTER, rows, 0, box_address(place, first_filter, table.first_channel[at], 0, 0, size))

    def passes(self) -> None:
        """Run the passes: each waits for tiles that begin here, and gives back those that end here."""
        table, tiles = self.table, self.tiles
        kinds, sequence = table.kinds()
        timing, window = array_timing(self.context.arch), self.letters.window(self.shape)
        cycles, drain_cycles = layer_cycles(timing, window, kinds, sequence)
        own, wait_filter = cycles[:, 0], cycles[:, 3]
        first_column = wait_filter + table.p * table.q * self.shape.s
        fill_cycles = np.where(table.loads_filters == 1, np.minimum(own, first_column), 0)

        def fill(filters: int, channels: int, loads: int, new_ifmap: int, new_psums: int, new_block: int) -> int:
            written = {WRITTEN: new_block} if self.stops else {}
            waits = {"ready:ifmap": new_ifmap, **written, "ready:filter": loads, "grant:array": new_psums}
            signals = {space(self.filter_buffer): loads * self._filter_room(filters, channels)}
            return self.builder.template(waits=waits, signals=signals)

        def run(
            images: int, rows: int, filters: int, channels: int, loads: int, first: int, ifmap_room: int, done: int
        ) -> int:
            sizes = PassSizes(images, rows, filters, channels, loads, first)
            actions = pass_actions(self.context.arch, self.shape, self.letters, self.bits, sizes)
            signals = {"done:array": done, space(self.glb): ifmap_room}
            if self.stops:
                signals[IDLE] = int(ifmap_room > 0)
            return self.builder.template(signals=signals, demands=self._port_demands(actions), actions=actions)

        done = tiles.parts * tiles.block_ends if self.stops else tiles.last_c.astype(np.int64)
        at, starts = self.parts.of_pass, self.parts.first_filter == 0
        begins = [mask[at] & starts for mask in (tiles.ifmap_begins, tiles.first_c, tiles.block_begins)]
        fills = _rows([self.parts.filters, table.channels[at], table.loads_filters[at], *begins], fill)
        left = tiles.ifmap_room_bytes * tiles.ifmap_ends
        columns = [table.images, table.rows, table.filters, table.channels, table.loads_filters, tiles.first_c]
        runs = _rows([*columns, left, done], run)
        n_parts = np.bincount(at)
        part_cycles = (fill_cycles // n_parts)[at] + starts * (fill_cycles % n_parts)[at]
        run_cycles = own - fill_cycles
        run_cycles[-1] += drain_cycles
        ends = np.cumsum(n_parts)  # a pass runs after its last fill
        self.builder.queue(ARRAY, np.insert(fills, ends, runs), np.insert(part_cycles, ends, run_cycles))

    def ofmaps(self) -> None:
        """Store the psums of each pass that completes them."""
        table, tiles, place = self.table, self.tiles, self.places.ofmap
        at = np.flatnonzero(tiles.last_c)

        def store(images: int, filters: int, rows: int, room: int, block_ends: int) -> int:
            runs, words = box_runs(place, images, filters, rows, self.shape.q), images * filters * rows * self.shape.q
            demands, actions = self.context.store("ofmap", runs, words, self.bits.ofmap, self.glb)
            signals = {space(self.glb): room, **self.context.ledger.signals(self.layer.name)}
            if self.stops:
                signals[WRITTEN] = block_ends
            return self.builder.template(waits={"done:array": 1}, signals=signals, demands=demands, actions=actions)

        columns = [table.images, table.filters, table.rows, tiles.psum_room_bytes, tiles.block_ends]
        channel = table.group[at] * self.shape.k + table.first_filter[at]
        size = (table.images[at], table.filters[at], table.rows[at], self.shape.q)
        address = box_address(place, table.first_image[at], channel, table.first_row[at], 0, size)
        self.builder.queue(DMA_OFMAP, _rows([column[at] for column in columns], store), 0, address)
        self.context.ledger.add(self.layer.name, int(at.size))

    def _filter_room(self, filters: int, channels: int) -> int:
        return ceil_div(filters * channels * self.shape.r * self.shape.s * self.bits.filter, 8)

    def _port_demands(self, actions: list[Action]) -> list[Demand]:
        """Return what a pass asks of buffer ports that the DMA shares."""
        return [
            demand
            for buffer in (self.glb, self.filter_buffer)
            for demand in self.context.port_demands(
                buffer, sum(action.n_bytes for action in actions if action.key.level == buffer.name), write=False
            )
        ]


def _rows(columns: Sequence[NDArray[Any]], template: Callable[..., int]) -> I64:
    """Return the template of each row of ``columns``; equal rows share one."""
    classes, values = classify([column.astype(np.int64) for column in columns])
    return np.array([template(*row) for row in values], dtype=np.int64)[classes]


def _first(at: I64, amount: int) -> I64:
    """Return ``amount`` for the first of some commands and 0 for the others."""
    return np.where(np.arange(at.size) == 0, amount, 0)

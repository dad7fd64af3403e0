"""Lowers the systolic dataflows: steps of folds as array commands, and the tiles that come for them."""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import replace

import numpy as np

from accel_sim.kernels.systolic_array import INPUT_STATIONARY, Accesses
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.grants import Grants
from accel_sim.lowering.machine import ARRAY, LOADERS, loader_of, room_wait, space
from accel_sim.lowering.macs import mac_actions
from accel_sim.lowering.memory_map import stored_bytes
from accel_sim.lowering.steps import classify
from accel_sim.lowering.systolic_folds import fold_classes
from accel_sim.lowering.systolic_machine import ARRIVED, FREE, LOADED, PRELOAD, held_tensor
from accel_sim.lowering.systolic_results import Results
from accel_sim.lowering.systolic_reuse import lowered_once
from accel_sim.lowering.systolic_tiles import I64, Tiles, filter_tiles, ifmap_tiles, sum_tiles
from accel_sim.lowering.systolic_words import RF, StepWords, StepWork, word_widths
from accel_sim.lowering.transfer import Runs, box_address, box_runs
from accel_sim.mapping.base import Mapping
from accel_sim.mapping.systolic_plan import SystolicPlan, step_table, window_of
from accel_sim.program import Action, ActionKey, Demand, LayerProgram
from accel_sim.workload import Layer, MacShape

Transfer = tuple[list[Demand], list[Action]]


def lower_systolic(context: LoweringContext, layer: Layer, mapping: Mapping) -> LayerProgram:
    """Return the program of ``layer`` on a systolic array.

    A step of the array is one or more folds (or a part of the stream of one). Its own cycles are those from its first
    operand to that of the next step, so that they add up to what the array takes when every tile is there in time.
    """
    shape, plan = layer.shape, mapping.plan
    assert isinstance(shape, MacShape)
    assert isinstance(plan, SystolicPlan)
    is_weight = layer.filter is not None and layer.filter.is_weight
    producers = {"ifmap": layer.inputs[:1], "filter": () if is_weight else layer.inputs[1:]}
    waits = {tensor: context.ledger.wait_for(tensor, names) for tensor, names in producers.items()}

    def lower() -> LayerProgram:
        return _Layer(context, layer, shape, plan, waits).program()

    program = lowered_once(context, layer, plan, waits, lower)
    context.ledger.add(layer.name, int(sum_tiles(shape, plan).closes.size))
    return replace(
        program,
        layer_actions=(*program.layer_actions, *mac_actions(context, layer), *_register_actions(context, layer, plan)),
        details={"folds": list(fold_classes(shape, plan))},
    )


class _Layer:
    """One layer's steps, tiles and queues."""

    def __init__(
        self,
        context: LoweringContext,
        layer: Layer,
        shape: MacShape,
        plan: SystolicPlan,
        stores_first: MappingABC[str, int],
    ) -> None:
        arch = context.arch
        self.stores_first = stores_first
        self.context, self.layer, self.shape, self.plan = context, layer, shape, plan
        self.table = step_table(shape, plan)
        self.places = context.places[layer.name]
        self.builder = context.builder(layer)
        self.grants = Grants(self.builder)
        self.buffers = {tensor: arch.buffer_for(tensor) for tensor in ("ifmap", "filter", "psum", "ofmap")}
        self.held = held_tensor(arch)
        self.tiles = {"ifmap": ifmap_tiles(shape, plan), "filter": filter_tiles(shape, plan)}
        # Where whole fmaps stay on the chip, their tiles take no room of their own.
        self.takes_room = {"ifmap": arch.activations == "dram", "filter": True}
        self.freed = {tensor: tiles.freed_bytes * self.takes_room[tensor] for tensor, tiles in self.tiles.items()}
        # An operand of one fold is all in the second registers when its preload ends.
        self.leaves_early = (self.table.steps.folds == 1) & (np.arange(self.table.count) > 0)
        self.results = Results(context, layer, self.builder, plan.bits, sum_tiles(shape, plan))

    def program(self) -> LayerProgram:
        """Return the commands of the layer, without what is counted for it as a whole."""
        self.queue_loads("ifmap")
        self.queue_loads("filter")
        self.results.queue(self.grants)
        self.grants.queue()
        self.queue_array()
        return self.builder.build(ARRAY)

    # Operands

    def queue_loads(self, tensor: str) -> None:
        """Queue the transfer of each tile, and where its buffer is shared, the grant of its room."""
        tiles, buffer = self.tiles[tensor], self.buffers[tensor]
        at = np.flatnonzero(tiles.begins)
        room = tiles.room_bytes[at] * self.takes_room[tensor]
        classes, boxes = classify([*(size[at] for size in tiles.size), room])

        def template(box: tuple[int, ...], stored: int, is_first: bool) -> int:
            demands, actions = self._ifmap(*box[:-1]) if tensor == "ifmap" else self._filter(*box[:-1])
            signals = {f"ready:{tensor}": 1}
            if tensor == self.held and not is_first:
                signals[ARRIVED] = 1
            waits = room_wait(buffer, tensor, box[-1]) if box[-1] else {}
            return self.builder.template(
                waits={f"stored:{tensor}": stored, **waits}, signals=signals, demands=demands, actions=actions
            )

        rows = np.array([template(box, 0, False) for box in boxes])[classes]
        rows[0] = template(boxes[classes[0]], self.stores_first[tensor], True)
        self.builder.queue(LOADERS[tensor], rows, 0, self._address(tensor, tiles, at))
        if loader_of(buffer) is None:
            self.grants.add(at, 0 if tensor == "ifmap" else 1, buffer, room, f"grant:{tensor}")

    @property
    def _is_weight(self) -> bool:
        return self.layer.filter is not None and self.layer.filter.is_weight

    def _ifmap(self, images: int, channels: int, rows: int, cols: int) -> Transfer:
        if not self.context.loads(self.layer, 0):
            return [], []
        runs = box_runs(self.places.inputs[0], images, channels, rows, cols)
        words = images * channels * rows * cols
        return self.context.load("ifmap", runs, words, self.plan.bits.ifmap, self.buffers["ifmap"])

    def _filter(self, filters: int, elements: int) -> Transfer:
        """One run for weights: they lie in DRAM in the order in which the array takes them."""
        place, words, width = self.places.filter, filters * elements, word_widths(self.plan.bits).filter
        assert place is not None
        if not self._is_weight and not self.context.loads(self.layer, 1):
            return [], self._within_chip(words)
        runs = Runs(stored_bytes(words * width, place.stored))
        if not self._is_weight:
            runs = box_runs(place, filters // self.plan.bits.filter_words, elements, 1, 1)
        return self.context.load("filter", runs, words, width, self.buffers["filter"])

    def _within_chip(self, words: int) -> list[Action]:
        """A second operand that an earlier layer has left in the ofmap's buffer."""
        source, target = self.buffers["ofmap"].name, self.buffers["filter"].name
        if source == target:
            return []
        n_bytes = word_widths(self.plan.bits).bytes_of("filter", words)
        return [
            Action(ActionKey(source, "filter", "read", target), n_bytes, words),
            Action(ActionKey(target, "filter", "write", source), n_bytes, words),
        ]

    def _address(self, tensor: str, tiles: Tiles, at: I64) -> I64:
        first, second, *rest = (index[at] for index in tiles.start)
        if tensor == "ifmap":
            images, channels, rows, cols = (size[at] for size in tiles.size)
            box = (images, channels, rows, cols)
            return box_address(self.places.inputs[0], first, second, rest[0], rest[1], box)
        place = self.places.filter
        assert place is not None
        per_value = self.plan.bits.filter_words
        if not self._is_weight:
            size = (tiles.size[0][at] // per_value, tiles.size[1][at], 1, 1)
            return box_address(place, first // per_value, second, 0, 0, size)
        words = first * window_of(self.shape) + second * tiles.size[0][at]
        bits = words * place.word_bits * place.stored.numerator // (per_value * place.stored.denominator)
        return place.base + bits // 8

    # The array

    def queue_array(self) -> None:
        """Queue the steps, and where PEs have second registers, their loads behind the steps before."""
        steps, table = self.table.steps, self.table
        room = np.zeros(table.count, dtype=np.int64)
        room[self.results.sums.opens] = self.results.room_bytes
        place = np.arange(table.count)
        marks = [self.tiles[tensor].begins for tensor in ("ifmap", "filter")]
        marks += [room > 0, table.closes, place == 0, place == table.count - 1]
        marks += [steps.window_first == 0, steps.window_end == window_of(self.shape)]
        flags = np.zeros(table.count, dtype=np.int64)
        for mark in marks:
            flags = 2 * flags + mark
        limit = table.blocks.pixels[table.block]
        first, end = steps.pixel_first // self.plan.bits.ifmap_words, steps.pixel_end // self.plan.bits.ifmap_words
        pixels = np.minimum(end, limit) - np.minimum(first, limit)
        counted, windows, filters = (
            steps.pixel_end - steps.pixel_first,
            steps.window_end - steps.window_first,
            steps.filter_end - steps.filter_first,
        )
        sizes = [counted, pixels, windows, filters, steps.folds, steps.cols_used]
        classes, _ = classify([flags, *self.freed.values(), *sizes])
        heads, bodies = [], []
        words = StepWords(self.context.arch, self.plan.array, self.plan.bits)
        for step in np.unique(classes, return_index=True)[1].tolist():
            waits, early, late = self._waits(step, room), *self._signals(step)
            if self.held is None:
                late = {name: early.get(name, 0) + late.get(name, 0) for name in {**early, **late}}
            else:
                heads.append(self.builder.template(waits=waits, signals=early))
                waits = {}
            actions = words.actions(self._work(step, int(pixels[step])))
            demands = self._port_demands(actions)
            bodies.append(self.builder.template(waits=waits, signals=late, demands=demands, actions=actions))
        templates, cycles = np.array(bodies)[classes], steps.own_cycles
        if self.held is not None:
            templates = np.stack([np.array(heads)[classes], templates], axis=1).ravel()
            cycles = np.stack([steps.own_cycles - steps.last_cycles, steps.last_cycles], axis=1).ravel()
            self._queue_preloads(self.held)
        self.builder.queue(ARRAY, templates, cycles)

    def _work(self, step: int, pixels: int) -> StepWork:
        steps = self.table.steps
        windows = int(steps.window_end[step] - steps.window_first[step])
        filters = int(steps.filter_end[step] - steps.filter_first[step])
        rows = int(steps.pixel_end[step] - steps.pixel_first[step])
        if self.plan.array.dataflow == INPUT_STATIONARY:
            rows = windows
        bits = self.plan.bits
        return StepWork(
            macs=pixels * windows * filters // bits.filter_words,
            word_macs=pixels * windows * filters * bits.ifmap_words,
            folds=int(steps.folds[step]),
            rows_used=rows // max(1, int(steps.folds[step])),
            cols_used=int(steps.cols_used[step]),
            words=Accesses(*(int(column[step]) for column in steps[-7:])),
        )

    def _port_demands(self, actions: list[Action]) -> list[Demand]:
        by_name = {buffer.name: buffer for buffer in self.buffers.values()}
        moved = dict.fromkeys(by_name, 0)
        for action in actions:
            if action.key.level in moved:
                moved[action.key.level] += action.n_bytes
        return [
            demand
            for name, n_bytes in moved.items()
            for demand in self.context.port_demands(by_name[name], n_bytes, write=False)
        ]

    def _waits(self, step: int, room: I64) -> dict[str, int]:
        """What a step waits for, in the order in which a stall is blamed."""
        waits = {f"ready:{tensor}": int(self.tiles[tensor].begins[step]) for tensor in ("ifmap", "filter")}
        waits["grant:array"] = int(room[step] > 0)
        if self.held is not None:
            waits[LOADED] = int(step > 0)
        return waits

    def _signals(self, step: int) -> tuple[dict[str, int], dict[str, int]]:
        """What a step signals once its last fold has taken the second registers' values, and what at its end."""
        early: dict[str, int] = {}
        late: dict[str, int] = {self.results.done: int(self.table.closes[step])}
        for tensor in ("ifmap", "filter"):
            signals = early if tensor == self.held else late
            name = space(self.buffers[tensor])
            freed = 0 if tensor == self.held and self.leaves_early[step] else int(self.freed[tensor][step])
            signals[name] = signals.get(name, 0) + freed
        if self.held is not None:
            early[FREE] = int(step + 1 < self.table.count)
        return early, late

    def _queue_preloads(self, held: str) -> None:
        """Queue the loads of the second registers; the array does the first one of a layer itself."""
        freed = np.where(self.leaves_early, self.freed[held], 0)
        begins = self.tiles[held].begins.astype(np.int64)
        classes, rows = classify([begins[1:], freed[1:]])
        templates = [
            self.builder.template(
                waits={ARRIVED: arrives, FREE: 1}, signals={LOADED: 1, space(self.buffers[held]): n_bytes}
            )
            for arrives, n_bytes in rows
        ]
        if templates:
            self.builder.queue(PRELOAD, np.array(templates)[classes], self.table.steps.load_cycles[1:])


def _register_actions(context: LoweringContext, layer: Layer, plan: SystolicPlan) -> list[Action]:
    """Return the reads and writes of the PEs' registers by the MACs; a gated one reads only its ifmap word.

    Where values take several words, each word of one meets each of the other.
    """
    times, bits = plan.bits.ifmap_words * plan.bits.filter_words, word_widths(plan.bits)
    done = times * sum(action.words for action in mac_actions(context, layer) if action.key.event == "done")
    counts = (
        ("ifmap", "read", times * layer.n_macs),
        ("filter", "read", done),
        ("psum", "read", done),
        ("psum", "write", done),
    )
    again = [Action(ActionKey("mac", "", "again"), 0, done - done // times)] if times > 1 else []
    registers = [
        Action(ActionKey(RF, tensor, event), bits.bytes_of(tensor, words), words) for tensor, event, words in counts
    ]
    return again + registers

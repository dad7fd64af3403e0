"""Lowers layers without MACs: tiles stream from DRAM through the vector unit and back."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch import Accelerator, Buffer
from accel_sim.errors import Fault, MappingError
from accel_sim.lowering.context import LoweringContext
from accel_sim.lowering.machine import DMA_IFMAP, DMA_OFMAP, VECTOR, allocator, loader_of, room_wait, space
from accel_sim.lowering.steps import classify
from accel_sim.lowering.transfer import box_address, box_runs
from accel_sim.mapping.base import fmap_bits
from accel_sim.mapping.spans import Span, axes_of
from accel_sim.program import Action, ActionKey, Demand, LayerBuilder, LayerProgram
from accel_sim.units import ceil_div
from accel_sim.workload import Layer, VectorShape

I64 = NDArray[np.int64]
REDUCTIONS = frozenset({"softmax", "layernorm"})
"""Ops that need all channels of a pixel before they can give the first one."""


def lower_vector(context: LoweringContext, layer: Layer) -> LayerProgram:
    """Return the program of a pool, activation, elementwise, softmax or layernorm layer.

    A tile is a box of channels, rows and columns of one image, as large as two of them (one being filled, one in
    work) fit the buffers. A reduction whose channels do not fit together reads its ifmap twice: once for the sums,
    once for the results. On a machine that keeps fmaps on the chip, whole ones, tiles take no room of their own.
    """
    shape = layer.shape
    assert isinstance(shape, VectorShape)
    arch, places = context.arch, context.places[layer.name]
    ifmaps, ofmaps = arch.buffer_for("ifmap"), arch.buffer_for("ofmap")
    bits, out_bits = fmap_bits(layer.ifmap, arch), fmap_bits(layer.ofmap, arch)
    tile_c, tile_p, tile_q = tile_sizes(layer, arch)
    passes = 2 if layer.op in REDUCTIONS and tile_c < shape.c else 1

    c, p, q = Span.cut(shape.c, tile_c), Span.cut(shape.p, tile_p), Span.cut(shape.q, tile_q)
    row_axis, col_axis = axes_of(shape)
    y, x = row_axis.cover(p), col_axis.cover(q)
    lengths = (shape.n, p.size.size, q.size.size, passes, c.size.size)
    n_at, p_at, q_at, pass_at, c_at = np.indices(lengths, dtype=np.int64).reshape(5, -1)
    classes, boxes = classify([c.size[c_at], y.size[p_at], x.size[q_at], p.size[p_at], q.size[q_at], pass_at])

    builder = context.builder(layer)
    producers = context.ledger.wait_for("ifmap", layer.inputs)
    takes_room = int(arch.activations == "dram")
    loads = np.empty((classes.size, shape.n_operands), dtype=np.int64)
    grants, steps, stores = [], [], []
    first_load = -1
    for number, (channels, rows, cols, out_rows, out_cols, which_pass) in enumerate(boxes):
        writes = which_pass == passes - 1
        in_words, out_words = channels * rows * cols, channels * out_rows * out_cols
        in_room, out_room = ceil_div(in_words * bits, 8), ceil_div(out_words * out_bits, 8)
        mine = np.flatnonzero(classes == number)
        for operand in range(shape.n_operands):
            demands: list[Demand] = []
            actions: list[Action] = []
            if context.loads(layer, operand):
                runs = box_runs(places.inputs[operand], 1, channels, rows, cols)
                demands, actions = context.load("ifmap", runs, in_words, bits, ifmaps)
            load = partial(builder.template, signals={"ready:vector": 1}, demands=demands, actions=actions)
            room = room_wait(ifmaps, "ifmap", in_room) if takes_room else {}
            loads[mine, operand] = load(waits=room)
            if mine[0] == 0 and operand == 0:
                first_load = load(waits={"stored:ifmap": producers, **room})
        grants.append(
            (
                builder.template(waits={space(ifmaps): in_room}, signals={"grant:ifmap": 1}),
                builder.template(waits={space(ofmaps): out_room * writes}, signals={"grant:vector": int(writes)}),
            )
        )
        n_ops = ceil_div(out_words * shape.ops_per_output, passes)
        read = shape.n_operands * in_room
        step_actions = [
            Action(ActionKey("vector", "", "op"), 0, n_ops),
            Action(ActionKey(ifmaps.name, "ifmap", "read", VECTOR), read, shape.n_operands * in_words),
        ]
        if writes:
            step_actions.append(Action(ActionKey(ofmaps.name, "ofmap", "write", VECTOR), out_room, out_words))
        released: dict[str, int] = {space(ifmaps): read * takes_room}
        step = builder.template(
            waits={"ready:vector": shape.n_operands, "grant:vector": int(writes) * takes_room},
            signals={**released, "done:vector": int(writes)},
            demands=[
                *context.port_demands(ifmaps, read, write=False),
                *context.port_demands(ofmaps, out_room * writes, write=True),
            ],
            actions=step_actions,
        )
        steps.append((step, ceil_div(n_ops, arch.vector.lanes)))
        out_runs = box_runs(places.ofmap, 1, channels, out_rows, out_cols)
        demands, actions = [], []
        if context.stores(layer):
            demands, actions = context.store("ofmap", out_runs, out_words, out_bits, ofmaps)
        stores.append(
            builder.template(
                waits={"done:vector": 1},
                signals={space(ofmaps): out_room * takes_room, **context.ledger.signals(layer.name)},
                demands=demands,
                actions=actions,
            )
        )

    if takes_room:
        _queue_grants(builder, ifmaps, ofmaps, np.array(grants)[classes], shape.n_operands, pass_at == passes - 1)
    loads[0, 0] = first_load
    start, size = (c.start[c_at], y.start[p_at], x.start[q_at]), (1, c.size[c_at], y.size[p_at], x.size[q_at])
    address = np.stack([box_address(place, n_at, *start, size) for place in places.inputs], axis=1)
    builder.queue(DMA_IFMAP, loads.ravel(), 0, address.ravel())
    step_table = np.array(steps, dtype=np.int64)[classes]
    cycles = step_table[:, 1].copy()
    cycles[-1] += arch.vector.pipeline_stages
    builder.queue(VECTOR, step_table[:, 0], cycles)
    out = np.flatnonzero(pass_at == passes - 1)
    c_out, p_out, q_out = c_at[out], p_at[out], q_at[out]
    start, size = (c.start[c_out], p.start[p_out], q.start[q_out]), (1, c.size[c_out], p.size[p_out], q.size[q_out])
    out_address = box_address(places.ofmap, n_at[out], *start, size)
    builder.queue(DMA_OFMAP, np.array(stores)[classes[out]], 0, out_address)
    context.ledger.add(layer.name, int(out.size))
    return builder.build(VECTOR)


def _queue_grants(
    builder: LayerBuilder, ifmaps: Buffer, ofmaps: Buffer, table: I64, n_operands: int, writes: NDArray[np.bool_]
) -> None:
    """Queue the grants in the order of tiles: room for all operands of a tile, then for its result."""
    rows = np.concatenate([np.repeat(table[:, :1], n_operands, axis=1), table[:, 1:]], axis=1)
    keep = np.ones(rows.shape, dtype=np.bool_)
    keep[:, -1] = writes
    if ifmaps is not ofmaps:
        if loader_of(ifmaps) is None:
            builder.queue(allocator(ifmaps), rows[:, :-1].ravel())
        builder.queue(allocator(ofmaps), rows[writes, -1])
        return
    builder.queue(allocator(ifmaps), rows[keep])


def tile_sizes(layer: Layer, arch: Accelerator) -> tuple[int, int, int]:
    """Return channels, ofmap rows and ofmap columns of a tile: the largest of which two fit, else one.

    Sizes are halved in the order that keeps runs in DRAM long; reductions keep their channels together while they can.

    Raises
    ------
    MappingError
        If not even one pixel of one channel fits: in which buffer, and by how many bytes.
    """
    shape = layer.shape
    assert isinstance(shape, VectorShape)
    order = "pqc" if arch.layout == "nhwc" or layer.op in REDUCTIONS else "cpq"
    overflow: tuple[str, int] | None = None
    for tiles in (2, 1):
        size = {"c": shape.c, "p": shape.p, "q": shape.q}
        while (overflow := _overflow(layer, arch, size, tiles)) is not None:
            shrink = next((name for name in order if size[name] > 1), None)
            if shrink is None:
                break
            size[shrink] = ceil_div(size[shrink], 2)
        if overflow is None:
            return size["c"], size["p"], size["q"]
    assert overflow is not None
    buffer, missing = overflow
    raise MappingError(
        Fault(
            key=f"layers.{layer.name}",
            message=f"one window of {shape.n_operands} x {shape.r} x {shape.s} words is {missing} bytes more than "
            f"buffer {buffer!r} holds",
        )
    )


def _overflow(layer: Layer, arch: Accelerator, size: dict[str, int], tiles: int) -> tuple[str, int] | None:
    """Return the buffer that ``tiles`` tiles overflow and by how many bytes, or ``None``."""
    shape, bits, out_bits = layer.shape, fmap_bits(layer.ifmap, arch), fmap_bits(layer.ofmap, arch)
    assert isinstance(shape, VectorShape)
    rows = min((size["p"] - 1) * shape.stride_h + shape.r, shape.h)
    cols = min((size["q"] - 1) * shape.stride_w + shape.s, shape.w)
    need: dict[str, int] = {}
    ifmaps, ofmaps = arch.buffer_for("ifmap"), arch.buffer_for("ofmap")
    in_bytes = shape.n_operands * ceil_div(size["c"] * rows * cols * bits, 8)
    need[ifmaps.name] = tiles * in_bytes
    need[ofmaps.name] = need.get(ofmaps.name, 0) + tiles * ceil_div(size["c"] * size["p"] * size["q"] * out_bits, 8)
    for buffer in (ifmaps, ofmaps):
        if need[buffer.name] > buffer.size_bytes:
            return buffer.name, need[buffer.name] - buffer.size_bytes
    return None

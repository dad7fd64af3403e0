"""What the validator says: programs that get stuck, reads that nothing orders after a write."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.errors import ProgramError
from accel_sim.program import Demand, LayerBuilder, Machine, Semaphore, Server, Unit
from accel_sim.program.validate import validate

UNITS = (Unit(name="load", role="dma", depth=4), Unit(name="pe_array", role="array"), Unit(name="store", role="dma"))
SEMAPHORES = (
    Semaphore(name="space", unit="load", initial=2, reason="full:glb"),
    Semaphore(name="ready", unit="pe_array", reason="dram:ifmap"),
    Semaphore(name="result", unit="store", reason="producer"),
    Semaphore(name="stored", unit="load", reason="producer"),
)
MACHINE = Machine(
    units=UNITS,
    semaphores=SEMAPHORES,
    servers=(Server(name="port", kind="bandwidth"), Server(name="dram", kind="bandwidth", quantum_bytes=64)),
)


def tiled_layer(name, index, *, reads_at, writes_at, n_tiles=6, waits=None, signals=None, machine=MACHINE):
    """Load, work, store: tiles of 64 bytes, double buffered; the first load waits for ``waits``, each store signals."""
    builder = LayerBuilder(machine, name, index)
    read, write = Demand("dram", 64), Demand("dram", 64, write=True)
    first = builder.template(waits={"space": 1, **(waits or {})}, signals={"ready": 1}, demands=[read])
    others = builder.template(waits={"space": 1}, signals={"ready": 1}, demands=[read])
    work = builder.template(waits={"ready": 1}, signals={"space": 1, "result": 1})
    store = builder.template(waits={"result": 1}, signals=signals, demands=[write])
    tiles = np.arange(n_tiles) * 64
    builder.queue("load", [first, *[others] * (n_tiles - 1)], addresses=reads_at + tiles)
    builder.queue("pe_array", np.full(n_tiles, work), 10)
    builder.queue("store", np.full(n_tiles, store), addresses=writes_at + tiles)
    return builder.build("pe_array")


def two_layers(**second):
    return [
        tiled_layer("conv1", 0, reads_at=0, writes_at=4096, signals={"stored": 1}),
        tiled_layer("conv2", 1, reads_at=4096, writes_at=8192, **second),
    ]


def test_a_read_ordered_after_the_last_write_it_overlaps():
    validate(MACHINE, iter(two_layers(waits={"stored": 6})))


def test_a_read_that_nothing_orders():
    with pytest.raises(ProgramError) as caught:
        validate(MACHINE, two_layers())
    assert str(caught.value) == (
        "unit 'load' at command 0 of layer 'conv2' (bytes 4096 to 4159) reads the memory where unit 'store' at command"
        " 0 of layer 'conv1' (bytes 4096 to 4159) writes, and nothing keeps them in order"
    )


def test_a_read_ordered_after_too_few_writes():
    """The last wait lets the first loads run while the last tile is still to be stored."""
    with pytest.raises(ProgramError) as caught:
        validate(MACHINE, two_layers(waits={"stored": 2}))
    message = str(caught.value)
    assert "command 2 of layer 'conv2' (bytes 4224 to 4287)" in message
    assert "command 2 of layer 'conv1' (bytes 4224 to 4287)" in message


def test_other_bytes_need_no_order():
    validate(MACHINE, [*two_layers(waits={"stored": 6})[:1], tiled_layer("conv2", 1, reads_at=0, writes_at=8192)])


def test_bounds_that_cross_without_a_common_byte_need_no_order():
    builder = LayerBuilder(MACHINE, "columns", 0)
    stripes = {"run_bytes": 8, "inner": 4, "inner_stride_bytes": 32}
    builder.queue("load", builder.template(demands=[Demand("dram", **stripes)]), addresses=0)
    builder.queue("store", builder.template(demands=[Demand("dram", **stripes, write=True)]), addresses=8)
    validate(MACHINE, [builder.build("load")])
    builder.queue("store", builder.template(demands=[Demand("dram", **stripes, write=True)]), addresses=7)
    with pytest.raises(ProgramError, match="store' at command 1 .* nothing keeps them in order"):
        validate(MACHINE, [builder.build("load")])


def test_the_layer_before_the_last_has_always_ended():
    layers = two_layers()
    gap = LayerBuilder(MACHINE, "gap", 1).build("load")
    validate(MACHINE, [layers[0], gap, layers[1]])


def test_psums_that_come_back_in_the_same_layer():
    """Spilled three times and read again by another unit: in order only after the last spill."""

    def layer(spills):
        builder = LayerBuilder(MACHINE, "spill", 0)
        spill = builder.template(signals={"stored": 1}, demands=[Demand("dram", 256, write=True)])
        back = builder.template(waits={"stored": spills}, demands=[Demand("dram", 256)])
        for _ in range(3):
            builder.queue("store", spill, addresses=1024)
        builder.queue("load", np.full(1, back), addresses=1024)
        return [builder.build("load")]

    validate(MACHINE, layer(spills=3))
    for spills in (0, 1, 2):
        with pytest.raises(ProgramError, match="'load' at command 0 .* 'store' at command 2 "):
            validate(MACHINE, layer(spills))


def test_a_read_that_ends_before_the_write_over_it_may_issue_is_in_order():
    """In place: each tile is loaded, worked on and stored where it came from."""
    validate(MACHINE, [tiled_layer("relu", 0, reads_at=0, writes_at=0)])


def test_one_queue_keeps_its_order_only_when_the_write_has_ended():
    def layer(unit):
        builder = LayerBuilder(MACHINE, "spill", 0)
        builder.queue(unit, builder.template(demands=[Demand("dram", 64, write=True)]), addresses=0)
        builder.queue(unit, builder.template(demands=[Demand("dram", 64)]), addresses=0)
        return [builder.build(unit)]

    validate(MACHINE, layer("store"))
    with pytest.raises(ProgramError, match="'load' at command 1 .* 'load' at command 0 "):
        validate(MACHINE, layer("load"))


def test_only_the_memory_has_hazards():
    builder = LayerBuilder(MACHINE, "ports", 0)
    builder.queue("load", builder.template(demands=[Demand("port", 64)]))
    builder.queue("store", builder.template(demands=[Demand("port", 64, write=True)]))
    validate(MACHINE, [builder.build("load")])


def test_a_program_that_gets_stuck():
    layer = tiled_layer("conv1", 0, reads_at=0, writes_at=4096, waits={"stored": 1})
    with pytest.raises(ProgramError) as caught:
        validate(MACHINE, [layer])
    assert str(caught.value) == (
        "the program cannot finish: unit 'load' at command 0 of layer 'conv1' waits for 1 of semaphore 'stored', which"
        " has 0; unit 'pe_array' at command 0 of layer 'conv1' waits for 1 of semaphore 'ready', which has 0; unit"
        " 'store' at command 0 of layer 'conv1' waits for 1 of semaphore 'result', which has 0"
    )


def test_a_semaphore_of_another_unit():
    builder = LayerBuilder(MACHINE, "conv1", 0)
    builder.queue("store", builder.template(waits={"ready": 1}))
    with pytest.raises(ProgramError, match="'store' waits for semaphore 'ready', which belongs to unit 'pe_array'"):
        validate(MACHINE, [builder.build("store")])


def test_programs_are_taken_when_their_layer_is_admitted():
    taken = []

    def stream():
        for index in range(5):
            taken.append(index)
            yield tiled_layer(f"conv{index}", index, reads_at=0, writes_at=4096)
        builder = LayerBuilder(MACHINE, "stuck", 5)
        builder.queue("load", builder.template(waits={"stored": 1}))
        yield builder.build("load")

    with pytest.raises(ProgramError, match="of layer 'stuck'"):
        validate(MACHINE, stream())
    assert taken == [0, 1, 2, 3, 4]

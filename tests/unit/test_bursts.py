"""The mapper's bursts are those that the transfers take; short runs cost whole ones."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.arch import load_arch
from accel_sim.config import Document
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.errors import MappingError
from accel_sim.lowering.machine import DRAM
from accel_sim.mapping.base import Costs, WordBits, word_bits
from accel_sim.mapping.bursts import SIZE_NAMES, burst_bytes
from accel_sim.mapping.loop_nest import ORDERS
from accel_sim.mapping.nest_search import score
from accel_sim.mapping.no_local_reuse import rooms_of
from accel_sim.mapping.spans import Span, axes_of
from accel_sim.workload import MacShape
from accel_sim.workload.reader import network_of
from tests.properties.small_jobs import MAC_KINDS, layers, machines, network

BITS = WordBits(ifmap=16, filter=16, ofmap=16, psum=32)
COSTS = Costs(
    dram_bytes_per_cycle=Fraction(8),
    dram_quantum_bytes=64,
    dram_layout="nchw",
    dram_pj_per_byte=0.0,
    buffer_pj_per_byte={},
    mac_pj=0.0,
    static_pj_per_cycle=0.0,
)


def blocks_cover_all(shape: MacShape, tile: dict[str, int]) -> bool:
    """Whether one of several strips needs the whole ifmap: its run is then longer than the mapper takes it to be."""
    rows, cols = axes_of(shape)
    found = False
    for axis, outputs, size in ((rows, shape.p, tile["tp"]), (cols, shape.q, tile["tq"])):
        covered = axis.cover(Span.cut(outputs, size)).size
        found |= covered.size > 1 and int(covered.max()) == axis.size
    return found


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.data())
def test_bursts_are_those_of_the_program(data: st.DataObject) -> None:
    arch = data.draw(machines("diannao")).with_set({"dma.quantum_bytes": data.draw(st.sampled_from([1, 8, 32, 64]))})
    entry = data.draw(layers("only", data.draw(st.sampled_from(MAC_KINDS))))
    entry.pop("density", None)
    alone = network([entry], arch, data.draw(st.integers(1, 3)))
    shape = alone.layers[0].shape
    assert isinstance(shape, MacShape)
    most = {"tn": shape.n if shape.h == shape.w == 1 else 1, "tp": shape.p, "tq": shape.q, "tk": shape.k, "tc": shape.c}
    tile = {name: data.draw(st.integers(1, size)) for name, size in most.items()}
    order = data.draw(st.sampled_from(ORDERS))
    mapping = {"dataflow": "no_local_reuse", "layers": {"only": {**tile, "order": order}}}
    try:
        job = prepare(alone, arch, mapping=mapping)
    except MappingError:
        return
    (program,) = job.programs()
    server = job.machine.servers[job.machine.server_index(DRAM)]
    rows = program.templates
    per_row = np.zeros(rows.demand_ptr.size - 1, dtype=np.int64)
    of_row = np.repeat(np.arange(per_row.size), np.diff(rows.demand_ptr))
    is_dram = rows.demand_server == job.machine.server_index(DRAM)
    np.add.at(per_row, of_row[is_dram], rows.demand_quanta[is_dram])
    executed = int((per_row * program.executions()).sum()) * server.quantum_bytes

    costs = replace(COSTS, dram_quantum_bytes=server.quantum_bytes, dram_layout=arch.layout)
    grid = {name: np.array([tile[name]]) for name in SIZE_NAMES}
    bits = word_bits(alone.layers[0], arch)
    moves = score(shape, bits, rooms_of(arch), grid, order).moves
    found = sum(int(moves[name][0] * once[0]) for name, once in burst_bytes(shape, bits, costs, grid).items())
    if blocks_cover_all(shape, tile):
        assert found >= executed
    else:
        assert found == executed


@pytest.mark.parametrize(
    ("tk", "tc", "n_bytes"),
    [
        (8, 64, 50 * (128 + 128)),
        (8, 32, 50 * 4 * 64),
        (8, 16, 50 * 7 * 64),
        (8, 48, 50 * (128 + 128 + 64)),
        (1, 100, 50 * 256),
        (50, 100, 157 * 64),
    ],
)
def test_a_short_run_takes_a_whole_burst(tk: int, tc: int, n_bytes: int) -> None:
    shape = MacShape.of(k=50, c=100)
    grid: dict[str, Any] = {name: np.array([1]) for name in SIZE_NAMES} | {"tk": np.array([tk]), "tc": np.array([tc])}
    assert burst_bytes(shape, BITS, COSTS, grid)["filter"][0] == n_bytes
    bytewise = replace(COSTS, dram_quantum_bytes=1)
    assert burst_bytes(shape, BITS, bytewise, grid)["filter"][0] == 50 * 100 * 2


def test_a_memory_bound_layer_is_mapped_to_long_runs() -> None:
    layer = {"name": "fc", "op": "linear", "in_features": 4096, "out_features": 4096}
    one = network_of(Document.from_data({"name": "one", "layers": [layer]}))
    result = simulate(one, load_arch("diannao"), steady=False).layers[0]
    assert result.total_cycles <= 1.02 * result.bounds_cycles["dram"]
    # the same traffic in runs of 16 words takes twice the time
    short = {"dataflow": "no_local_reuse", "layers": {"fc": {**result.mapping, "tk": 512, "tc": 16, "order": "bkc"}}}
    slow = simulate(one, load_arch("diannao"), mapping=short, steady=False).layers[0]
    assert slow.bounds_cycles["dram"] <= 1.01 * result.bounds_cycles["dram"]
    assert slow.total_cycles >= 1.9 * result.total_cycles

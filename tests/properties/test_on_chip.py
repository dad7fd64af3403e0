"""Machines that keep fmaps on the chip: what passes the DRAM, in which order; and the pixel mesh's cycles and reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accel_sim.arch import Accelerator
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.errors import MappingError
from accel_sim.workload import MacShape, Network
from tests.properties.small_jobs import KINDS, MAC_KINDS, layers, network, shipped
from tests.properties.test_lowering import check_order, check_result

MACHINES = ["tpu_v1", "shidiannao"]


@st.composite
def machines(draw: st.DrawFn, name: str, activations: str = "on_chip") -> Accelerator:
    """A small relative of a machine."""
    data = {**shipped(name).model_dump(), "provenance": {}}
    data["array"].update(rows=draw(st.integers(1, 9)), cols=draw(st.integers(1, 9)))
    if name == "tpu_v1":
        data["array"].update(
            skip_edges=draw(st.booleans()),
            double_buffered=draw(st.booleans()),
            whole_tiles=draw(st.booleans()),
            operand_words=1,
        )
    data["dram"] = draw(st.sampled_from(["ideal", "bandwidth:0.1", "bandwidth:3", "bandwidth:100"]))
    data["layout"] = draw(st.sampled_from(["nchw", "nhwc", "tiled"]))
    data["activations"] = activations
    for buffer in data["buffers"]:
        buffer["size_bytes"] = draw(st.sampled_from([1 << 13, 1 << 16, 1 << 20]))
        buffer["dma_shares_port"] = draw(st.integers(0, 3)) == 0
    return Accelerator(**{**data, "buffers": tuple(data["buffers"])})


@st.composite
def chains(draw: st.DrawFn, arch: Accelerator) -> Network:
    """Layers that each read the one before, and some of them an earlier one as well."""
    size = draw(st.integers(3, 9))
    channels = draw(st.integers(1, 5))
    entries: list[dict[str, Any]] = []
    widths: dict[str, int] = {}
    for i in range(draw(st.integers(2, 5))):
        inputs = {"inputs": [entries[-1]["name"]]} if entries else {}
        kind = draw(st.sampled_from(["conv2d", "activation", "elementwise"]))
        entry: dict[str, Any] = {"name": f"l{i}", "op": kind, "ifmap": [channels, size, size], **inputs}
        if kind == "conv2d":
            filters = draw(st.integers(1, 9))
            entry |= {"filter": [filters, channels, 3, 3], "padding": 1}
            channels = filters
        elif kind == "elementwise":
            entry |= {"function": "add", "operands": 2}
            if entries:
                alike = [name for name, made in widths.items() if made == channels]
                entry["inputs"] = [entries[-1]["name"], draw(st.sampled_from(alike))]
        entries.append(entry)
        widths[entry["name"]] = channels
    return network(entries, arch, draw(st.integers(1, 2)))


@pytest.mark.parametrize("name", MACHINES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_only_what_enters_and_leaves_the_network_passes_the_dram(data: st.DataObject, name: str) -> None:
    arch = data.draw(machines(name))
    chain = data.draw(chains(arch))
    try:
        result = simulate(chain, arch, steady=False)
    except MappingError:
        assume(False)
    check_result(chain, arch, result)
    bits = arch.mac.bits.ifmap
    for i, (layer, row) in enumerate(zip(chain.layers, result.layers, strict=True)):
        dram = row.accesses.get("dram", {})
        fresh = 1 if layer.is_mac else layer.n_operands
        operands = (fresh - len(layer.inputs)) * layer.ifmap.n_elements
        assert dram.get("ifmap", {"read_bytes": 0})["read_bytes"] >= operands * bits // 8
        assert ("ifmap" in dram) == (operands > 0)
        assert ("ofmap" in dram) == (i == len(chain.layers) - 1)
        preloaded = row.details.get("preload", {}).get("filters_preloaded", False)
        assert ("filter" in dram) == (layer.is_mac and not preloaded)
    check_order(prepare(chain, arch))


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_kind_of_layer_balances(data: st.DataObject, name: str, kind: str) -> None:
    arch = data.draw(machines(name, data.draw(st.sampled_from(["dram", "on_chip"]))))
    alone = network([data.draw(layers("only", kind))], arch, data.draw(st.integers(1, 3)))
    try:
        result = simulate(alone, arch, steady=False)
    except MappingError:
        assume(False)
    check_result(alone, arch, result)
    check_order(prepare(alone, arch))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), kind=st.sampled_from(MAC_KINDS))
def test_pixel_mesh_takes_the_cycles_of_its_patches(data: st.DataObject, kind: str) -> None:
    """One weight a cycle for all pixels of a patch; a single pixel gives its place to other outputs."""
    arch = data.draw(machines("shidiannao")).with_set({"dram": "ideal", "buffers.sb.size_bytes": 1 << 20})
    assume(not any(buffer.dma_shares_port for buffer in arch.buffers))
    alone = network([data.draw(layers("only", kind))], arch, data.draw(st.integers(1, 3)))
    result = simulate(alone, arch, steady=False).layers[0]
    shape, rows, cols = alone.layers[0].shape, arch.array.model_dump()["rows"], arch.array.model_dump()["cols"]
    fifo_words = arch.array.model_dump()["fifo_words"]
    assert isinstance(shape, MacShape)
    cycles = reads = 0
    for _ in range(shape.groups * shape.n):
        if shape.p == shape.q == 1:
            for _ in range(0, shape.k, rows * cols):
                cycles += shape.c * shape.r * shape.s
                reads += shape.c * shape.r * shape.s
            continue
        for top in range(0, shape.p, rows):
            for left in range(0, shape.q, cols):
                height, width = min(rows, shape.p - top), min(cols, shape.q - left)
                cycles += shape.k * shape.c * shape.r * shape.s
                reads += shape.k * shape.c * patch_reads(shape, height, width, fifo_words)
    assert result.compute_cycles == cycles + arch.array.model_dump()["pipeline_stages"]
    if arch.mac.bits.ifmap == 16:
        assert result.accesses["nbin"]["ifmap"]["read_bytes"] == 2 * reads


def patch_reads(shape: MacShape, height: int, width: int, fifo_words: int) -> int:
    """ifmap words that the PEs of a patch find at no neighbour, tap by tap.

    A FIFO holds the words of a stride of columns for the left neighbour, those of a stride of rows for the one above.
    """
    across = min(shape.stride_w, shape.s) <= fifo_words
    down = across and min(shape.stride_h, shape.r) * min(shape.stride_w, shape.s) <= fifo_words
    loaded = 0
    for r in range(shape.r):
        for s in range(shape.s):
            for y in range(height):
                for x in range(width):
                    # A neighbour's word came to it a stride ago, in the row that it has in its window.
                    from_right = across and s >= shape.stride_w and x + 1 < width
                    from_below = down and s < shape.stride_w and r >= shape.stride_h and y + 1 < height
                    loaded += not (from_right or from_below)
    return loaded

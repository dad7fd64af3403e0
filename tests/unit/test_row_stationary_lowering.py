"""Row stationary in the buffers: whole banks, parts of a block, and when tiles come and go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.arch import load_arch
from accel_sim.engine import run
from accel_sim.engine.simulate import prepare
from accel_sim.lowering.machine import ARRAY, DMA_IFMAP, DMA_OFMAP
from accel_sim.lowering.row_stationary_tiles import filter_parts, pass_tiles
from accel_sim.mapping.base import WordBits
from accel_sim.mapping.row_stationary_arch import limits_of
from accel_sim.mapping.row_stationary_letters import letter_faults
from accel_sim.mapping.row_stationary_passes import enumerate_passes
from accel_sim.mapping.row_stationary_search import legal_letters
from accel_sim.workload import MacShape, load_workload

ARCH = load_arch("eyeriss")
GLB, FILTERS = ARCH.buffer_for("psum"), ARCH.buffer_for("filter")
BITS = WordBits(ifmap=16, filter=16, ofmap=16, psum=16)
KIB = 1024


@st.composite
def mapped(draw):
    """A layer and one of the letters that its search offers."""
    between = st.integers
    shape = MacShape.of(
        n=draw(between(1, 5)),
        k=draw(between(1, 200)),
        c=draw(between(1, 40)),
        h=draw(between(11, 60)),
        w=draw(between(11, 60)),
        r=draw(between(1, 11)),
        s=draw(between(1, 11)),
        groups=draw(between(1, 2)),
        stride=(draw(between(1, 4)), draw(between(1, 4))),
    )
    letters = legal_letters(shape, limits_of(ARCH))
    assert letters is not None
    return shape, letters.mapping(draw(between(0, letters.m.size - 1)))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(mapped())
def test_what_the_search_offers_is_legal(case):
    shape, letters = case
    assert list(letter_faults(letters, shape, limits_of(ARCH))) == []


@settings(max_examples=60, deadline=None, derandomize=True)
@given(mapped())
def test_tiles_come_and_go_once_and_fit_the_banks(case):
    shape, letters = case
    table = enumerate_passes(shape, letters)
    tiles = pass_tiles(shape, letters, table, BITS, GLB)
    assert tiles.ifmap_begins.sum() == tiles.ifmap_ends.sum() == table.loads_ifmap.sum()
    assert tiles.block_begins.sum() == tiles.block_ends.sum()
    # room in the order of passes: granted before use, given back after
    held, most = 0, 0
    for i in range(table.count):
        held += tiles.ifmap_room_bytes[i] * tiles.ifmap_begins[i] + tiles.psum_room_bytes[i] * tiles.first_c[i]
        most = max(most, held)
        held -= tiles.ifmap_room_bytes[i] * tiles.ifmap_ends[i] + tiles.psum_room_bytes[i] * tiles.last_c[i]
    assert held == 0
    assert most <= GLB.size_bytes
    assert (tiles.ifmap_room_bytes % GLB.bank_bytes == 0).all()
    assert (tiles.psum_room_bytes % GLB.bank_bytes == 0).all()
    # the parts of a block are the passes that complete it
    blocks = np.cumsum(tiles.block_begins) - 1
    finished = np.bincount(blocks, weights=tiles.last_c)
    assert (finished == tiles.parts[tiles.block_begins]).all()
    words = table.images * table.rows * shape.q * table.filters * tiles.last_c
    needed = -(-2 * np.bincount(blocks, weights=words).astype(np.int64) // GLB.bank_bytes) * GLB.bank_bytes
    assert (np.bincount(blocks, weights=tiles.psum_room_bytes * tiles.last_c) == needed).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(mapped(), st.sampled_from([1, 2, 8]))
def test_filters_come_in_parts_that_fit(case, kib):
    shape, letters = case
    table = enumerate_passes(shape, letters)
    buffer = FILTERS.model_copy(update={"size_bytes": kib * KIB})
    parts = filter_parts(table, shape, BITS, buffer)
    assert (np.bincount(parts.of_pass, weights=parts.filters) == table.filters).all()
    taken = 2 * parts.filters * table.channels[parts.of_pass] * shape.r * shape.s
    assert taken.max() <= buffer.size_bytes
    whole = 2 * table.filters * table.channels * shape.r * shape.s <= buffer.size_bytes
    assert (np.bincount(parts.of_pass)[whole] == 1).all()


def test_psums_of_a_block_share_banks():
    """Table III of the paper: CONV1 keeps 72.2 KiB of psums; three parts of 24.06 KiB take 7, 6 and 6 banks of 4."""
    network = load_workload("alexnet_conv", 4)
    job = prepare(network, ARCH, mapping="eyeriss_alexnet", layers="conv1")
    shape, letters = job.network.layers[0].shape, job.mappings["conv1"].plan
    table = enumerate_passes(shape, letters)
    tiles = pass_tiles(shape, letters, table, BITS, GLB)
    assert tiles.psum_room_bytes[:3].tolist() == [28 * KIB, 24 * KIB, 24 * KIB]
    assert tiles.ifmap_room_bytes[0] == 16 * KIB


@pytest.mark.parametrize("stops", [True, False])
def test_the_array_stops_for_fmaps_or_not(stops):
    """Where it stops, no pass works while an ifmap comes or an ofmap goes; else some do (CONV2 leaves a bank free)."""
    network = load_workload("alexnet_conv", 4)
    arch = ARCH.with_set({"array.stops_for_fmaps": stops})
    job = prepare(network, arch, mapping="eyeriss_alexnet", layers="conv2")
    (program,) = job.programs()
    timeline = run(job.machine, [program], record=True)

    def spans(unit: str) -> tuple[np.ndarray, np.ndarray]:
        u = job.machine.unit_index(unit)
        rows = slice(program.unit_ptr[u], program.unit_ptr[u + 1])
        return timeline.issue_cycle[0][rows], timeline.end_cycle[0][rows]

    works = np.zeros(timeline.total_cycles + 1, dtype=np.int64)
    for issue, end in zip(*spans(ARRAY), strict=True):
        works[issue:end] = 1
    busy = np.concatenate([[0], np.cumsum(works)])
    during = [int((busy[end] - busy[issue]).sum()) for issue, end in (spans(DMA_IFMAP), spans(DMA_OFMAP))]
    assert during == [0, 0] if stops else min(during) > 0

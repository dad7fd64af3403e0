"""Places in DRAM: nothing that is still needed is overwritten, and room that nobody needs is used again."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.arch import load_arch
from accel_sim.config import Document
from accel_sim.lowering.memory_map import ALIGN_BYTES, TensorPlace, place_tensors
from accel_sim.workload import Network
from accel_sim.workload.reader import network_of

ARCH = load_arch("diannao")


def network(edges: list[list[int]], channels: list[int]) -> Network:
    """Elementwise layers of one to three operands; ``edges[i]`` are the producers of layer i."""
    layers: list[dict[str, Any]] = []
    for i, (producers, c) in enumerate(zip(edges, channels, strict=True)):
        entry: dict[str, Any] = {"name": f"l{i}", "op": "activation", "ifmap": [c, 7, 9], "function": "relu"}
        if len(producers) > 1:
            entry |= {"op": "elementwise", "function": "add", "operands": len(producers)}
        layers.append({**entry, "inputs": [f"l{producer}" for producer in producers]})
    return network_of(Document.from_data({"name": "graph", "layers": layers}))


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    count = draw(st.integers(1, 12))
    return [
        draw(st.lists(st.integers(0, i - 1), max_size=3, unique=True)) if i and draw(st.booleans()) else []
        for i in range(count)
    ]


def extent(place: TensorPlace) -> tuple[int, int]:
    return place.base, place.base + place.size_bytes


def apart(one: TensorPlace, other: TensorPlace) -> bool:
    return extent(one)[1] <= extent(other)[0] or extent(other)[1] <= extent(one)[0]


def ancestors(edges: list[list[int]]) -> list[set[int]]:
    before: list[set[int]] = []
    for producers in edges:
        before.append(set(producers).union(*(before[producer] for producer in producers)))
    return before


@settings(max_examples=300, deadline=None, derandomize=True)
@given(graphs(), st.integers(1, 80), st.booleans())
def test_no_tensor_is_overwritten_before_its_last_reader(edges: list[list[int]], c: int, compressed: bool) -> None:
    graph = network(edges, [c] * len(edges))
    stored = {(f"l{i}", "ofmap"): Fraction(3, 7) for i in range(len(edges))} if compressed else {}
    places = place_tensors(graph, ARCH, stored)
    before = ancestors(edges)
    readers = {i: [j for j, producers in enumerate(edges) if i in producers] for i in range(len(edges))}
    fresh = [places[f"l{i}"].inputs[0] for i, producers in enumerate(edges) if not producers]
    kept = [*fresh, *(places[f"l{i}"].scratch for i in range(len(edges)))]
    for i in range(len(edges)):
        mine = places[f"l{i}"].ofmap
        assert all(apart(mine, other) for other in kept)
        for j in range(i):
            # ofmap j may go only when every reader has certainly ended: layer i depends on it, or it is two layers back
            if not readers[j] or not all(reader in before[i] or reader <= i - 2 for reader in readers[j]):
                assert apart(mine, places[f"l{j}"].ofmap), (i, j)
    assert all(apart(one, other) for at, one in enumerate(kept) for other in kept[:at])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(graphs())
def test_bases_are_aligned_and_readers_see_what_was_stored(edges: list[list[int]]) -> None:
    ratios = {(f"l{i}", "ofmap"): Fraction(i + 1, 20) for i in range(len(edges))}
    places = place_tensors(network(edges, [5] * len(edges)), ARCH, ratios)
    for i, producers in enumerate(edges):
        layer = places[f"l{i}"]
        for place in (*layer.inputs, layer.ofmap, layer.scratch):
            assert place.base % ALIGN_BYTES == 0
        for place, producer in zip(layer.inputs, producers, strict=False):
            made = places[f"l{producer}"].ofmap
            assert (place.base, place.stored, place.word_bits) == (made.base, made.stored, made.word_bits)


def test_a_chain_takes_turns_in_two_rooms() -> None:
    chain = [[], *([i] for i in range(9))]
    places = place_tensors(network(chain, [64] * 10), ARCH)
    assert len({layer.ofmap.base for layer in places.values()}) == 2


def test_a_tensor_too_large_for_the_room_left_gets_its_own() -> None:
    wide = network_of(
        Document.from_data(
            {
                "name": "wide",
                "layers": [
                    {"name": "a", "op": "activation", "ifmap": [64, 8, 8]},
                    {"name": "b", "op": "activation", "ifmap": [64, 8, 8]},
                    {"name": "c", "op": "elementwise", "function": "add", "operands": 2, "ifmap": [64, 8, 8],
                     "inputs": ["a", "b"]},
                    {"name": "d", "op": "conv2d", "ifmap": [64, 8, 8], "filter": [128, 64, 1, 1], "inputs": ["c"]},
                ],
            }
        )
    )  # fmt: skip
    placed = place_tensors(wide, ARCH)
    assert placed["a"].ofmap.size_bytes == placed["b"].ofmap.size_bytes == 8192
    assert placed["d"].ofmap.size_bytes == 16384
    # between the rooms of a and b lie the scratch of a and the input of b, so the two do not join
    assert all(apart(placed["d"].ofmap, placed[name].ofmap) for name in "abc")


def test_a_compressed_tensor_has_the_room_of_its_larger_form() -> None:
    shape = (1, 3, 5, 7)
    for stored, size in ((Fraction(1, 2), 210), (Fraction(1), 210), (Fraction(3, 2), 315)):
        assert TensorPlace(base=0, shape=shape, word_bits=16, order="nchw", stored=stored).size_bytes == size


def test_a_reshaped_operand_keeps_its_bytes() -> None:
    data = {
        "name": "flat",
        "layers": [
            {"name": "conv", "op": "conv2d", "ifmap": [3, 8, 8], "filter": [4, 3, 3, 3]},
            {"name": "fc", "op": "linear", "in_features": 144, "out_features": 10, "inputs": ["conv"]},
        ],
    }
    places = place_tensors(network_of(Document.from_data(data)), ARCH)
    seen, made = places["fc"].inputs[0], places["conv"].ofmap
    assert (seen.base, seen.words) == (made.base, made.words)
    assert (seen.shape, made.shape) == ((1, 144, 1, 1), (1, 4, 6, 6))

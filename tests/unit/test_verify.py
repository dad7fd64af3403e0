"""Verification: what it runs on, and that it catches and names whatever is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accel_sim import load_arch, load_workload, verify
from accel_sim.compression.masks import tensor_mask
from accel_sim.engine.simulate import prepare
from accel_sim.errors import ArchError, TraceError, WorkloadError
from accel_sim.lowering.registry import LOWERINGS
from accel_sim.validation.verify import convolution, registry
from accel_sim.validation.verify.convolution import convolve
from accel_sim.validation.verify.differences import first_part
from accel_sim.validation.verify.fast_path import FastPath
from accel_sim.validation.verify.operands import Operands, layer_operands, tensor_values
from accel_sim.validation.verify.run import verify_layer
from accel_sim.validation.verify.twin import LayerJob
from accel_sim.workload import Layer, MacShape, Network, Tensor

DIANNAO, EYERISS = load_arch("diannao"), load_arch("eyeriss")
SHAPE = MacShape.of(n=1, k=20, c=6, h=6, w=5, r=3, s=2, stride=(1, 2), groups=2)
SIZES = {"tn": 1, "tp": 2, "tq": 1, "tk": 16, "tc": 6, "order": "bkc"}
LETTERS = {"m": 20, "n": 1, "e": 3, "p": 5, "q": 1, "r": 2, "t": 2}
TILES = {"dataflow": "no_local_reuse", "layers": {"layer": SIZES}}
PASSES = {"dataflow": "row_stationary", "layers": {"layer": LETTERS}}
TREE, MESH = pytest.param(DIANNAO, TILES, id="tree"), pytest.param(EYERISS, PASSES, id="mesh")
MACHINES = pytest.mark.parametrize(("arch", "mapping"), [TREE, MESH])
COMMANDS = {"adder_tree": 1, "row_stationary_mesh": 2}  # of the array, in a part


def network_of(shape, density=1.0, bits=16):
    """One convolution called ``layer``."""

    def tensor(name, dims, **more):
        return Tensor(name=f"layer.{name}", shape=dims, bits=bits, **more)

    layer = Layer(
        name="layer",
        op="conv2d",
        shape=shape,
        ifmap=tensor("ifmap", shape.ifmap_shape, density=density),
        filter=tensor("filter", shape.filter_shape, density=density, is_weight=True),
        ofmap=tensor("ofmap", shape.ofmap_shape),
    )
    return Network(name="network", layers=(layer,))


def break_lowering(monkeypatch, arch, change):
    """Let the lowering of ``arch`` make a mistake: ``change`` gets each program and the array's unit."""
    right = LOWERINGS[arch.dataflow]

    def lower(context, layer, mapping):
        program = right.lower(context, layer, mapping)
        return change(program, context.machine.unit_index("array"))

    monkeypatch.setitem(LOWERINGS, arch.dataflow, right._replace(lower=lower))


# The fast path is wrong: it is caught, and the part is named


@MACHINES
@pytest.mark.parametrize("part", [0, 5, -1])
def test_a_wrong_cycle_is_named(monkeypatch, arch, mapping, part):
    n_commands = COMMANDS[arch.array.organisation]
    found = {}

    def late(program, unit):
        own, first = program.own_cycles.copy(), program.unit_ptr[unit]
        found["part"] = part % (FastPath(program=program, unit=unit).n_commands // n_commands)
        found["end"] = own[first : first + n_commands * (found["part"] + 1)].sum()
        own[first + n_commands * found["part"]] += 3
        return replace(program, own_cycles=own)

    break_lowering(monkeypatch, arch, late)
    (verdict,) = verify(network_of(SHAPE), arch, mapping=mapping)
    assert not verdict.is_proven
    assert verdict.outputs_equal
    assert verdict.accesses_equal
    assert verdict.fast_cycles == verdict.stepped_cycles + 3
    (difference,) = verdict.differences
    name = {"adder_tree": "tile", "row_stationary_mesh": "pass"}[arch.array.organisation]
    assert difference.part.startswith(f"{name} {found['part']} of ")
    assert difference.clock == difference.stepped == found["end"]
    assert difference.expected == found["end"] + 3
    assert str(difference).startswith(f"layer: cycles differ in {name} {found['part']} of ")


@MACHINES
def test_a_wrong_count_is_named(monkeypatch, arch, mapping):
    """One part's own template counts a word more than the array reads."""
    n_commands = COMMANDS[arch.array.organisation]
    part, keys = 4, []

    def greedy(program, unit):
        rows, first = program.templates, program.unit_ptr[unit]
        command = first + n_commands * (part + 1) - 1
        row, action = program.template[command], rows.action_ptr[program.template[command] + 1] - 1
        first_use = int(np.flatnonzero(program.template == row)[0])
        keys.extend([program.action_keys[rows.action_key[action]], (first_use - first) // n_commands])
        words = rows.action_words.copy()
        words[action] += 1
        return replace(program, templates=rows._replace(action_words=words))

    break_lowering(monkeypatch, arch, greedy)
    (verdict,) = verify(network_of(SHAPE), arch, mapping=mapping)
    assert verdict.outputs_equal
    assert verdict.stepped_cycles == verdict.fast_cycles
    assert not verdict.accesses_equal
    (difference,) = verdict.differences
    key, first_use = keys
    assert difference.subject.startswith(f"{key.level} {key.tensor} {key.event}".strip())
    assert difference.part.split()[1] == str(first_use)
    assert difference.expected == difference.stepped + 1


@MACHINES
def test_a_wrong_count_of_the_whole_layer_has_no_part(monkeypatch, arch, mapping):
    def forget(program, unit):
        kept = tuple(action for action in program.layer_actions if action.key.level != "mac")
        return replace(program, layer_actions=kept)

    break_lowering(monkeypatch, arch, forget)
    (verdict,) = verify(network_of(SHAPE), arch, mapping=mapping)
    (difference,) = verdict.differences
    assert str(difference) == (
        f"layer: accesses differ: mac done words is {SHAPE.n_macs:,} in the stepped array, 0 in the fast path"
    )


def test_a_program_cut_otherwise_is_named(monkeypatch):
    def merge(program, unit):
        kept = np.ones(program.n_commands, dtype=bool)
        kept[program.unit_ptr[unit]] = False
        pointers = program.unit_ptr.copy()
        pointers[unit + 1 :] -= 1
        columns = {name: getattr(program, name)[kept] for name in ("template", "own_cycles", "address")}
        return replace(program, unit_ptr=pointers, **columns)

    break_lowering(monkeypatch, DIANNAO, merge)
    (verdict,) = verify(network_of(SHAPE), DIANNAO, mapping=TILES)
    assert not verdict.accesses_equal
    assert [difference.subject for difference in verdict.differences] == [
        "the number of array commands for 16 tiles"
    ] * 2
    assert {(difference.stepped, difference.expected) for difference in verdict.differences} == {(16, 15)}


def test_a_dataflow_that_maps_wrongly_is_caught(monkeypatch):
    """The stepped tree adds every ifmap channel; a lowering that forgets the last tile of channels does not."""
    network = network_of(SHAPE)
    job = prepare(network, DIANNAO, mapping=TILES)
    mapping = job.mappings["layer"]
    short = replace(mapping, plan=replace(mapping.plan, sizes=replace(mapping.plan.sizes, tc=5)))
    operands = layer_operands(network.layers[0], 0)
    work = LayerJob(layer=network.layers[0], arch=DIANNAO, mapping=short, operands=operands)
    fast = FastPath.of(next(job.programs()), job.machine)
    verdict = verify_layer(registry.TWINS["adder_tree"], work, fast, operands)
    assert verdict.outputs_equal
    assert verdict.stepped_cycles != verdict.fast_cycles
    assert not verdict.accesses_equal


# The array is wrong: the first wrong sum is followed to its PE


def wrong_weight(arch, mapping, place):
    """Verify against operands with one other weight, which no ifmap value hides."""
    network = network_of(SHAPE)
    layer = network.layers[0]
    job = prepare(network, arch, mapping=mapping)
    operands = layer_operands(layer, 0)
    altered = operands.filters.copy()
    altered[place] += 1
    work = LayerJob(layer=layer, arch=arch, mapping=job.mappings["layer"], operands=operands)
    twin = registry.twin_of(arch)
    fast = FastPath.of(next(job.programs()), job.machine)
    verdict = verify_layer(twin, work, fast, Operands(ifmap=operands.ifmap, filters=altered))
    assert not verdict.outputs_equal
    assert verdict.stepped_cycles == verdict.fast_cycles
    assert verdict.accesses_equal
    (difference,) = verdict.differences
    group, channel = place[0] // SHAPE.k, place[1]
    value = operands.ifmap[0, group * SHAPE.c + channel, place[2], place[3]]
    assert difference.expected - difference.stepped == value
    assert f"[0, {place[0]}, 0, 0]" in difference.subject
    return difference


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (17, 4, 2, 1), (39, 5, 1, 0), (20, 2, 2, 0)])
def test_a_wrong_weight_of_the_tree_is_named_by_tile_clock_and_multiplier(place):
    channel, c, r, s = place
    group, k = divmod(channel, SHAPE.k)
    difference = wrong_weight(DIANNAO, TILES, place)
    # 8 tiles a group: 4 of pixels by 2 of filters; a tile has 2 pixels x 6 taps
    tile = 8 * group + k // 16
    assert difference.part.startswith(f"tile {tile} of 16 (group {group}, ")
    started = 12 * tile + r * SHAPE.s + s
    assert difference.clock == started + DIANNAO.array.pipeline_stages
    assert difference.pe == f"tree {k % 16}, multiplier {c}"


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (17, 4, 2, 1), (39, 5, 1, 0), (20, 2, 2, 0)])
def test_a_wrong_weight_of_the_mesh_is_named_by_pass_clock_and_pe(place):
    channel, c, r, _ = place
    group, k = divmod(channel, SHAPE.k)
    difference = wrong_weight(EYERISS, PASSES, place)
    # a strip of a group: 3 pairs of channels, for each 2 passes of 10 filters
    at = 12 * group + 2 * (c // 2) + k // 10
    assert difference.part.startswith(f"pass {at} of 24 (group {group}, ")
    assert difference.pe == f"PE of filter row {r}, channel set {c % 2}, ofmap row 0 of filter set {k % 10 // 5}"
    job = prepare(network_of(SHAPE), EYERISS, mapping=PASSES)
    assert difference.clock == FastPath.of(next(job.programs()), job.machine).ends(np.array([2 * (at + 1)]))[0]


def test_a_sum_lost_on_its_way_out_is_named():
    """All sums of the watched output are right; the ofmap is not."""
    network = network_of(SHAPE)
    job = prepare(network, DIANNAO, mapping=TILES)
    operands = layer_operands(network.layers[0], 0)
    work = LayerJob(layer=network.layers[0], arch=DIANNAO, mapping=job.mappings["layer"], operands=operands)
    twin = registry.TWINS["adder_tree"]
    run = twin.step(work)
    run.outputs[0, 3, 1, 1] += 7
    wrong = twin.first_wrong(work, run, (0, 3, 1, 1), operands)
    assert (wrong.part, wrong.pe, wrong.stepped) == (2, "tree 3, on the way out", wrong.expected + 7)


# What layers are verified on


def test_values_are_zero_where_the_mask_is():
    layer = network_of(SHAPE, density=0.3, bits=5).layers[0]
    operands = layer_operands(layer, 7)
    for tensor, values in ((layer.ifmap, operands.ifmap), (layer.filter, operands.filters)):
        assert np.array_equal(values != 0, tensor_mask(tensor, 7).to_bool())
        assert values.dtype == np.int32
        assert values.min() == -16
        assert values.max() == 15
        assert np.array_equal(values, tensor_values(tensor, 7))
        assert not np.array_equal(values, tensor_values(tensor, 8))


def test_dense_values_have_no_zero_and_every_bit():
    for bits in (1, 2, 8, 32):
        values = tensor_values(Tensor(name="t", shape=(40, 50), bits=bits), 0)
        assert (values != 0).all()
        assert values.min() >= -(1 << bits - 1)
        assert values.max() <= max(-1, (1 << bits - 1) - 1)
        assert len(np.unique(values)) >= 0.95 * min(2000, (1 << bits) - 1)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float32])
def test_whole_numbers_of_a_trace_are_taken_as_they_are(tmp_path, dtype):
    traced = np.array([[0, 1, 100], [7, 0, 3]], dtype=dtype)
    np.savez(tmp_path / "t.npz", t=traced)
    tensor = Tensor(name="t", shape=(2, 3), bits=8, trace=str(tmp_path / "t.npz"))
    assert np.array_equal(tensor_values(tensor, 0), traced)


@pytest.mark.parametrize("traced", [np.array([[True, False]]), np.array([[0.5, 0.0]])])
def test_masks_and_fractions_of_a_trace_keep_their_zeros(tmp_path, traced):
    np.savez(tmp_path / "t.npz", t=traced)
    values = tensor_values(Tensor(name="t", shape=(1, 2), bits=8, trace=str(tmp_path / "t.npz")), 0)
    assert values[0, 0] != 0
    assert values[0, 1] == 0


def test_values_that_are_too_wide_are_refused(tmp_path):
    with pytest.raises(WorkloadError, match="up to 32 bits"):
        tensor_values(Tensor(name="t", shape=(2,), bits=33), 0)
    np.savez(tmp_path / "t.npz", t=np.array([[1 << 40]]))
    with pytest.raises(WorkloadError, match="stepped arrays take 32 bits"):
        tensor_values(Tensor(name="t", shape=(1, 1), bits=16, trace=str(tmp_path / "t.npz")), 0)
    with pytest.raises(TraceError, match="no array 'u'"):
        tensor_values(Tensor(name="u", shape=(1, 1), bits=16, trace=str(tmp_path / "t.npz")), 0)


# numpy's answer


def by_hand(shape, ifmap, filters):
    ofmap = np.zeros(shape.ofmap_shape, dtype=object)
    for n, k, p, q in np.ndindex(ofmap.shape):
        group = k // shape.k
        for c, r, s in np.ndindex(shape.c, shape.r, shape.s):
            y = p * shape.stride_h - shape.pad_h + r * shape.dilation_h
            x = q * shape.stride_w - shape.pad_w + s * shape.dilation_w
            if 0 <= y < shape.h and 0 <= x < shape.w:
                ofmap[n, k, p, q] += int(filters[k, c, r, s]) * int(ifmap[n, group * shape.c + c, y, x])
    return ofmap


@pytest.mark.parametrize("block_words", [1, 40, 1 << 20])
@pytest.mark.parametrize("bits", [8, 31])
@pytest.mark.parametrize(
    "shape",
    [
        SHAPE,
        MacShape.of(n=2, k=3, c=2, h=4, w=6, r=3, s=2, pad=(2, 1), dilation=(2, 3), stride=(3, 1)),
        MacShape.of(n=3, k=4, c=5, groups=2),
    ],
    ids=["groups", "dilation", "linear"],
)
def test_convolution_is_its_definition(monkeypatch, shape, bits, block_words):
    """With 31 bits a double would lose some."""
    monkeypatch.setattr(convolution, "_BLOCK_WORDS", block_words)
    random = np.random.default_rng(1)
    low, high = (-128, 128) if bits == 8 else (1 << 27, 1 << 28)
    ifmap, filters = random.integers(low, high, shape.ifmap_shape), random.integers(low, high, shape.filter_shape)
    layer = network_of(shape).layers[0]
    assert (convolution.exact_sums(layer, ifmap, filters) == np.float64) == (bits == 8)
    assert (convolve(layer, ifmap, filters) == by_hand(shape, ifmap, filters)).all()


def test_sums_beyond_64_bits_are_refused():
    wide = np.full(SHAPE.ifmap_shape, 1 << 30), np.full(SHAPE.filter_shape, 1 << 30)
    with pytest.raises(WorkloadError, match="exceed 64 bits"):
        convolve(network_of(SHAPE).layers[0], *wide)


# What cannot be verified


def test_an_organisation_without_a_twin(monkeypatch):
    monkeypatch.delitem(registry.TWINS, "adder_tree")
    with pytest.raises(ArchError, match=r"array.organisation: diannao is a adder_tree, which has no stepped twin"):
        verify(network_of(SHAPE), DIANNAO)


def test_no_layer_that_multiplies():
    with pytest.raises(WorkloadError, match="nothing to verify"):
        verify(load_workload("lenet5"), DIANNAO, layers="softmax")


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"mac.sparsity": "gate_both"}, "mac.sparsity: found 'gate_both'"),
        ({"array.psum_add_cycles": 0}, "array.psum_add_cycles: found 0"),
    ],
)
def test_meshes_without_a_stepped_model(sets, message):
    with pytest.raises(ArchError, match=message):
        verify(network_of(SHAPE), EYERISS.with_set(sets), mapping=PASSES)


# All layers


@pytest.mark.parametrize("arch", [DIANNAO, EYERISS], ids=["tree", "mesh"])
def test_a_network_with_progress(arch):
    seen = []
    network = load_workload("lenet5", 2)
    verdicts = verify(network, arch, progress=lambda *state: seen.append(state))
    layers = [layer for layer in network.layers if layer.is_mac]
    assert [verdict.name for verdict in verdicts] == [layer.name for layer in layers]
    assert all(verdict.is_proven for verdict in verdicts)
    assert [verdict.n_macs_stepped for verdict in verdicts] == [layer.n_macs for layer in layers]
    done = np.cumsum([0, *(layer.n_macs for layer in layers)]).tolist()
    assert seen == [(name, at, done[-1]) for name, at in zip([*(v.name for v in verdicts), ""], done, strict=True)]
    assert [list(verdict.to_dict()) for verdict in verdicts] == [
        ["name", "outputs_equal", "stepped_cycles", "fast_cycles", "accesses_equal", "n_macs_stepped"]
    ] * len(verdicts)


@pytest.mark.parametrize("first", [0, 1, 6])
def test_first_part(first):
    assert first_part(7, lambda n: n > first) == first

"""Codecs: a tile is ready when it has arrived and is decoded; a codec that is too slow shows as its own stall."""

from __future__ import annotations

from typing import Any

import pytest

from accel_sim.arch import load_arch
from accel_sim.engine import run
from accel_sim.engine.simulate import prepare, simulate
from accel_sim.errors import InputError
from accel_sim.lowering.codec import ENCODER, coded_tensors, decoded_streams, with_codec
from accel_sim.lowering.registry import LOWERINGS
from accel_sim.program.validate import validate
from accel_sim.results import NetworkResult
from accel_sim.workload import Network, load_workload
from tests.properties.small_jobs import network

FAST = 1 << 20


def sparse_layers(arch_name: str, ofmap_density: float = 0.2) -> Network:
    density = {"ifmap": 0.2, "filter": 0.2, "ofmap": ofmap_density}
    conv = {"name": "conv", "op": "conv2d", "ifmap": [16, 12, 12], "filter": [16, 16, 3, 3], "padding": 1}
    add = {"name": "add", "op": "elementwise", "ifmap": [16, 12, 12], "function": "add", "operands": 2}
    return network(
        [{**conv, "density": density}, {**add, "inputs": ["conv", "conv"]}], load_arch(arch_name)
    )  # fmt: skip


def run_with(arch_name: str, decode: int, encode: int = FAST, **options: Any) -> NetworkResult:
    codec = {"decode_words_per_cycle": decode, "encode_words_per_cycle": encode}
    formats = dict.fromkeys(("ifmap", "filter", "ofmap"), "run_length")
    arch = load_arch(arch_name).with_set({"codec": codec, "formats": formats})
    return simulate(sparse_layers(arch_name), arch, steady=False, **options)


@pytest.mark.parametrize("arch_name", ["diannao", "eyeriss", "systolic_ws", "systolic_os"])
def test_a_slow_decoder_is_its_own_stall(arch_name: str) -> None:
    fast, slow = run_with(arch_name, FAST), run_with(arch_name, 1)
    coded = [reason for reason in slow.total["stall_cycles"] if reason.startswith("codec:")]
    assert coded
    assert sum(slow.total["stall_cycles"][reason] for reason in coded) > 1000
    assert slow.total["total_cycles"] > fast.total["total_cycles"]
    assert sum(n for reason, n in fast.total["stall_cycles"].items() if reason in coded) < 100
    # decoding moves nothing: the same traffic, the same energy of it
    assert slow.total["accesses"] == fast.total["accesses"]
    assert slow.total["energy_pj"]["codec"] == fast.total["energy_pj"]["codec"] > 0


def test_a_decoder_takes_its_words_one_tile_after_the_other() -> None:
    """Each unit is busy for its words over its rate, rounded up for each tile."""
    arch = load_arch("eyeriss").with_set({"codec.decode_words_per_cycle": 3, "dram": "bandwidth:1000"})
    job = prepare(load_workload("alexnet_conv"), arch, layers="conv2")
    programs = list(job.programs())
    validate(job.machine, programs)
    (program,) = programs
    unit = job.machine.unit_index("decode_ifmap")
    first, last = program.unit_ptr[unit : unit + 2]
    words = [
        sum(program.templates.action_words[slice(*program.templates.action_ptr[row : row + 2])])
        for row in program.template[first:last]
    ]
    assert program.own_cycles[first:last].tolist() == [-(-int(n) // 3) for n in words]
    timeline = run(job.machine, programs)
    assert timeline.busy_cycles[0, unit] == program.own_cycles[first:last].sum() > 0


@pytest.mark.parametrize("decode", [1, 4, FAST])
def test_a_decoder_begins_when_the_bytes_begin_to_come(decode: int) -> None:
    """A decoder starts when its load is under way and the one before has arrived, and nothing else holds it."""
    arch = load_arch("eyeriss").with_set({"codec.decode_words_per_cycle": decode})
    job = prepare(load_workload("alexnet_conv"), arch, layers="conv3")
    (program,) = programs = list(job.programs())
    timeline = run(job.machine, programs, record=True)
    issue, end = timeline.issue_cycle[0], timeline.end_cycle[0]
    loads, decodes = (
        slice(*program.unit_ptr[job.machine.unit_index(name) :][:2]) for name in ("dma_ifmap", "decode_ifmap")
    )
    starts_at, arrives_at = issue[loads][::2], end[loads][1::2]
    decoder_free = 0
    for i, begins in enumerate(issue[decodes].tolist()):
        under_way = max(int(starts_at[i]), int(arrives_at[i - 1]) if i else 0)
        assert begins == max(under_way, decoder_free)
        decoder_free = int(end[decodes][i])
        assert decoder_free == begins + program.own_cycles[decodes][i]
    in_flight = [((issue[loads][1::2] <= cycle) & (arrives_at > cycle)).sum() for cycle in starts_at]
    assert max(in_flight) <= arch.dma.outstanding


def test_a_slow_encoder_holds_the_stores() -> None:
    fast, slow = run_with("diannao", FAST), run_with("diannao", FAST, encode=1)
    words = 16 * 12 * 12
    assert slow.layers[0].energy["codec"] == fast.layers[0].energy["codec"]
    assert slow.total["total_cycles"] >= max(words, fast.total["total_cycles"] + words // 4)
    used = [r.total["units"]["dma_ofmap"]["busy_cycles"] for r in (fast, slow)]
    assert used[1] > used[0]


def test_both_engines_agree_with_codecs() -> None:
    for decode, encode in ((1, 1), (4, 2)):
        for arch_name in ("eyeriss", "diannao"):
            for dram in (None, "ddr4_2400"):
                texts = {
                    run_with(arch_name, decode, encode, engine=engine, dram=dram).to_json()
                    for engine in ("compiled", "reference")
                }
                assert len(texts) == 1


def test_machines_without_packed_tensors_are_left_alone() -> None:
    arch = load_arch("diannao")
    machine = LOWERINGS[arch.dataflow].machine(arch)
    assert with_codec(machine, arch) is machine
    assert decoded_streams(load_arch("eyeriss")) == ("ifmap", "filter")
    assert coded_tensors(load_arch("eyeriss")) == ("ifmap", "ofmap")
    only = arch.with_set({"formats.filter": "run_length", "codec": load_arch("eyeriss").codec})
    names = [unit.name for unit in with_codec(machine, only).units]
    assert "decode_filter" in names
    assert "decode_ifmap" not in names
    assert ENCODER not in [server.name for server in with_codec(machine, only).servers]


def test_dense_tensors_pass_at_once() -> None:
    arch = load_arch("eyeriss")
    slow = simulate(load_workload("lenet5"), arch.with_set({"codec.decode_words_per_cycle": 1}), steady=False)
    assert slow.total["total_cycles"] == simulate(load_workload("lenet5"), arch, steady=False).total["total_cycles"]
    assert not any(reason.startswith("codec") for reason in slow.total["stall_cycles"])


def test_a_network_larger_than_the_memory_is_refused() -> None:
    arch, large = load_arch("eyeriss"), load_workload("alexnet").with_batch(2000)
    with pytest.raises(InputError) as caught:
        prepare(large, arch, dram="hbm2")
    (line,) = str(caught.value).splitlines()
    assert line.startswith("dram: the tensors of 'alexnet' at batch 2000 take ")
    assert line.endswith("preset 'hbm2' holds 1 GiB")
    prepare(load_workload("lenet5"), arch, dram="hbm2")


def test_with_an_ideal_memory_codecs_take_no_time() -> None:
    slow, fast = (run_with("eyeriss", decode, encode=decode, dram="ideal") for decode in (1, FAST))
    assert slow.total["total_cycles"] == fast.total["total_cycles"]
    assert slow.total["energy_pj"]["codec"] > 0

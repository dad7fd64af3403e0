"""Equal layers share a lowered program: it must be the one that each layer alone would have got."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from accel_sim.arch import load_arch
from accel_sim.config import Document
from accel_sim.engine.simulate import prepare
from accel_sim.lowering import systolic_reuse
from accel_sim.program import LayerProgram
from accel_sim.workload import Network
from accel_sim.workload.reader import network_of

CONV = {"op": "conv2d", "ifmap": [8, 9, 9], "filter": [8, 8, 3, 3], "padding": 1}


def network(bits: int) -> Network:
    """A chain of equal convolutions with a join, two equal products of activations, and a layer that stands alone."""
    layers: list[dict[str, Any]] = [{"name": "a", **CONV}]
    layers += [{"name": name, "inputs": [before], **CONV} for name, before in zip("bcd", "abc", strict=True)]
    layers += [
        {"name": "join", "op": "elementwise", "ifmap": [8, 9, 9], "inputs": ["b", "d"]},
        {"name": "e", "inputs": ["join"], **CONV},
        {"name": "f", "inputs": ["a"], **CONV},
        {"name": "alone", **CONV},
        {"name": "left", "op": "linear", "in_features": 16, "out_features": 16},
        {"name": "right", "op": "linear", "in_features": 16, "out_features": 16},
    ]
    defaults = {"bits": {"ifmap": bits, "filter": bits, "ofmap": bits, "psum": 32}}
    return network_of(Document.from_data({"name": "repeated", "defaults": defaults, "layers": layers}))


def same(one: LayerProgram, other: LayerProgram) -> bool:
    """Whether two programs are equal, array by array."""
    for field in dataclasses.fields(LayerProgram):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "templates":
            if not all(np.array_equal(x, y) for x, y in zip(ours, theirs, strict=True)):
                return False
        elif isinstance(ours, np.ndarray):
            if not np.array_equal(ours, theirs):
                return False
        elif ours != theirs:
            return False
    return True


@pytest.mark.parametrize("name", ["systolic_ws", "systolic_os", "systolic_is", "scalesim_os", "tpu_v1"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc", "tiled"])
def test_programs_are_those_of_the_layers_alone(name: str, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arch = load_arch(name, {"layout": layout})
    job_network = network(8)
    shared = list(prepare(job_network, arch).programs())
    monkeypatch.setattr(systolic_reuse, "LONGEST", 0)
    alone = list(prepare(job_network, arch).programs())
    assert [program.name for program in shared] == [layer.name for layer in job_network.layers]
    assert all(same(one, other) for one, other in zip(shared, alone, strict=True))
    assert len({id(program.templates) for program in shared}) < len({id(program.templates) for program in alone})


def test_a_machine_keeps_its_own_programs() -> None:
    """Jobs that take turns do not mix up what they have lowered."""
    jobs = [prepare(network(8), load_arch(name)) for name in ("systolic_ws", "systolic_os")]
    runs = [job.programs() for job in jobs]
    mixed = [[next(run) for run in runs] for _ in jobs[0].network.layers]
    for job, programs in zip(jobs, zip(*mixed, strict=True), strict=True):
        fresh = list(prepare(job.network, job.arch).programs())
        assert all(same(one, other) for one, other in zip(programs, fresh, strict=True))

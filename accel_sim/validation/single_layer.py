"""One layer on one machine, as published runs have it: without other layers, mapped and simulated as any network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accel_sim.arch import Accelerator
from accel_sim.config import Document
from accel_sim.engine.simulate import simulate
from accel_sim.results import LayerResult, NetworkResult
from accel_sim.workload.reader import network_of

IDEAL = "ideal"


def run_layer(arch: Accelerator, layer: Mapping[str, Any], *, dram: str | None = IDEAL, seed: int = 0) -> LayerResult:
    """Return the result of a layer, given as in a workload file, in words of the machine's own width."""
    return run_layers(arch, [{"name": "layer", **layer}], dram=dram, seed=seed).layers[0]


def run_layers(
    arch: Accelerator, layers: list[dict[str, Any]], *, dram: str | None = IDEAL, seed: int = 0
) -> NetworkResult:
    """Return the result of layers that do not feed each other, each as in a workload file."""
    own = arch.mac.bits
    bits = {"ifmap": own.ifmap, "filter": own.filter, "ofmap": own.ifmap, "psum": own.psum}
    entries = [{"inputs": [], **layer} for layer in layers]
    document = Document.from_data({"name": "published", "defaults": {"bits": bits}, "layers": entries})
    return simulate(network_of(document), arch, dram=dram, steady=False, seed=seed)


def array_cycles(layer: LayerResult) -> int:
    """Return the cycles in which the array works."""
    return int(layer.units["array"]["busy_cycles"])


def sparsity(layer: LayerResult) -> Mapping[str, Any]:
    """Return what the result of a skipping machine says of its work."""
    facts: Mapping[str, Any] = layer.details["sparsity"]
    return facts

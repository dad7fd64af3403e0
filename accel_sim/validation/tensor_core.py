"""2:4 tensor cores: what pruned weights gain where the cores are the limit, and where the memory is."""

from __future__ import annotations

from accel_sim.arch import load_arch
from accel_sim.config import Document
from accel_sim.engine.simulate import simulate
from accel_sim.results.model import LayerResult
from accel_sim.validation.figure import Figure
from accel_sim.workload.reader import network_of

_SOURCE = "NVIDIA A100 white paper, 2020: twice the dense rate for 2:4 weights"


def _run(side: int, pruned: bool, dram: str) -> LayerResult:
    """Return a product of ``side`` x ``side`` weights and as many columns."""
    layer = {"name": "gemm", "op": "matmul", "m": side, "k": side, "n": side}
    if pruned:
        layer["pattern"] = {"filter": {"kind": "n_of_m", "n": 2, "m": 4}}
    network = network_of(
        Document.from_data(
            {"name": "gemm", "defaults": {"bits": dict.fromkeys(("ifmap", "filter", "ofmap"), 16)}, "layers": [layer]}
        )
    )
    return simulate(network, load_arch("a100_sparse_tensor_core"), dram=dram, steady=False).layers[0]


def _gain() -> float:
    return _run(1728, False, "ideal").compute_cycles / _run(1728, True, "ideal").compute_cycles


FIGURES = (
    Figure(
        name="a100 2:4 rate over dense, no memory limit",
        source=_SOURCE,
        published=2,
        unit="",
        ours=_gain,
        tolerance=0.0,
    ),
)

"""Speed of the proof: networks through the stepped array of every organisation, on one core.

    python benchmarks/bench_verify.py [--workload resnet50] [--pruned alexnet_pruned]

Machines that skip zeros run the pruned network, those of N:M weights the same network with 2:4 weights. Prints, for
each machine, MACs per CPU-second of its stepped twin alone (all MACs of the network, skipped ones too, and those done)
and CPU seconds of the whole verification (operands, mapping, tile program, stepping, numpy's outputs). Exits with 1 if
anything differs or a twin is slower than what is asked of it: 500 M MACs per CPU-second for systolic arrays, 100 M for
the adder tree and the row-stationary mesh.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

# One thread for numpy's products, so that CPU seconds are seconds of one core.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from accel_sim import load_arch, load_workload, verify  # noqa: E402
from accel_sim.arch import Accelerator  # noqa: E402
from accel_sim.engine.simulate import prepare  # noqa: E402
from accel_sim.validation.verify.operands import layer_operands  # noqa: E402
from accel_sim.validation.verify.registry import twin_of  # noqa: E402
from accel_sim.validation.verify.twin import LayerJob  # noqa: E402
from accel_sim.workload import Network, Tensor  # noqa: E402

MACHINES = (
    ("diannao", 100e6),
    ("eyeriss", 100e6),
    ("systolic_ws", 500e6),
    ("systolic_os", 500e6),
    ("systolic_is", 500e6),
)
SKIPPING = (
    "eie",
    "ese",
    "cambricon_x",
    "cnvlutin",
    "scnn",
    "eyeriss_v2",
    "sigma",
    "dual_side_tensor_core",
)
TWO_OF_FOUR = ("a100_sparse_tensor_core", "structured_systolic")


def with_bits(network: Network, arch: Accelerator) -> Network:
    """The same network in words of the machine, where its own are wider."""

    def narrow(tensor: Tensor, bits: int) -> Tensor:
        return replace(tensor, bits=min(tensor.bits, bits))

    layers = [
        replace(
            layer,
            ifmap=narrow(layer.ifmap, arch.mac.bits.ifmap),
            filter=None if layer.filter is None else narrow(layer.filter, arch.mac.bits.filter),
            ofmap=narrow(layer.ofmap, arch.mac.bits.ifmap),
        )
        for layer in network.layers
    ]
    return replace(network, layers=tuple(layers))


def with_two_of_four(network: Network) -> Network:
    """The same network, with two of every four weights along the channels kept."""
    params = (("axis", 1), ("m", 4), ("n", 2))
    layers = [
        layer
        if layer.filter is None
        else replace(layer, filter=replace(layer.filter, density=0.5, pattern="n_of_m", pattern_params=params))
        for layer in network.layers
    ]
    return replace(network, layers=tuple(layers))


def step_seconds(network: Network, arch: Accelerator) -> float:
    """CPU seconds of the stepped twin alone, over all layers."""
    twin, job = twin_of(arch), prepare(network, arch)
    seconds = 0.0
    for layer in network.layers:
        if layer.is_mac:
            work = LayerJob(
                layer=layer,
                arch=arch,
                mapping=job.mappings[layer.name],
                operands=layer_operands(layer, 0),
                places=job.places[layer.name],
            )
            start = time.process_time()
            twin.step(work)
            seconds += time.process_time() - start
    return seconds


def measure(name: str, network: Network, small: Network, least: float) -> bool:
    """Print a machine's line; return whether it failed."""
    arch = load_arch(name)
    network = with_bits(network, arch)
    verify(with_bits(small, arch), arch)  # compiles
    start = time.process_time()
    verdicts = verify(network, arch)
    whole = time.process_time() - start
    stepping = step_seconds(network, arch)
    speeds = [n_macs / stepping for n_macs in (network.n_macs, sum(verdict.n_macs_stepped for verdict in verdicts))]
    differ = [verdict.name for verdict in verdicts if not verdict.is_proven]
    clocks = sum(verdict.stepped_cycles for verdict in verdicts)
    outcome = f"{len(differ)} layers differ: {', '.join(differ)}" if differ else "proven"
    numbers = f"{clocks / 1e6:10.2f}{stepping:12.2f}" + "".join(f"{speed / 1e6:10.0f}" for speed in speeds)
    print(f"{name:24}{arch.mac.bits.ifmap:6}{numbers}{whole:10.2f}  {outcome}")
    return bool(differ) or speeds[0] < least


def main() -> int:
    """Print a line a machine; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="resnet50")
    parser.add_argument("--pruned", default="alexnet_pruned")
    names = parser.parse_args()
    small, pruned = load_workload("lenet5"), load_workload(names.pruned)
    runs = (
        (load_workload(names.workload), small, MACHINES),
        (pruned, small, [(name, 0.0) for name in SKIPPING]),
        (with_two_of_four(pruned), with_two_of_four(small), [(name, 0.0) for name in TWO_OF_FOUR]),
    )
    failed = False
    for network, compiled, machines in runs:
        print(f"{network.name}, {network.n_macs / 1e9:.2f} G MACs")
        columns = f"{'M clocks':>10}{'stepping s':>12}{'M MAC/s':>10}{'M done/s':>10}{'verify s':>10}"
        print(f"{'machine':24}{'bits':>6}{columns}  verdict")
        for name, least in machines:
            failed |= measure(name, network, compiled, least)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

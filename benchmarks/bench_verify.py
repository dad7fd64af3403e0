"""Speed of the proof: a network through the stepped array of every organisation, on one core.

    python benchmarks/bench_verify.py [--workload resnet50]

Prints, for each machine, MACs per CPU-second of its stepped twin alone and CPU seconds of the whole verification
(operands, mapping, tile program, stepping, numpy's outputs). Exits with 1 if anything differs or a twin is slower than
what is asked of it: 500 M MACs per CPU-second for systolic arrays, 100 M for the others.
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


def with_bits(network: Network, arch: Accelerator) -> Network:
    """The same network in words of the machine, where its own are wider."""

    def narrow(tensor: Tensor | None, bits: int) -> Tensor | None:
        return tensor if tensor is None else replace(tensor, bits=min(tensor.bits, bits))

    layers = [
        replace(
            layer,
            ifmap=narrow(layer.ifmap, arch.mac.bits.ifmap),
            filter=narrow(layer.filter, arch.mac.bits.filter),
            ofmap=narrow(layer.ofmap, arch.mac.bits.ifmap),
        )
        for layer in network.layers
    ]
    return replace(network, layers=tuple(layers))


def step_seconds(network: Network, arch: Accelerator) -> float:
    """CPU seconds of the stepped twin alone, over all layers."""
    twin, job = twin_of(arch), prepare(network, arch)
    seconds = 0.0
    for layer in network.layers:
        if layer.is_mac:
            operands = layer_operands(layer, 0)
            work = LayerJob(layer=layer, arch=arch, mapping=job.mappings[layer.name], operands=operands)
            start = time.process_time()
            twin.step(work)
            seconds += time.process_time() - start
    return seconds


def main() -> int:
    """Print a line a machine; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="resnet50")
    shipped, small = load_workload(parser.parse_args().workload), load_workload("lenet5")
    failed = False
    print(f"{shipped.name}, {shipped.n_macs / 1e9:.2f} G MACs")
    print(f"{'machine':14}{'bits':>6}{'M clocks':>10}{'stepping s':>12}{'M MAC/s':>10}{'verify s':>10}  verdict")
    for name, least in MACHINES:
        arch = load_arch(name)
        network = with_bits(shipped, arch)
        verify(with_bits(small, arch), arch)  # compiles
        start = time.process_time()
        verdicts = verify(network, arch)
        whole = time.process_time() - start
        stepping = step_seconds(network, arch)
        speed = network.n_macs / stepping
        differ = [verdict.name for verdict in verdicts if not verdict.is_proven]
        clocks = sum(verdict.stepped_cycles for verdict in verdicts)
        outcome = f"{len(differ)} layers differ: {', '.join(differ)}" if differ else "proven"
        numbers = f"{clocks / 1e6:10.1f}{stepping:12.2f}{speed / 1e6:10.0f}{whole:10.2f}"
        print(f"{name:14}{arch.mac.bits.ifmap:6}{numbers}  {outcome}")
        failed = failed or bool(differ) or speed < least
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

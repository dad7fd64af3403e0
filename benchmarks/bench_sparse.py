"""Speed of machines that skip zeros: pruned AlexNet on each of them, and the largest layer on EIE.

    python benchmarks/bench_sparse.py [--workload alexnet_pruned]

Prints, for each machine, CPU seconds of `simulate` (masks drawn, stored sizes, kernels, tile program, engine, energy,
books; compiled beforehand), nominal and effectual MACs per CPU-second, and how often the dense time of a
numpy product of as many MACs fits into it. Every repeat draws other masks, so that none is remembered. Exits with 1 if
a machine takes more than 10 CPU seconds, or VGG-16's fc6 (25088 x 4096, 4 % of the weights) on `eie` more than one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

# One thread for numpy's products, so that CPU seconds are seconds of one core.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from accel_sim import load_arch, load_workload, simulate  # noqa: E402
from accel_sim.arch import Accelerator  # noqa: E402
from accel_sim.workload import Network  # noqa: E402

MACHINES = ("eie", "ese", "eyeriss_v2", "scnn", "cambricon_x", "cnvlutin", "sigma", "dual_side_tensor_core")
MOST_SECONDS = 10.0
MOST_FC6_SECONDS = 1.0
REPEATS = 3
SIDE = 1024


def seconds_of(network: Network, arch: Accelerator) -> tuple[float, int]:
    """Return the least CPU seconds of some runs with other masks each, and the effectual MACs of the last."""
    least = float("inf")
    simulate(network, arch, seed=REPEATS, steady=False)
    for seed in range(REPEATS):
        start = time.process_time()
        result = simulate(network, arch, seed=seed, steady=False)
        least = min(least, time.process_time() - start)
    return least, sum(layer.n_effectual_macs for layer in result.layers)


def numpy_macs_per_second() -> float:
    """Return how fast numpy multiplies dense matrices here."""
    left = np.ones((SIDE, SIDE), dtype=np.float32)
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        left @ left
        best = min(best, time.process_time() - start)
    return SIDE**3 / best


def main() -> int:
    """Print a line a machine; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="alexnet_pruned")
    network, peer = load_workload(parser.parse_args().workload), numpy_macs_per_second()
    too_slow = False
    print(f"{network.name}, {network.n_macs / 1e6:.0f} M MACs; numpy multiplies {peer / 1e9:.1f} G dense MACs a second")
    print(f"{'machine':24}{'CPU s':>8}{'M MAC/s':>10}{'effectual M/s':>15}{'over numpy':>12}")
    for name in MACHINES:
        seconds, effectual = seconds_of(network, load_arch(name))
        speeds = f"{network.n_macs / seconds / 1e6:10.0f}{effectual / seconds / 1e6:15.1f}"
        print(f"{name:24}{seconds:8.2f}{speeds}{seconds * peer / network.n_macs:11.1f}x")
        too_slow = too_slow or seconds > MOST_SECONDS
    seconds, _ = seconds_of(load_workload("vgg16_pruned").select("fc6"), load_arch("eie"))
    print(f"eie, fc6 of vgg16_pruned: {seconds:.2f} CPU s")
    return int(too_slow or seconds > MOST_FC6_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

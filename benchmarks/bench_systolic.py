"""Speed of systolic arrays on ResNet-50: the whole fast path, and the stepped arrays beside numpy's products.

    python benchmarks/bench_systolic.py [--array 32] [--bits 8]

First the CPU seconds of `simulate`, warm, with an ideal memory: mapping, tile program, engine, counts, energy, books,
for one inference and with the run of several that finds the steady interval, as `accel-sim run` has it. Then MACs per
CPU-second of the stepped arrays (every PE, every clock, every output, checked while it runs) and of numpy for the same
integer products (im2col matrices made beforehand). A layer shape that occurs several times is stepped once and counted
as often. Exits with 1 if an output, a cycle or an access count differs, a dataflow is slower than 500 M MACs per
CPU-second, or weight stationary takes more than 0.2 CPU seconds on the fast path, steady interval included.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections import Counter
from pathlib import Path

# One thread for numpy's products, so that CPU seconds are seconds of one core.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from accel_sim import load_arch, load_workload, simulate  # noqa: E402
from accel_sim.kernels.im2col import ConvShape, conv_gemm, filter_operand, ifmap_operand  # noqa: E402
from accel_sim.kernels.stepped.systolic import step_gemm, sum_dtype  # noqa: E402
from accel_sim.kernels.systolic import layer_cost  # noqa: E402
from accel_sim.mapping.systolic_arch import conventions_of  # noqa: E402
from accel_sim.mapping.systolic_plan import step_table  # noqa: E402
from accel_sim.workload import MacShape  # noqa: E402

MACHINES = ("scalesim_ws", "scalesim_os", "scalesim_is", "systolic_ws", "systolic_os", "systolic_is")
STEPPED = MACHINES[:3]
LEAST_MACS_PER_SECOND = 500e6
MOST_SECONDS = {"scalesim_ws": 0.2, "systolic_ws": 0.2}
REPEATS = 3


def fast_path(array: int, bits: int) -> bool:
    """Print one line a machine; return whether one was too slow."""
    network = load_workload("resnet50")
    print(f"{'fast path':14}{'cycles':>14}{'CPU s':>9}{'steady too':>12}{'identical layers':>20}")
    too_slow = False
    for name in MACHINES:
        sets = {"array.rows": array, "array.cols": array, "mac.bits.ifmap": bits, "mac.bits.filter": bits}
        arch = load_arch(name, sets)
        result = simulate(network, arch, dram="ideal")
        seconds = {False: math.inf, True: math.inf}
        for steady in REPEATS * (False, True):
            step_table.cache_clear()
            start = time.process_time()
            simulate(network, arch, dram="ideal", steady=steady)
            seconds[steady] = min(seconds[steady], time.process_time() - start)
        mac_layers = sum(layer.is_mac for layer in network.layers)
        shared = f"{mac_layers} computed as {step_table.cache_info().misses}"
        print(f"{name:14}{result.total['total_cycles']:14,}{seconds[False]:9.3f}{seconds[True]:12.3f}{shared:>20}")
        too_slow |= seconds[True] > MOST_SECONDS.get(name, 1)
    return too_slow


def shapes() -> Counter[ConvShape]:
    """All convolutions of ResNet-50 and its classifier, by shape."""
    found = [layer.shape for layer in load_workload("resnet50").layers]
    convs = [shape for shape in found if isinstance(shape, MacShape)]
    return Counter(ConvShape(**{name: getattr(shape, name) for name in ConvShape._fields}) for shape in convs)


def stepped(size: int, bits: int) -> bool:
    """Print one line a dataflow and one for numpy; return whether something differed or was too slow."""
    random = np.random.default_rng(0)
    low, high = -(1 << bits - 1), 1 << bits - 1
    macs = 0
    clocks, seconds = dict.fromkeys(STEPPED, 0), dict.fromkeys(STEPPED, 0.0)
    numpy_seconds = 0.0
    wrong = []
    for shape, times in shapes().items():
        gemm = conv_gemm(shape)
        macs += times * gemm.m * gemm.k * gemm.n
        ifmap = ifmap_operand(random.integers(low, high, (1, shape.c, shape.h, shape.w)), shape)
        filters = filter_operand(random.integers(low, high, (shape.k, shape.c, shape.r, shape.s)), shape)
        dtype = sum_dtype(ifmap, filters)
        left, right = ifmap.matrix(0).astype(dtype), filters.matrix(0).astype(dtype).T
        start = time.process_time()
        product = left @ right
        numpy_seconds += times * (time.process_time() - start)
        for name in STEPPED:
            array = conventions_of(load_arch(name, {"array.rows": size, "array.cols": size}))
            one = (ifmap._replace(outer=ifmap.outer[:1]), filters._replace(outer=filters.outer[:1]))
            step_gemm(*one, array)  # compiles for this dtype, if it is new
            start = time.process_time()
            run, _ = step_gemm(ifmap, filters, array)
            seconds[name] += times * (time.process_time() - start)
            clocks[name] += times * run.cycles
            cost = layer_cost(gemm, array)
            same = run.cycles == cost.cycles and run.accesses == cost.accesses
            if not (same and np.array_equal(run.outputs[0], product)):
                wrong.append((name, gemm))
    print(f"\n{'stepped':14}{'clocks':>14}{'CPU s':>9}{'M MAC/s':>10}{'G PE-clocks/s':>15}{'of numpy':>10}")
    for name in STEPPED:
        count, spent = clocks[name], seconds[name]
        print(
            f"{name:14}{count:14,}{spent:9.2f}{macs / spent / 1e6:10.0f}{count * size**2 / spent / 1e9:15.2f}"
            f"{numpy_seconds / spent:10.2f}"
        )
    print(f"{'numpy matmul':14}{'':14}{numpy_seconds:9.2f}{macs / numpy_seconds / 1e6:10.0f}")
    for name, gemm in wrong:
        print(f"differs: {name}, {gemm}")
    return bool(wrong) or macs / max(seconds.values()) < LEAST_MACS_PER_SECOND


def main() -> int:
    """Run both parts; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--array", type=int, default=32, help="rows and columns")
    parser.add_argument("--bits", type=int, default=8, choices=(8, 16), help="of the stepped operands")
    arguments = parser.parse_args()
    print(f"ResNet-50, {arguments.array} x {arguments.array} PEs, {arguments.bits}-bit stepped operands")
    outcomes = [fast_path(arguments.array, 16), stepped(arguments.array, arguments.bits)]
    return int(any(outcomes))


if __name__ == "__main__":
    sys.exit(main())

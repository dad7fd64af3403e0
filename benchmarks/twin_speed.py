"""Speed of the stepped systolic arrays: every PE, every clock, every output of ResNet-50, checked while it runs.

    python benchmarks/twin_speed.py [--array 32] [--bits 8]

Prints MACs per CPU-second of each dataflow and numpy's for the same integer products (im2col matrices made
beforehand). A layer shape that occurs several times is run once and counted as often. Exits with 1 if an output, a
cycle or an access count differs, or a dataflow is slower than 500 M MACs per CPU-second.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from accel_sim.kernels.im2col import ConvShape, conv_gemm, filter_operand, ifmap_operand, output_size  # noqa: E402
from accel_sim.kernels.stepped.systolic import step_gemm, sum_dtype  # noqa: E402
from accel_sim.kernels.systolic import layer_cost  # noqa: E402
from accel_sim.kernels.systolic_array import scalesim_array  # noqa: E402

DATAFLOWS = ("weight stationary", "output stationary", "input stationary")
LEAST_MACS_PER_SECOND = 500e6


def conv(k: int, c: int, size: int, window: int, stride: int = 1) -> ConvShape:
    """A square convolution with "same" padding."""
    pad = window // 2
    out = output_size(size, window, stride, pad, 1)
    return ConvShape(
        n=1, k=k, c=c, p=out, q=out, r=window, s=window, groups=1, stride_h=stride, stride_w=stride,
        pad_h=pad, pad_w=pad, dilation_h=1, dilation_w=1, h=size, w=size,
    )  # fmt: skip


def resnet50() -> Counter[ConvShape]:
    """All 53 convolutions and the classifier, by shape."""
    shapes = Counter([conv(64, 3, 224, 7, 2), conv(1000, 2048, 1, 1)])
    channels, size = 64, 56
    for width, blocks, first_stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            shapes[conv(width, channels, size, 1)] += 1
            shapes[conv(width, width, size, 3, stride)] += 1
            if block == 0:
                shapes[conv(4 * width, channels, size, 1, stride)] += 1
            size = output_size(size, 3, stride, 1, 1)
            shapes[conv(4 * width, width, size, 1)] += 1
            channels = 4 * width
    return shapes


def main() -> int:
    """Print one line a dataflow and one for numpy; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--array", type=int, default=32, help="rows and columns")
    parser.add_argument("--bits", type=int, default=8, choices=(8, 16), help="of the operands")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    low, high = -(1 << arguments.bits - 1), 1 << arguments.bits - 1
    macs = 0
    clocks, seconds = [0] * 3, [0.0] * 3
    numpy_seconds = 0.0
    wrong = []
    for shape, times in resnet50().items():
        gemm = conv_gemm(shape)
        macs += times * gemm.m * gemm.k * gemm.n
        ifmap = ifmap_operand(random.integers(low, high, (1, shape.c, shape.h, shape.w)), shape)
        filters = filter_operand(random.integers(low, high, (shape.k, shape.c, shape.r, shape.s)), shape)
        dtype = sum_dtype(ifmap, filters)
        left, right = ifmap.matrix(0).astype(dtype), filters.matrix(0).astype(dtype).T
        start = time.process_time()
        product = left @ right
        numpy_seconds += times * (time.process_time() - start)
        for dataflow in range(3):
            array = scalesim_array(dataflow, arguments.array, arguments.array)
            one = (ifmap._replace(outer=ifmap.outer[:1]), filters._replace(outer=filters.outer[:1]))
            step_gemm(*one, array)  # compiles for this dtype, if it is new
            start = time.process_time()
            run, _ = step_gemm(ifmap, filters, array)
            seconds[dataflow] += times * (time.process_time() - start)
            clocks[dataflow] += times * run.cycles
            cost = layer_cost(gemm, array)
            if not (
                np.array_equal(run.outputs[0], product) and run[1] == cost.cycles and run.accesses == cost.accesses
            ):
                wrong.append((DATAFLOWS[dataflow], gemm))
    print(f"ResNet-50, {macs / 1e9:.2f} G MACs, {arguments.array} x {arguments.array}, {arguments.bits}-bit operands")
    print(f"{'':20}{'clocks':>14}{'CPU s':>9}{'M MAC/s':>10}{'G PE-clocks/s':>15}{'of numpy':>10}")
    for name, count, spent in zip(DATAFLOWS, clocks, seconds, strict=True):
        pe_clocks = count * arguments.array**2
        print(
            f"{name:20}{count:14,}{spent:9.2f}{macs / spent / 1e6:10.0f}{pe_clocks / spent / 1e9:15.2f}"
            f"{numpy_seconds / spent:10.2f}"
        )
    print(f"{'numpy matmul':20}{'':14}{numpy_seconds:9.2f}{macs / numpy_seconds / 1e6:10.0f}")
    for name, gemm in wrong:
        print(f"differs: {name}, {gemm}")
    return int(bool(wrong) or macs / max(seconds) < LEAST_MACS_PER_SECOND)


if __name__ == "__main__":
    sys.exit(main())

"""AlexNet's convolutions on one systolic array, in SCALE-Sim 3.0.0 and here: cycles must be equal, then the CPU time.

    python benchmarks/vs_scalesim.py [--array 128] [--dataflow ws]

SCALE-Sim is installed into a virtual environment of its own (kept in the temporary folder), because it crashes with
numpy 2.4 and newer. Its imports are not timed, its memory stalls are off and its traces are not saved. Exits with 1 if
the cycles of any layer differ or the ratio is below 1,000.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from accel_sim.kernels.systolic import layer_cost  # noqa: E402
from accel_sim.kernels.systolic_array import GemmShape, scalesim_array  # noqa: E402

# name, padded ifmap, filter, channels, filters, stride
ALEXNET = (
    ("conv1", 227, 11, 3, 96, 4),
    ("conv2", 31, 5, 96, 256, 1),
    ("conv3", 15, 3, 256, 384, 1),
    ("conv4", 15, 3, 384, 384, 1),
    ("conv5", 15, 3, 384, 256, 1),
)
DATAFLOWS = {"ws": 0, "os": 1, "is": 2}
REPEATS = 2000
LEAST_RATIO = 1000

CONFIG = """
[general]
run_name = alexnet
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
[architecture_presets]
ArrayHeight = {array}
ArrayWidth = {array}
ifmapsramszkB = 64
filtersramszkB = 64
ofmapsramszkB = 64
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {dataflow}
Bandwidth = 10
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
FilterCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
"""

DRIVER = """
import contextlib, io, json, sys, time
from scalesim.scale_sim import scalesim
folder = sys.argv[1]
with contextlib.redirect_stdout(io.StringIO()):
    simulator = scalesim(save_disk_space=True, verbose=False, config=folder + "/array.cfg",
                         topology=folder + "/alexnet.csv", layout=folder + "/layout.csv")
    start = time.process_time()
    simulator.run_scale(top_path=folder)
    seconds = time.process_time() - start
with open(folder + "/alexnet/COMPUTE_REPORT.csv") as report:
    header = [name.strip() for name in report.readline().split(",")]
    rows = [dict(zip(header, line.split(","))) for line in report]
print(json.dumps({"seconds": seconds, "cycles": [round(float(row["Total Cycles"])) + 1 for row in rows]}))
"""


def scalesim_python() -> Path:
    """Return the interpreter that has SCALE-Sim, installing it on the first call."""
    home = Path(tempfile.gettempdir()) / "accel_sim_scalesim_3.0.0"
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "scalesim==3.0.0", "numpy<2.4"], check=True)
        (home / "installed").touch()
    return python


def run_scalesim(array: int, dataflow: str) -> tuple[float, list[int]]:
    """Return SCALE-Sim's CPU-seconds and cycles of each layer (its report counts from zero)."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "array.cfg").write_text(CONFIG.format(array=array, dataflow=dataflow))
        topology = ["Layer,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,Sparsity,"]
        layout = ["Layer," + "Factor," * 20]
        for name, size, window, channels, filters, stride in ALEXNET:
            topology.append(f"{name},{size},{size},{window},{window},{channels},{filters},{stride},1:1,")
            layout.append(f"{name}," + "1," * 20)
        (home / "alexnet.csv").write_text("\n".join(topology) + "\n")
        (home / "layout.csv").write_text("\n".join(layout) + "\n")
        done = subprocess.run(
            [scalesim_python(), "-c", DRIVER, folder], check=True, capture_output=True, text=True, cwd=folder
        )
        result = json.loads(done.stdout)
        return result["seconds"], result["cycles"]


def run_ours(array: int, dataflow: str) -> tuple[float, list[int]]:
    """Return our CPU-seconds for all layers, warm, and the cycles of each."""
    machine = scalesim_array(DATAFLOWS[dataflow], array, array)
    gemms = []
    for _, size, window, channels, filters, stride in ALEXNET:
        out = (size - window) // stride + 1
        gemms.append(GemmShape(out * out, window * window * channels, filters, 1))
    cycles = [layer_cost(gemm, machine).cycles for gemm in gemms]
    start = time.process_time()
    for _ in range(REPEATS):
        for gemm in gemms:
            layer_cost(gemm, machine)
    return (time.process_time() - start) / REPEATS, cycles


def main() -> int:
    """Print one line a layer and the ratio; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--array", type=int, default=128, help="rows and columns")
    parser.add_argument("--dataflow", choices=list(DATAFLOWS), default="ws")
    arguments = parser.parse_args()
    our_seconds, ours = run_ours(arguments.array, arguments.dataflow)
    their_seconds, theirs = run_scalesim(arguments.array, arguments.dataflow)
    print(f"AlexNet convolutions, {arguments.array} x {arguments.array}, {arguments.dataflow}: cycles")
    print(f"{'layer':8}{'ours':>12}{'SCALE-Sim':>12}")
    for (name, *_), our, their in zip(ALEXNET, ours, theirs, strict=True):
        print(f"{name:8}{our:12,}{their:12,}{'' if our == their else '  differs'}")
    ratio = their_seconds / our_seconds
    print(f"CPU time: ours {our_seconds * 1e6:.1f} us, SCALE-Sim {their_seconds:.2f} s, ratio {ratio:,.0f}")
    return int(ours != theirs or ratio < LEAST_RATIO)


if __name__ == "__main__":
    sys.exit(main())

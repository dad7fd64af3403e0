"""AlexNet's convolutions on one systolic array, in SCALE-Sim 3.0.0 and here: cycles must be equal, then the CPU time.

    python benchmarks/vs_scalesim.py [--array 128] [--dataflow ws]

SCALE-Sim is installed into a virtual environment of its own (kept in the temporary folder), because it crashes with
numpy 2.4 and newer. Its imports are not timed, its memory stalls are off and its traces are not saved. Ours is the
whole job: mapping, tile program, engine, counts, energy, books. Exits with 1 if the cycles of any layer differ or the
ratio is below 1,000.
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

from accel_sim import load_arch, simulate  # noqa: E402
from accel_sim.workload.import_scalesim import import_topology  # noqa: E402
from accel_sim.workload.reader import parse_workload  # noqa: E402

# name, padded ifmap, filter, channels, filters, stride
ALEXNET = (
    ("conv1", 227, 11, 3, 96, 4),
    ("conv2", 31, 5, 96, 256, 1),
    ("conv3", 15, 3, 256, 384, 1),
    ("conv4", 15, 3, 384, 384, 1),
    ("conv5", 15, 3, 384, 256, 1),
)
DATAFLOWS = ("ws", "os", "is")
REPEATS = 10
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


def write_topology(path: Path) -> None:
    """Write the layers as SCALE-Sim reads them."""
    lines = ["Layer,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,Sparsity,"]
    for name, size, window, channels, filters, stride in ALEXNET:
        lines.append(f"{name},{size},{size},{window},{window},{channels},{filters},{stride},1:1,")
    path.write_text("\n".join(lines) + "\n")


def run_scalesim(array: int, dataflow: str) -> tuple[float, list[int]]:
    """Return SCALE-Sim's CPU-seconds and cycles of each layer (its report counts from zero)."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "array.cfg").write_text(CONFIG.format(array=array, dataflow=dataflow))
        layout = ["Layer," + "Factor," * 20, *(f"{name}," + "1," * 20 for name, *_ in ALEXNET)]
        write_topology(home / "alexnet.csv")
        (home / "layout.csv").write_text("\n".join(layout) + "\n")
        done = subprocess.run(
            [scalesim_python(), "-c", DRIVER, folder], check=True, capture_output=True, text=True, cwd=folder
        )
        result = json.loads(done.stdout)
        return result["seconds"], result["cycles"]


def run_ours(array: int, dataflow: str) -> tuple[float, list[int]]:
    """Return our CPU-seconds for all layers, warm, and the cycles of each."""
    arch = load_arch(f"scalesim_{dataflow}", {"array.rows": array, "array.cols": array})
    with tempfile.TemporaryDirectory() as folder:
        topology = Path(folder) / "alexnet.csv"
        write_topology(topology)
        network = parse_workload(import_topology(topology).text)
    result = simulate(network, arch, steady=False)
    start = time.process_time()
    for _ in range(REPEATS):
        simulate(network, arch, steady=False)
    return (time.process_time() - start) / REPEATS, [layer.compute_cycles for layer in result.layers]


def main() -> int:
    """Print one line a layer and the ratio; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--array", type=int, default=128, help="rows and columns")
    parser.add_argument("--dataflow", choices=DATAFLOWS, default="ws")
    arguments = parser.parse_args()
    our_seconds, ours = run_ours(arguments.array, arguments.dataflow)
    their_seconds, theirs = run_scalesim(arguments.array, arguments.dataflow)
    print(f"AlexNet convolutions, {arguments.array} x {arguments.array}, {arguments.dataflow}: cycles")
    print(f"{'layer':8}{'ours':>12}{'SCALE-Sim':>12}")
    for (name, *_), our, their in zip(ALEXNET, ours, theirs, strict=True):
        print(f"{name:8}{our:12,}{their:12,}{'' if our == their else '  differs'}")
    ratio = their_seconds / our_seconds
    print(f"CPU time: ours {our_seconds * 1e3:.1f} ms, SCALE-Sim {their_seconds:.2f} s, ratio {ratio:,.0f}")
    return int(ours != theirs or ratio < LEAST_RATIO)


if __name__ == "__main__":
    sys.exit(main())

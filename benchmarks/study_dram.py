"""How far ``bandwidth:<peak>`` and ``ideal`` are from the DRAM controller, for every shipped network and some machines.

    python benchmarks/study_dram.py [all | NETWORK ...]

Prints the table of ``docs/memory.md``: cycles of one inference with the controller, and by how much the cheaper
choices differ for the same mapping.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from accel_sim.arch import load_arch  # noqa: E402
from accel_sim.arch.dram_device import load_dram_preset  # noqa: E402
from accel_sim.config import shipped_names  # noqa: E402
from accel_sim.engine import run  # noqa: E402
from accel_sim.engine.simulate import prepare  # noqa: E402
from accel_sim.workload import load_workload  # noqa: E402

PRESETS = {"eyeriss": "ddr3_1600", "diannao": "ddr4_2400"}
QUICK = ("lenet5", "alexnet_conv")


def row(machine: str, network: str, preset: str) -> str:
    """Return a line of the table."""
    peak = f"bandwidth:{load_dram_preset(preset).peak_gb_per_s:.6g}"
    arch, layers = load_arch(machine), load_workload(network)
    started = time.process_time()
    job = prepare(layers, arch, dram=preset)
    cycles = []
    for dram in (preset, peak, "ideal"):
        other = prepare(layers.select(layers.layers[0].name), arch, dram=dram)
        # the mapping that was chosen for the preset, whatever the memory
        same = replace(job, arch=other.arch, machine=other.machine, kept=[])
        cycles.append(int(run(same.machine, same.programs()).boundary_cycles[-1]))
    exact, fast, free = cycles
    print(f"{machine} {network}: {time.process_time() - started:.1f} s", file=sys.stderr)
    return (
        f"| {machine} | {network} | {preset} | {exact:,} | {100 * (fast - exact) / exact:+.1f} % "
        f"| {100 * (free - exact) / exact:+.1f} % |"
    )


def main(networks: list[str]) -> None:
    """Print the table, a row as soon as it is known; two small networks unless told which, or ``all``."""
    chosen = networks or list(QUICK)
    if chosen == ["all"]:
        chosen = list(shipped_names("accel_sim.workloads"))
    print("| machine | network | preset | cycles | bandwidth of its peak | ideal |")
    print("|---|---|---|---|---|---|")
    for network in chosen:
        for machine, preset in PRESETS.items():
            print(row(machine, network, preset), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""From names and options to results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accel_sim.cli.options import SimulationOptions
from accel_sim.cli.output import progress

if TYPE_CHECKING:
    from accel_sim.report.compare import Comparison


def simulate_all(
    archs: Sequence[str], workload: str, options: SimulationOptions, *, record: bool = False
) -> Comparison:
    """Return the results of one network on each machine.

    All files are read, and their faults found, before anything is simulated.

    Raises
    ------
    InputError
        A name, file, option or mapping that cannot be.
    """
    from accel_sim.arch import load_arch
    from accel_sim.report.compare import compare
    from accel_sim.workload import load_workload

    machines = [load_arch(arch, options.sets) for arch in archs]
    network = load_workload(workload, options.batch)
    progress(f"simulating {network.name} (batch {network.batch}) on {', '.join(arch.name for arch in machines)}")
    return compare(
        network,
        machines,
        mapping=options.mapping,
        objective=options.objective,
        dram=options.dram,
        engine=options.engine,
        seed=options.seed,
        layers=options.layers,
        record=record,
    )

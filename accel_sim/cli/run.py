"""``accel-sim run``: one network on one machine."""

from __future__ import annotations

import click

from accel_sim.cli.options import OutputOptions, SimulationOptions, shared_options


@click.command()
@click.argument("arch")
@click.argument("workload")
@shared_options
def run(arch: str, workload: str, simulation: SimulationOptions, output: OutputOptions) -> None:
    """Simulate WORKLOAD on ARCH and print a table of its layers."""
    from accel_sim.cli.simulate import simulate_all
    from accel_sim.cli.write import check_outputs, write_outputs

    check_outputs(output)
    results = simulate_all([arch], workload, simulation, record=output.trace is not None)
    write_outputs(results, output)

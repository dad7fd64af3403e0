"""``accel-sim compare``: one network on several machines."""

from __future__ import annotations

import click

from accel_sim.cli.options import OutputOptions, SimulationOptions, shared_options


@click.command(short_help="Simulate one network on several machines.")
@click.option("--arch", "archs", metavar="ARCH", multiple=True, required=True, help="A machine; give two or more.")
@click.option("--workload", metavar="WORKLOAD", required=True, help="The network.")
@shared_options
def compare(archs: tuple[str, ...], workload: str, simulation: SimulationOptions, output: OutputOptions) -> None:
    """Simulate one network on several machines and print them side by side.

    --out writes the result of each machine (<arch>__<workload>.json), compare.csv and the plots.
    """
    from accel_sim.cli.simulate import simulate_all
    from accel_sim.cli.write import check_outputs, write_outputs

    check_outputs(output)
    results = simulate_all(archs, workload, simulation, record=output.trace is not None)
    write_outputs(results, output)

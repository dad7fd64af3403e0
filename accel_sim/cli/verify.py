"""``accel-sim verify``: real operands through a machine's stepped twin, clock by clock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Progress = Callable[[str, int, int], None]


@click.command(short_help="Prove outputs, cycles and accesses on a stepped array.")
@click.argument("arch")
@click.argument("workload")
@click.option("--layers", metavar="GLOB", help="Only the layers whose name matches, e.g. 'conv*'.")
@click.option("--set", "sets", metavar="PATH=VALUE", multiple=True, help="Change the machine, e.g. array.rows=32.")
@click.option("--batch", type=click.IntRange(min=1), help="Inferences at once; the workload's own otherwise.")
@click.option("--mapping", metavar="FILE", help="Mapping file; layers it does not name are mapped for --objective.")
@click.option(
    "--objective",
    type=click.Choice(["cycles", "energy", "edp"]),
    default="cycles",
    show_default=True,
    help="What the mapper minimizes.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of masks and values.")
@click.option("--json", metavar="FILE|-", help="Write the verdicts as JSON; '-': to standard output, nothing else.")
def verify(
    arch: str,
    workload: str,
    layers: str | None,
    sets: tuple[str, ...],
    batch: int | None,
    mapping: str | None,
    objective: str,
    seed: int,
    json: str | None,
) -> None:
    """Move the operands of WORKLOAD through the array of ARCH, every PE and every clock, and compare.

    Each layer that multiplies runs on the integers of its trace, or on seeded ones under its masks, with the mapping
    of `accel-sim run`. Outputs must be numpy's bit for bit; cycles and accesses must be those of the fast path. A
    difference names the layer, the fold, pass, tile or step, the clock and the PE, and ends with code 1.
    """
    from typing import cast

    from accel_sim.arch import load_arch
    from accel_sim.cli.faults import FAILED
    from accel_sim.cli.options import parse_sets
    from accel_sim.cli.output import emit, emit_tables
    from accel_sim.mapping.base import Objective
    from accel_sim.report.files import check_file, write_atomic
    from accel_sim.validation.verify import verify as verify_network
    from accel_sim.validation.verify.table import verdict_json, verdict_table
    from accel_sim.workload import load_workload

    if json not in (None, "-"):
        check_file(json)
    machine = load_arch(arch, parse_sets(sets))
    network = load_workload(workload, batch)
    with _bar() as progress:
        verdicts = verify_network(
            network,
            machine,
            mapping=mapping,
            objective=cast(Objective, objective),
            seed=seed,
            layers=layers,
            progress=progress,
        )
    if json == "-":
        emit(verdict_json(verdicts))
    else:
        if json is not None:
            write_atomic(json, verdict_json(verdicts))
        emit_tables([verdict_table(network, machine, verdicts)])
    if not all(verdict.is_proven for verdict in verdicts):
        click.get_current_context().exit(FAILED)


@contextmanager
def _bar() -> Iterator[Progress | None]:
    """Yield what draws a bar of MACs on standard error, or nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")

        def progress(name: str, n_done: int, n_all: int) -> None:
            bar.update(task, description=name, completed=n_done, total=n_all)

        yield progress

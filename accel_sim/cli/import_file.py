"""``accel-sim import``: files of other tools as workload and architecture files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click


@click.command(name="import", short_help="Turn another tool's file into a workload or architecture file.")
@click.argument("file")
@click.option(
    "-o", "--output", "output", metavar="FILE.yaml|-", required=True, help="Where to; '-' is standard output."
)
def import_file(file: str, output: str) -> None:
    """Turn FILE into a YAML file of this program.

    A SCALE-Sim topology (.csv, convolutions or gemms) becomes a workload, a SCALE-Sim configuration (.cfg) an
    architecture. What has no counterpart is said on standard error and in the file.
    """
    from accel_sim.cli.output import emit
    from accel_sim.errors import Fault, OptionError, WorkloadError
    from accel_sim.report.files import check_file, write_atomic

    if output != "-":
        check_file(output)
    suffix = Path(file).suffix.lower()
    if suffix == ".csv":
        from accel_sim.workload.import_scalesim import import_topology
        from accel_sim.workload.reader import parse_workload

        workload = import_topology(file)
        try:
            parse_workload(workload.text)
        except WorkloadError as error:
            # what only whole layers tell; a place in the text that is not written would lead nowhere
            raise WorkloadError(
                dataclasses.replace(fault, file=file, line=0, column=0) for fault in error.faults
            ) from None
        text, notes, what = workload.text, workload.notes, f"a workload of {workload.n_layers} layers"
    elif suffix == ".cfg":
        from accel_sim.arch.import_scalesim import import_config

        arch = import_config(file)
        text, notes, what = arch.text, arch.notes, "an architecture"
    else:
        message = f"found a file of type {suffix or 'none'!r}; allowed: .csv (SCALE-Sim topology), .cfg (SCALE-Sim)"
        raise OptionError(Fault(file=file, message=message))
    for note in notes:
        click.echo(f"accel-sim: note: {note}", err=True)
    if output == "-":
        emit(text)
        return
    write_atomic(output, text)
    emit(f"wrote {output}: {what}\n")

"""Write results where the options say: tables or JSON on standard output, files whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accel_sim.cli.options import OutputOptions
from accel_sim.cli.output import emit, emit_tables, progress
from accel_sim.errors import Fault, OptionError
from accel_sim.report.files import check_file, check_folder, write_atomic, write_folder

if TYPE_CHECKING:
    from accel_sim.report.compare import Comparison

STDOUT = "-"


def check_outputs(output: OutputOptions) -> None:
    """Find out before a long run what can certainly not be written after it.

    Raises
    ------
    OptionError
        One fault for each option.
    """
    faults: list[Fault] = []
    for name, path, check in (
        ("--json", output.json, check_file),
        ("--csv", output.csv, check_file),
        ("--trace", output.trace, check_file),
        ("--out", output.out, check_folder),
    ):
        try:
            if path == STDOUT and name != "--json":
                raise OptionError(f"{name}: found '-'; allowed: a path (only --json writes to standard output)")
            if path is not None and path != STDOUT:
                check(path)
        except OptionError as error:
            faults += error.faults
    if output.energy_table and output.json == STDOUT:
        faults.append(Fault(file="--energy-table", message="excludes --json -, which leaves no place to print it"))
    if faults:
        raise OptionError(faults)


def write_outputs(comparison: Comparison, output: OutputOptions) -> None:
    """Write every file that was asked for, then the tables, or the JSON, to standard output.

    Everything is made before anything is written.
    """
    json = comparison.to_json() if len(comparison.results) > 1 else comparison.results[0].to_json()
    files: list[tuple[str, str]] = []
    if output.json not in (None, STDOUT):
        files.append((output.json, json))
    if output.csv is not None:
        files.append((output.csv, comparison.to_csv()))
    if output.trace is not None:
        files.append((output.trace, comparison.to_trace()))
    folder_files = comparison.files() if output.out is not None else {}
    for path, text in files:
        write_atomic(path, text)
    if output.out is not None:
        write_folder(output.out, folder_files)
        progress(f"wrote {len(folder_files)} files into {output.out}")
    if output.json == STDOUT:
        emit(json)
    else:
        emit_tables([*comparison.tables(), *(comparison.constants_tables() if output.energy_table else [])])

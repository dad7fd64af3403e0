"""The command line: the only room that prints or exits.

One file a command. Each command imports what it needs inside its function, so that ``--help`` loads neither numba nor
matplotlib; here only click and `accel_sim.errors` are imported.
"""

from __future__ import annotations

import click

from accel_sim import __version__
from accel_sim.cli.compare import compare
from accel_sim.cli.dram import dram
from accel_sim.cli.explain import explain
from accel_sim.cli.faults import FaultGroup
from accel_sim.cli.import_file import import_file
from accel_sim.cli.list_names import list_names
from accel_sim.cli.run import run
from accel_sim.cli.validate import validate
from accel_sim.cli.verify import verify

__all__ = ["main"]


@click.group(cls=FaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="accel-sim")
def main() -> None:
    """Cycle-level simulator of neural-network accelerators.

    ARCH and WORKLOAD are the name of a shipped file (see `accel-sim list arch`) or the path of your own.
    """


for command in (run, compare, verify, explain, dram, validate, import_file, list_names):
    main.add_command(command)

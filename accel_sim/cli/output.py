"""Standard output and standard error: results to the first, progress to the second."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable

import click

from accel_sim.cli.faults import discard_stdout
from accel_sim.errors import OptionError
from accel_sim.report.table import TextTable, render


def emit(text: str) -> None:
    """Write text to standard output, all of it, now.

    Raises
    ------
    OptionError
        If it cannot be written, e.g. because the disk it goes to is full.
    BrokenPipeError
        If nobody reads it any more.
    """
    try:
        click.echo(text, nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_stdout()
        raise OptionError(f"standard output: cannot be written: {error.strerror or error}") from None


def emit_tables(tables: Iterable[TextTable]) -> None:
    """Write tables to standard output, as wide as the terminal; without a terminal one line a row."""
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else None
    emit("\n".join(render(table, width, is_terminal=is_terminal) for table in tables))


def progress(message: str) -> None:
    """Write a line of progress to standard error, where that is a terminal."""
    if sys.stderr.isatty():
        click.echo(message, err=True)

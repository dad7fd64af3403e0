"""Errors as the user sees them: one line per fault on standard error, and an exit code.

====  ==================================================================
code  meaning
====  ==================================================================
0     done
1     the simulation failed: a program that cannot finish, books that do not balance, memory that does not suffice
2     the user's mistake: an option, a file, a path that cannot be written
130   interrupted (Ctrl-C)
141   whoever read standard output closed it
====  ==================================================================
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from accel_sim.cli.interrupts import interruptible
from accel_sim.errors import AccelSimError, InputError

FAILED, USAGE, INTERRUPTED, CLOSED_PIPE = 1, 2, 130, 141


class FaultGroup(click.Group):
    """The top command: runs one of its commands and ends the process with the code of its outcome."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run the command line and exit; see the table of codes."""
        try:
            code = super().main(args, prog_name or "accel-sim", complete_var, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            code = USAGE
        except click.ClickException as error:
            complain(" ".join(error.format_message().split()))
            code = USAGE
        except click.Abort:
            complain("interrupted")
            code = INTERRUPTED
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, context: click.Context) -> Any:
        """Run the chosen command; turn its errors into lines and codes."""
        try:
            with interruptible() as interrupts:
                try:
                    return super().invoke(context)
                except Exception as error:
                    # whoever an interrupt hits may turn it into an error of its own, as classes being made do
                    if not interrupts.came or isinstance(error, click.exceptions.Exit):
                        raise
                    raise KeyboardInterrupt from error
        except KeyboardInterrupt:
            # a terminal has shown ^C in this line
            complain("interrupted", new_line=sys.stderr.isatty())
            context.exit(INTERRUPTED)
        except InputError as error:
            for fault in error.faults:
                complain(str(fault))
            context.exit(USAGE)
        except AccelSimError as error:
            complain(" ".join(str(error).split()))
            context.exit(FAILED)
        except MemoryError:
            complain("out of memory: the network or the machine is too large to be simulated here")
            context.exit(FAILED)
        except BrokenPipeError:
            discard_stdout()
            context.exit(CLOSED_PIPE)


def complain(message: str, *, new_line: bool = False) -> None:
    """Write one error line to standard error, below what is in its line already."""
    click.echo(f"{os.linesep * new_line}accel-sim: error: {message}", err=True)


def discard_stdout() -> None:
    """Send what is still buffered for standard output nowhere: nobody reads it any more."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return

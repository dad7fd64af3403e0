"""The options that `run` and `compare` share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from accel_sim.errors import Fault, OptionError

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOptions:
    """What to simulate, as given on the command line."""

    batch: int | None
    mapping: str | None
    layers: str | None
    sets: Mapping[str, str]
    dram: str | None
    engine: str
    seed: int
    objective: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """Where results go, as given on the command line; ``-`` is standard output."""

    json: str | None
    csv: str | None
    trace: str | None
    out: str | None
    energy_table: bool


_SIMULATION = (
    click.option("--batch", type=click.IntRange(min=1), help="Inferences at once; the workload's own otherwise."),
    click.option("--mapping", metavar="FILE", help="Mapping file; layers it does not name are mapped for --objective."),
    click.option("--layers", metavar="GLOB", help="Only the layers whose name matches, e.g. 'conv*'."),
    click.option("--set", "sets", metavar="PATH=VALUE", multiple=True, help="Change the machine, e.g. array.rows=32."),
    click.option("--dram", metavar="PRESET|bandwidth:GBPS|ideal", help="Memory; the machine's own otherwise."),
    click.option(
        "--engine", type=click.Choice(["compiled", "reference"]), default="compiled", show_default=True, help="Engine."
    ),
    click.option(
        "--objective",
        type=click.Choice(["cycles", "energy", "edp"]),
        default="cycles",
        show_default=True,
        help="What the mapper minimizes.",
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of random masks and values."
    ),
)
_OUTPUT = (
    click.option("--json", metavar="FILE|-", help="Write the result as JSON; '-': to standard output, nothing else."),
    click.option("--csv", metavar="FILE", help="Write one row a layer as CSV."),
    click.option("--trace", metavar="FILE", help="Write a timeline for Perfetto (Chrome trace JSON)."),
    click.option("--out", metavar="DIR", help="Write JSON, CSV and plots into a folder, made if missing."),
    click.option("--energy-table", is_flag=True, help="Also print the energy and area constants, with their sources."),
)


def shared_options(command: Command) -> Callable[..., Any]:
    """Give a command all shared options; it receives them as `simulation` and `output`."""

    @functools.wraps(command)
    def packed(**values: Any) -> Any:
        output = OutputOptions(**{name: values.pop(name) for name in OutputOptions.__slots__})
        values["sets"] = parse_sets(values["sets"])
        simulation = SimulationOptions(**{name: values.pop(name) for name in SimulationOptions.__slots__})
        return command(simulation=simulation, output=output, **values)

    decorated: Callable[..., Any] = packed
    for option in reversed((*_SIMULATION, *_OUTPUT)):
        decorated = option(decorated)
    return decorated


def parse_sets(texts: tuple[str, ...]) -> dict[str, str]:
    """Return dotted path to text from ``PATH=VALUE`` arguments.

    Raises
    ------
    OptionError
        One fault for each argument without a path or a value, or with a path that was given before.
    """
    sets: dict[str, str] = {}
    faults = []
    for text in texts:
        path, equals, value = text.partition("=")
        path = path.strip()
        if not (path and equals and value.strip()):
            faults.append(Fault(file="--set", message=f"found {text!r}; allowed: PATH=VALUE, e.g. array.rows=32"))
        elif path in sets:
            faults.append(Fault(file="--set", key=path, message="given twice"))
        sets[path] = value
    if faults:
        raise OptionError(faults)
    return sets

"""Run one network on several machines, and hold the results together."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from accel_sim.report.comparison import comparison_table
from accel_sim.report.constants import constants_table
from accel_sim.report.csv import to_csv
from accel_sim.report.files import write_folder
from accel_sim.report.layers import layer_table
from accel_sim.report.load_balance import load_balance_table
from accel_sim.report.quantities import unique_names
from accel_sim.report.schema import SCHEMA, ResultDict
from accel_sim.report.table import TextTable
from accel_sim.report.timeline import Recording, chrome_trace

if TYPE_CHECKING:
    import pandas as pd

    from accel_sim.arch import Accelerator
    from accel_sim.report.plots import ResultPlots
    from accel_sim.results import NetworkResult
    from accel_sim.workload import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Results of one network, one a machine, in the order in which the machines were given.

    ``archs`` are the machines as they ran; ``recordings`` hold every command, if the runs were recorded.
    """

    results: tuple[NetworkResult, ...]
    archs: tuple[Accelerator, ...]
    recordings: tuple[Recording, ...] = ()

    def to_dicts(self) -> list[ResultDict]:
        """Return the results as plain data (JSON schema 1)."""
        return [cast(ResultDict, result.to_dict()) for result in self.results]

    def to_json(self) -> str:
        """Return one JSON text: ``{"schema", "results": [...]}``."""
        return json.dumps({"schema": SCHEMA, "results": self.to_dicts()}, indent=1, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return the layers of all machines as CSV, one row each."""
        return to_csv(self.to_dicts())

    def to_trace(self) -> str:
        """Return the recorded runs as a Chrome trace; empty of commands where nothing was recorded."""
        return chrome_trace(self.recordings)

    def to_frame(self) -> pd.DataFrame:
        """Return the layers of all machines as a pandas table, columns as in the CSV (needs the ``report`` extra)."""
        import pandas as pd

        from accel_sim.report.csv import layer_rows

        return pd.DataFrame([row for result in self.to_dicts() for row in layer_rows(result)])

    def tables(self) -> list[TextTable]:
        """Return the tables of each result and, where there are several, one that sets them side by side."""
        dicts = self.to_dicts()
        found = (table for result in dicts for table in (layer_table(result), load_balance_table(result)))
        tables = [table for table in found if table is not None]
        return [*tables, comparison_table(dicts)] if len(dicts) > 1 else tables

    def constants_tables(self) -> list[TextTable]:
        """Return the energy and area constants of each machine."""
        return [constants_table(arch) for arch in self.archs]

    @property
    def plot(self) -> ResultPlots:
        """Plots of all machines: ``comparison.plot.latency()`` and others return matplotlib figures."""
        from accel_sim.report.plots import ResultPlots

        return ResultPlots(*self.to_dicts())

    def files(self) -> dict[str, str | bytes]:
        """Return what `save` writes, by file name: a JSON a machine, one CSV, and each plot as PNG and SVG."""
        from accel_sim.report.plots import render_all

        dicts = self.to_dicts()
        stems = [
            f"{_word(machine)}__{_word(result['workload']['name'])}"
            for machine, result in zip(unique_names(dicts), dicts, strict=True)
        ]
        files: dict[str, str | bytes] = {
            f"{stem}.json": result.to_json() for stem, result in zip(stems, self.results, strict=True)
        }
        files["compare.csv" if len(stems) > 1 else f"{stems[0]}.csv"] = self.to_csv()
        return {**files, **render_all(dicts)}

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write `files` into a folder, made if missing; return their paths.

        Raises
        ------
        OptionError
            If the folder cannot be made or a file not be written.
        """
        return write_folder(folder, self.files())


def compare(
    network: Network, archs: Sequence[Accelerator], *, dram: str | None = None, record: bool = False, **options: Any
) -> Comparison:
    """Simulate one network on each machine.

    Parameters
    ----------
    network
        What to compute.
    archs
        At least one machine.
    dram
        ``ideal``, ``bandwidth:<GB/s>`` or a preset for all machines, instead of the memory that each names.
    record
        Keep every command, for `Comparison.to_trace`.
    **options
        As for `accel_sim.simulate`, the same for all machines.

    Raises
    ------
    InputError
        If something asked for cannot be.
    """
    from accel_sim.arch import parse_dram_option
    from accel_sim.engine.simulate import simulate

    if dram is not None:
        archs = [arch.model_copy(update={"dram": parse_dram_option(dram)}) for arch in archs]
    results = tuple(simulate(network, arch, record=record, **options) for arch in archs)
    recordings: tuple[Recording, ...] = ()
    if record:
        pairs = zip(results, archs, strict=True)
        recordings = tuple(_recording(result, network, arch, options) for result, arch in pairs)
    return Comparison(results=results, archs=tuple(archs), recordings=recordings)


def _recording(result: NetworkResult, network: Network, arch: Accelerator, options: Mapping[str, Any]) -> Recording:
    from accel_sim.engine.simulate import prepare

    assert result.timeline is not None
    # how many commands each unit has is the program's business: lower once more and look
    job = prepare(network, arch, **{name: value for name, value in options.items() if name not in ("engine", "steady")})
    return Recording(
        name=f"{result.workload['name']} on {arch.name}",
        clock_mhz=arch.clock_mhz,
        timeline=result.timeline,
        unit_ptrs=tuple(program.unit_ptr for program in job.programs()),
    )


def _word(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)

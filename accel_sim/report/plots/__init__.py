"""Plots of results: one file a plot. Imports matplotlib, so import this only where a plot is wanted."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from matplotlib.figure import Figure

from accel_sim.errors import Fault, OptionError
from accel_sim.report.files import write_atomic
from accel_sim.report.plots.energy import energy
from accel_sim.report.plots.latency import latency
from accel_sim.report.plots.pe_grid import pe_grid
from accel_sim.report.plots.pe_utilization import has_pe_work, pe_utilization
from accel_sim.report.plots.roofline import roofline
from accel_sim.report.plots.stalls import stalls
from accel_sim.report.plots.style import FORMATS, render
from accel_sim.report.schema import ResultDict

_Plot = Callable[[Sequence[ResultDict]], Figure]

PLOTS: dict[str, _Plot] = {
    "latency": latency,
    "energy": energy,
    "stalls": stalls,
    "roofline": roofline,
}
PE_PLOTS: dict[str, _Plot] = {
    "pe_utilization": pe_utilization,
    "pe_grid": pe_grid,
}
"""Only for results that list the work of each PE."""


def render_all(results: Sequence[ResultDict]) -> dict[str, bytes]:
    """Return every plot that the results allow in every format, by file name."""
    files = {}
    for name, plot in {**PLOTS, **(PE_PLOTS if has_pe_work(results) else {})}.items():
        figure = plot(results)
        for file_format in FORMATS:
            files[f"{name}.{file_format}"] = render(figure, file_format)
    return files


class ResultPlots:
    """The plots of one or more results, each a method that returns a figure and, given a path, saves it.

    Parameters
    ----------
    *results
        Result dicts (JSON schema 1) of the same network.
    """

    def __init__(self, *results: Mapping[str, Any]) -> None:
        self._results = [cast(ResultDict, result) for result in results]

    def latency(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Plot the latency of each layer."""
        return self._plot(latency, path)

    def energy(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Plot the energy of each layer by component."""
        return self._plot(energy, path)

    def stalls(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Plot the stalls of each layer by reason."""
        return self._plot(stalls, path)

    def roofline(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Plot each layer as a point under the roofs of DRAM and PEs."""
        return self._plot(roofline, path)

    def pe_utilization(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Plot how busy each PE is in each layer; only for machines whose PEs differ, as those that skip zeros."""
        return self._plot(pe_utilization, path)

    def pe_grid(self, layer: str | None = None, path: str | os.PathLike[str] | None = None) -> Figure:
        """Plot how busy each PE is where it stands in the array, in one layer (default: the longest)."""
        return self._plot(functools.partial(pe_grid, layer=layer), path)

    def _plot(self, plot: _Plot, path: str | os.PathLike[str] | None) -> Figure:
        figure = plot(self._results)
        if path is not None:
            write_atomic(path, render(figure, _format_of(path)))
        return figure


def _format_of(path: str | os.PathLike[str]) -> str:
    suffix = os.path.splitext(path)[1].lstrip(".").lower()
    if suffix not in FORMATS:
        message = f"a plot is saved as {' or '.join(f'.{name}' for name in FORMATS)}"
        raise OptionError(Fault(file=os.fspath(path), message=message))
    return suffix

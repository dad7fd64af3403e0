"""Plot: the busy share of each PE in each layer as a heat map, for machines whose PEs differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from accel_sim.errors import OptionError
from accel_sim.report.pe_work import PeWork, pe_work
from accel_sim.report.plots.style import QUIET, SEQUENTIAL, layer_panels, settle, share_bar, style
from accel_sim.report.quantities import unique_names, workload_label
from accel_sim.report.schema import ResultDict

Works = dict[str, PeWork]


def has_pe_work(results: Sequence[ResultDict]) -> bool:
    """Return whether any layer lists the work of several PEs; on dense arrays all PEs with work do the same."""
    return any(works_of(result) for result in results)


def works_of(result: ResultDict) -> Works:
    """Return the layers that list the work of several PEs, lanes or units."""
    works = ((layer["name"], pe_work(layer)) for layer in result["layers"])
    return {name: work for name, work in works if work and len(work.busy_cycles) > 1}


def pe_utilization(results: Sequence[ResultDict]) -> Figure:
    """Return a figure with a row a layer and a column a PE, a panel a machine; the colour is the busy share.

    The share is of the cycles in which the array works on the layer, so that imbalance shows where memory is the limit
    too; that limit is in the plot of stalls. At the end of a row stands the busiest PE's work over the mean.

    Raises
    ------
    OptionError
        If no layer lists the work of its PEs.
    """
    found = {name: works_of(result) for name, result in zip(unique_names(results), results, strict=True)}
    machines = {name: works for name, works in found.items() if works}
    if not machines:
        raise OptionError(no_pe_work(results))
    names = list(dict.fromkeys(layer for works in machines.values() for layer in works))
    with style():
        figure, panels = layer_panels(len(machines), names, 4.6, share_x=False)
        for panel, (machine, works) in zip(panels, machines.items(), strict=True):
            _draw(panel, names, works)
            panel.set_title(machine, loc="left")
        share_bar(figure, panels, "busy share of the array's cycles (%)")
        figure.suptitle(f"{workload_label(results[0])}: utilization of each PE", x=0.01, ha="left")
        settle(figure)
    return figure


def no_pe_work(results: Sequence[ResultDict]) -> str:
    """Return what is wrong with results that list no work of PEs."""
    machines = ", ".join(dict.fromkeys(result["arch"]["name"] for result in results))
    return f"no layer on {machines} lists the work of its PEs: only machines that skip zeros do, where PEs differ"


def _draw(panel: Axes, names: Sequence[str], works: Works) -> None:
    widest = max(len(work.busy_cycles) for work in works.values())
    cells = np.full((len(names), widest), np.nan)
    for name, work in works.items():
        cells[names.index(name), : len(work.busy_cycles)] = work.shares()
    panel.set_facecolor(QUIET)
    panel.grid(visible=False)
    panel.imshow(cells, cmap=SEQUENTIAL, vmin=0, vmax=100, aspect="auto", interpolation="nearest")
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_xlim(-0.5, widest - 0.5)
    panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    noun = next(iter(works.values())).noun
    panel.set_xlabel(f"{noun} (number); at the end: busiest / mean work")
    for name, work in works.items():
        panel.text(1.01, names.index(name), f"{work.imbalance:.2f}", transform=panel.get_yaxis_transform(),
                   va="center", fontsize=7)  # fmt: skip

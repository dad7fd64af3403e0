"""Plot: the busy share of the PEs of one layer, where they stand in the array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isqrt

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from accel_sim.errors import OptionError, nearest
from accel_sim.report.pe_work import PeWork
from accel_sim.report.plots.pe_utilization import no_pe_work, works_of
from accel_sim.report.plots.style import SEQUENTIAL, settle, share_bar, shorten, style
from accel_sim.report.quantities import unique_names, workload_label
from accel_sim.report.schema import ResultDict

_PANEL_IN = 3.6
_LETTER_IN = 0.08
# a cell wider than this has room for its number
_MOST_NUMBERED_COLUMNS = 16
_DARK_BELOW = 55


def pe_grid(results: Sequence[ResultDict], layer: str | None = None) -> Figure:
    """Return a figure with a panel a machine: a cell a PE, its colour the busy share in that layer, in percent.

    Parameters
    ----------
    layer
        Name of the layer; by default the one in which the first machine's array works longest.

    Raises
    ------
    OptionError
        If no layer, or not this one, lists the work of its PEs.
    """
    found = {name: works_of(result) for name, result in zip(unique_names(results), results, strict=True)}
    machines = {name: works for name, works in found.items() if works}
    if not machines:
        raise OptionError(no_pe_work(results))
    names = list(dict.fromkeys(name for works in machines.values() for name in works))
    if layer is not None and layer not in names:
        allowed = f"layers that list the work of their PEs: {', '.join(names)}"
        raise OptionError(f"layer: found {layer!r}{nearest(layer, names)}; allowed: {allowed}")
    first = next(iter(machines.values()))
    chosen = layer or max(first, key=lambda name: first[name].array_cycles)
    shown = {machine: works[chosen] for machine, works in machines.items() if chosen in works}
    with style():
        title = f"{workload_label(results[0])}: utilization of each PE in {shorten(chosen)}"
        width = max(0.9 + _PANEL_IN * len(shown), 0.3 + _LETTER_IN * len(title))
        figure = Figure(figsize=(width, 0.8 + _height(shown.values())), layout="constrained")
        panels = list(figure.subplots(1, len(shown), squeeze=False)[0])
        for panel, (machine, work) in zip(panels, shown.items(), strict=True):
            _draw(panel, work)
            panel.set_title(f"{machine}: busiest / mean {work.imbalance:.2f}", loc="left")
        share_bar(figure, panels, "busy share of the array's cycles (%)")
        figure.suptitle(title, x=0.01, ha="left")
        settle(figure)
    return figure


def _height(works: Iterable[PeWork]) -> float:
    """Return the height of the panels in inch: square cells, within bounds."""
    return 0.8 + _PANEL_IN * max(min(1.5, max(0.4, rows / columns)) for rows, columns in map(_shape, works))


def _shape(work: PeWork) -> tuple[int, int]:
    """Return the rows and columns of the picture: the array's own, or the squarest that is no taller than wide."""
    if work.grid is not None:
        return work.grid
    n = len(work.busy_cycles)
    rows = next(rows for rows in range(isqrt(n), 0, -1) if n % rows == 0)
    return rows, n // rows


def _draw(panel: Axes, work: PeWork) -> None:
    rows, columns = _shape(work)
    cells = np.array(work.shares()).reshape(rows, columns)
    panel.grid(visible=False)
    panel.imshow(cells, cmap=SEQUENTIAL, vmin=0, vmax=100, interpolation="nearest")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    if work.grid is not None:
        panel.set_xlabel(f"column of {work.noun}s")
        panel.set_ylabel(f"row of {work.noun}s")
    else:
        panel.set_xlabel(f"{work.noun}s in their order, {columns} a row")
        panel.yaxis.set_major_formatter(lambda row, _: f"{row * columns:.0f}")
        panel.set_ylabel(f"first {work.noun} of the row")
    if columns > _MOST_NUMBERED_COLUMNS:
        return
    for (row, column), share in np.ndenumerate(cells):
        colour = "white" if share < _DARK_BELOW else "black"
        panel.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=6, color=colour)

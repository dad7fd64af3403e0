"""Plot: where the cycles of each layer go, computing or stalled by reason, a panel a machine."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from accel_sim.report.plots.style import (
    QUIET,
    appearance,
    grouped,
    largest,
    layer_panels,
    legend_below,
    patch,
    stack,
    style,
)
from accel_sim.report.quantities import unique_names, workload_label
from accel_sim.report.reasons import reason_in_words
from accel_sim.report.schema import LayerDict, ResultDict

_COMPUTING = "computing"


def stalls(results: Sequence[ResultDict]) -> Figure:
    """Return a figure with a bar a layer: shares of its cycles, their number at the end of the bar.

    Shares and not cycles, so that the reasons can be read in short layers too.
    """
    names = list(dict.fromkeys(layer["name"] for result in results for layer in result["layers"]))
    sums: dict[str, float] = {}
    for result in results:
        for reason, cycles in result["total"]["stall_cycles"].items():
            sums[reason] = sums.get(reason, 0.0) + cycles
    kept = largest(sums)
    looks = {_COMPUTING: (QUIET, ""), **appearance(kept)}
    with style():
        figure, panels = layer_panels(len(results), names, 4.2)
        for panel, machine, result in zip(panels, unique_names(results), results, strict=True):
            layers = [layer for layer in result["layers"] if layer["total_cycles"]]
            stack(panel, names, {layer["name"]: _shares(layer, kept) for layer in layers}, looks)
            for layer in layers:
                panel.text(101, names.index(layer["name"]), f"{layer['total_cycles']:,}", va="center", fontsize=7)
            panel.set_xlim(0, 120)
            panel.set_xticks(range(0, 101, 20))
            panel.set_xlabel("share of the layer's cycles (%); at the end: cycles")
            panel.set_title(f"{machine}: {result['total']['total_cycles']:,} cycles in total", loc="left")
        figure.suptitle(f"{workload_label(results[0])}: stalls of each layer by reason", x=0.01, ha="left")
        legend_below(figure, [patch(reason_in_words(name), looks[name]) for name in looks])
    return figure


def _shares(layer: LayerDict, kept: Sequence[str]) -> dict[str, float]:
    cycles = {_COMPUTING: float(layer["compute_cycles"]), **grouped(layer["stall_cycles"], kept)}
    return {name: 100 * value / layer["total_cycles"] for name, value in cycles.items()}

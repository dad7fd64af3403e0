"""Plot: latency of each layer, machines side by side."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from accel_sim.report.plots.style import COLOURS, MARKERS, layer_panels, plain_numbers, style
from accel_sim.report.quantities import unique_names, workload_label
from accel_sim.report.schema import ResultDict

# beyond this ratio between the slowest and the fastest layer a linear axis hides the fast ones
_LINEAR_UP_TO = 30


def latency(results: Sequence[ResultDict]) -> Figure:
    """Return a figure with a row a layer and a mark a machine, joined by a line as long as they differ."""
    names = list(dict.fromkeys(layer["name"] for result in results for layer in result["layers"]))
    spans: dict[str, list[float]] = {name: [] for name in names}
    handles = []
    with style():
        figure, (axes,) = layer_panels(1, names, 5.5)
        for i, (machine, result) in enumerate(zip(unique_names(results), results, strict=True)):
            values = {layer["name"]: layer["latency_ms"] for layer in result["layers"] if layer["latency_ms"] > 0}
            marks = Line2D(
                list(values.values()),
                [names.index(name) for name in values],
                linestyle="none",
                marker=MARKERS[i % len(MARKERS)],
                markersize=6,
                markerfacecolor=COLOURS[i % len(COLOURS)],
                markeredgecolor="black",
                markeredgewidth=0.5,
                label=f"{machine} ({result['total']['latency_ms']:.4g} ms in total)",
            )
            axes.add_line(marks)
            handles.append(marks)
            for name, value in values.items():
                spans[name].append(value)
        for y, found in enumerate(spans.values()):
            if len(found) > 1:
                axes.plot([min(found), max(found)], [y, y], color="#808080", linewidth=1, zorder=1)
        _scale(axes, [value for found in spans.values() for value in found])
        axes.grid(axis="y", visible=True)
        axes.set_xlabel("latency of the layer (ms)")
        axes.set_title(f"{workload_label(results[0])}: latency of each layer", loc="left")
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 2))
    return figure


def _scale(axes: Axes, values: Sequence[float]) -> None:
    if values and max(values) > _LINEAR_UP_TO * min(values):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(plain_numbers)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(min(values) / 1.6, max(values) * 1.6)
    else:
        axes.set_xlim(0, 1.06 * max(values, default=1.0))

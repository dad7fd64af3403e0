"""Plot: energy of each layer, stacked by component, a panel a machine."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from accel_sim.report.plots.style import (
    appearance,
    grouped,
    largest,
    layer_panels,
    legend_below,
    patch,
    stack,
    style,
)
from accel_sim.report.quantities import (
    RELATIVE_UNIT,
    choose_unit,
    energy_by_component,
    energy_total,
    is_relative,
    unique_names,
    workload_label,
)
from accel_sim.report.schema import ResultDict


def energy(results: Sequence[ResultDict]) -> Figure:
    """Return a figure with a bar a layer; all panels have the same scale, if all are in pJ or all are relative."""
    names = list(dict.fromkeys(layer["name"] for result in results for layer in result["layers"]))
    sums: dict[str, float] = {}
    for result in results:
        for component, value in energy_by_component(result["total"]).items():
            sums[component] = sums.get(component, 0.0) + value
    # the energy on chip first, so that its sum can be read too
    kept = sorted(largest(sums), key=lambda component: component == "dram")
    looks = appearance(kept)
    same_unit = len({is_relative(result) for result in results}) == 1
    with style():
        figure, panels = layer_panels(len(results), names, 4.2, share_x=same_unit)
        for panel, machine, result in zip(panels, unique_names(results), results, strict=True):
            alike = [other for other in results if is_relative(other) == is_relative(result)]
            scale, unit = _unit(alike)
            bars = {
                layer["name"]: {key: value / scale for key, value in grouped(energy_by_component(layer), kept).items()}
                for layer in result["layers"]
            }
            stack(panel, names, bars, looks)
            panel.set_xlim(0, 1.05 * max(energy_total(layer) for other in alike for layer in other["layers"]) / scale)
            panel.set_xlabel(f"energy ({unit})")
            panel.set_title(f"{machine}: {_total(result)} in total", loc="left")
        figure.suptitle(f"{workload_label(results[0])}: energy of each layer by component", x=0.01, ha="left")
        legend_below(figure, [patch(name, looks[name]) for name in kept])
    return figure


def _unit(results: Sequence[ResultDict]) -> tuple[float, str]:
    """Return (divisor, unit) for a panel that holds the layers of these results."""
    if is_relative(results[0]):
        return 1.0, RELATIVE_UNIT
    return choose_unit("energy", [energy_total(layer) for result in results for layer in result["layers"]])


def _total(result: ResultDict) -> str:
    total = energy_total(result["total"])
    scale, unit = (1.0, RELATIVE_UNIT) if is_relative(result) else choose_unit("energy", [total])
    return f"{total / scale:,.4g} {unit}"

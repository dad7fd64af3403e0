"""Plot: the roofline, each layer a point between the roofs of DRAM and of the PEs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from accel_sim.report.plots.labels import Spot, place_labels
from accel_sim.report.plots.style import COLOURS, MARKERS, plain_numbers, style
from accel_sim.report.quantities import level_bytes, unique_names, workload_label
from accel_sim.report.schema import LayerDict, ResultDict

_N_LABELS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A layer: MACs per byte of DRAM traffic, GMAC/s reached, and its share of the network's time."""

    name: str
    intensity: float
    gmacs_per_s: float
    share: float

    @property
    def area_points(self) -> float:
        """Area of the point's mark, in square points."""
        return 18 + 400 * self.share

    @property
    def spot(self) -> Spot:
        """Where the name goes."""
        radius_points = 0.5 * math.sqrt(self.area_points)
        return Spot(x=self.intensity, y=self.gmacs_per_s, name=self.name, radius_points=radius_points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """A machine's limits; `gb_per_s` is ``None`` where DRAM takes no time."""

    gmacs_per_s: float
    gb_per_s: float | None

    def at(self, intensity: float) -> float:
        """Return the most GMAC/s at this many MACs a byte."""
        slope = self.gmacs_per_s if self.gb_per_s is None else self.gb_per_s * intensity
        return min(self.gmacs_per_s, slope)


def roofline(results: Sequence[ResultDict]) -> Figure:
    """Return a figure with a panel a machine; the roofs of the others are drawn in grey.

    The roofs: a MAC a multiplier and cycle, and the DRAM rate that the layers' own lower bounds tell. MACs that a
    machine skips are no work. Layers without MACs or without DRAM traffic have no place here.
    """
    names = unique_names(results)
    roofs = [roof_of(result) for result in results]
    clouds = [points_of(result) for result in results]
    with style():
        figure = Figure(figsize=(1.0 + 4.6 * len(results), 4.6), layout="constrained")
        panels = [figure.add_subplot(1, len(results), 1)]
        panels += [
            figure.add_subplot(1, len(results), i + 1, sharex=panels[0], sharey=panels[0])
            for i in range(1, len(results))
        ]
        low, high = _limits(panels[0], [point for cloud in clouds for point in cloud], roofs)
        for i, panel in enumerate(panels):
            for other, roof in enumerate(roofs):
                _draw_roof(panel, roof, low, high, is_own=other == i)
            _draw_points(panel, clouds[i], i)
            panel.set_xlabel("MACs per byte of DRAM traffic (MAC/B)")
            panel.set_title(f"{names[i]}: {_describe(roofs[i])}", loc="left")
        panels[0].set_ylabel("reached (GMAC/s)")
        figure.suptitle(f"{workload_label(results[0])}: roofline", x=0.01, ha="left")
        figure.supxlabel("a point is a layer; its area grows with its share of the time", fontsize=8)
        for panel, cloud in zip(panels, clouds, strict=True):
            spots = [point.spot for point in sorted(cloud, key=lambda point: -point.share)]
            place_labels(panel, spots[:_N_LABELS], spots[_N_LABELS:])
    return figure


def points_of(result: ResultDict) -> list[Point]:
    """Return the points of the layers that have MACs, DRAM traffic and time."""
    total_ms = result["total"]["latency_ms"]
    return [
        Point(
            name=layer["name"],
            intensity=_macs_done(layer) / level_bytes(layer, "dram"),
            gmacs_per_s=_macs_done(layer) / layer["latency_ms"] / 1e6,
            share=layer["latency_ms"] / total_ms,
        )
        for layer in result["layers"]
        if _macs_done(layer) and layer["latency_ms"] and level_bytes(layer, "dram")
    ]


def roof_of(result: ResultDict) -> Roof:
    """Return a machine's roofs; the DRAM rate is the bytes of a layer over its lower bound in cycles.

    A PE is one multiplier, unless the layers of a machine that skips zeros tell by their utilization that it has more.
    """
    clock_mhz = result["arch"]["clock_mhz"]
    rates = [
        level_bytes(layer, "dram") / layer["bounds_cycles"]["dram"]
        for layer in result["layers"]
        if layer.get("bounds_cycles", {}).get("dram")
    ]
    gb_per_s = max(rates) * clock_mhz / 1e3 if rates else None
    multipliers = [
        _macs_done(layer) / (layer["utilization"] * layer["total_cycles"])
        for layer in result["layers"]
        if "sparsity" in layer and layer["utilization"]
    ]
    macs_per_cycle = max(multipliers, default=result["arch"]["n_pes"])
    return Roof(gmacs_per_s=macs_per_cycle * clock_mhz / 1e3, gb_per_s=gb_per_s)


def _macs_done(layer: LayerDict) -> int:
    """Return the MACs that took a multiplier."""
    return int(layer.get("sparsity", {}).get("n_done", layer["n_macs"]))


def _describe(roof: Roof) -> str:
    dram = "DRAM takes no time" if roof.gb_per_s is None else f"{roof.gb_per_s:.3g} GB/s"
    return f"{roof.gmacs_per_s:.4g} GMAC/s, {dram}"


def _limits(axes: Axes, points: Sequence[Point], roofs: Sequence[Roof]) -> tuple[float, float]:
    ridges = [roof.gmacs_per_s / roof.gb_per_s for roof in roofs if roof.gb_per_s]
    intensities = [point.intensity for point in points] + ridges or [1.0]
    speeds = [point.gmacs_per_s for point in points] + [roof.gmacs_per_s for roof in roofs]
    low, high = _decades(min(intensities), max(intensities))
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(plain_numbers)
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlim(low, high)
    axes.set_ylim(*_decades(min(speeds), max(speeds)))
    return low, high


def _decades(smallest: float, biggest: float) -> tuple[float, float]:
    """Return the powers of ten around a range, with room for names at its ends."""
    return 10.0 ** math.floor(math.log10(smallest / 1.6)), 10.0 ** math.ceil(math.log10(biggest * 1.6))


def _draw_roof(axes: Axes, roof: Roof, low: float, high: float, *, is_own: bool) -> None:
    ridge = roof.gmacs_per_s / roof.gb_per_s if roof.gb_per_s else low
    corners = [low, min(max(ridge, low), high), high]
    colour, width = ("black", 1.4) if is_own else ("#B0B0B0", 1.0)
    axes.plot(corners, [roof.at(x) for x in corners], color=colour, linewidth=width, zorder=1.5 if is_own else 1)


def _draw_points(axes: Axes, points: Sequence[Point], index: int) -> None:
    axes.scatter(
        [point.intensity for point in points],
        [point.gmacs_per_s for point in points],
        s=[point.area_points for point in points],
        marker=MARKERS[index % len(MARKERS)],
        c=COLOURS[index % len(COLOURS)],
        edgecolors="black",
        linewidths=0.5,
        alpha=0.75,
        zorder=3,
    )

"""Put names beside points so that none covers another, a point or a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

_FONT_SIZE = 7
_NEAR_POINTS = 14
_N_DIRECTIONS = 16
_REACHES_POINTS = (7, 10, 14, 20, 28)
_N_LINE_SPOTS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A point to be named: its place in data units, its name, and the radius of its mark in points (1/72 inch)."""

    x: float
    y: float
    name: str
    radius_points: float


def place_labels(axes: Axes, named: Sequence[Spot], unnamed: Sequence[Spot]) -> None:
    """Write the names of `named` beside their points, the most important first; `unnamed` points are only avoided.

    A name takes the nearest place inside of the axes that covers no other name, mark or line, and whose own line to the
    mark crosses no name; a name for which there is none is left out. Call this last: the layout of the figure must not
    change afterwards.
    """
    figure = cast(Figure, axes.figure)
    figure.draw_without_rendering()
    pixels_per_point = figure.dpi / 72
    taken = [_mark_box(axes, spot, pixels_per_point) for spot in (*named, *unnamed)]
    taken += _line_boxes(axes)
    names: list[Bbox] = []
    inside = axes.get_window_extent()
    for spot in named:
        for dx, dy in _offsets(spot.radius_points):
            text = _write(axes, spot, dx, dy)
            text.get_window_extent()
            # that placed name and line, and measured both; the line touches its mark, so measure the name alone
            box = Text.get_window_extent(text)
            line = _leader_boxes(axes, spot, dx * pixels_per_point, dy * pixels_per_point) if text.arrow_patch else []
            fits = inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)
            if fits and not box.count_overlaps(taken) and not any(part.count_overlaps(names) for part in line):
                taken += [box, *line]
                names.append(box)
                break
            text.remove()


def _offsets(radius_points: float) -> list[tuple[float, float]]:
    offsets = []
    for reach in _REACHES_POINTS:
        for step in range(_N_DIRECTIONS):
            # right and left first, then above and below, then between
            turn = (0, 8, 4, 12, 2, 6, 14, 10, 1, 7, 15, 9, 3, 5, 13, 11)[step] * 2 * math.pi / _N_DIRECTIONS
            offsets.append(((radius_points + reach) * math.cos(turn), (radius_points + reach) * math.sin(turn)))
    return offsets


def _write(axes: Axes, spot: Spot, dx: float, dy: float) -> Annotation:
    side = "center" if abs(dx) < 0.3 * abs(dy) else "left" if dx > 0 else "right"
    is_near = math.hypot(dx, dy) - spot.radius_points < _NEAR_POINTS
    text = axes.annotate(
        spot.name,
        (spot.x, spot.y),
        (dx, dy),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=_FONT_SIZE,
        arrowprops=None if is_near else {"arrowstyle": "-", "linewidth": 0.4, "color": "#606060", "shrinkB": 0},
    )
    text.set_in_layout(False)
    return text


def _leader_boxes(axes: Axes, spot: Spot, dx: float, dy: float) -> list[Bbox]:
    x, y = axes.transData.transform((spot.x, spot.y))
    parts = np.linspace(0.3, 1.0, 20)
    return [Bbox.from_extents(x + p * dx - 1, y + p * dy - 1, x + p * dx + 1, y + p * dy + 1) for p in parts]


def _mark_box(axes: Axes, spot: Spot, pixels_per_point: float) -> Bbox:
    x, y = axes.transData.transform((spot.x, spot.y))
    radius = spot.radius_points * pixels_per_point
    return Bbox.from_extents(x - radius, y - radius, x + radius, y + radius)


def _line_boxes(axes: Axes) -> list[Bbox]:
    boxes = []
    for line in axes.lines:
        corners = axes.transData.transform(line.get_xydata())
        along = np.linspace(0, len(corners) - 1, _N_LINE_SPOTS)
        xs = np.interp(along, range(len(corners)), corners[:, 0])
        ys = np.interp(along, range(len(corners)), corners[:, 1])
        boxes += [Bbox.from_extents(x - 1, y - 1, x + 1, y + 1) for x, y in zip(xs, ys, strict=True)]
    return boxes

"""The look of every plot: colours that colour-blind readers tell apart and hatches that survive a grey printer."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

# Okabe and Ito, "Color Universal Design" (2008), ordered so that neighbours also differ in lightness
COLOURS = ("#0072B2", "#E69F00", "#56B4E9", "#D55E00", "#F0E442", "#009E73", "#CC79A7", "#999999")
# lines only: a hatch of dots makes an SVG a hundred times larger
HATCHES = ("", "////", "||||", "\\\\\\\\", "xxxx", "----", "++++", "//")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
QUIET = "#E8E8E8"
OTHER = "other"
# lightness rises with the value, for colour-blind readers and a grey printer too (Nunez, Anderton and Renslow, 2018)
SEQUENTIAL = "cividis"

_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#D0D0D0",
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "svg.fonttype": "path",
    # the ids in an SVG are hashed with a random salt unless one is given
    "svg.hashsalt": "accel_sim",
    "savefig.dpi": 150,
}
_METADATA: Mapping[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}
FORMATS = tuple(_METADATA)
_LONGEST_NAME = 44


@contextmanager
def style() -> Iterator[None]:
    """Draw with the settings of this package, whatever the user's own matplotlib settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def render(figure: Figure, file_format: str) -> bytes:
    """Return a figure as a PNG or SVG file; the same figure gives the same bytes."""
    content = io.BytesIO()
    with style():
        figure.savefig(content, format=file_format, metadata=_METADATA[file_format])
    return content.getvalue()


def layer_panels(
    n_panels: int, layer_names: Sequence[str], panel_width_in: float, *, share_x: bool = True
) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side whose rows are the layers, the first on top."""
    labels = [shorten(name) for name in layer_names]
    height = 1.9 + 0.19 * max(len(labels), 4)
    names_width = 0.075 * max(len(label) for label in labels)
    figure = Figure(figsize=(0.5 + names_width + panel_width_in * n_panels, height), layout="constrained")
    grid = figure.subplots(1, n_panels, sharex=share_x, sharey=True, squeeze=False)
    panels: list[Axes] = list(grid[0])
    for panel in panels:
        panel.grid(axis="y", visible=False)
        panel.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(labels)), labels)
    panels[0].set_ylim(len(labels) - 0.4, -0.6)
    return figure, panels


def stack(
    axes: Axes,
    layer_names: Sequence[str],
    bars: Mapping[str, Mapping[str, float]],
    looks: Mapping[str, tuple[str, str]],
) -> None:
    """Draw a horizontal bar in the row of each layer (`bars`: layer to part to value), its parts end to end."""
    rows = [layer_names.index(name) for name in bars]
    left = [0.0] * len(bars)
    for part, (colour, hatch) in looks.items():
        widths = [parts.get(part, 0.0) for parts in bars.values()]
        # a bar of no width would still draw its edge
        drawn = [(row, width, start) for row, width, start in zip(rows, widths, left, strict=True) if width > 0]
        if drawn:
            at, wide, start = zip(*drawn, strict=True)
            axes.barh(at, wide, 0.78, start, color=colour, hatch=hatch, edgecolor="black", linewidth=0.4)
        left = [start + width for start, width in zip(left, widths, strict=True)]


def legend_below(figure: Figure, patches: Sequence[Patch]) -> None:
    """Put one legend under all panels, outside of the axes."""
    longest = max((len(str(entry.get_label())) for entry in patches), default=0)
    n_columns = max(1, min(len(patches), int(figure.get_figwidth() / (0.75 + 0.085 * longest))))
    figure.legend(handles=list(patches), loc="outside lower center", ncols=n_columns)


def share_bar(figure: Figure, panels: Sequence[Axes], label: str) -> None:
    """Put a bar with the colours of 0 to 100 % below all panels, whose first image has them."""
    bar = figure.colorbar(panels[0].images[0], ax=list(panels), location="bottom", fraction=0.05, aspect=40, pad=0.02)
    bar.set_label(label)
    bar.outline.set_linewidth(0.4)


def settle(figure: Figure) -> None:
    """Fix the layout as it is: with a colour bar it would move a little each time that the figure is drawn."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def appearance(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return (colour, hatch) of each name."""
    return {name: (COLOURS[i % len(COLOURS)], HATCHES[i % len(HATCHES)]) for i, name in enumerate(names)}


def patch(name: str, look: tuple[str, str]) -> Patch:
    """Return a legend entry."""
    return Patch(facecolor=look[0], hatch=look[1], edgecolor="black", linewidth=0.4, label=name)


def largest(totals: Mapping[str, float], n_kept: int = len(COLOURS) - 1) -> list[str]:
    """Return the names with the largest totals, in their given order; `OTHER` last where some are left out."""
    names = [name for name, total in totals.items() if total > 0]
    kept = set(sorted(names, key=lambda name: -totals[name])[:n_kept])
    return [name for name in names if name in kept] + ([OTHER] if len(names) > len(kept) else [])


def grouped(values: Mapping[str, float], kept: Sequence[str]) -> dict[str, float]:
    """Return the values of the names in `kept`, with all others summed under `OTHER`."""
    sums = dict.fromkeys(kept, 0.0)
    for name, value in values.items():
        if name in sums or OTHER in sums:
            sums[name if name in sums else OTHER] += value
    return sums


def plain_numbers(value: float, _position: float) -> str:
    """Format a tick of a logarithmic axis as a number, not as a power of ten."""
    return f"{value:,.12g}"


def shorten(name: str) -> str:
    """Return a name that fits beside an axis: its middle left out where it is very long."""
    half = (_LONGEST_NAME - 3) // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}...{name[-half:]}"

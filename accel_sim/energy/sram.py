"""What an SRAM of any size, width and node costs, from the points of the CACTI table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accel_sim.energy.interpolate import along
from accel_sim.energy.tables import Sram, sram_table

MAIN_WIDTH = 64
"""Width of the table's full column of sizes."""

Grid = Mapping[tuple[float, float], Sram]


@dataclass(frozen=True, slots=True, kw_only=True)
class SramCost:
    """Cost of one SRAM bank.

    Parameters
    ----------
    sram
        Its numbers.
    how
        How they follow from the table, for people.
    outside
        What lies outside the table's points, one text each; empty where nothing does.
    """

    sram: Sram
    how: str
    outside: tuple[str, ...]


def sram_cost(size_bytes: float, width_bits: float, node_nm: float) -> SramCost:
    """Return what one bank of one port costs.

    Between points each number follows a power law: along size, then width, then node. An SRAM that is wider than the
    table at its size is made of parallel slices, which the table does hold; so the 4096-bit rows of a 32 KiB buffer
    are 64 slices of 0.5 KiB x 64 b. One that is narrower than 64 b keeps the table's ratio between 16 b and 64 b,
    which is known at 0.5 KiB only. Beyond its ends the outermost law goes on, and `SramCost.outside` says so.
    """
    table = sram_table()
    size_kib = size_bytes / 1024
    first_grid = next(iter(table.nodes.values()))
    slice_width, slices = _slices(first_grid, size_kib, width_bits)
    slice_kib = size_kib / slices
    at_nodes = [
        (node, Sram(*(slices * _at_node(grid, slice_kib, slice_width, i) for i in range(len(Sram._fields)))))
        for node, grid in sorted(table.nodes.items())
    ]
    sram = Sram(*(along(node_nm, [(node, at[i]) for node, at in at_nodes]) for i in range(len(Sram._fields))))
    how = f"{size_kib:g} KiB x {width_bits} b at {node_nm:g} nm"
    if slices != 1:
        how += f" as {slices:g} slices of {slice_kib:g} KiB x {slice_width:g} b"
    outside = _outside(first_grid, sorted(table.nodes), slice_kib, slice_width, node_nm)
    return SramCost(sram=sram, how=f"{table.source}: {how}", outside=outside)


def _sizes(grid: Grid, width: float) -> list[float]:
    return sorted(size for size, w in grid if w == width)


def _slices(grid: Grid, size_kib: float, width_bits: float) -> tuple[float, float]:
    """Return (width of a slice, how many): the widest column of the table that reaches down to a slice's size."""
    widest = max(width for _, width in grid)
    if width_bits <= MAIN_WIDTH or (width_bits <= widest and size_kib >= _sizes(grid, widest)[0]):
        return width_bits, 1
    n_widest = width_bits / widest
    if n_widest > 1 and size_kib / n_widest >= _sizes(grid, widest)[0]:
        return widest, n_widest
    return MAIN_WIDTH, width_bits / MAIN_WIDTH


def _at_node(grid: Grid, size_kib: float, width_bits: float, field: int) -> float:
    """Return one number at one node, for a width that is no slice's business any more."""

    def column(width: float) -> float:
        return along(size_kib, [(size, grid[size, width][field]) for size in _sizes(grid, width)])

    main = column(MAIN_WIDTH)
    if width_bits == MAIN_WIDTH:
        return main
    if width_bits > MAIN_WIDTH:
        widest = max(width for _, width in grid)
        return along(width_bits, [(MAIN_WIDTH, main), (widest, column(widest))])
    narrowest = min(width for _, width in grid)
    (size,) = _sizes(grid, narrowest)
    known = [(width, grid[size, width][field]) for width in (narrowest, MAIN_WIDTH)]
    if size_kib == size or known[1][1] == 0:
        return along(width_bits, known)
    return main * along(width_bits, known) / known[1][1]


def _outside(
    grid: Grid, nodes: list[float], size_kib: float, width_bits: float, node_nm: float
) -> tuple[str, ...]:
    reasons = []
    sizes = _sizes(grid, MAIN_WIDTH)
    if not sizes[0] <= size_kib <= sizes[-1]:
        reasons.append(f"{size_kib:g} KiB is outside {sizes[0]:g} to {sizes[-1]:g} KiB")
    narrowest = min(width for _, width in grid)
    if width_bits < narrowest:
        reasons.append(f"{width_bits:g} b is narrower than {narrowest:g} b")
    if width_bits < MAIN_WIDTH and size_kib not in _sizes(grid, narrowest):
        reasons.append(f"widths below {MAIN_WIDTH} b are known at {_sizes(grid, narrowest)[0]:g} KiB only")
    if not nodes[0] <= node_nm <= nodes[-1]:
        reasons.append(f"{node_nm:g} nm is outside {nodes[0]:g} to {nodes[-1]:g} nm")
    return tuple(reasons)

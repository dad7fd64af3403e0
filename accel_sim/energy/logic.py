"""What multipliers, adders, registers and wires cost at any width and node."""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.energy.interpolate import along
from accel_sim.energy.tables import Block, logic_table, wire_pj_per_bit_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicCost:
    """Energy of an operation and area of a block; `how` and `outside` as in `accel_sim.energy.sram.SramCost`."""

    pj: float
    area_mm2: float
    how: str
    outside: tuple[str, ...]


def mac_cost(ifmap_bits: int, filter_bits: int, psum_bits: int, node_nm: float) -> LogicCost:
    """Return a multiplier, which scales with the product of its operands' widths, and an adder of psum width."""
    table = logic_table()
    share = ifmap_bits * filter_bits / table.multiplier.bits**2
    adder = psum_bits / table.adder.bits
    return _scaled(
        share * table.multiplier.pj + adder * table.adder.pj,
        share * table.multiplier.area_um2 + adder * table.adder.area_um2,
        f"{ifmap_bits} x {filter_bits} b multiplier and {psum_bits} b adder",
        node_nm,
    )


def adder_cost(bits: int, node_nm: float) -> LogicCost:
    """Return an adder of `bits`."""
    return _linear(logic_table().adder, bits, f"{bits} b adder", node_nm)


def comparator_cost(bits: int, node_nm: float) -> LogicCost:
    """Return a comparator of `bits`."""
    return _linear(logic_table().comparator, bits, f"{bits} b comparator", node_nm)


def register_cost(bits: int, node_nm: float) -> LogicCost:
    """Return `bits` flip-flops, read or written at once."""
    return _linear(logic_table().register_bit, bits, f"{bits} register bits", node_nm)


def wire_pj(bits: int, length_mm: float) -> float:
    """Return the energy of `bits` over a wire; the same at every node, since capacitance per mm hardly changes."""
    return bits * length_mm * wire_pj_per_bit_mm()[0]


def _linear(block: Block, bits: int, what: str, node_nm: float) -> LogicCost:
    share = bits / block.bits
    return _scaled(share * block.pj, share * block.area_um2, what, node_nm)


def _scaled(pj: float, area_um2: float, what: str, node_nm: float) -> LogicCost:
    """Scale from the table's node: energy as its 8-bit multiply does, area with the square of the node."""
    table = logic_table()
    points = table.multiply_8b_pj
    energy_factor = along(node_nm, points) / along(table.node_nm, points)
    outside: tuple[str, ...] = ()
    if not points[0][0] <= node_nm <= points[-1][0]:
        outside = (f"{node_nm:g} nm is outside {points[0][0]:g} to {points[-1][0]:g} nm",)
    return LogicCost(
        pj=pj * energy_factor,
        area_mm2=area_um2 * 1e-6 * (node_nm / table.node_nm) ** 2,
        how=f"{table.source}: {what} at {node_nm:g} nm",
        outside=outside,
    )

"""The published numbers that ship with the package, as they stand in ``accel_sim/energy/data``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple


class Sram(NamedTuple):
    """Energy of one access in pJ, leakage in mW and area in mm2 of an SRAM."""

    read_pj: float
    write_pj: float
    leakage_mw: float
    area_mm2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SramTable:
    """SRAM points: node in nm, then (size in KiB, width in bits)."""

    source: str
    nodes: Mapping[float, Mapping[tuple[float, float], Sram]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A logic block of `bits` operand bits: pJ an operation, um2."""

    bits: int
    pj: float
    area_um2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicTable:
    """Logic blocks at one node; `multiply_8b_pj` shows how energy scales to others, as (node in nm, pJ)."""

    source: str
    node_nm: float
    multiplier: Block
    adder: Block
    comparator: Block
    register_bit: Block
    multiply_8b_pj: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DramTable:
    """pJ per bit and source of each kind of DRAM; `default` stands for DRAM whose kind is not known."""

    default: str
    kinds: Mapping[str, tuple[float, str]]


def _read(name: str) -> Any:
    return json.loads(files("accel_sim.energy").joinpath("data", f"{name}.json").read_text(encoding="utf-8"))


@cache
def sram_table() -> SramTable:
    """Return the CACTI points."""
    data = _read("sram")
    nodes: dict[float, dict[tuple[float, float], Sram]] = {}
    for node_nm, size_kib, width_bits, *values in data["rows"]:
        nodes.setdefault(node_nm, {})[(size_kib, width_bits)] = Sram(*values)
    return SramTable(source=data["source"], nodes=nodes)


@cache
def logic_table() -> LogicTable:
    """Return the Aladdin blocks."""
    data = _read("logic")
    return LogicTable(
        source=data["source"],
        node_nm=data["node_nm"],
        multiplier=Block(**data["multiplier"]),
        adder=Block(**data["adder"]),
        comparator=Block(**data["comparator"]),
        register_bit=Block(**data["register_bit"]),
        multiply_8b_pj=tuple((node_nm, pj) for node_nm, pj in data["node_scaling"]["multiply_8b_pj"]),
    )


@cache
def wire_pj_per_bit_mm() -> tuple[float, str]:
    """Return the energy of a bit over a mm of wire, and its source."""
    data = _read("wire")
    return data["pj_per_bit_mm"], data["source"]


@cache
def dram_table() -> DramTable:
    """Return the energy per bit of each kind of DRAM."""
    data = _read("dram")
    kinds = {name: (kind["pj_per_bit"], kind["source"]) for name, kind in data["kinds"].items()}
    return DramTable(default=data["default"], kinds=kinds)


@cache
def relative_ratios() -> tuple[Mapping[str, float], str]:
    """Return the energy of a word at each level relative to a register-file access, and the source."""
    data = dict(_read("ratios")["relative"])
    source = data.pop("source")
    return data, source


@cache
def gated_fraction() -> tuple[float, str]:
    """Return what a gated MAC costs, as a fraction of a MAC, and the source."""
    data = _read("ratios")["gating"]
    return data["gated_fraction"], data["source"]

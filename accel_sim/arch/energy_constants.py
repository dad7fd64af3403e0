"""Names of the energy and area constants that an architecture may override under ``energy``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accel_sim.arch.arrays import RegisterFile
    from accel_sim.arch.buffer import Buffer

COMPONENTS_BEFORE_BUFFERS = ("mac", "rf", "noc")
COMPONENTS_AFTER_BUFFERS = ("vector", "codec", "clock", "leakage", "dram")
RESERVED_NAMES = (*COMPONENTS_BEFORE_BUFFERS, *COMPONENTS_AFTER_BUFFERS, "relative", "mode", "clock_mw", "total")
"""What no buffer may be called, because results and ``energy`` use the name."""

ABSOLUTE = ("mac.done_pj", "noc.bit_hop_pj", "vector.op_pj", "codec.word_pj", "clock_mw", "leakage.logic_mw")
RELATIVE = ("relative.mac", "relative.rf", "relative.noc", "relative.buffer", "relative.vector", "relative.dram")
ANY_MODE = ("mac.gated_fraction", "mac.area_mm2", "vector.area_mm2")


def absolute_names(buffers: Sequence[Buffer], register_files: Sequence[RegisterFile]) -> tuple[str, ...]:
    """Constants in pJ or mW, which the relative mode has no use for."""
    names = list(ABSOLUTE)
    for register_file in register_files:
        names += [f"rf.{register_file.tensor}.{event}_pj" for event in ("read", "write")]
    for buffer in buffers:
        names += [f"{buffer.name}.{what}" for what in ("read_pj", "write_pj", "leakage_mw")]
    return (*names, "dram.read_pj_per_byte", "dram.write_pj_per_byte")


def any_mode_names(buffers: Sequence[Buffer], register_files: Sequence[RegisterFile]) -> tuple[str, ...]:
    """Constants without an energy unit: areas and fractions."""
    return (
        *ANY_MODE,
        *(f"rf.{register_file.tensor}.area_mm2" for register_file in register_files),
        *(f"{buffer.name}.area_mm2" for buffer in buffers),
    )

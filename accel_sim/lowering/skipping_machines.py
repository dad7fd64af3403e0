"""The skipping machines by organisation; a new one is one file and one line here."""

from __future__ import annotations

from accel_sim.lowering.skip_eie import EieMachine
from accel_sim.lowering.skipping_tile import SkipMachine

MACHINES: dict[str, SkipMachine] = {
    "eie": EieMachine(),
}

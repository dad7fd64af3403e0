"""The tile program: commands for in-order units, as plain arrays, with no idea of dataflows or of time.

May import errors, units and what lies below mapping; knows neither lowering nor engines.
"""

from accel_sim.program.builder import LayerBuilder
from accel_sim.program.layer_program import Action, ActionKey, Demand, LayerProgram, Templates
from accel_sim.program.machine import Machine, Semaphore, Server, Unit

__all__ = [
    "Action",
    "ActionKey",
    "Demand",
    "LayerBuilder",
    "LayerProgram",
    "Machine",
    "Semaphore",
    "Server",
    "Templates",
    "Unit",
]

"""What actions cost: constants with their sources, energy by component, area.

May import errors, units, arch and program.
"""

from accel_sim.energy.model import Counted, EnergyModel, EnergyRow
from accel_sim.energy.price import Constant, PricedAction

__all__ = ["Constant", "Counted", "EnergyModel", "EnergyRow", "PricedAction"]

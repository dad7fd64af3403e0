"""Results: counts of what happened, where each cycle went, energy, and the books that must balance.

May import program, lowering, energy and what lies below; a result knows no engine.
"""

from accel_sim.results.model import LayerResult, NetworkResult

__all__ = ["LayerResult", "NetworkResult"]

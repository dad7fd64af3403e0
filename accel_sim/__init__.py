"""Cycle-level simulator of neural-network accelerators.

>>> import accel_sim
>>> network = accel_sim.load_workload("lenet5")
>>> result = accel_sim.simulate(network, accel_sim.load_arch("eyeriss"))
>>> result.total["latency_ms"] > 0
True

What is named here is loaded when it is first used, so that ``import accel_sim`` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accel_sim.arch import load_arch as load_arch
    from accel_sim.engine.simulate import simulate as simulate
    from accel_sim.report.compare import compare as compare
    from accel_sim.report.load import load_results as load_results
    from accel_sim.validation.verify import verify as verify
    from accel_sim.workload import load_workload as load_workload

__version__ = "0.1.0"

_HOMES = {
    "load_arch": "accel_sim.arch",
    "load_workload": "accel_sim.workload",
    "simulate": "accel_sim.engine.simulate",
    "compare": "accel_sim.report.compare",
    "load_results": "accel_sim.report.load",
    "verify": "accel_sim.validation.verify",
}

__all__ = ["__version__", "compare", "load_arch", "load_results", "load_workload", "simulate", "verify"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'accel_sim' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})

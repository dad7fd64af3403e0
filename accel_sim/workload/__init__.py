"""What is computed: tensors, layer shapes, layers, networks, and the workload file they are read from.

No time, no hardware. May import `accel_sim.errors`, `accel_sim.units` and `accel_sim.config` only.
"""

from accel_sim.workload.layer import Layer
from accel_sim.workload.network import Network
from accel_sim.workload.reader import load_workload, parse_workload
from accel_sim.workload.shapes import LayerShape, MacShape, VectorShape
from accel_sim.workload.tensor import Tensor

__all__ = [
    "Layer",
    "LayerShape",
    "MacShape",
    "Network",
    "Tensor",
    "VectorShape",
    "load_workload",
    "parse_workload",
]

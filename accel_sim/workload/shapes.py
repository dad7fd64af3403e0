"""The two kinds of layer shape: `MacShape` multiplies on the PE array, `VectorShape` works on the vector unit."""

from accel_sim.workload.mac_shape import MacShape
from accel_sim.workload.vector_shape import VectorShape

LayerShape = MacShape | VectorShape

__all__ = ["LayerShape", "MacShape", "VectorShape"]

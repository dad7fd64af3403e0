"""The ops a workload file may use: one line a module, each of which lists its models as `MODELS`."""

from __future__ import annotations

from typing import get_args

from accel_sim.workload import ops_conv, ops_matmul, ops_vector
from accel_sim.workload.ops_base import OpModel

OP_MODELS: dict[str, type[OpModel]] = {
    get_args(model.model_fields["op"].annotation)[0]: model
    for model in (
        *ops_conv.MODELS,
        *ops_matmul.MODELS,
        *ops_vector.MODELS,
    )
}

"""What a systolic dataflow takes from an architecture: the array's conventions in numbers."""

from __future__ import annotations

from accel_sim.arch import Accelerator, SystolicMesh
from accel_sim.errors import Fault, MappingError
from accel_sim.kernels.systolic_array import (
    DRAIN_COLLECTOR,
    DRAIN_COLUMNS,
    DRAIN_NONE,
    DRAIN_ROWS,
    INPUT_STATIONARY,
    OUTPUT_STATIONARY,
    PSUM_ACCUMULATED,
    PSUM_READ_BACK,
    PSUM_WRITTEN,
    WEIGHT_STATIONARY,
    SystolicArray,
)

DATAFLOW_CODES = {
    "weight_stationary": WEIGHT_STATIONARY,
    "output_stationary": OUTPUT_STATIONARY,
    "input_stationary": INPUT_STATIONARY,
}
PSUM_PATHS = {"written": PSUM_WRITTEN, "read_back": PSUM_READ_BACK, "accumulated": PSUM_ACCUMULATED}
DRAINS = {"none": DRAIN_NONE, "rows": DRAIN_ROWS, "columns": DRAIN_COLUMNS, "collector": DRAIN_COLLECTOR}


def mesh_of(arch: Accelerator) -> SystolicMesh:
    """Return the array of ``arch``; a :class:`MappingError` if it is not systolic."""
    if not isinstance(arch.array, SystolicMesh):
        raise MappingError(
            Fault(
                key="dataflow",
                message=f"{arch.dataflow} runs on array.organisation systolic, not {arch.array.organisation}",
            )
        )
    return arch.array


def conventions_of(arch: Accelerator) -> SystolicArray:
    """Return the array as its kernels take it."""
    mesh = mesh_of(arch)
    is_output_stationary = arch.dataflow == "output_stationary"
    return SystolicArray(
        dataflow=DATAFLOW_CODES[arch.dataflow],
        rows=mesh.rows,
        cols=mesh.cols,
        skip_edges=mesh.skip_edges,
        double_buffered=mesh.double_buffered and not is_output_stationary,
        pipelined=mesh.pipelined,
        psum_path=PSUM_PATHS[mesh.psum_path or "accumulated"],
        row_skew_cycles=mesh.row_skew_cycles,
        latency_cycles=mesh.latency_cycles,
        drain=DRAINS[mesh.drain or "rows"] if is_output_stationary else DRAIN_NONE,
    )

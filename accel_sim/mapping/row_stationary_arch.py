"""What row stationary takes from an architecture: the limits of a mapping and the timing of a pass."""

from __future__ import annotations

from accel_sim.arch import Accelerator, RowStationaryMesh
from accel_sim.errors import Fault, MappingError
from accel_sim.kernels.row_stationary_types import ArrayTiming
from accel_sim.mapping.row_stationary_letters import RowStationaryLimits

TENSORS = ("ifmap", "filter", "psum", "ofmap")


def mesh_of(arch: Accelerator) -> RowStationaryMesh:
    """Return the array of ``arch``; a :class:`MappingError` if it cannot run row stationary."""
    if not isinstance(arch.array, RowStationaryMesh):
        raise MappingError(
            Fault(
                key="dataflow",
                message=f"row_stationary runs on array.organisation row_stationary_mesh, not {arch.array.organisation}",
            )
        )
    return arch.array


def limits_of(arch: Accelerator) -> RowStationaryLimits:
    """Return what a mapping must fit on ``arch``.

    Raises
    ------
    MappingError
        If ifmap, psum and ofmap do not share one buffer, or the filters share it with them.
    """
    array, glb, filters = mesh_of(arch), arch.buffer_for("ifmap"), arch.buffer_for("filter")
    if {arch.buffer_for(tensor).name for tensor in ("psum", "ofmap")} != {glb.name} or filters.name == glb.name:
        holders = ", ".join(f"{tensor} in {arch.buffer_for(tensor).name!r}" for tensor in TENSORS)
        raise MappingError(
            Fault(
                key="buffers",
                message=f"row_stationary keeps filters apart and all other tensors in one buffer; found {holders}",
            )
        )
    return RowStationaryLimits(
        rows=array.rows,
        cols=array.cols,
        filter_rf_words=array.filter_rf_words,
        ifmap_rf_words=array.ifmap_rf_words,
        psum_rf_words=array.psum_rf_words,
        psum_fifo_words=array.psum_fifo_words,
        psum_beat_words=max(arch.noc.psum_read_words_per_cycle, arch.noc.psum_write_words_per_cycle),
        glb_banks=glb.banks,
        glb_bank_bytes=glb.bank_bytes,
        filter_buffer_bytes=filters.size_bytes,
        ifmap_bits=arch.mac.bits.ifmap,
        filter_bits=arch.mac.bits.filter,
        psum_bits=arch.mac.bits.psum,
    )


def array_timing(arch: Accelerator) -> ArrayTiming:
    """Return what decides the cycles of a pass on ``arch``."""
    array, noc = mesh_of(arch), arch.noc
    return ArrayTiming(
        filter_bus_words=noc.filter_words_per_cycle,
        ifmap_bus_words=noc.ifmap_words_per_cycle,
        psum_read_words=noc.psum_read_words_per_cycle,
        psum_write_words=noc.psum_write_words_per_cycle,
        filter_rf_words=array.filter_rf_words,
        ifmap_rf_words=array.ifmap_rf_words,
        psum_fifo_words=array.psum_fifo_words,
        pipeline_stages=array.pipeline_stages,
        psum_add_cycles=array.psum_add_cycles,
        filter_prefetch=int(array.filter_prefetch),
    )

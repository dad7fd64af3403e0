"""The dataflows of machines that skip zeros: fixed by the machine, so there is nothing to choose.

How a layer is cut depends on the stored size of its tensors, and so on their masks: the lowering does it.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC

from accel_sim.arch import Accelerator
from accel_sim.compression.masks import check_mask_size
from accel_sim.errors import Fault, MappingError
from accel_sim.mapping.base import Bounds, Costs, Mapping, Objective, Param, read_params, word_bits
from accel_sim.workload import Layer, MacShape


class SkippingDataflow:
    """One machine's own dataflow; see :class:`accel_sim.mapping.base.Dataflow`.

    Parameters
    ----------
    name
        The dataflow.
    one_stride
        Whether the machine slides windows itself: with one stride and without dilation.
    """

    def __init__(self, name: str, one_stride: bool = False) -> None:
        self.name = name
        self.one_stride = one_stride

    def choose(self, layer: Layer, arch: Accelerator, costs: Costs, objective: Objective) -> Mapping:
        """Return the only mapping."""
        return self.from_params(layer, arch, {})

    def from_params(self, layer: Layer, arch: Accelerator, params: MappingABC[str, Param]) -> Mapping:
        """Return the only mapping; any parameter is a fault, and so is a tensor too large for a mask."""
        read_params(layer, params, {})
        word_bits(layer, arch)
        for tensor in (layer.ifmap, layer.filter):
            if tensor is not None:
                check_mask_size(tensor)
        shape = layer.shape
        assert isinstance(shape, MacShape)
        if self.one_stride:
            for key, pair, allowed in (
                ("stride", (shape.stride_h, shape.stride_w), shape.stride_h == shape.stride_w),
                ("dilation", (shape.dilation_h, shape.dilation_w), shape.dilation_h == shape.dilation_w == 1),
            ):
                if not allowed:
                    message = f"found {pair[0]} x {pair[1]}; dataflow {self.name} needs one stride and no dilation"
                    raise MappingError(Fault(key=f"{layer.name}.{key}", message=message))
        # The array's bound depends on the masks, and comes with the program.
        return Mapping(
            dataflow=self.name,
            params={},
            bounds=Bounds(limits_cycles={"array": 0}, dram_bytes=0, active_pes=arch.array.n_pes),
            plan=None,
        )

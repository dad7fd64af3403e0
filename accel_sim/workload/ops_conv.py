"""The convolutions of a workload file: conv2d (grouped or not) and depthwise_conv2d."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from accel_sim.workload.layer import Layer
from accel_sim.workload.ops_base import FileContext, MacOp, Mistake, OpModel
from accel_sim.workload.ops_fields import FilterSizes, IfmapSizes, PaddingPair, Size, SizePair
from accel_sim.workload.shapes import MacShape
from accel_sim.workload.windows import window_positions


class _Conv(MacOp):
    ifmap: IfmapSizes
    filter: FilterSizes
    stride: SizePair = (1, 1)
    padding: PaddingPair = (0, 0)
    dilation: SizePair = (1, 1)

    @property
    @abstractmethod
    def n_groups(self) -> int:
        """Independent groups of channels."""

    def mistakes(self) -> list[Mistake]:
        """Add: the filter fits the padded ifmap."""
        found = super().mistakes()
        for axis, what in enumerate(("rows", "columns")):
            size, window = self.ifmap[1 + axis], self.filter[2 + axis]
            pad, dilation = self.padding[axis], self.dilation[axis]
            if window_positions(size, window, self.stride[axis], pad, dilation) < 1:
                covered = dilation * (window - 1) + 1
                message = f"the filter covers {covered} {what}; allowed: at most {size + 2 * pad}, the padded ifmap"
                found.append((("filter", 2 + axis), message))
        return found

    def to_layer(self, context: FileContext) -> Layer:
        """Return the grouped convolution."""
        channels, height, width = self.ifmap
        n_filters, channels_per_group, r, s = self.filter
        shape = MacShape.of(
            n=context.batch,
            k=n_filters // self.n_groups,
            c=channels_per_group,
            h=height,
            w=width,
            r=r,
            s=s,
            groups=self.n_groups,
            stride=self.stride,
            pad=self.padding,
            dilation=self.dilation,
        )
        return Layer(
            name=self.name,
            op=self.op,
            inputs=self.inputs,
            shape=shape,
            ifmap=self.tensor("ifmap", shape.ifmap_shape, context),
            filter=self.tensor("filter", shape.filter_shape, context, is_weight=True),
            ofmap=self.tensor("ofmap", shape.ofmap_shape, context),
            psum_bits=self.psum_bits(context),
            algorithm=self.algorithm,
            post=self.post,
            function=self.op,
        )


class Conv2d(_Conv):
    """``{op: conv2d, ifmap: [C, H, W], filter: [K, C/groups, R, S], stride, padding, dilation, groups}``."""

    op: Literal["conv2d"]
    groups: Size = 1

    @property
    def n_groups(self) -> int:
        """Independent groups of channels."""
        return self.groups

    def mistakes(self) -> list[Mistake]:
        """Add: the channels of ifmap and filter agree through the groups."""
        found = super().mistakes()
        channels, n_filters = self.ifmap[0], self.filter[0]
        if channels % self.groups:
            found.append(("groups", f"{self.groups} groups do not divide the {channels} channels of the ifmap"))
        elif self.filter[1] * self.groups != channels:
            message = (
                f"found {self.filter[1]} channels; allowed: {channels // self.groups}, "
                f"the ifmap's {channels} channels in {self.groups} group(s)"
            )
            found.append((("filter", 1), message))
        if n_filters % self.groups:
            found.append((("filter", 0), f"{n_filters} filters cannot be parted into {self.groups} groups"))
        return found


class DepthwiseConv2d(_Conv):
    """``{op: depthwise_conv2d, ifmap: [C, H, W], filter: [K, 1, R, S], ...}``: each channel is a group of its own."""

    op: Literal["depthwise_conv2d"]

    @property
    def n_groups(self) -> int:
        """Independent groups of channels."""
        return self.ifmap[0]

    def mistakes(self) -> list[Mistake]:
        """Add: one channel a filter, and whole multiples of the channels as filters."""
        found = super().mistakes()
        channels, n_filters = self.ifmap[0], self.filter[0]
        if self.filter[1] != 1:
            found.append((("filter", 1), f"found {self.filter[1]} channels; allowed: 1, a depthwise filter's"))
        if n_filters % channels:
            message = f"found {n_filters} filters; allowed: a multiple of the ifmap's {channels} channels"
            found.append((("filter", 0), message))
        return found


MODELS: tuple[type[OpModel], ...] = (Conv2d, DepthwiseConv2d)

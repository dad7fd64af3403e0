"""The layers of a workload file that run on the vector unit: pool, activation, elementwise, softmax, layernorm.

Vector-lane operations for each value of the ofmap (`VectorShape.ops_per_output`); one operation reads one value:

=============  ========================================================================================
pool           R x S: one comparison, or addition, for each value of the window
activation     1
elementwise    operands - 1
softmax        3 passes over each value: maximum; exponential and sum; scaling (the numerically safe form)
layernorm      3 passes over each value: mean; variance; normalisation with scale and shift
=============  ========================================================================================
"""

from __future__ import annotations

from typing import Literal

from accel_sim.workload.layer import Layer
from accel_sim.workload.ops_base import FileContext, Mistake, OpModel
from accel_sim.workload.ops_fields import IfmapSizes, PaddingPair, Post, Size, SizePair, WindowPair
from accel_sim.workload.shapes import VectorShape
from accel_sim.workload.windows import window_positions

SOFTMAX_PASSES = 3
LAYERNORM_PASSES = 3


class _VectorOp(OpModel):
    ifmap: IfmapSizes

    def _layer(self, shape: VectorShape, function: str, context: FileContext, post: str = "none") -> Layer:
        return Layer(
            name=self.name,
            op=self.op,
            inputs=self.inputs,
            shape=shape,
            ifmap=self.tensor("ifmap", shape.ifmap_shape, context),
            ofmap=self.tensor("ofmap", shape.ofmap_shape, context),
            psum_bits=context.bits.psum,
            post=post,
            function=function,
        )

    def _pointwise(self, context: FileContext, ops_per_output: int, n_operands: int = 1) -> VectorShape:
        c, h, w = self.ifmap
        return VectorShape.of(n=context.batch, c=c, h=h, w=w, n_operands=n_operands, ops_per_output=ops_per_output)


class Pool(_VectorOp):
    """``{op: pool, ifmap: [C, H, W], window, stride, padding, function: max | average}``.

    The stride is the window where it is not given. An average over the whole ifmap has the window [H, W].
    """

    op: Literal["pool"]
    window: WindowPair
    stride: SizePair | None = None
    padding: PaddingPair = (0, 0)
    function: Literal["max", "average"] = "max"

    def mistakes(self) -> list[Mistake]:
        """Add: the window fits, and never lies on padding alone."""
        found = super().mistakes()
        for axis, what in enumerate(("rows", "columns")):
            size, window, pad = self.ifmap[1 + axis], self.window[axis], self.padding[axis]
            if pad >= window:
                found.append(("padding", f"found {pad} {what}; allowed: less than the window's {window}"))
            elif window_positions(size, window, 1, pad) < 1:
                message = f"found {window} {what}; allowed: at most {size + 2 * pad}, the padded ifmap"
                found.append(("window", message))
        return found

    def to_layer(self, context: FileContext) -> Layer:
        """Return the pooling layer."""
        c, h, w = self.ifmap
        shape = VectorShape.of(
            n=context.batch,
            c=c,
            h=h,
            w=w,
            window=self.window,
            stride=self.window if self.stride is None else self.stride,
            pad=self.padding,
            ops_per_output=self.window[0] * self.window[1],
        )
        return self._layer(shape, self.function, context)


class Activation(_VectorOp):
    """``{op: activation, ifmap: [C, H, W], function: relu}``, where it is a layer of its own and not a `post`."""

    op: Literal["activation"]
    function: Post = "relu"

    def mistakes(self) -> list[Mistake]:
        """Add: the layer does something."""
        found = super().mistakes()
        if self.function == "none":
            found.append(("function", "found 'none'; allowed: an activation"))
        return found

    def to_layer(self, context: FileContext) -> Layer:
        """Return the activation layer."""
        return self._layer(self._pointwise(context, 1), self.function, context)


class Elementwise(_VectorOp):
    """``{op: elementwise, ifmap: [C, H, W], operands: 2, function: add | subtract | multiply | maximum, post}``.

    `operands` is the number of inputs where inputs are named, else 2.
    """

    op: Literal["elementwise"]
    operands: Size | None = None
    function: Literal["add", "subtract", "multiply", "maximum"] = "add"
    post: Post = "none"

    @property
    def n_operands(self) -> int:
        """How many tensors are joined."""
        return self.operands or len(self.inputs) or 2

    def mistakes(self) -> list[Mistake]:
        """Add: at least two operands."""
        found = super().mistakes()
        if self.n_operands < 2:
            key = "operands" if self.operands else "inputs"
            found.append((key, f"found {self.n_operands} operand; allowed: at least 2"))
        return found

    def to_layer(self, context: FileContext) -> Layer:
        """Return the joining layer."""
        n = self.n_operands
        return self._layer(self._pointwise(context, n - 1, n), self.function, context, self.post)


class Softmax(_VectorOp):
    """``{op: softmax, ifmap: [C, H, W]}``: over C."""

    op: Literal["softmax"]

    def to_layer(self, context: FileContext) -> Layer:
        """Return the softmax layer."""
        return self._layer(self._pointwise(context, SOFTMAX_PASSES), "softmax", context)


class Layernorm(_VectorOp):
    """``{op: layernorm, ifmap: [C, H, W]}``: over C; its 2 C parameters stay in the vector unit."""

    op: Literal["layernorm"]

    def to_layer(self, context: FileContext) -> Layer:
        """Return the layernorm layer."""
        return self._layer(self._pointwise(context, LAYERNORM_PASSES), "layernorm", context)


MODELS: tuple[type[OpModel], ...] = (Pool, Activation, Elementwise, Softmax, Layernorm)

"""The matrix multiplications of a workload file: linear and matmul, as convolutions with 1 x 1 filters."""

from __future__ import annotations

from typing import Literal

from accel_sim.workload.layer import Layer
from accel_sim.workload.ops_base import FileContext, MacOp, OpModel
from accel_sim.workload.ops_fields import Size
from accel_sim.workload.shapes import MacShape


class _Matmul(MacOp):
    def _layer(self, shape: MacShape, context: FileContext, *, second_is_weight: bool) -> Layer:
        return Layer(
            name=self.name,
            op=self.op,
            inputs=self.inputs,
            shape=shape,
            ifmap=self.tensor("ifmap", shape.ifmap_shape, context),
            filter=self.tensor("filter", shape.filter_shape, context, is_weight=second_is_weight),
            ofmap=self.tensor("ofmap", shape.ofmap_shape, context),
            psum_bits=self.psum_bits(context),
            algorithm=self.algorithm,
            post=self.post,
            function=self.op,
        )


class Linear(_Matmul):
    """``{op: linear, in_features, out_features}``: a fully connected layer, one vector a batch element."""

    op: Literal["linear"]
    in_features: Size
    out_features: Size

    def to_layer(self, context: FileContext) -> Layer:
        """Return the layer with K = out_features, C = in_features."""
        shape = MacShape.of(n=context.batch, k=self.out_features, c=self.in_features)
        return self._layer(shape, context, second_is_weight=True)


class Matmul(_Matmul):
    """``{op: matmul, m, k, n, count, second: weight | activation}``: `count` products of (m x k) and (k x n).

    The first operand is the ifmap with its m rows as height, the second one the filter.
    """

    op: Literal["matmul"]
    m: Size
    k: Size
    n: Size
    count: Size = 1
    second: Literal["weight", "activation"] = "weight"

    def to_layer(self, context: FileContext) -> Layer:
        """Return the layer with P = m, C = k, K = n, groups = count (x batch where nothing is shared)."""
        shared = self.second == "weight"
        shape = MacShape.of(
            n=context.batch if shared else 1,
            k=self.n,
            c=self.k,
            h=self.m,
            groups=self.count if shared else self.count * context.batch,
        )
        return self._layer(shape, context, second_is_weight=shared)


MODELS: tuple[type[OpModel], ...] = (Linear, Matmul)

"""One layer: what is computed from which tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace

from accel_sim.errors import WorkloadError
from accel_sim.workload.shapes import LayerShape, MacShape, VectorShape
from accel_sim.workload.tensor import Tensor

# ops whose operands may be reshaped on the way: an edge into or out of them needs equal sizes only
RESHAPING_OPS = frozenset({"linear", "matmul", "softmax", "layernorm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a network, as it is executed.

    Parameters
    ----------
    name
        Unique in its network.
    op
        ``conv2d``, ``depthwise_conv2d``, ``linear``, ``matmul``, ``pool``, ``activation``, ``elementwise``,
        ``softmax`` or ``layernorm``.
    inputs
        Names of the layers that produce the operands, in order (ifmap first). Operands without one are fresh in
        DRAM: all of them for ``()``, the second one of a matmul that names one producer.
    shape
        `MacShape` for layers that multiply, `VectorShape` for the others.
    ifmap
        The first operand. An elementwise layer reads ``shape.n_operands`` tensors of this size.
    filter
        The second operand of a MAC layer; ``is_weight`` is False where a matmul takes a second activation. None for
        vector layers.
    ofmap
        The result.
    psum_bits
        Bits of a psum while it is accumulated.
    algorithm
        ``direct`` or the rewrite to apply before mapping.
    post
        Activation applied in line while the ofmap leaves the array or the vector unit; costs no traffic.
    function
        What a vector layer computes, e.g. ``max`` for a pool, ``add``, ``relu``; the op itself otherwise.

    Raises
    ------
    WorkloadError
        If a tensor does not have the shape that `shape` gives it.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    shape: LayerShape
    ifmap: Tensor
    filter: Tensor | None = None
    ofmap: Tensor
    psum_bits: int = 32
    algorithm: str = "direct"
    post: str = "none"
    function: str = ""

    def __post_init__(self) -> None:
        shape = self.shape
        if (self.filter is not None) != isinstance(shape, MacShape):
            raise WorkloadError(f"{self.name}: a layer has a filter exactly if it has a MacShape")
        pairs = [(self.ifmap, shape.ifmap_shape), (self.ofmap, shape.ofmap_shape)]
        if self.filter is not None and isinstance(shape, MacShape):
            pairs.append((self.filter, shape.filter_shape))
        for tensor, expected in pairs:
            if tensor.shape != expected:
                raise WorkloadError(
                    f"{tensor.name} is {list(tensor.shape)}, but the layer's shape has {list(expected)}"
                )

    @property
    def is_mac(self) -> bool:
        """True for layers that multiply and accumulate on the PE array."""
        return isinstance(self.shape, MacShape)

    @property
    def n_macs(self) -> int:
        """Multiply-accumulates, those on padding included; 0 for vector layers."""
        return self.shape.n_macs if isinstance(self.shape, MacShape) else 0

    @property
    def n_macs_in_bounds(self) -> int:
        """Multiply-accumulates on data: the effectual MACs of a layer whose tensors are dense."""
        return self.shape.n_macs_in_bounds if isinstance(self.shape, MacShape) else 0

    @property
    def n_operands(self) -> int:
        """How many layers may produce its operands: weights have no producer."""
        if isinstance(self.shape, VectorShape):
            return self.shape.n_operands
        return 1 if self.filter is not None and self.filter.is_weight else 2

    def operand(self, index: int) -> Tensor:
        """Return the operand that ``inputs[index]`` produces."""
        if index == 1 and self.filter is not None:
            return self.filter
        return self.ifmap

    def with_batch(self, old: int, new: int) -> Layer:
        """Return the layer for a batch of `new` instead of `old` elements.

        A weight is shared by the batch. A second activation is not: each element multiplies its own pair, so there
        the batch counts as groups.
        """
        shape: LayerShape
        if isinstance(self.shape, MacShape) and self.filter is not None and not self.filter.is_weight:
            shape = replace(self.shape, groups=self.shape.groups // old * new)
        else:
            shape = replace(self.shape, n=self.shape.n // old * new)
        return replace(
            self,
            shape=shape,
            ifmap=replace(self.ifmap, shape=shape.ifmap_shape),
            ofmap=replace(self.ofmap, shape=shape.ofmap_shape),
            filter=self._filter_of(shape),
        )

    def _filter_of(self, shape: LayerShape) -> Tensor | None:
        if self.filter is None or not isinstance(shape, MacShape):
            return None
        return replace(self.filter, shape=shape.filter_shape)

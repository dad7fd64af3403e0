"""The MAC unit: operand widths and what it does with zeros."""

from __future__ import annotations

from typing import Literal

from accel_sim.arch.spec import Spec, Width


class OperandBits(Spec):
    """Width in bits of each operand of a MAC."""

    ifmap: Width
    filter: Width
    psum: Width


class Mac(Spec):
    """One multiplier and its adder.

    Parameters
    ----------
    kind
        ``bit_parallel``: one multiplication of full width a cycle.
    sparsity
        What a zero operand does. ``none``: the MAC runs as ever. ``gate_ifmap``: a zero ifmap value holds the
        operands still, which saves energy and no cycle. ``gate_both``: so does a zero weight. ``skip_ifmap``,
        ``skip_filter``, ``skip_both``: MACs with such a zero take no place on the array. ``n_of_m``: weights with at
        most n values of each m take n places for m. An array can do what its organisation says.
    any_width
        Values of any width take one word of this machine, as in simulators whose words have no width. Otherwise a
        layer with wider values is refused.
    """

    kind: Literal["bit_parallel"]
    bits: OperandBits
    sparsity: Literal["none", "gate_ifmap", "gate_both", "skip_ifmap", "skip_filter", "skip_both", "n_of_m"] = "none"
    any_width: bool = False

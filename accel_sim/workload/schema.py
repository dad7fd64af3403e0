"""The model of a whole workload file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import BeforeValidator, Field

from accel_sim.config import KeyFaultError, StrictModel
from accel_sim.workload.ops_base import DefaultBits, OpModel
from accel_sim.workload.ops_fields import Size
from accel_sim.workload.registry import OP_MODELS

# what networks have and a file must spell out as long as no model of it is registered
_COMPOSITE_OPS = frozenset({"lstm", "gru", "attention"})


def _one_text(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _no_composite(value: Any) -> Any:
    op = value.get("op") if isinstance(value, dict) else None
    if isinstance(op, str) and op in _COMPOSITE_OPS - OP_MODELS.keys():
        message = f"op {op!r} is not supported; write the matmul, elementwise and activation layers it consists of"
        raise KeyFaultError(("op", message))
    return value


if TYPE_CHECKING:
    AnyOp = OpModel
else:
    # outside in: composite ops are refused before the union looks for the op's model
    AnyOp = Annotated[
        Annotated[Union[tuple(OP_MODELS.values())], Field(discriminator="op")],  # noqa: UP007
        BeforeValidator(_no_composite),
    ]

Texts = Annotated[tuple[str, ...], BeforeValidator(_one_text)]


class FileDefaults(StrictModel):
    """What layers take where they do not say otherwise."""

    bits: DefaultBits = DefaultBits()


class WorkloadFile(StrictModel):
    """A workload file.

    Parameters
    ----------
    name, batch, defaults, layers
        As in the contract.
    source
        Where the shapes come from.
    is_not
        What the file leaves out or does otherwise than its source.
    notes
        For readers of the file.
    """

    name: Annotated[str, Field(min_length=1)]
    batch: Size = 1
    defaults: FileDefaults = FileDefaults()
    layers: Annotated[tuple[AnyOp, ...], Field(min_length=1)]
    source: Texts = ()
    is_not: Texts = ()
    notes: Texts = ()

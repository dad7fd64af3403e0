"""What the models of all ops in a workload file share: names, edges, bits, density, pattern, trace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import model_validator

from accel_sim.config import KeyFaultError, StrictModel
from accel_sim.errors import Fault, WorkloadError
from accel_sim.workload.layer import Layer
from accel_sim.workload.ops_fields import Algorithm, Bits, Density, LayerName, Post
from accel_sim.workload.ops_pattern import PatternModel
from accel_sim.workload.patterns import misfit
from accel_sim.workload.tensor import Tensor
from accel_sim.workload.traces import may_hold

Mistake = tuple[str | tuple[str | int, ...], str]

# a file writes 0.667 for 2 of 3
DENSITY_TOLERANCE = 1e-3


class DefaultBits(StrictModel):
    """Bits of each tensor where a layer does not say otherwise."""

    ifmap: Bits = 16
    filter: Bits = 16
    ofmap: Bits = 16
    psum: Bits = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContext:
    """What a layer takes from the file around it.

    Parameters
    ----------
    batch
        Elements in the batch.
    bits
        The file's default bits.
    folder
        Folder of the file, from which `trace` paths start.
    """

    batch: int
    bits: DefaultBits
    folder: Path


class VectorBits(StrictModel):
    """Bits of a vector layer's tensors; None takes the file's default."""

    ifmap: Bits | None = None
    ofmap: Bits | None = None


class MacBits(VectorBits):
    """Bits of a MAC layer's tensors; None takes the file's default."""

    filter: Bits | None = None
    psum: Bits | None = None


class VectorDensity(StrictModel):
    """Densities of a vector layer's tensors; None is dense, or what the pattern gives."""

    ifmap: Density | None = None
    ofmap: Density | None = None


class MacDensity(VectorDensity):
    """Densities of a MAC layer's tensors; None is dense, or what the pattern gives."""

    filter: Density | None = None


class VectorPatterns(StrictModel):
    """Where the zeros of a vector layer's tensors lie."""

    ifmap: PatternModel = PatternModel()
    ofmap: PatternModel = PatternModel()


class MacPatterns(VectorPatterns):
    """Where the zeros of a MAC layer's tensors lie."""

    filter: PatternModel = PatternModel()


class OpModel(StrictModel, ABC):
    """One layer of a workload file.

    A subclass declares ``op: Literal[...]`` and its own keys, and turns itself into a `Layer`. It is added by naming
    its module in `registry`.
    """

    name: LayerName
    op: str
    inputs: tuple[str, ...] = ()
    bits: VectorBits = VectorBits()
    density: VectorDensity = VectorDensity()
    pattern: VectorPatterns = VectorPatterns()
    trace: str | None = None

    @abstractmethod
    def to_layer(self, context: FileContext) -> Layer:
        """Return the layer for the batch of `context`.

        Called once, after the whole file has been checked.

        Raises
        ------
        WorkloadError
            If the sizes contradict each other or exceed int64.
        """

    def tensor(self, role: str, shape: tuple[int, ...], context: FileContext, *, is_weight: bool = False) -> Tensor:
        """Return the tensor that plays `role` (``ifmap``, ``filter``, ``ofmap``) in this layer.

        Raises
        ------
        WorkloadError
            If the tensor exceeds int64 bits, or its pattern does not fit its shape.
        """
        pattern: PatternModel = getattr(self.pattern, role)
        mistake = misfit(pattern.kind, dict(pattern.params_for(role)), shape)
        if mistake:
            raise WorkloadError(Fault(key=f"pattern.{role}", message=mistake))
        stated: float | None = getattr(self.density, role)
        density = next(d for d in (pattern.density, stated, 1.0) if d is not None)
        bits: int | None = getattr(self.bits, role)
        default_bits: int = getattr(context.bits, role)
        return Tensor(
            name=f"{self.name}.{role}",
            shape=shape,
            bits=default_bits if bits is None else bits,
            density=density,
            pattern=pattern.kind,
            pattern_params=pattern.params_for(role),
            trace=self._trace_of(role, context),
            is_weight=is_weight,
        )

    def _trace_of(self, role: str, context: FileContext) -> str | None:
        """Return the file with the tensor's values; an ofmap, which is made and not given, may be missing in it."""
        if self.trace is None:
            return None
        path = context.folder / self.trace
        return None if role == "ofmap" and not may_hold(path, f"{self.name}.{role}") else str(path)

    def mistakes(self) -> list[Mistake]:
        """Return (key or path of keys, message) for keys that contradict each other.

        Called on every layer whose keys are right one by one. A subclass that adds its own calls this one too.
        """
        found: list[Mistake] = []
        for role in type(self.density).model_fields:
            stated: float | None = getattr(self.density, role)
            implied: float | None = getattr(self.pattern, role).density
            if stated is not None and implied is not None and abs(stated - implied) > DENSITY_TOLERANCE:
                found.append((("density", role), f"found {stated}; the pattern fixes it to {implied:.4g}"))
        return found

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        found = self.mistakes()
        if found:
            raise KeyFaultError(*found)
        return self


class MacOp(OpModel):
    """What all layers that multiply share."""

    bits: MacBits = MacBits()
    density: MacDensity = MacDensity()
    pattern: MacPatterns = MacPatterns()
    algorithm: Algorithm = "direct"
    post: Post = "none"

    def psum_bits(self, context: FileContext) -> int:
        """Bits of a psum: the layer's own, or the file's default."""
        return context.bits.psum if self.bits.psum is None else self.bits.psum

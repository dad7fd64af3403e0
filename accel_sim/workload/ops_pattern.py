"""The model of a sparsity pattern in a workload file: a name, or a mapping of `kind` and its parameters."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from accel_sim.config import KeyFaultError, StrictModel
from accel_sim.workload.patterns import PatternValue, check_pattern, default_axis


class PatternModel(StrictModel):
    """``channel`` or ``{kind: n_of_m, n: 2, m: 4}``; see `patterns.PATTERN_PARAMS`."""

    kind: str = "bernoulli"
    n: int | None = None
    m: int | None = None
    axis: int | None = None
    length: int | None = None
    block: tuple[int, ...] | None = None
    n_parts: int | None = None
    sigma: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _parameters_fit(self) -> PatternModel:
        mistake = check_pattern(self.kind, self._given())
        if mistake:
            raise KeyFaultError(("kind", mistake))
        return self

    def _given(self) -> dict[str, PatternValue]:
        named = ((name, getattr(self, name)) for name in type(self).model_fields if name != "kind")
        return {name: value for name, value in named if value is not None}

    def params_for(self, role: str) -> tuple[tuple[str, PatternValue], ...]:
        """Return (name, value) of each parameter, the axis included, for a tensor that plays `role`."""
        params = self._given()
        axis = default_axis(self.kind, role)
        if axis is not None:
            params.setdefault("axis", axis)
        return tuple(sorted(params.items()))

    @property
    def density(self) -> float | None:
        """The density that the pattern itself fixes, or None."""
        if self.kind == "n_of_m" and self.n is not None and self.m is not None:
            return self.n / self.m
        return None

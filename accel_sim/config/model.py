"""The base of every model of an input file: strict types, no unknown keys, faults that name their key."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

from accel_sim.config.document import KeyPath


class StrictModel(BaseModel):
    """A frozen pydantic model without conversions.

    ``true`` is not an integer, ``"3"`` is not a number, NaN and infinity are not numbers, unknown keys are faults.
    Sequences arrive as tuples: declare ``tuple[...]``, not ``list[...]``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _note_allowed_keys(cls, data: Any, info: ValidationInfo) -> Any:
        # pydantic's fault for an unknown key does not say which keys its model has
        if isinstance(info.context, AllowedKeys) and isinstance(data, dict):
            info.context.note(data, cls)
        return data


class AllowedKeys:
    """Which keys each mapping of a document may have, noted while pydantic goes through it."""

    def __init__(self) -> None:
        self._by_mapping: dict[int, dict[str, None]] = {}

    def note(self, mapping: dict[str, Any], model: type[BaseModel]) -> None:
        names = {field.alias or name: None for name, field in model.model_fields.items()}
        self._by_mapping.setdefault(id(mapping), {}).update(names)

    def of(self, mapping: Any) -> list[str]:
        return list(self._by_mapping.get(id(mapping), ()))


class KeyFaultError(ValueError):
    """Raised by a model's validator: mistakes that belong to certain keys below that model.

    Parameters
    ----------
    faults
        Pairs of a key (or path of keys) below the model and the message: what was found, what is allowed.
    """

    def __init__(self, *faults: tuple[str | KeyPath, str]) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults: tuple[tuple[KeyPath, str], ...] = tuple(
            ((key,) if isinstance(key, str) else key, message) for key, message in faults
        )

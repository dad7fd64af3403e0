"""What an architecture says about energy: the mode, and constants that replace those of the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import ConfigDict, model_validator

from accel_sim.arch.spec import Spec
from accel_sim.config import KeyFaultError


class EnergyOptions(Spec):
    """Energy mode and overrides.

    Constants stand beside ``mode``, dotted or nested::

        energy:
          mode: absolute
          clock_mw: 30
          mac.done_pj: 1.9
          glb: {read_pj_per_access: 20, write_pj_per_access: 22}

    Which constants there are depends on the buffers' names: `accel_sim.arch.energy_constants` lists them.

    Parameters
    ----------
    mode
        ``absolute``: pJ. ``relative``: multiples of one register-file access.
    """

    model_config = ConfigDict(extra="allow")

    mode: Literal["absolute", "relative"] = "absolute"

    @property
    def constants(self) -> dict[str, float]:
        """Dotted name of each overridden constant and its value."""
        return {".".join(path): float(value) for path, value in self.leaves()}

    def leaves(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yield each constant's keys, as they are nested in the file, and its value."""
        yield from _leaves(self.model_extra or {}, ())

    @model_validator(mode="after")
    def _check_constants(self) -> EnergyOptions:
        faults: list[tuple[tuple[str | int, ...], str]] = []
        seen: set[str] = set()
        for path, value in self.leaves():
            name = ".".join(path)
            if name in seen:
                faults.append((path, f"the constant {name!r} is given twice, dotted and nested"))
            seen.add(name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                faults.append((path, f"found {value!r}; allowed: a finite number of at least 0"))
        if faults:
            raise KeyFaultError(*faults)
        return self


def _leaves(tree: Mapping[str, Any], prefix: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*prefix, key))
        else:
            yield (*prefix, key), value

"""The accelerator: everything that a model needs to know of a machine, with no time in it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, model_validator

from accel_sim.arch.arrays import Array
from accel_sim.arch.buffer import Buffer
from accel_sim.arch.checks import problems
from accel_sim.arch.dma import Dma
from accel_sim.arch.dram import BandwidthDram, Dram
from accel_sim.arch.energy_constants import any_mode_names
from accel_sim.arch.energy_options import EnergyOptions
from accel_sim.arch.formats import Codec, Formats
from accel_sim.arch.mac import Mac
from accel_sim.arch.noc import Noc
from accel_sim.arch.paths import changed
from accel_sim.arch.spec import Name, Positive, Spec, exact
from accel_sim.arch.vector import Vector
from accel_sim.config import KeyFaultError, validate
from accel_sim.errors import ArchError


class Accelerator(Spec):
    """A machine, as its file describes it.

    Parameters
    ----------
    name
        Short name, used in results.
    source
        Where the description comes from.
    is_not
        What of the machine is not modelled, or modelled otherwise.
    provenance
        Dotted key to where its value comes from: ``found``, ``derived``, ``memory-high``, ``memory-medium``,
        ``memory-low`` or ``choice``, a colon, and the source; a key above others stands for all below it.
    clock_mhz
        Core clock; a whole number of Hz.
    technology_nm
        Feature size, for energy and area.
    dataflow
        Name of the dataflow that the array runs.
    layout
        Order of a tensor's words in DRAM.
    activations
        Where fmaps are between layers. ``dram``: they are stored, and loaded again tile by tile. ``on_chip``: the
        buffers hold whole fmaps, so that only what enters and leaves the network passes the DRAM.
    preloaded
        Tensors that are on chip before a run, ``filter`` or none: the weights of all layers, if their stored forms fit
        their buffer together; if not, each layer's are loaded when it runs.
    """

    name: Name
    source: str = Field(min_length=1)
    is_not: str = Field(min_length=1)
    provenance: dict[str, str] = Field(default_factory=dict)
    clock_mhz: Positive
    technology_nm: Positive
    dataflow: Name
    array: Array
    mac: Mac
    buffers: tuple[Buffer, ...] = Field(min_length=1)
    noc: Noc
    vector: Vector
    dma: Dma
    dram: Dram
    layout: Literal["nchw", "nhwc", "tiled"] = "nchw"
    activations: Literal["dram", "on_chip"] = "dram"
    preloaded: tuple[Literal["filter"], ...] = ()
    formats: Formats = Formats()
    codec: Codec | None = None
    energy: EnergyOptions = EnergyOptions()

    @model_validator(mode="after")
    def _check_between_keys(self) -> Accelerator:
        found = tuple(problems(self))
        if found:
            raise KeyFaultError(*found)
        return self

    def with_set(self, sets: Mapping[str, Any]) -> Accelerator:
        """Return a copy with some values changed, checked as a file is.

        Parameters
        ----------
        sets
            Dotted path to value: ``{"array.rows": 32, "buffers.glb.size_bytes": "64 KiB", "dram": "ideal"}``. A text
            is read as YAML. Each changed value's provenance becomes ``set``. A changed ``energy.mode`` leaves behind
            the energy constants of the old one.

        Raises
        ------
        ArchError
            If a path leads nowhere or the new values do not fit.
        """
        data = self.model_dump()
        constants = self.energy.constants
        if sets.get("energy.mode", self.energy.mode) != self.energy.mode:
            stay = any_mode_names(self.buffers, self.array.register_files(self.mac.bits))
            constants = {name: value for name, value in constants.items() if name in stay}
        data["energy"] = {"mode": self.energy.mode, **constants}
        return validate(type(self), changed(data, sets), ArchError)

    @property
    def clock_hz(self) -> int:
        """Core clock in Hz, exactly."""
        return int(exact(self.clock_mhz) * 10**6)

    @property
    def n_pes(self) -> int:
        """PEs of the array."""
        return self.array.n_pes

    def buffer_for(self, tensor: str) -> Buffer:
        """Return the buffer that holds ``tensor``.

        Raises
        ------
        KeyError
            If no buffer does.
        """
        for candidate in self.buffers:
            if tensor in candidate.holds:
                return candidate
        raise KeyError(f"no buffer of {self.name} holds {tensor!r}")

    def pointer_buffer(self) -> Buffer | None:
        """Return the buffer that holds the pointers of compressed filters, where they do not lie with the entries."""
        return next((buffer for buffer in self.buffers if "filter_pointers" in buffer.holds), None)

    def buffer(self, *, role: str) -> Buffer:
        """Return the first buffer of ``role``.

        Raises
        ------
        KeyError
            If there is none.
        """
        for candidate in self.buffers:
            if candidate.role == role:
                return candidate
        raise KeyError(f"{self.name} has no buffer of role {role!r}")

    def dram_bytes_per_cycle(self) -> Fraction | None:
        """Bytes per core cycle that the DRAM delivers, exactly; None where there is no fixed rate."""
        return self.dram.bytes_per_cycle(self.clock_hz) if isinstance(self.dram, BandwidthDram) else None

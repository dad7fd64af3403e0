"""Tile programs on disk: one ``.npz`` with the arrays of all layers, and the machine and the names as JSON text."""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from accel_sim.arch.dram_device import DramDevice
from accel_sim.errors import Fault, InputError, OptionError, ProgramError, TraceError
from accel_sim.program.bounds import check_bounds
from accel_sim.program.layer_program import Action, ActionKey, LayerProgram, Templates
from accel_sim.program.machine import (
    Arbitration,
    DramSetup,
    Machine,
    Semaphore,
    Server,
    ServerKind,
    Unit,
    UnitRole,
)

FORMAT = "accel_sim tile program"
VERSION = 1
STRUCTURE = "structure"
COMMANDS = ("unit_ptr", "template", "own_cycles", "address")
NUMBERS = frozenset(("depth", "initial", "rate_num", "rate_den", "quantum_bytes", "latency_cycles"))
WORDS = {"role": get_args(UnitRole), "kind": get_args(ServerKind), "arbitration": get_args(Arbitration)}
INT32 = frozenset(("template", "wait_semaphore", "signal_semaphore", "demand_server", "action_key"))


class StoredProgram(NamedTuple):
    """What a program file holds."""

    machine: Machine
    layers: tuple[LayerProgram, ...]


def save_program(path: str | os.PathLike[str], machine: Machine, programs: Iterable[LayerProgram]) -> None:
    """Write ``programs`` and the machine that they run on to ``path``, whole or not at all.

    The same programs give the same bytes.

    Raises
    ------
    OptionError
        If the file cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    layers = []
    for number, program in enumerate(programs):
        layers.append(
            {
                "name": program.name,
                "index": program.index,
                "primary_unit": program.primary_unit,
                "action_keys": program.action_keys,
                "layer_actions": program.layer_actions,
            }
        )
        for name in COMMANDS:
            arrays[f"{number}.{name}"] = getattr(program, name)
        for name in Templates._fields:
            arrays[f"{number}.{name}"] = getattr(program.templates, name)
    structure = {"format": FORMAT, "version": VERSION, "machine": _machine_data(machine), "layers": layers}
    arrays[STRUCTURE] = np.frombuffer(json.dumps(structure).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    target = os.path.realpath(path)
    temporary = f"{target}.{os.getpid()}.tmp"
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(content.getbuffer())
            os.replace(temporary, target)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
    except OSError as error:
        message = f"cannot be written: {error.strerror or error}"
        raise OptionError(Fault(file=os.fspath(path), message=message)) from None


def load_program(path: str | os.PathLike[str]) -> StoredProgram:
    """Return what :func:`save_program` wrote to ``path``; every index in it is checked.

    Raises
    ------
    TraceError
        If the file cannot be read, is cut short, or is no tile program.
    """
    try:
        # Opened here, so that it is closed whatever numpy finds in it.
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile) or STRUCTURE not in stored.files:
                raise TypeError("there is no structure in it")
            arrays = {name: stored[name] for name in stored.files}
        structure = json.loads(arrays.pop(STRUCTURE).tobytes().decode())
        if structure["format"] != FORMAT or structure["version"] != VERSION:
            raise TypeError(f"its format is {structure['format']!r}, version {structure['version']!r}")
        machine = _machine(structure["machine"])
        layers = tuple(_layer(number, data, arrays) for number, data in enumerate(structure["layers"]))
        for layer in layers:
            check_bounds(machine, layer)
    except OSError as error:
        raise TraceError(Fault(file=os.fspath(path), message=f"cannot be read: {error.strerror or error}")) from None
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise TraceError(Fault(file=os.fspath(path), message="is no tile program, or was cut short")) from None
    except (AttributeError, InputError, KeyError, ProgramError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}" if isinstance(error, AttributeError | KeyError) else str(error)
        message = f"is no tile program that can be used: {' '.join(found.split())}"
        raise TraceError(Fault(file=os.fspath(path), message=message)) from None
    return StoredProgram(machine, layers)


def _machine_data(machine: Machine) -> dict[str, Any]:
    """Return ``machine`` as JSON has it."""
    servers = []
    for server in machine.servers:
        data = {name: getattr(server, name) for name in Server.__slots__}
        if server.setup is not None:
            device = server.setup.device.model_dump(mode="json", by_alias=True)
            data["setup"] = {"device": device, "core_clock_hz": server.setup.core_clock_hz}
        servers.append(data)
    return {
        "units": [asdict(unit) for unit in machine.units],
        "semaphores": [asdict(semaphore) for semaphore in machine.semaphores],
        "servers": servers,
    }


def _machine(data: Mapping[str, Any]) -> Machine:
    servers = []
    for server in data["servers"]:
        setup = server["setup"]
        if setup is not None:
            device = DramDevice.model_validate(setup["device"])
            setup = DramSetup(device=device, core_clock_hz=_whole(setup["core_clock_hz"]))
        servers.append(Server(**{**_checked(server), "setup": setup}))
    return Machine(
        units=tuple(Unit(**_checked(unit)) for unit in data["units"]),
        semaphores=tuple(Semaphore(**_checked(semaphore)) for semaphore in data["semaphores"]),
        servers=tuple(servers),
    )


def _checked(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``fields`` of a unit, semaphore or server if each is a number, one of its words, or a name."""
    for name, value in fields.items():
        if name in NUMBERS:
            _whole(value)
        elif name in WORDS and value not in WORDS[name]:
            raise TypeError(f"found {name} {value!r}; allowed: {', '.join(WORDS[name])}")
        elif name != "setup":
            _text(value)
    return fields


def _layer(number: int, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> LayerProgram:
    def array(name: str) -> NDArray[Any]:
        values = arrays[f"{number}.{name}"]
        wanted = np.int32 if name in INT32 else np.int64
        if values.dtype != wanted or values.ndim != 1:
            raise TypeError(f"layer {number}: {name} is {values.dtype}, not a row of {np.dtype(wanted)}")
        return values

    return LayerProgram(
        name=_text(data["name"]),
        index=_whole(data["index"]),
        primary_unit=_whole(data["primary_unit"]),
        templates=Templates(**{name: array(name) for name in Templates._fields}),
        unit_ptr=array("unit_ptr"),
        template=array("template"),
        own_cycles=array("own_cycles"),
        address=array("address"),
        action_keys=tuple(_key(key) for key in data["action_keys"]),
        layer_actions=tuple(
            Action(_key(key), *(_whole(count) for count in counts)) for key, *counts in data["layer_actions"]
        ),
    )


def _key(texts: Iterable[Any]) -> ActionKey:
    return ActionKey(*(_text(text) for text in texts))


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"found {value!r} where a whole number belongs")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"found {value!r} where a name belongs")
    return value

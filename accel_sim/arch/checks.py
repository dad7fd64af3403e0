"""What must hold between the keys of an architecture: combinations that no hardware can have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from accel_sim.arch.energy_constants import RELATIVE, RESERVED_NAMES, absolute_names, any_mode_names
from accel_sim.arch.paths import UnknownPathError, resolve
from accel_sim.arch.spec import exact
from accel_sim.errors import nearest

if TYPE_CHECKING:
    from accel_sim.arch.accelerator import Accelerator

Problem = tuple[tuple[str | int, ...], str]
"""A key's path and what is wrong there."""

MOST_PES = 2**20
"""A run takes memory for each PE."""
TENSORS = ("ifmap", "filter", "psum", "ofmap")
MARKS = ("found", "derived", "memory-high", "memory-medium", "memory-low", "choice", "set")


def problems(arch: Accelerator) -> Iterator[Problem]:
    """Yield every contradiction between keys; a fault that lies between two keys names both."""
    yield from _clock(arch)
    yield from _dataflow(arch)
    yield from _array(arch)
    yield from _sparsity(arch)
    yield from _buffers(arch)
    yield from _formats(arch)
    yield from _energy(arch)
    yield from _provenance(arch)


def _clock(arch: Accelerator) -> Iterator[Problem]:
    if (exact(arch.clock_mhz) * 10**6).denominator != 1:
        yield ("clock_mhz",), f"{arch.clock_mhz} MHz is not a whole number of Hz"


def _dataflow(arch: Accelerator) -> Iterator[Problem]:
    runs = arch.array.DATAFLOWS
    if arch.dataflow not in runs:
        yield (
            ("dataflow",),
            f"{arch.dataflow!r} cannot run on array.organisation {arch.array.organisation!r}"
            f"{nearest(arch.dataflow, runs)}; that one runs: {', '.join(runs)}",
        )


def _array(arch: Accelerator) -> Iterator[Problem]:
    if arch.array.n_pes > MOST_PES:
        yield ("array",), f"its sizes make {arch.array.n_pes} PEs; allowed: at most {MOST_PES}"
    for path, message in arch.array.problems(arch):
        yield ("array", *path), message
    if arch.activations == "on_chip" and not arch.array.FMAPS_ON_CHIP:
        message = f"'on_chip' is not possible with array.organisation {arch.array.organisation!r}: it works on tiles"
        yield ("activations",), message
    if arch.preloaded and not arch.array.PRELOADS:
        message = (
            f"{', '.join(arch.preloaded)!r} is not possible with array.organisation {arch.array.organisation!r}: "
            "it loads its weights while it runs"
        )
        yield ("preloaded",), message


def _sparsity(arch: Accelerator) -> Iterator[Problem]:
    allowed = arch.array.SPARSITY
    if arch.mac.sparsity not in allowed:
        yield (
            ("mac", "sparsity"),
            f"{arch.mac.sparsity!r} is not possible with array.organisation {arch.array.organisation!r}; "
            f"allowed there: {', '.join(allowed)}",
        )


def _buffers(arch: Accelerator) -> Iterator[Problem]:
    names: list[str] = []
    holder: dict[str, str] = {}
    for i, buffer in enumerate(arch.buffers):
        if buffer.name in names:
            yield ("buffers", i, "name"), f"a second buffer is called {buffer.name!r}"
        if buffer.name in RESERVED_NAMES:
            yield ("buffers", i, "name"), f"{buffer.name!r} is the name of another component of the results"
        names.append(buffer.name)
        for tensor in buffer.holds:
            if tensor in holder:
                yield ("buffers", i, "holds"), f"{tensor!r} is held by {holder[tensor]!r} already"
            holder[tensor] = buffer.name
        row_bytes = buffer.banks * buffer.width_bytes
        if buffer.size_bytes % row_bytes:
            yield (
                ("buffers", i, "size_bytes"),
                f"{buffer.size_bytes} bytes are no whole number of rows of banks x width_bits = "
                f"{buffer.banks} x {buffer.width_bits} bits ({row_bytes} bytes)",
            )
    if "filter_pointers" in holder and not arch.array.POINTERS:
        i = [buffer.name for buffer in arch.buffers].index(holder["filter_pointers"])
        yield (
            ("buffers", i, "holds"),
            f"'filter_pointers' is not possible with array.organisation {arch.array.organisation!r}: it reads none",
        )
    for needed in TENSORS:
        if needed not in holder:
            yield ("buffers",), f"no buffer holds {needed!r}"


def _formats(arch: Accelerator) -> Iterator[Problem]:
    for tensor, allowed in arch.array.FORMATS.items():
        chosen = getattr(arch.formats, tensor)
        if chosen not in allowed:
            yield (
                ("formats", tensor),
                f"{chosen!r} cannot be decoded by array.organisation {arch.array.organisation!r}; "
                f"allowed there: {', '.join(allowed)}",
            )
    compressed = [
        tensor
        for tensor in arch.formats.compressed()
        if getattr(arch.formats, tensor) in arch.array.FORMATS[tensor]
        and getattr(arch.formats, tensor) not in arch.array.NATIVE
    ]
    if compressed and arch.codec is None:
        tensor = compressed[0]
        chosen = getattr(arch.formats, tensor)
        yield ("formats", tensor), f"{chosen!r} needs the key codec, which is missing: nothing could unpack it"


def _energy(arch: Accelerator) -> Iterator[Problem]:
    register_files = arch.array.register_files(arch.mac.bits)
    absolute = absolute_names(arch.buffers, register_files)
    allowed = (*absolute, *any_mode_names(arch.buffers, register_files), *RELATIVE)
    excluded = RELATIVE if arch.energy.mode == "absolute" else absolute
    for path, _ in arch.energy.leaves():
        name = ".".join(path)
        if name not in allowed:
            yield ("energy", *path), f"unknown constant {name!r}{nearest(name, allowed)}; allowed: {', '.join(allowed)}"
        elif name in excluded:
            yield ("energy", *path), f"energy.{name} has no effect with energy.mode {arch.energy.mode!r}"


def _provenance(arch: Accelerator) -> Iterator[Problem]:
    data = arch.model_dump()
    for path, text in arch.provenance.items():
        try:
            resolve(data, path)
        except UnknownPathError as error:
            yield ("provenance", path), str(error)
        mark = text.partition(":")[0]
        if mark not in MARKS:
            yield ("provenance", path), f"starts with {mark!r}{nearest(mark, MARKS)}; allowed: {', '.join(MARKS)}"

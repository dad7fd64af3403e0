"""Operand traces: real values or masks of tensors in an ``.npz`` file, checked before they are believed."""

from __future__ import annotations

import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import Fault, TraceError, nearest
from accel_sim.workload import Tensor

_KINDS = "biuf"
_SUFFIX = ".npy"
_DAMAGED = (OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read_trace(tensor: Tensor) -> NDArray[Any]:
    """Return the array of ``tensor`` in its trace, in the tensor's shape; truth values or finite real numbers.

    The file holds one array a tensor, named as the tensor is (``conv1.filter``), as ``numpy.savez`` writes it. Its
    header is checked before its data is read, so that a wrong file costs no memory.

    Raises
    ------
    TraceError
        If the file cannot be read or has no such array, or if that has another shape, is of another type or holds
        values that are no numbers.
    """
    assert tensor.trace is not None
    try:
        with zipfile.ZipFile(tensor.trace) as archive:
            names = [name.removesuffix(_SUFFIX) for name in archive.namelist() if name.endswith(_SUFFIX)]
            if tensor.name not in names:
                there = f"there are {', '.join(names)}" if names else "there is none"
                raise _fault(tensor, f"no array {tensor.name!r} in the file{nearest(tensor.name, names)}; {there}")
            with archive.open(tensor.name + _SUFFIX) as header:
                shape, dtype = _header(header)
            if shape != tensor.shape:
                raise _fault(tensor, f"found shape {list(shape)}; allowed: {list(tensor.shape)}, as in the workload")
            if dtype.kind not in _KINDS:
                raise _fault(tensor, f"found values of type {dtype}; allowed: truth values and real numbers")
            with archive.open(tensor.name + _SUFFIX) as data:
                values: NDArray[Any] = np.lib.format.read_array(data, allow_pickle=False)
    except _DAMAGED as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        message = f"cannot be read as an .npz file: {' '.join(str(reason).split())}"
        raise TraceError(Fault(file=tensor.trace, key=tensor.name, message=message)) from error
    if dtype.kind == "f" and not np.isfinite(values).all():
        place = np.unravel_index(int(np.argmin(np.isfinite(values))), values.shape)
        raise _fault(tensor, f"found {values[place]} at {[int(i) for i in place]}; allowed: finite numbers")
    return values


def _header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of an array in the npy format; versions 1 and 2 hold all but structured types."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"array format {version[0]}.{version[1]}")
    shape, _, dtype = read(file)
    return shape, dtype


def _fault(tensor: Tensor, message: str) -> TraceError:
    return TraceError(Fault(file=str(tensor.trace), key=tensor.name, message=message))

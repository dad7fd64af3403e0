"""Reads mapping files: explicit parameters for some layers of a network."""

from __future__ import annotations

import os
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from typing import Any

from accel_sim.arch import Accelerator
from accel_sim.config import Document, StrictModel, load_document, resolve_shipped, validate
from accel_sim.errors import Fault, MappingError, nearest
from accel_sim.mapping.base import Param
from accel_sim.workload import Network

PUBLISHED = "accel_sim.mapping.published"
"""Package of the mappings that ship."""


class _MappingModel(StrictModel):
    """The file's keys; parameters are checked by the dataflow that they are for."""

    dataflow: str
    layers: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingFile:
    """Explicit mapping parameters by layer name, and the document that they came from."""

    dataflow: str
    layers: MappingABC[str, MappingABC[str, Param]]
    document: Document

    def placed(self, error: MappingError) -> MappingError:
        """Return ``error`` with the file, line and column of each of its keys."""
        faults = []
        for fault in error.faults:
            path = tuple(fault.key.split("."))
            faults.append(self.document.fault(path, fault.message) if path[0] == "layers" else fault)
        return MappingError(faults)


def load_mapping(name_or_path: str | os.PathLike[str], network: Network, arch: Accelerator) -> MappingFile:
    """Read a published mapping by its name (``eyeriss_alexnet``), or a mapping file, for ``network`` on ``arch``.

    Raises
    ------
    MappingError
        If the file cannot be read, its dataflow is not the machine's, or it names a layer that is not there or has no
        MACs.
    """
    path = resolve_shipped(PUBLISHED, os.fspath(name_or_path), MappingError)
    document = load_document(path, MappingError)
    return check_mapping(validate(_MappingModel, document, MappingError), document, network, arch)


def mapping_from_data(data: MappingABC[str, Any], network: Network, arch: Accelerator) -> MappingFile:
    """As :func:`load_mapping`, from a dictionary with the same keys."""
    document = Document.from_data(data)
    return check_mapping(validate(_MappingModel, document, MappingError), document, network, arch)


def check_mapping(model: _MappingModel, document: Document, network: Network, arch: Accelerator) -> MappingFile:
    """Check names against the network and the machine."""
    faults: list[Fault] = []
    if model.dataflow != arch.dataflow:
        message = f"found {model.dataflow!r}; {arch.name} runs {arch.dataflow} (its key dataflow)"
        faults.append(document.fault(("dataflow",), message))
    names = [layer.name for layer in network.layers if layer.is_mac]
    for name in model.layers:
        if name not in names:
            message = f"{network.name} has no such layer to map{nearest(name, names)}; allowed: {', '.join(names)}"
            faults.append(document.fault(("layers", name), message, at_key=True))
    if faults:
        raise MappingError(faults)
    return MappingFile(dataflow=model.dataflow, layers=model.layers, document=document)

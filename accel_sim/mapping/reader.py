"""Reads mapping files: explicit parameters for some layers of a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from typing import Any

from accel_sim.arch import Accelerator
from accel_sim.config import Document, StrictModel, load_document, resolve_shipped, validate
from accel_sim.errors import Fault, MappingError, nearest
from accel_sim.mapping.base import Param
from accel_sim.mapping.registry import DATAFLOWS
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
        return MappingError(self._placed(fault) for fault in error.faults)

    def _placed(self, fault: Fault) -> Fault:
        """Return ``fault`` with its place; names of layers may have dots, so the longest one that fits is meant."""
        head, _, below = fault.key.partition(".")
        names = [name for name in self.layers if f"{below}.".startswith(f"{name}.")]
        if head != "layers" or not names:
            return fault
        name = max(names, key=len)
        parts = below[len(name) + 1 :].split(".") if len(below) > len(name) else []
        return self.document.fault((head, name, *parts), fault.message)


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
        if name in names:
            continue
        if any(layer.name == name for layer in network.layers):
            message = f"this layer has no MACs to map; allowed: {', '.join(names)}"
        else:
            message = f"{network.name} has no such layer{nearest(name, names)}; allowed: {', '.join(names)}"
        faults.append(document.fault(("layers", name), message, at_key=True))
    mapping = MappingFile(dataflow=model.dataflow, layers=model.layers, document=document)
    if faults:
        if model.dataflow == arch.dataflow:
            faults += _parameter_faults(mapping, network, arch)
        raise MappingError(sorted(faults, key=lambda fault: (fault.line, fault.column)))
    return mapping


def _parameter_faults(mapping: MappingFile, network: Network, arch: Accelerator) -> Iterator[Fault]:
    """Yield what is wrong with the parameters of the layers that are there, so that all faults are told at once."""
    for layer in network.layers:
        if layer.is_mac and layer.name in mapping.layers:
            try:
                DATAFLOWS[arch.dataflow].from_params(layer, arch, mapping.layers[layer.name])
            except MappingError as error:
                yield from mapping.placed(error).faults

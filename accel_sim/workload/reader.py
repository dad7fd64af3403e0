"""Read a workload file into a `Network`, reporting every mistake in it at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accel_sim.config import Document, load_document, parse_document, resolve_shipped, validate
from accel_sim.errors import Fault, WorkloadError
from accel_sim.workload.edges import edge_mistakes, name_mistakes
from accel_sim.workload.layer import Layer
from accel_sim.workload.network import Network
from accel_sim.workload.ops_base import FileContext
from accel_sim.workload.schema import WorkloadFile

WORKLOADS = "accel_sim.workloads"


def load_workload(name_or_path: str, batch: int | None = None) -> Network:
    """Read a shipped workload or a workload file.

    Parameters
    ----------
    name_or_path
        A shipped name (``alexnet``) or the path of a YAML file.
    batch
        Elements in the batch; the file's own `batch`, or 1, where it is None.

    Raises
    ------
    WorkloadError
        With every fault of the file, each with file, line and column.
    """
    path = resolve_shipped(WORKLOADS, name_or_path, WorkloadError)
    return network_of(load_document(path, WorkloadError), batch)


def parse_workload(text: str, file: str = "", batch: int | None = None) -> Network:
    """Read a workload from YAML text; `file` is the name shown in faults, its folder the start of `trace` paths.

    Raises
    ------
    WorkloadError
        With every fault of the text.
    """
    return network_of(parse_document(text, file, WorkloadError), batch)


def network_of(document: Document, batch: int | None = None) -> Network:
    """Return the network that a document describes.

    Raises
    ------
    WorkloadError
        With every fault of the document.
    """
    faults = list(_name_faults(document))
    try:
        model = validate(WorkloadFile, document, WorkloadError)
    except WorkloadError as error:
        raise WorkloadError(_in_order([*error.faults, *faults])) from None
    if batch is not None and batch < 1:
        faults.append(Fault(key="batch", message=f"found {batch}; allowed: at least 1"))
        batch = None
    context = FileContext(
        batch=model.batch if batch is None else batch,
        bits=model.defaults.bits,
        folder=Path(document.file).parent,
    )
    layers: list[Layer] = []
    for i, op in enumerate(model.layers):
        if op.trace is not None and not (context.folder / op.trace).is_file():
            message = f"no such file: {context.folder / op.trace}"
            faults.append(document.fault(("layers", i, "trace"), message))
        try:
            layers.append(op.to_layer(context))
        except WorkloadError as error:
            for fault in error.faults:
                keys = fault.key.split(".") if fault.key else ()
                faults.append(document.fault(("layers", i, *keys), fault.message))
    if not faults:
        faults += (document.fault(path, message) for path, message in edge_mistakes(layers))
    if faults:
        raise WorkloadError(_in_order(faults))
    try:
        return Network(
            name=model.name,
            batch=context.batch,
            layers=tuple(layers),
            source=model.source,
            is_not=model.is_not,
        )
    except WorkloadError as error:
        raise WorkloadError(document.fault(("layers",), fault.message) for fault in error.faults) from None


def _name_faults(document: Document) -> Iterator[Fault]:
    """Yield the faults of names and inputs, which can be told even where other keys are wrong."""
    data = document.data
    entries = data.get("layers") if isinstance(data, dict) else None
    if not isinstance(entries, tuple):
        return
    layers: list[dict[str, Any]] = [entry if isinstance(entry, dict) else {} for entry in entries]
    names = [_text(layer.get("name")) for layer in layers]
    inputs = [layer.get("inputs", ()) for layer in layers]
    listed = [[_text(name) for name in names] if isinstance(names, tuple) else [] for names in inputs]
    for path, message in name_mistakes(names, listed):
        yield document.fault(path, message)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _in_order(faults: list[Fault]) -> list[Fault]:
    return sorted(faults, key=lambda fault: (fault.line, fault.column))

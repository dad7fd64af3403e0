"""A network: layers in the order they run, and the edges between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from accel_sim.config import dotted
from accel_sim.errors import Fault, WorkloadError, nearest
from accel_sim.workload.edges import edge_mistakes, name_mistakes
from accel_sim.workload.layer import Layer
from accel_sim.workload.windows import INT64_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Layers that run one after another.

    Parameters
    ----------
    name
        Name of the network.
    batch
        Elements in the batch; every layer's sizes hold the whole batch.
    layers
        In the order they run; a layer stands after the producers it names in ``inputs``.
    source
        Where the shapes come from.
    is_not
        What this network leaves out or does otherwise than its source.

    Raises
    ------
    WorkloadError
        With one fault for each duplicate name, unknown or later input, edge whose shapes disagree; if there is no
        layer, or the MACs exceed int64.
    """

    name: str
    batch: int = 1
    layers: tuple[Layer, ...]
    source: tuple[str, ...] = ()
    is_not: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.layers:
            raise WorkloadError(Fault(key="layers", message="a network needs at least one layer"))
        if self.batch < 1:
            raise WorkloadError(Fault(key="batch", message=f"found {self.batch}; allowed: at least 1"))
        mistakes = list(name_mistakes([layer.name for layer in self.layers], [layer.inputs for layer in self.layers]))
        if not mistakes:
            mistakes = list(edge_mistakes(self.layers))
        if mistakes:
            raise WorkloadError(Fault(key=dotted(path), message=message) for path, message in mistakes)
        if self.n_macs > INT64_MAX:
            raise WorkloadError(Fault(key="layers", message=f"{self.n_macs} MACs exceed what 64-bit counters hold"))

    @property
    def n_macs(self) -> int:
        """Multiply-accumulates of all layers, those on padding included."""
        return sum(layer.n_macs for layer in self.layers)

    @property
    def n_macs_in_bounds(self) -> int:
        """Multiply-accumulates of all layers whose ifmap value is not padding."""
        return sum(layer.n_macs_in_bounds for layer in self.layers)

    @property
    def n_weight_bytes(self) -> int:
        """Bytes of all weights, dense."""
        filters = [layer.filter for layer in self.layers if layer.filter is not None]
        return sum(tensor.n_bytes for tensor in filters if tensor.is_weight)

    def layer(self, name: str) -> Layer:
        """Return the layer of that name.

        Raises
        ------
        WorkloadError
            If there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        raise WorkloadError(f"{self.name} has no layer {name!r}{nearest(name, names)}; allowed: {', '.join(names)}")

    def with_batch(self, n: int) -> Network:
        """Return the same network for a batch of `n`.

        Raises
        ------
        WorkloadError
            If `n` is not at least 1, or sizes exceed int64.
        """
        if n < 1:
            raise WorkloadError(Fault(key="batch", message=f"found {n}; allowed: at least 1"))
        layers = tuple(layer.with_batch(self.batch, n) for layer in self.layers)
        return replace(self, batch=n, layers=layers)

    def select(self, glob: str) -> Network:
        """Return the layers whose name matches a shell pattern; several patterns are parted by commas.

        A layer that loses a producer reads all its operands fresh from DRAM.

        Raises
        ------
        WorkloadError
            If a pattern matches no layer.
        """
        names = [layer.name for layer in self.layers]
        kept: set[str] = set()
        for pattern in (part.strip() for part in glob.split(",")):
            matches = {name for name in names if name == pattern or fnmatchcase(name, pattern)}
            if not matches:
                choices = ", ".join(names)
                raise WorkloadError(
                    f"no layer of {self.name} matches {pattern!r}{nearest(pattern, names)}; layers: {choices}"
                )
            kept |= matches
        layers = tuple(
            layer if kept.issuperset(layer.inputs) else replace(layer, inputs=())
            for layer in self.layers
            if layer.name in kept
        )
        return replace(self, layers=layers)

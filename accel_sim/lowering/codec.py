"""Codecs between DRAM and buffers: decoders as units beside the loads, the encoder as a server of the stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.arch import Accelerator, IdealDram
from accel_sim.arch.formats import Codec
from accel_sim.lowering.machine import DRAM, LOADERS
from accel_sim.lowering.memory_map import LayerPlaces, TensorPlace
from accel_sim.program import Action, ActionKey, Demand, LayerBuilder, Machine, Semaphore, Server, Unit
from accel_sim.units import ceil_div

STREAMS = ("ifmap", "filter")
"""Operand streams that a decoder can stand in."""

ENCODER = "codec:ofmap"
"""Server that packs ofmap words while they are stored."""


def decoder(tensor: str) -> str:
    """Name of the unit that decodes ``tensor``."""
    return f"decode_{tensor}"


def coded_tensors(arch: Accelerator) -> tuple[str, ...]:
    """Tensors that a codec packs for the DRAM: not those whose stored form the array itself works on."""
    if arch.codec is None:
        return ()
    return tuple(
        tensor for tensor in arch.formats.compressed() if getattr(arch.formats, tensor) not in arch.array.NATIVE
    )


def decoded_streams(arch: Accelerator) -> tuple[str, ...]:
    """Streams with a decoder: those of packed operands; a packed ofmap may come back in either stream."""
    coded = coded_tensors(arch)
    return tuple(stream for stream in STREAMS if stream in coded or "ofmap" in coded)


def with_codec(machine: Machine, arch: Accelerator) -> Machine:
    """Return ``machine`` with the decoders and the encoder that ``arch`` needs; itself if that is none.

    Whoever waits for a tile from DRAM (reason ``dram:<tensor>``) then waits for the tile to be decoded (reason
    ``codec:<tensor>``). A load is two commands of its queue, see :class:`CodecBuilder`, so the queue is twice as
    deep for as many loads in flight.
    """
    streams = decoded_streams(arch)
    if not streams:
        return machine
    assert arch.codec is not None
    deeper = {LOADERS[stream] for stream in streams}
    units: list[Unit] = []
    for unit in machine.units:
        units.append(replace(unit, depth=2 * unit.depth) if unit.name in deeper else unit)
        units += [Unit(name=decoder(s), role="transform") for s in streams if LOADERS[s] == unit.name]
    twins = [
        Semaphore(name=_decoded(semaphore.name), unit=semaphore.unit, reason=f"codec:{stream}")
        for semaphore in machine.semaphores
        for stream in streams
        if semaphore.reason == f"dram:{stream}"
    ]
    starts = [Semaphore(name=_coming(stream), unit=decoder(stream), reason=f"dram:{stream}") for stream in streams]
    servers = list(machine.servers)
    if "ofmap" in coded_tensors(arch):
        rate = arch.codec.encode_words_per_cycle
        takes_no_time = isinstance(arch.dram, IdealDram)
        servers.append(Server(name=ENCODER, kind="ideal" if takes_no_time else "bandwidth", rate_num=rate))
    return Machine(units=tuple(units), semaphores=(*machine.semaphores, *twins, *starts), servers=tuple(servers))


@dataclass(frozen=True, slots=True)
class _Load:
    """The two commands of a load, and the tile that its decoder delivers."""

    start: int
    transfer: int
    tensor: str
    words: int
    decoded: tuple[tuple[str, int], ...]


class CodecBuilder(LayerBuilder):
    """Builds a layer's program on a machine with codecs, from the templates and queues of one without.

    A load becomes two commands of its queue: its start, which waits for what the load waits for, and the transfer.
    Commands of a queue end in order, so a start ends when the load is under way and the one before has arrived: then
    its bytes begin to come, and the decoder begins. A tile is ready when both the transfer and the decoder have
    ended. A store is over when both the DRAM and the encoder have taken it. With an ideal memory, whose transfers take
    no time, codecs count what they pack and take none either.

    Templates of loads are negative numbers; :meth:`queue` knows what they stand for.

    Parameters
    ----------
    arch
        The machine's architecture; it has a codec.
    places
        Where the layer's tensors are; those whose stored size differs from the dense one are coded.
    """

    def __init__(self, machine: Machine, name: str, index: int, arch: Accelerator, places: LayerPlaces) -> None:
        super().__init__(machine, name, index)
        assert arch.codec is not None
        self._codec: Codec = arch.codec
        self._takes_time = not isinstance(arch.dram, IdealDram)
        self._arrivals = {
            semaphore.name: stream
            for semaphore in machine.semaphores
            for stream in decoded_streams(arch)
            if semaphore.reason == f"dram:{stream}" and semaphore.name != _coming(stream)
        }
        operands = {"ifmap": places.inputs, "filter": (places.filter,) if places.filter is not None else ()}
        self._coded = {
            stream: tuple(place for place in operands[stream] if place.stored != 1) for stream in decoded_streams(arch)
        }
        self._encodes = "ofmap" in coded_tensors(arch) and places.ofmap.stored != 1
        self._loads: list[_Load] = []

    def template(
        self,
        *,
        waits: Mapping[str, int] | None = None,
        signals: Mapping[str, int] | None = None,
        demands: Sequence[Demand] = (),
        actions: Sequence[Action] = (),
    ) -> int:
        """Return the template, with what the codec adds to it; see :meth:`LayerBuilder.template`."""
        waits, signals = dict(waits or {}), dict(signals or {})
        arrivals = {name: amount for name, amount in signals.items() if name in self._arrivals and amount}
        if arrivals:
            return self._load(waits, signals, arrivals, demands, actions)
        all_waits: dict[str, int] = {}
        for name, amount in waits.items():
            all_waits[name] = amount
            if name in self._arrivals and self._coded[self._arrivals[name]]:
                all_waits[_decoded(name)] = amount
        words = sum(action.words for action in actions if action.key[:3] == (DRAM, "ofmap", "write"))
        if self._encodes and words:
            demands = [*demands, Demand(ENCODER, words, write=True)]
            actions = [*actions, Action(ActionKey("codec", "ofmap", "op"), 0, words)]
        return super().template(waits=all_waits, signals=signals, demands=demands, actions=actions)

    def _load(
        self,
        waits: Mapping[str, int],
        signals: Mapping[str, int],
        arrivals: Mapping[str, int],
        demands: Sequence[Demand],
        actions: Sequence[Action],
    ) -> int:
        tensor = self._arrivals[next(iter(arrivals))]
        is_coded = bool(self._coded[tensor])
        load = _Load(
            start=super().template(waits=waits, signals={_coming(tensor): int(is_coded)}),
            transfer=super().template(signals=signals, demands=demands, actions=actions),
            tensor=tensor,
            words=sum(action.words for action in actions if action.key.peer == DRAM),
            decoded=tuple((_decoded(name), amount) for name, amount in arrivals.items()),
        )
        self._loads.append(load)
        return -len(self._loads)

    def queue(self, unit: str, templates: ArrayLike, own_cycles: ArrayLike = 0, addresses: ArrayLike = 0) -> None:
        """Append commands to a unit's queue; loads are started, transferred and decoded."""
        rows = np.atleast_1d(np.asarray(templates, dtype=np.int64))
        if not rows.size or rows.min() >= 0:
            super().queue(unit, templates, own_cycles, addresses)
            return
        assert rows.max() < 0
        rows, places = np.broadcast_arrays(rows, np.asarray(addresses, dtype=np.int64))
        which = -1 - rows
        starts = np.array([load.start for load in self._loads])[which]
        transfers = np.array([load.transfer for load in self._loads])[which]
        super().queue(
            unit,
            np.stack([starts, transfers], axis=1).ravel(),
            0,
            np.repeat(places, 2),
        )
        tensor = self._loads[int(which[0])].tensor
        if not self._coded[tensor]:
            return
        packed = _in_places(places, self._coded[tensor])
        tables = np.array([[self._decode(load, is_packed) for is_packed in (0, 1)] for load in self._loads])
        chosen = tables[which, packed.astype(np.int64)]
        super().queue(decoder(tensor), chosen[:, 0], chosen[:, 1])

    def _decode(self, load: _Load, is_packed: int) -> tuple[int, int]:
        """Return the template and the cycles of a tile in its decoder; one that is not packed passes at once."""
        words = load.words * is_packed
        row = super().template(
            waits={_coming(load.tensor): 1},
            signals=dict(load.decoded),
            actions=[Action(ActionKey("codec", load.tensor, "op"), 0, words)],
        )
        return row, ceil_div(words, self._codec.decode_words_per_cycle) if self._takes_time else 0


def _in_places(addresses: NDArray[np.int64], places: Sequence[TensorPlace]) -> NDArray[np.bool_]:
    inside = np.zeros(addresses.shape, dtype=np.bool_)
    for place in places:
        inside |= (addresses >= place.base) & (addresses < place.base + place.size_bytes)
    return inside


def _decoded(semaphore: str) -> str:
    """Name of the semaphore that counts, decoded, the tiles that ``semaphore`` counts as they arrive."""
    return f"decoded:{semaphore.partition(':')[2]}"


def _coming(tensor: str) -> str:
    """Name of the semaphore that counts tiles whose bytes begin to come."""
    return f"coming:{tensor}"

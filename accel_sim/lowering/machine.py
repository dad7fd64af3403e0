"""The units, semaphores and servers that all machines share: DMA queues, allocators, array, vector unit."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from accel_sim.arch import Accelerator, BandwidthDram, Buffer, IdealDram
from accel_sim.arch.dram_device import load_dram_preset
from accel_sim.arch.dram_structure import BURST_BYTES
from accel_sim.program import Machine, Semaphore, Server, Unit
from accel_sim.program.machine import DramSetup

ARRAY, VECTOR = "array", "vector"
DMA_IFMAP, DMA_FILTER, DMA_PSUM, DMA_OFMAP = "dma_ifmap", "dma_filter", "dma_psum", "dma_ofmap"
DRAM = "dram"

POINTERS = ("filter_pointers",)
"""What a buffer of pointers holds; they come with the filters."""

ALONE = (("ifmap",), ("filter",), POINTERS)
"""What a buffer holds that one DMA queue fills alone."""

LOADERS = {"ifmap": DMA_IFMAP, "filter": DMA_FILTER, "psum": DMA_PSUM}


def allocator(buffer: Buffer) -> str:
    """Name of the unit that grants room in ``buffer``, in program order."""
    return f"alloc_{buffer.name}"


def loader_of(buffer: Buffer) -> str | None:
    """Name of the DMA queue that alone fills ``buffer``, and so takes its room itself; ``None`` if streams share it."""
    return LOADERS["filter" if buffer.holds == POINTERS else buffer.holds[0]] if buffer.holds in ALONE else None


def space(buffer: Buffer) -> str:
    """Semaphore of free bytes of ``buffer``."""
    return f"space:{buffer.name}"


def room_wait(buffer: Buffer, tensor: str, n_bytes: int) -> dict[str, int]:
    """What the loader of ``tensor`` waits for to have ``n_bytes`` of room: the bytes, or an allocator's grant."""
    return {f"grant:{tensor}": 1} if loader_of(buffer) is None else {space(buffer): n_bytes}


def port(buffer: Buffer) -> str:
    """Server of the ports of ``buffer``, where the DMA competes with the array for them."""
    return f"port:{buffer.name}"


def dram_server(arch: Accelerator) -> Server:
    """Return the server that stands for the memory that ``arch`` names."""
    if isinstance(arch.dram, IdealDram):
        return Server(name=DRAM, kind="ideal")
    if isinstance(arch.dram, BandwidthDram):
        rate = arch.dram.bytes_per_cycle(arch.clock_hz) / arch.dma.quantum_bytes
        return Server(
            name=DRAM,
            kind="bandwidth",
            rate_num=rate.numerator,
            rate_den=rate.denominator,
            quantum_bytes=arch.dma.quantum_bytes,
            latency_cycles=arch.dram.latency_at(arch.clock_hz),
        )
    device = load_dram_preset(arch.dram.preset)
    return Server(
        name=DRAM,
        kind="dram",
        quantum_bytes=BURST_BYTES,
        setup=DramSetup(device=device, core_clock_hz=arch.clock_hz),
    )


def standard_machine(
    arch: Accelerator,
    extra_units: Sequence[Unit] = (),
    extra_semaphores: Sequence[Semaphore] = (),
    extra_servers: Sequence[Server] = (),
) -> Machine:
    """Build the machine of ``arch``: a DMA queue an operand stream, the array, the vector unit, allocators.

    The array works on tiles that the loaders announce through ``ready:*`` and releases their room through
    ``space:*``. Room in a buffer that streams share is granted by its allocator, in program order, so that they
    cannot starve each other.
    """
    depth = arch.dma.outstanding
    units = [Unit(name=allocator(buffer), role="allocator") for buffer in arch.buffers if loader_of(buffer) is None]
    units += [
        Unit(name=DMA_IFMAP, role="dma", depth=depth),
        Unit(name=DMA_FILTER, role="dma", depth=depth),
        Unit(name=DMA_PSUM, role="dma", depth=depth),
        *extra_units,
        Unit(name=ARRAY, role="array"),
        Unit(name=VECTOR, role="vector"),
        Unit(name=DMA_OFMAP, role="dma", depth=depth),
    ]
    semaphores = [
        Semaphore(
            name=space(buffer),
            unit=loader_of(buffer) or allocator(buffer),
            initial=buffer.size_bytes,
            reason=f"full:{buffer.name}",
        )
        for buffer in arch.buffers
    ]
    for tensor, loader in LOADERS.items():
        holder = arch.buffer_for(tensor).name
        semaphores.append(Semaphore(name=f"grant:{tensor}", unit=loader, reason=f"full:{holder}"))
        semaphores.append(Semaphore(name=f"ready:{tensor}", unit=ARRAY, reason=f"dram:{tensor}"))
    semaphores += [
        Semaphore(name="grant:array", unit=ARRAY, reason=f"full:{arch.buffer_for('psum').name}"),
        Semaphore(name="grant:vector", unit=VECTOR, reason=f"full:{arch.buffer_for('ofmap').name}"),
        Semaphore(name="ready:vector", unit=VECTOR, reason="dram:ifmap"),
        Semaphore(name="done:array", unit=DMA_OFMAP, reason="producer"),
        Semaphore(name="done:vector", unit=DMA_OFMAP, reason="producer"),
        Semaphore(name="spilled", unit=DMA_PSUM, reason="dram:psum"),
        Semaphore(name="stored:ifmap", unit=DMA_IFMAP, reason="producer"),
        Semaphore(name="stored:filter", unit=DMA_FILTER, reason="producer"),
        *extra_semaphores,
    ]
    servers = [dram_server(arch), *extra_servers]
    servers += [
        Server(
            name=port(buffer), kind="bandwidth", rate_num=buffer.ports * buffer.banks, quantum_bytes=buffer.width_bytes
        )
        for buffer in arch.buffers
        if buffer.dma_shares_port
    ]
    return Machine(units=tuple(units), semaphores=tuple(semaphores), servers=tuple(servers))


def peak_rate(server: Server) -> Fraction | None:
    """Bytes per cycle that a server moves at most; ``None`` where transfers take no time."""
    if server.setup is not None:
        structure, clock_ps = server.setup.device.structure, server.setup.device.clock_ps
        bytes_per_clock = Fraction(BURST_BYTES * structure.channels, structure.burst_clocks)
        return bytes_per_clock * 10**12 / (clock_ps * server.setup.core_clock_hz)
    if server.kind == "ideal":
        return None
    return Fraction(server.rate_num * server.quantum_bytes, server.rate_den)

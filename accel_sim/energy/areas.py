"""Area of arrays, register files, buffers and the vector unit."""

from __future__ import annotations

from collections.abc import Iterator

from accel_sim.arch import Accelerator, Buffer, RegisterFile
from accel_sim.energy.logic import mac_cost, register_cost
from accel_sim.energy.price import Constant
from accel_sim.energy.sram import SramCost, sram_cost


def area_constants(arch: Accelerator) -> Iterator[Constant]:
    """Yield the area of each part, all its instances together; buses, control, DMA and pads are not counted."""
    bits = arch.mac.bits
    n_macs = arch.array.macs_per_cycle
    mac = mac_cost(bits.ifmap, bits.filter, bits.psum, arch.technology_nm)
    yield _area("mac", "mac.area_mm2", n_macs * mac.area_mm2, f"{n_macs} x {mac.how}", mac.outside)
    for register_file in arch.array.register_files(bits):
        area_mm2, how, outside = _register_file(register_file, arch.technology_nm)
        yield _area("rf", f"rf.{register_file.tensor}.area_mm2", area_mm2, how, outside)
    for buffer in arch.buffers:
        bank = bank_cost(buffer, arch.technology_nm)
        area_mm2 = buffer_area_mm2(buffer, arch.technology_nm)
        yield _area(buffer.name, f"{buffer.name}.area_mm2", area_mm2, f"{buffer.banks} x {bank.how}", bank.outside)
    lane = mac_cost(arch.vector.bits, arch.vector.bits, arch.vector.bits, arch.technology_nm)
    area_mm2 = arch.vector.lanes * lane.area_mm2
    yield _area("vector", "vector.area_mm2", area_mm2, f"{arch.vector.lanes} x {lane.how}", lane.outside)


def bank_cost(buffer: Buffer, node_nm: float) -> SramCost:
    """Return what one bank of a buffer costs."""
    return sram_cost(buffer.bank_bytes, buffer.width_bits, node_nm)


def buffer_area_mm2(buffer: Buffer, node_nm: float) -> float:
    """Return the area of all banks of a buffer."""
    return buffer.banks * bank_cost(buffer, node_nm).sram.area_mm2


def array_area_mm2(arch: Accelerator) -> float:
    """Return the area of the array's MACs and register files."""
    bits = arch.mac.bits
    macs = arch.array.macs_per_cycle * mac_cost(bits.ifmap, bits.filter, bits.psum, arch.technology_nm).area_mm2
    return macs + sum(_register_file(file, arch.technology_nm)[0] for file in arch.array.register_files(bits))


def _register_file(register_file: RegisterFile, node_nm: float) -> tuple[float, str, tuple[str, ...]]:
    """Return (area of all instances, how, what lies outside the table)."""
    n, n_bits = register_file.n_instances, register_file.n_words * register_file.word_bits
    if register_file.cell == "sram":
        cost = sram_cost(n_bits / 8, register_file.word_bits, node_nm)
        return n * cost.sram.area_mm2, f"{n} x {cost.how}", cost.outside
    registers = register_cost(n_bits, node_nm)
    return n * registers.area_mm2, f"{n} x {registers.how}", registers.outside


def _area(component: str, name: str, value: float, source: str, outside: tuple[str, ...]) -> Constant:
    return Constant(component=component, name=name, value=value, unit="mm2", source=source, outside=outside)

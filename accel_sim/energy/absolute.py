"""Constants in pJ and mW, from the tables."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from accel_sim.arch import Accelerator, Buffer, DramPreset, RegisterFile
from accel_sim.energy.areas import array_area_mm2, bank_cost, buffer_area_mm2
from accel_sim.energy.logic import adder_cost, comparator_cost, mac_cost, register_cost, wire_pj
from accel_sim.energy.price import Constant
from accel_sim.energy.sram import sram_cost
from accel_sim.energy.tables import dram_table, wire_pj_per_bit_mm


def absolute_constants(arch: Accelerator) -> Iterator[Constant]:
    """Yield every constant of the absolute mode, components in the order of the results."""
    bits = arch.mac.bits
    mac = mac_cost(bits.ifmap, bits.filter, bits.psum, arch.technology_nm)
    yield Constant(
        component="mac", name="mac.done_pj", value=mac.pj, unit="pJ/op", source=mac.how, outside=mac.outside
    )
    for register_file in arch.array.register_files(bits):
        yield from _register_file(register_file, arch.technology_nm)
    yield _noc(arch)
    for buffer in arch.buffers:
        yield from _buffer(buffer, arch.technology_nm)
    adder = adder_cost(arch.vector.bits, arch.technology_nm)
    yield Constant(
        component="vector", name="vector.op_pj", value=adder.pj, unit="pJ/op", source=adder.how, outside=adder.outside
    )
    yield _codec(arch)
    yield Constant(
        component="clock",
        name="clock_mw",
        value=0.0,
        unit="mW",
        source="no source gives the clock network of an arbitrary machine: zero unless the architecture states it",
    )
    yield Constant(
        component="leakage",
        name="leakage.logic_mw",
        value=0.0,
        unit="mW",
        source="logic is taken to leak nothing beside the SRAMs unless the architecture states it",
    )
    yield from _dram(arch)


def _register_file(register_file: RegisterFile, node_nm: float) -> Iterator[Constant]:
    name = f"rf.{register_file.tensor}"
    word_bits = register_file.word_bits
    if register_file.cell == "sram":
        cost = sram_cost(register_file.n_words * word_bits / 8, word_bits, node_nm)
        how, outside = cost.how, cost.outside
        read_pj, write_pj = cost.sram.read_pj, cost.sram.write_pj
    else:
        word = register_cost(word_bits, node_nm)
        how, outside = word.how, word.outside
        read_pj = write_pj = word.pj
    for event, value in (("read", read_pj), ("write", write_pj)):
        yield Constant(
            component="rf", name=f"{name}.{event}_pj", value=value, unit="pJ/word", source=how, outside=outside
        )


def _noc(arch: Accelerator) -> Constant:
    pitch_mm = sqrt(array_area_mm2(arch) / arch.n_pes)
    return Constant(
        component="noc",
        name="noc.bit_hop_pj",
        value=wire_pj(1, pitch_mm),
        unit="pJ/bit/hop",
        source=f"{wire_pj_per_bit_mm()[1]}; a hop is the side of a PE as this model sizes it, {pitch_mm:.3f} mm",
    )


def _buffer(buffer: Buffer, node_nm: float) -> Iterator[Constant]:
    bank = bank_cost(buffer, node_nm)
    way_pj = 0.0
    how = bank.how
    if buffer.banks > 1:
        way_mm = sqrt(buffer_area_mm2(buffer, node_nm))
        way_pj = wire_pj(buffer.width_bits, way_mm)
        how += f", one bank of {buffer.banks}; and {way_mm:.3f} mm of wire to it: {wire_pj_per_bit_mm()[1]}"
    for event, value in (("read", bank.sram.read_pj), ("write", bank.sram.write_pj)):
        yield Constant(
            component=buffer.name,
            name=f"{buffer.name}.{event}_pj",
            value=value + way_pj,
            unit=f"pJ/access of {buffer.width_bits} b",
            source=how,
            outside=bank.outside,
        )
    yield Constant(
        component="leakage",
        name=f"{buffer.name}.leakage_mw",
        value=buffer.banks * bank.sram.leakage_mw,
        unit="mW",
        source=f"{bank.how}, {buffer.banks} of them",
        outside=bank.outside,
    )


def _codec(arch: Accelerator) -> Constant:
    """Price a word in the codec: a test for zero and a register for the word and its run."""
    word_bits = arch.mac.bits.ifmap
    run_bits = arch.codec.run_bits if arch.codec else 0
    test = comparator_cost(word_bits, arch.technology_nm)
    register = register_cost(word_bits + run_bits, arch.technology_nm)
    return Constant(
        component="codec",
        name="codec.word_pj",
        value=test.pj + register.pj,
        unit="pJ/word",
        source=f"{test.how}, and {word_bits + run_bits} register bits",
        outside=test.outside,
    )


def _dram(arch: Accelerator) -> Iterator[Constant]:
    table = dram_table()
    kind = table.default
    outside: tuple[str, ...] = ()
    if isinstance(arch.dram, DramPreset):
        kind = arch.dram.preset.partition("_")[0]
    if kind not in table.kinds:
        kind, outside = table.default, (f"no figure for {kind}; that of {table.default} stands in",)
    pj_per_bit, source = table.kinds[kind]
    for event in ("read", "write"):
        yield Constant(
            component="dram",
            name=f"dram.{event}_pj_per_byte",
            value=8 * pj_per_bit,
            unit="pJ/byte",
            source=source,
            outside=outside,
        )

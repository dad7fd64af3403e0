"""What a network runs on: frozen specs of accelerators and their files; no time in here.

May import errors, units and config.
"""

from accel_sim.arch.accelerator import Accelerator
from accel_sim.arch.arrays import (
    AdderTree,
    Array,
    ArraySpec,
    PixelMesh,
    RegisterFile,
    RowStationaryMesh,
    SystolicMesh,
)
from accel_sim.arch.buffer import Buffer
from accel_sim.arch.dma import Dma
from accel_sim.arch.dram import BandwidthDram, Dram, DramPreset, IdealDram, parse_dram_option
from accel_sim.arch.energy_options import EnergyOptions
from accel_sim.arch.formats import Codec, Formats
from accel_sim.arch.load import load_arch
from accel_sim.arch.mac import Mac, OperandBits
from accel_sim.arch.noc import Noc
from accel_sim.arch.vector import Vector

__all__ = [
    "Accelerator",
    "AdderTree",
    "Array",
    "ArraySpec",
    "BandwidthDram",
    "Buffer",
    "Codec",
    "Dma",
    "Dram",
    "DramPreset",
    "EnergyOptions",
    "Formats",
    "IdealDram",
    "Mac",
    "Noc",
    "OperandBits",
    "PixelMesh",
    "RegisterFile",
    "RowStationaryMesh",
    "SystolicMesh",
    "Vector",
    "load_arch",
    "parse_dram_option",
]

"""SCNN against the public simulator DNNsim, exactly, and against the paper's density sweep."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from accel_sim.compression.patterns import random_mask
from accel_sim.kernels.sparse.scnn import BARRIER_CHANNEL, ConvShape, ScnnSpec, scnn_conv
from accel_sim.kernels.sparse.scnn_fc import scnn_fc

DATA = json.loads((Path(__file__).parent / "data" / "scnn.json").read_text())


@pytest.mark.parametrize("row", DATA["dnnsim"], ids=lambda row: row["layer"])
def test_dnnsim_rows(row):
    """Cycles, multiplies, idle multiplier slots and loop counts, all equal."""
    spec = ScnnSpec(
        pe_rows=4, pe_cols=4, bank_queue=0, barrier=BARRIER_CHANNEL, halo_overlap=False, tile_padding=True
    )
    pad = row["padding"]
    size = [row["ifmap"][i + 1] + 2 * pad - row["filter"][i + 2] + 1 for i in (0, 1)]
    counts = scnn_conv(np.ones(row["ifmap"], bool), np.ones(row["filter"], bool), ConvShape(*size, 1, pad), spec)
    slots = spec.i_vector * spec.f_vector
    assert counts.total_cycles == row["cycles"]
    assert counts.n_products == row["mults"]
    assert counts.halo_cycles * spec.pe_rows * spec.pe_cols * slots == row["idle_halo"]
    assert counts.barrier_cycles * slots == row["idle_pe"]
    assert counts.n_vector_pairs * slots - counts.n_products == row["idle_bricks"]
    assert counts.n_activation_vectors == row["i_loop"]
    assert counts.n_vector_pairs == row["f_loop"]
    assert counts.n_weight_vectors * spec.f_vector == row["offchip_weight_reads"]


def inception_layers():
    """The 54 convolutions of the inception modules: plane, input channels, filters, window."""
    for plane, inputs, one, reduce3, three, reduce5, five, pool in DATA["inception"]:
        for channels, filters, window in (
            (inputs, one, 1),
            (inputs, reduce3, 1),
            (reduce3, three, 3),
            (inputs, reduce5, 1),
            (reduce5, five, 5),
            (inputs, pool, 1),
        ):
            yield plane, channels, filters, window


def performance(density, most_channels):
    """Time of the dense twin over SCNN's, all layers summed.

    The dense twin, DCNN, has the same tiles and multipliers: each PE forms 16-wide dot products over input channels.
    Of a layer with more than ``most_channels`` input channels so many are run, and their time is scaled.
    """
    sparse_cycles = dense_cycles = 0
    for index, (plane, channels, filters, window) in enumerate(inception_layers()):
        n_run = min(channels, most_channels)
        counts = scnn_conv(
            random_mask((n_run, plane, plane), density, tensor_key=f"ifmap{index}"),
            random_mask((filters, n_run, window, window), density, tensor_key=f"filter{index}"),
            ConvShape(plane, plane, 1, window // 2),
            ScnnSpec(),
        )
        exposed_halo = counts.total_cycles - counts.compute_cycles
        sparse_cycles += counts.compute_cycles * channels // n_run + exposed_halo
        dense_cycles += (-(-plane // 8)) ** 2 * filters * window**2 * -(-channels // 16)
    return dense_cycles / sparse_cycles


def test_dense_input_is_slower_than_the_dense_machine():
    assert performance(1.0, most_channels=1) == pytest.approx(DATA["sweep"]["dense_performance"], rel=0.06)


def test_a_tenth_of_both_is_about_24_times_faster():
    assert performance(0.1, most_channels=832) == pytest.approx(DATA["sweep"]["tenth_density_performance"], rel=0.10)


def test_crossover_density():
    """Equal time lies between densities 0.75 and 0.9; the paper has it at about 0.85."""
    assert performance(0.9, most_channels=64) < 1.0 < performance(0.75, most_channels=64)


def test_fully_connected_layers_run_at_a_quarter_of_peak():
    counts = scnn_fc(np.ones(640, bool), np.ones((256, 640), bool), ScnnSpec())
    assert counts.n_products / (counts.total_cycles * 1024) == pytest.approx(DATA["fc_peak_fraction"], rel=0.01)

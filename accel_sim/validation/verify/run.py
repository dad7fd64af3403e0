"""Verify a network: every MAC layer through the stepped twin, beside numpy's outputs and the fast path's books."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from accel_sim.arch import Accelerator
from accel_sim.engine.simulate import prepare
from accel_sim.errors import Fault, WorkloadError
from accel_sim.mapping.base import Objective
from accel_sim.validation.verify.convolution import convolve
from accel_sim.validation.verify.differences import miscounts, wrong_count, wrong_cycles, wrong_output
from accel_sim.validation.verify.fast_path import FastPath
from accel_sim.validation.verify.operands import Operands, layer_operands
from accel_sim.validation.verify.registry import twin_of
from accel_sim.validation.verify.twin import LayerJob, Twin
from accel_sim.validation.verify.verdict import LayerVerdict
from accel_sim.workload import Network

Progress = Callable[[str, int, int], None]
"""Told the layer that is stepped next, the MACs proven so far, and all MACs; once more with all of them at the end."""


def verify(
    network: Network,
    arch: Accelerator,
    *,
    mapping: str | Mapping[str, Any] | None = None,
    objective: Objective = "cycles",
    seed: int = 0,
    layers: str | None = None,
    progress: Progress | None = None,
) -> list[LayerVerdict]:
    """Step every MAC layer of ``network`` on ``arch``, clock by clock, and compare.

    Outputs must be numpy's bit for bit, on the integers of the layer's trace or on seeded ones under its masks. Cycles
    and accesses must be those of the array's commands in the tile program that `accel_sim.simulate` runs.

    Parameters
    ----------
    mapping, objective, layers
        As for `accel_sim.simulate`, which maps alike.
    seed
        Of masks and values that are drawn.
    progress
        Called before each layer and at the end.

    Raises
    ------
    InputError
        If something asked for cannot be: the array has no stepped twin, no layer multiplies, operands are wider than
        32 bits.
    """
    twin = twin_of(arch)
    job = prepare(network, arch, mapping=mapping, objective=objective, seed=seed, layers=layers)
    n_macs = job.network.n_macs
    if not n_macs:
        raise WorkloadError(Fault(key="layers", message=f"none of {job.network.name} multiplies: nothing to verify"))
    verdicts: list[LayerVerdict] = []
    n_done = 0
    for layer, program in zip(job.network.layers, job.programs(), strict=True):
        if not layer.is_mac:
            continue
        if progress is not None:
            progress(layer.name, n_done, n_macs)
        operands = layer_operands(layer, seed)
        work = LayerJob(
            layer=layer,
            arch=arch,
            mapping=job.mappings[layer.name],
            operands=operands,
            places=job.places[layer.name],
        )
        verdicts.append(verify_layer(twin, work, FastPath.of(program, job.machine), operands))
        n_done += layer.n_macs
    if progress is not None:
        progress("", n_done, n_macs)
    return verdicts


def verify_layer(twin: Twin, job: LayerJob, fast: FastPath, reference: Operands) -> LayerVerdict:
    """Step one layer and compare; ``reference`` are the operands that the outputs are expected of."""
    run = twin.step(job)
    wrong = run.outputs != convolve(job.layer, reference.ifmap, reference.filters)
    miscounted = list(miscounts(run, fast))
    differences = []
    if wrong.any():
        differences.append(wrong_output(twin, job, run, wrong, reference))
    if run.cycles != fast.cycles:
        differences.append(wrong_cycles(twin, job, run, fast))
    if miscounted:
        differences.append(wrong_count(twin, job, run, fast, miscounted))
    return LayerVerdict(
        name=job.layer.name,
        outputs_equal=not wrong.any(),
        stepped_cycles=run.cycles,
        fast_cycles=fast.cycles,
        accesses_equal=not miscounted,
        n_macs_stepped=run.n_macs,
        differences=tuple(differences),
    )

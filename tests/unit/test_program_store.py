"""Programs on disk: what is saved comes back; what is no program is one clear line."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json

import numpy as np
import pytest

from accel_sim.arch.dram_device import load_dram_preset
from accel_sim.engine import run
from accel_sim.errors import OptionError, TraceError
from accel_sim.program import Action, ActionKey, Demand, LayerBuilder, Machine, Semaphore, Server, Unit
from accel_sim.program.layer_program import Templates
from accel_sim.program.machine import DramSetup
from accel_sim.program.store import load_program, save_program

MACHINE = Machine(
    units=(Unit(name="load", role="dma", depth=4), Unit(name="pe_array", role="array")),
    semaphores=(
        Semaphore(name="space", unit="load", initial=2, reason="full:glb"),
        Semaphore(name="ready", unit="pe_array", reason="dram:ifmap"),
    ),
    servers=(
        Server(name="dram", kind="bandwidth", rate_num=3, rate_den=2, quantum_bytes=64, latency_cycles=40),
        Server(name="port", kind="ideal", arbitration="fixed_priority"),
    ),
)


def programs(machine=MACHINE):
    layers = []
    for index in range(3):
        builder = LayerBuilder(machine, f"conv{index}", index)
        key = ActionKey("dram", "ifmap", "read", "glb")
        load = builder.template(
            waits={"space": 1},
            signals={"ready": 1},
            demands=[Demand("dram", 96, inner=2, inner_stride_bytes=128), Demand("port", 4)],
            actions=[Action(key, 192, 96, 3)],
        )
        work = builder.template(waits={"ready": 1}, signals={"space": 1})
        builder.queue("load", np.full(5, load), addresses=np.arange(5) * 256)
        builder.queue("pe_array", np.full(5, work), np.arange(5))
        builder.count(Action(ActionKey("mac", "", "done"), 0, 17))
        layers.append(builder.build("pe_array"))
    return layers


def same(first, second):
    for field in dataclasses.fields(first):
        ours, theirs = getattr(first, field.name), getattr(second, field.name)
        if isinstance(ours, Templates | np.ndarray):
            pairs = zip(ours, theirs, strict=True) if isinstance(ours, Templates) else [(ours, theirs)]
            for a, b in pairs:
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b)
        else:
            assert ours == theirs
            assert type(ours) is type(theirs)


def test_what_is_saved_comes_back_and_runs_the_same(tmp_path):
    path = tmp_path / "net.npz"
    save_program(path, MACHINE, iter(programs()))
    machine, layers = load_program(path)
    assert machine == MACHINE
    assert len(layers) == 3
    for stored, original in zip(layers, programs(), strict=True):
        same(stored, original)
    before, after = run(MACHINE, programs(), record=True), run(machine, layers, record=True)
    assert before.total_cycles == after.total_cycles
    np.testing.assert_array_equal(np.concatenate(before.end_cycle), np.concatenate(after.end_cycle))
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.npz"]


def test_the_memory_of_a_dram_server_comes_back(tmp_path):
    setup = DramSetup(device=load_dram_preset("ddr4_2400"), core_clock_hz=500_000_000)
    server = Server(name="dram", kind="dram", setup=setup)
    machine = Machine(units=MACHINE.units, semaphores=(), servers=(server,))
    save_program(tmp_path / "net.npz", machine, [])
    assert load_program(tmp_path / "net.npz").machine == machine


def test_same_program_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        save_program(tmp_path / name, MACHINE, programs())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder", tmp_path / "none" / "net.npz"):
        with pytest.raises(OptionError, match="cannot be written"):
            save_program(target, MACHINE, programs())
    assert [entry.name for entry in tmp_path.rglob("*")] == ["folder"]


def one_line(path):
    with pytest.raises(TraceError) as caught:
        load_program(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_every_cut_of_a_file_is_refused(tmp_path):
    path = tmp_path / "net.npz"
    save_program(path, MACHINE, programs())
    whole = path.read_bytes()
    for length in (0, 1, 3, 10, len(whole) // 3, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:length])
        one_line(path)


def test_damaged_content_is_refused(tmp_path):
    path = tmp_path / "net.npz"
    save_program(path, MACHINE, programs())
    whole = bytearray(path.read_bytes())
    for place in range(40, len(whole) // 2, 97):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        with contextlib.suppress(TraceError):
            load_program(path)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "net.npz"
    assert "cannot be read: No such file" in one_line(path)
    assert "cannot be read: Is a directory" in one_line(tmp_path)
    path.write_text("layers: []\n")
    assert "is no tile program" in one_line(path)
    np.savez(path, weights=np.zeros(3))
    assert "there is no structure in it" in one_line(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert "there is no structure in it" in one_line(path)
    np.savez(path, structure=np.array([{"pickled": 1}], dtype=object))
    assert "is no tile program" in one_line(path)


def altered(path, change):
    """Save, let ``change`` alter structure and arrays, and write them back."""
    save_program(path, MACHINE, programs())
    with np.load(path) as stored:
        arrays = dict(stored)
    structure = json.loads(arrays["structure"].tobytes())
    change(structure, arrays)
    arrays["structure"] = np.frombuffer(json.dumps(structure).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez(content, **arrays)
    path.write_bytes(content.getvalue())


def set_first(name, value):
    def change(structure, arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][0] = value

    return change


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (set_first("1.template", 99), "a command has no such template"),
        (set_first("1.template", -1), "a command has no such template"),
        (set_first("0.wait_semaphore", 2), "a wait names what is not in the machine"),
        (set_first("0.wait_semaphore", 1), "which belongs to unit 'pe_array'"),
        (set_first("0.signal_semaphore", -3), "a signal names what is not in the machine"),
        (set_first("0.signal_amount", 0), "a signal is below 1"),
        (set_first("0.demand_server", 7), "a demand names what is not in the machine"),
        (set_first("0.demand_quanta", 0), "a demand is below 1"),
        (set_first("0.demand_inner", 0), "a demand has an empty shape"),
        (set_first("0.unit_ptr", 1), "unit_ptr does not cover the commands"),
        (set_first("2.own_cycles", -1), "own_cycles must not be negative"),
        (set_first("0.action_key", 5), "a action names what is not in the machine"),
        (lambda s, a: a.update({"0.unit_ptr": a["0.unit_ptr"][:-1]}), "unit_ptr needs one entry a unit"),
        (lambda s, a: a.update({"0.template": a["0.template"].astype(float)}), "template is float64"),
        (lambda s, a: a.pop("1.address"), "KeyError: '1.address'"),
        (lambda s, a: s.update(version=2), "version 2"),
        (lambda s, a: s.update(format="else"), "its format is 'else'"),
        (lambda s, a: s["machine"]["units"][0].update(depth=0), "depth must be at least 1"),
        (lambda s, a: s["machine"]["units"][0].update(depth="4"), "found '4' where a whole number belongs"),
        (lambda s, a: s["machine"]["units"][0].update(role="cook"), "found role 'cook'; allowed: array, "),
        (lambda s, a: s["machine"]["servers"][1].update(kind="fast"), "found kind 'fast'; allowed: ideal, "),
        (lambda s, a: s["machine"]["semaphores"][1].update(name="space"), "semaphore 'space' is there twice"),
        (lambda s, a: s["machine"]["units"][0].update(colour="red"), "colour"),
        (lambda s, a: s["machine"]["servers"][0].update(rate_num=1.5), "found 1.5"),
        (lambda s, a: s["machine"]["servers"][0].update(kind="dram"), "needs a setup"),
        (lambda s, a: s["machine"].pop("servers"), "KeyError: 'servers'"),
        (lambda s, a: s["layers"][0].update(primary_unit=9), "the primary unit is not in the machine"),
        (lambda s, a: s["layers"][0].update(name=None), "found None where a name belongs"),
        (lambda s, a: s["layers"][0].update(action_keys=[["dram"]]), "missing"),
        (lambda s, a: s.update(layers=3), "int"),
    ],
)
def test_what_would_be_read_out_of_bounds_is_refused(tmp_path, change, found):
    path = tmp_path / "net.npz"
    altered(path, change)
    assert found in one_line(path)

"""Mistakes in architecture files and ``--set``: every fault at once, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.arch import load_arch
from accel_sim.config import resolve_shipped
from accel_sim.errors import ArchError

EYERISS = resolve_shipped("accel_sim.arch_configs", "eyeriss")


def faults_after(tmp_path: Path, *changes: tuple[str, str]) -> list[str]:
    """Return the fault lines of eyeriss.yaml with some of its text replaced, the file's name cut off."""
    text = EYERISS.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "machine.yaml"
    path.write_text(text)
    with pytest.raises(ArchError) as caught:
        load_arch(path)
    return [str(fault).removeprefix(f"{path}:") for fault in caught.value.faults]


def line_of(text: str) -> int:
    return EYERISS.read_text().splitlines().index(text) + 1


def test_an_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    (fault,) = faults_after(tmp_path, ("  pipeline_stages: 3\n", "  pipeline_stages: 3\n  colums: 14\n"))
    assert fault.startswith(f"{line_of('  pipeline_stages: 3') + 1}:3: array.colums: unknown key 'colums'")
    assert "did you mean 'cols'?" in fault


@pytest.mark.parametrize(
    ("old", "new", "column", "message"),
    [
        ("  rows: 12", "  rows: twelve", 9, "array.rows: found 'twelve' (text); allowed: a whole number"),
        ("  rows: 12", "  rows: 1.5", 9, "array.rows: found 1.5; allowed: a whole number"),
        ("  rows: 12", "  rows: true", 9, "array.rows: found true (a truth value); allowed: a whole number"),
        ("  rows: 12", "  rows: 0", 9, "array.rows: found 0; allowed: greater than 0"),
        ("  rows: 12", "  rows: -3", 9, "array.rows: found -3; allowed: greater than 0"),
        ("clock_mhz: 200", "clock_mhz: 0", 12, "clock_mhz: found 0; allowed: greater than 0"),
        ("clock_mhz: 200", "clock_mhz: .nan", 12, "clock_mhz: found nan; allowed: a finite number"),
        ("clock_mhz: 200", "clock_mhz: 0.1234567", 12, "clock_mhz: 0.1234567 MHz is not a whole number of Hz"),
        ("    size_bytes: 100 KiB", "    size_bytes: 100 KiBi", 17, "'100 KiBi' is not a size"),
        ("    size_bytes: 100 KiB", "    size_bytes: 0", 17, "size_bytes: found 0; allowed: greater than 0"),
        ("    size_bytes: 100 KiB", "    size_bytes: -5", 17, "size_bytes: found -5; allowed: greater than 0"),
        (
            "    size_bytes: 100 KiB",
            "    size_bytes: 99 KiB",
            17,
            "no whole number of rows of banks x width_bits = 25 x 64 bits",
        ),
        ("    banks: 25", "    width_bytes: 25", 5, "unknown key 'width_bytes'; did you mean 'width_bits'?"),
        ("layout: nchw", "layout: nhcw", 9, "found 'nhcw' (text); allowed: 'nchw', 'nhwc' or 'tiled'"),
        ("  sparsity: gate_ifmap", "  sparsity: gate", 13, "mac.sparsity: found 'gate' (text)"),
        (
            "  organisation: row_stationary_mesh",
            "  organisation: row_stationary_mash",
            17,
            "unknown organisation 'row_stationary_mash'; did you mean 'row_stationary_mesh'?",
        ),
        (
            "dataflow: row_stationary",
            "dataflow: no_local_reuse",
            11,
            "'no_local_reuse' cannot run on array.organisation 'row_stationary_mesh'",
        ),
        ("    holds: [filter]", "    holds: [filter, psum]", 12, "'psum' is held by 'glb' already"),
        ("    holds: [ifmap, psum, ofmap]", "    holds: [ifmap, psum]", None, "buffers: no buffer holds 'ofmap'"),
        ("  - name: filter_buffer", "  - name: glb", 11, "a second buffer is called 'glb'"),
        ("  - name: filter_buffer", "  - name: rf", 11, "'rf' is the name of another component"),
        ("  - name: filter_buffer", "  - name: Filter", 11, "allowed: text of the form"),
    ],
)
def test_a_wrong_value_is_named_at_its_place(
    tmp_path: Path, old: str, new: str, column: int | None, message: str
) -> None:
    faults = faults_after(tmp_path, (old + "\n", new + "\n"))
    (fault,) = [fault for fault in faults if "provenance" not in fault]  # a renamed buffer leaves its notes behind
    assert message in fault
    if column is not None:
        assert fault.startswith(f"{line_of(old)}:{column}: ")


def test_all_faults_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    faults = faults_after(
        tmp_path, ("  rows: 12\n", "  rows: x\n"), ("layout: nchw\n", "layout: 3\n"), ("clock_mhz: 200\n", "")
    )
    assert [fault.split(": ")[1] for fault in faults] == ["clock_mhz", "array.rows", "layout"]


def test_keys_that_exclude_each_other_are_one_fault_with_both_names(tmp_path: Path) -> None:
    (fault,) = faults_after(tmp_path, ("latency_ns: 32.5}", "latency_ns: 32.5, latency_cycles: 3}"))
    assert "dram.latency_cycles: excludes latency_ns" in fault
    (fault,) = faults_after(tmp_path, ("energy: {clock_mw: 211}\n", "energy: {mode: relative, mac.done_pj: 2}\n"))
    assert "energy.mac.done_pj has no effect with energy.mode 'relative'" in fault
    (fault,) = faults_of_set({"codec": "null"})
    assert fault.startswith("--set: formats.ifmap: 'run_length' needs the key codec, which is missing")


@pytest.mark.parametrize(
    ("energy", "column", "message"),
    [
        ("{mac.done: 2}", 20, "energy.mac.done: unknown constant 'mac.done'; did you mean 'mac.done_pj'?"),
        ("{glb: {reed_pj: 2}}", 25, "unknown constant 'glb.reed_pj'; did you mean 'glb.read_pj'?"),
        ("{clock_mw: -1}", 20, "energy.clock_mw: found -1; allowed: a finite number of at least 0"),
        ("{clock_mw: fast}", 20, "found 'fast'; allowed: a finite number of at least 0"),
        ("{mode: exact}", 16, "energy.mode: found 'exact' (text); allowed: 'absolute' or 'relative'"),
        ("{glb.read_pj: 1, glb: {read_pj: 2}}", 41, "'glb.read_pj' is given twice, dotted and nested"),
    ],
)
def test_energy_constants(tmp_path: Path, energy: str, column: int, message: str) -> None:
    (fault,) = faults_after(tmp_path, ("energy: {clock_mw: 211}\n", f"energy: {energy}\n"))
    assert message in fault
    assert fault.startswith(f"{line_of('energy: {clock_mw: 211}')}:{column}: ")


def test_provenance_must_name_a_key_and_a_mark(tmp_path: Path) -> None:
    (fault,) = faults_after(tmp_path, ('  array.cols: "found', '  array.colls: "found'))
    assert "unknown key 'colls'; did you mean 'cols'?" in fault
    (fault,) = faults_after(tmp_path, ('  array.cols: "found', '  array.cols: "foudn'))
    assert "starts with 'foudn'; did you mean 'found'?" in fault


def faults_of_set(sets: dict[str, str]) -> list[str]:
    with pytest.raises(ArchError) as caught:
        load_arch("eyeriss", sets)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("array.rowz", "3", "--set: array.rowz: unknown key 'rowz'; did you mean 'rows'?"),
        ("clock", "3", "unknown key 'clock'; did you mean 'clock_mhz'?"),
        ("buffers.gbl.ports", "3", "unknown key 'gbl'; did you mean 'glb'?; allowed: glb, filter_buffer"),
        ("buffers[7].ports", "3", "unknown key '7'; allowed: glb, filter_buffer"),
        ("array.rows.x", "3", "'array.rows' has no keys below it"),
        ("array.rows", "many", "--set: array.rows: found 'many' (text); allowed: a whole number"),
        ("array.rows", "[1", "--set: array.rows: is not YAML"),
        ("array.rows", "", "--set: array.rows: is empty"),
        ("dram", "bandwdith:3", "'bandwdith:3' is no DRAM; write ideal, bandwidth:<GB per second>"),
        ("dram", "bandwidth:fast", "'fast' is not a bandwidth in GB per second"),
        ("dram", "bandwidth:0", "allowed: greater than 0"),
        ("dram.kind", "fast", "unknown kind 'fast'; allowed: ideal, bandwidth, preset"),
        ("energy.mac.done", "3", "unknown constant 'mac.done'; did you mean 'mac.done_pj'?"),
    ],
)
def test_faults_of_set(path: str, value: str, message: str) -> None:
    (fault,) = faults_of_set({path: value})
    assert message in fault
    assert fault.startswith("--set: ")


def test_all_faulty_paths_of_set_come_at_once() -> None:
    assert len(faults_of_set({"array.rowz": "3", "clock": "1", "array.cols": "["})) == 3


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(ArchError, match=r"did you mean 'eyeriss'\?.*diannao.*, eyeriss"):
        load_arch("eyeris")

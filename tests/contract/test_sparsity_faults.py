"""Sparsity that cannot be: masks, densities, patterns, formats, skipping and sizes; one line each, exit code 2."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from accel_sim.arch import load_arch
from accel_sim.cli import main
from accel_sim.compression.masks import MOST_VALUES

LAYER = "name: net\nlayers:\n  - {name: a, op: linear, in_features: 64, out_features: 32%s}\n"


@pytest.fixture
def workload(tmp_path: Path) -> Callable[[str], Path]:
    """Return what writes a workload of one layer with further keys."""

    def write(keys: str) -> Path:
        path = tmp_path / "net.yaml"
        path.write_text(LAYER % (f", {keys}" if keys else ""))
        return path

    return write


def refusals(*arguments: str | Path) -> list[str]:
    """Run a command that must be refused; return its lines."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 2, (done.output, done.exception)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert all(line.startswith("accel-sim: error: ") for line in lines)
    return [line.removeprefix("accel-sim: error: ") for line in lines]


def refusal(*arguments: str | Path) -> str:
    (line,) = refusals(*arguments)
    return line


@pytest.mark.parametrize(
    ("density", "fault"),
    [
        ("{filter: -0.1}", "density.filter: found -0.1; allowed: at least 0"),
        ("{ifmap: 1.2}", "density.ifmap: found 1.2; allowed: at most 1"),
        ("{filter: .nan}", "density.filter: found nan; allowed: a finite number"),
        ("{filter: .inf}", "density.filter: found inf; allowed: a finite number"),
        ("{filter: 1e400}", "density.filter: found inf; allowed: a finite number"),
        ("{filter: few}", "density.filter: found 'few' (text); allowed: a number"),
        ("{filter: true}", "density.filter: found true (a truth value); allowed: a number"),
        ("{filter: [0.5]}", "density.filter: found a list of 1; allowed: a number"),
        ("{weights: 0.5}", "density.weights: unknown key 'weights'; allowed: ifmap, ofmap, filter"),
        ("0.5", "density: found 0.5; allowed: a mapping of keys to values"),
    ],
)
def test_densities(workload: Callable[[str], Path], density: str, fault: str) -> None:
    path = workload(f"density: {density}")
    line = refusal("run", "eie", path)
    assert line.startswith(f"{path}:3:")
    assert line.partition("layers[0].")[2] == fault


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("{kind: n_of_m, n: 5, m: 4}", ".kind: pattern 'n_of_m': n is 5, more than m, which is 4"),
        ("{kind: n_of_m, n: 2, m: 0}", ".kind: pattern 'n_of_m': m is 0; allowed: at least 1"),
        ("{kind: n_of_m, n: -2, m: 4}", ".kind: pattern 'n_of_m': n is -2; allowed: at least 1"),
        ("{kind: n_of_m, m: 4}", ".kind: pattern 'n_of_m' needs n"),
        ("n_of_m", ".kind: pattern 'n_of_m' needs n and m"),
        ("{kind: n_of_m, n: two, m: 4}", ".n: found 'two' (text); allowed: a whole number"),
        ("{kind: n_of_m, n: 2, m: 4, axis: 7}", ".kind: pattern 'n_of_m': axis is 7; allowed: 0 to 3"),
        (f"{{kind: n_of_m, n: 2, m: {10**21}}}",
         f".kind: pattern 'n_of_m': m is {10**21}; allowed: at most 2147483647"),
        ("{kind: block, block: [0, 1, 1, 1]}",
         ".kind: pattern 'block': block is [0, 1, 1, 1]; allowed: 4 sizes from 1"),
        ("{kind: block, block: [1, 1]}", ".kind: pattern 'block': block is [1, 1]; allowed: 4 sizes from 1"),
        ("{kind: block, block: [8, 65, 1, 1]}",
         ": pattern 'block': block is [8, 65, 1, 1]; the tensor has only [32, 64, 1, 1]"),
        (f"{{kind: block, block: [{10**21}, 1, 1, 1]}}",
         f": pattern 'block': block is [{10**21}, 1, 1, 1]; the tensor has only [32, 64, 1, 1]"),
        ("{kind: vector, length: 65}", ": pattern 'vector': length is 65; axis 1 of [32, 64, 1, 1] has only 64"),
        ("{kind: balanced, n_parts: 33}",
         ": pattern 'balanced': n_parts is 33; the tensor [32, 64, 1, 1] has only 32 rows"),
        ("{kind: lognormal, sigma: -1}", ".kind: pattern 'lognormal': sigma is -1.0; allowed: greater than 0"),
        ("{kind: lognormal, sigma: 1000}", ".kind: pattern 'lognormal': sigma is 1000.0; allowed: at most 10"),
        ("{kind: blok, block: [1, 1, 1, 1]}", ".kind: unknown pattern 'blok'; did you mean 'block'?; allowed: bern"),
    ],
)  # fmt: skip
def test_patterns(workload: Callable[[str], Path], pattern: str, fault: str) -> None:
    path = workload(f"pattern: {{filter: {pattern}}}")
    line = refusal("run", "eie", path)
    assert line.startswith(f"{path}:3:")
    assert line.partition("layers[0].pattern.filter")[2].startswith(fault)


def test_a_pattern_and_another_density(workload: Callable[[str], Path]) -> None:
    line = refusal("run", "eie", workload("pattern: {filter: {kind: n_of_m, n: 2, m: 4}}, density: {filter: 0.3}"))
    assert line.endswith("layers[0].density.filter: found 0.3; the pattern fixes it to 0.5")


@pytest.mark.parametrize(
    "keys",
    [
        "density: {filter: 0.3}",
        "pattern: {filter: {kind: n_of_m, n: 3, m: 4}}",
        "pattern: {filter: {kind: n_of_m, n: 4, m: 8}}",
        "pattern: {filter: {kind: n_of_m, n: 2, m: 4, axis: 0}}",
    ],
)
def test_weights_that_are_not_two_of_four(workload: Callable[[str], Path], keys: str) -> None:
    line = refusal("run", "a100_sparse_tensor_core", workload(keys))
    assert line.startswith("formats.filter: 'n_of_m' cannot hold a.filter: a group of 4 holds ")
    assert line.endswith("the format keeps 2")


UNDECODABLE = "cannot be decoded by array.organisation"
IMPOSSIBLE = "is not possible with array.organisation"


@pytest.mark.parametrize(
    ("arch", "setting", "fault"),
    [
        ("eie", "formats.filter=csr", f"'csr' {UNDECODABLE} 'eie'; allowed there: csc_relative"),
        ("eie", "formats.filter=dense", f"'dense' {UNDECODABLE} 'eie'; allowed there: csc_relative"),
        ("cambricon_x", "formats.filter=csr", f"'csr' {UNDECODABLE} 'cambricon_x'; allowed there: csc_relative"),
        ("cambricon_x", "formats.filter=csc", "found 'csc' (text); allowed: 'dense', "),
        ("cnvlutin", "formats.ifmap=bitmap", f"'bitmap' {UNDECODABLE} 'cnvlutin'; allowed there: dense"),
        ("sigma", "formats.ifmap=dense", f"'dense' {UNDECODABLE} 'bitmap_gemm'; allowed there: bitmap"),
        ("scnn", "formats.ofmap=run_length", f"'run_length' {UNDECODABLE} 'scnn'; allowed there: csc_relative"),
        ("eyeriss", "formats.filter=bitmap", f"'bitmap' {UNDECODABLE} 'row_stationary_mesh'; allowed there: dense"),
        ("diannao", "formats.filter=n_of_m", f"'n_of_m' {UNDECODABLE} 'adder_tree'; allowed there: dense"),
        ("diannao", "mac.sparsity=skip_both", f"'skip_both' {IMPOSSIBLE} 'adder_tree'; allowed there: none, gate"),
        ("systolic_ws", "mac.sparsity=skip_both", f"'skip_both' {IMPOSSIBLE} 'systolic'; allowed there: none, gate"),
        ("eyeriss", "mac.sparsity=skip_both", f"'skip_both' {IMPOSSIBLE} 'row_stationary_mesh'; allowed there: none"),
        ("shidiannao", "mac.sparsity=skip_filter", f"'skip_filter' {IMPOSSIBLE} 'pixel_mesh'; allowed there: none"),
        ("systolic_os", "mac.sparsity=n_of_m", f"'n_of_m' {IMPOSSIBLE} 'systolic'; allowed there: none, gate"),
        ("eyeriss", "mac.sparsity=n_of_m", f"'n_of_m' {IMPOSSIBLE} 'row_stationary_mesh'; allowed there: none"),
        ("eie", "mac.sparsity=none", f"'none' {IMPOSSIBLE} 'eie'; allowed there: skip_both"),
        ("a100_sparse_tensor_core", "mac.sparsity=skip_both", f"'skip_both' {IMPOSSIBLE} 'n_of_m_tensor_core'; allow"),
        ("eie", "mac.sparsity=skip_bth", "found 'skip_bth' (text); allowed: 'none', "),
        ("eie", "dataflow=weight_stationary", "'weight_stationary' cannot run on array.organisation 'eie'; that one r"),
        ("eie", "activations=on_chip", "'on_chip' is not possible with array.organisation 'eie': it works on tiles"),
    ],
)
def test_formats_and_skipping_that_an_array_cannot_have(arch: str, setting: str, fault: str) -> None:
    line = refusal("run", arch, "lenet5", "--set", setting)
    assert line.startswith(f"--set: {setting.partition('=')[0]}: {fault}")


def test_dense_storage_and_structured_skipping_exclude_each_other() -> None:
    line = refusal("run", "a100_sparse_tensor_core", "lenet5", "--set", "formats.filter=dense")
    assert "mac.sparsity 'n_of_m' and formats.filter 'dense' exclude each other" in line


@pytest.mark.parametrize(
    ("arch", "setting", "fault"),
    [
        ("eie", "array.pes=0", "found 0; allowed: greater than 0"),
        ("eie", "array.pes=-64", "found -64; allowed: greater than 0"),
        ("eie", "array.queue_depth=0", "found 0; allowed: greater than 0"),
        ("eie", "array.queue_depth=-1", "found -1; allowed: greater than 0"),
        ("eie", "array.queue_depth=deep", "found 'deep' (text); allowed: a whole number"),
        ("eie", "array.pes=2.5", "found 2.5; allowed: a whole number"),
        ("scnn", "array.pe_rows=0", "found 0; allowed: greater than 0"),
        ("scnn", "array.bank_queue=-1", "found -1; allowed: at least 0"),
        ("scnn", "array.n_banks=12", "found 12; allowed: powers of two up to 32"),
        ("scnn", "array.run_bits=33", "found 33; allowed: at most 32"),
        ("cambricon_x", "array.segment=100", "found 100; allowed: multiples of 64"),
        ("cambricon_x", "array.segments_per_barrier=-1", "found -1; allowed: at least 0"),
        ("sigma", "array.multipliers=100", "found 100; allowed: powers of two from 2"),
        ("sigma", "array.collection_lines=-1", "found -1; allowed: at least 0"),
        ("a100_sparse_tensor_core", "array.m=0", "found 0; allowed: greater than 0"),
        ("a100_sparse_tensor_core", "array.n=5", "found 5, more than array.m, which is 4"),
        ("a100_sparse_tensor_core", "array.operand_bytes_per_cycle=-1", "found -1; allowed: at least 0"),
        ("eie", "mac.bits.psum=65", "found 65; allowed: at most 64"),
        ("eie", "dma.outstanding=65537", "found 65537; allowed: at most 65536"),
    ],
)
def test_sizes_that_cannot_be(arch: str, setting: str, fault: str) -> None:
    assert refusal("run", arch, "lenet5", "--set", setting) == f"--set: {setting.partition('=')[0]}: {fault}"


FREE_SIZES = ("bank_queue", "segments_per_barrier", "collection_lines", "operand_bytes_per_cycle", "_port_bits")
"""Limits that cost nothing however large they are; 0 is none."""


def sizes_of(arch: str) -> list[str]:
    return [name for name, value in load_arch(arch).array.model_dump().items() if type(value) is int]


@pytest.mark.parametrize(
    "arch",
    [
        "eie",
        "ese",
        "structured_systolic",
        "scnn",
        "cambricon_x",
        "cnvlutin",
        "sigma",
        "dual_side_tensor_core",
        "a100_sparse_tensor_core",
        "eyeriss_v2",
    ],
)
@pytest.mark.parametrize("size", [10**9, 10**30])
def test_absurd_sizes_are_refused_before_they_cost_anything(arch: str, size: int) -> None:
    for name in sizes_of(arch):
        if size < 2**31 and name.endswith(FREE_SIZES):
            continue
        line = refusal("run", arch, "lenet5", "--set", f"array.{name}={size}")
        assert line.startswith(f"--set: array.{name}: found {size}"), line


def test_pes_of_rows_and_columns_together() -> None:
    line = refusal("run", "systolic_ws", "lenet5", "--set", "array.rows=65536", "--set", "array.cols=65536")
    assert line == f"--set: array: its sizes make {2**32} PEs; allowed: at most {2**20}"


@pytest.mark.parametrize("arch", ["eie", "sigma", "cnvlutin", "diannao"])
@pytest.mark.parametrize("density", ["", ", density: {filter: 0.001}"])
def test_tensors_too_large_for_a_mask(tmp_path: Path, arch: str, density: str) -> None:
    if arch == "diannao" and not density:
        # no mask is needed: it may run
        return
    path = tmp_path / "net.yaml"
    path.write_text(
        f"name: n\nlayers:\n  - {{name: a, op: linear, in_features: 1000000, out_features: 1000000{density}}}"
    )
    line = refusal("run", arch, path)
    assert line.endswith(f"{10**12} values; allowed where each is followed: at most {MOST_VALUES}")
    assert "a.filter" in line


@pytest.mark.parametrize(
    ("arch", "buffer", "fault"),
    [
        (
            "ese",
            "matrix_buffer",
            "a weight in its stored form takes up to 68 bytes of buffer 'matrix_buffer'; there is",
        ),
        (
            "eie",
            "pointer_sram",
            "a weight in its stored form takes up to 132 bytes of buffer 'matrix_sram' and 'pointer",
        ),
        (
            "scnn",
            "iaram",
            "one ofmap row needs 3 bytes of a channel in buffer 'iaram' (2 bytes) and 2 bytes of results",
        ),
    ],
)
def test_buffers_too_small_for_anything(tmp_path: Path, arch: str, buffer: str, fault: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("name: n\nlayers:\n  - {name: a, op: linear, in_features: 64, out_features: 1}\n")
    sets = {"banks": 1, "width_bits": 8, "size_bytes": 2}
    options = (word for key, value in sets.items() for word in ("--set", f"buffers.{buffer}.{key}={value}"))
    assert refusal("run", arch, path, *options).startswith(f"layers.a: {fault}")


RNG = np.random.default_rng(1)
GOOD = {
    "a.ifmap": RNG.random((1, 64, 1, 1)) < 0.5,
    "a.filter": RNG.random((32, 64, 1, 1)) < 0.3,
    "a.ofmap": RNG.random((1, 32, 1, 1)) < 0.5,
}
FILTER = GOOD["a.filter"]


def save(file: Any, arrays: dict[str, Any]) -> None:
    np.savez(file, **arrays)


def damaged(change: Callable[[bytearray], Any]) -> bytes:
    """Return the good trace, its bytes changed."""
    file = io.BytesIO()
    save(file, GOOD)
    content = bytearray(file.getvalue())
    change(content)
    return bytes(content)


def flipped(content: bytearray) -> None:
    at = content.index(FILTER.tobytes()) + 10
    content[at] ^= 0xFF


def cut(content: bytearray) -> None:
    del content[len(content) // 2 :]


def archive(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name, content)
    return file.getvalue()


def npy(shape: str, descr: str = "'|b1'") -> bytes:
    """Return an array file's header without its data."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (damaged(cut), "cannot be read as an .npz file: File is not a zip file"),
        (damaged(flipped), "cannot be read as an .npz file: Bad CRC-32 for file 'a.filter.npy'"),
        (b"", "cannot be read as an .npz file: File is not a zip file"),
        (b"mask: 1 0 1\n", "cannot be read as an .npz file: File is not a zip file"),
        (archive("a.filter", b"x"), "no array 'a.filter' in the file; there is none"),
        (archive("a.filter.npy", b"x"), "cannot be read as an .npz file: EOF: reading magic string"),
        (
            archive("a.filter.npy", npy("(1000000000, 1000000)")),
            f"found shape [{10**9}, {10**6}]; allowed: [32, 64, 1, 1]",
        ),
        (archive("a.filter.npy", npy("(32, 64, 1, 1)")), "cannot be read as an .npz file: EOF: reading array data"),
        (archive("a.filter.npy", npy("(32, 64, 1, 1)", "'|O'")), "found values of type object; allowed: truth values"),
    ],
    ids=["truncated", "flipped", "empty", "text", "no_array", "junk", "huge", "no_data", "objects"],
)
@pytest.mark.parametrize("command", ["run", "verify"])
def test_trace_files_that_are_damaged(
    tmp_path: Path, workload: Callable[[str], Path], content: bytes, fault: str, command: str
) -> None:
    (tmp_path / "t.npz").write_bytes(content)
    line = refusal(command, "eie", workload("trace: t.npz"))
    assert line.startswith(f"{tmp_path}/t.npz: a.filter: {fault}")


@pytest.mark.parametrize(
    ("name", "values", "fault"),
    [
        ("a.filter", FILTER[:, :, 0, 0].T, "found shape [64, 32]; allowed: [32, 64, 1, 1], as in the workload"),
        ("a.filter", FILTER.ravel(), "found shape [2048]; allowed: [32, 64, 1, 1], as in the workload"),
        ("a.ifmap", np.ones((2, 64, 1, 1)), "found shape [2, 64, 1, 1]; allowed: [1, 64, 1, 1], as in the workload"),
        ("a.filter", np.where(FILTER, np.nan, 0), "found nan at [0, "),
        ("a.filter", np.where(FILTER, -np.inf, 0), "found -inf at [0, "),
        ("a.filter", FILTER.astype(complex), "found values of type complex128; allowed: truth values and real numbers"),
        ("a.filter", FILTER.astype("U1"), "found values of type <U1; allowed: truth values and real numbers"),
        ("a.filter", FILTER.astype("m8[s]"), "found values of type timedelta64[s]; allowed: truth values and real num"),
    ],
)
@pytest.mark.parametrize("arch", ["eie", "eyeriss"])
def test_trace_arrays_that_are_wrong(
    tmp_path: Path, workload: Callable[[str], Path], arch: str, name: str, values: Any, fault: str
) -> None:
    save(tmp_path / "t.npz", {**GOOD, name: values})
    assert refusal("run", arch, workload("trace: t.npz")).startswith(f"{tmp_path}/t.npz: {name}: {fault}")


def test_an_ofmap_may_be_missing_in_a_trace(tmp_path: Path, workload: Callable[[str], Path]) -> None:
    save(tmp_path / "t.npz", {name: values for name, values in GOOD.items() if name != "a.ofmap"})
    done = CliRunner().invoke(main, ["run", "eyeriss", str(workload("trace: t.npz")), "--json", "-"])
    assert done.exit_code == 0, done.output


def test_trace_arrays_that_are_missing(tmp_path: Path, workload: Callable[[str], Path]) -> None:
    save(tmp_path / "t.npz", {"a.filters": FILTER, "a.ifmap": GOOD["a.ifmap"]})
    line = refusal("run", "eie", workload("trace: t.npz"))
    hint = "did you mean 'a.filters'?; there are a.filters, a.ifmap"
    assert line == f"{tmp_path}/t.npz: a.filter: no array 'a.filter' in the file; {hint}"
    (tmp_path / "t.npz").unlink()
    assert refusal("run", "eie", workload("trace: t.npz")).endswith(f"layers[0].trace: no such file: {tmp_path}/t.npz")


@pytest.mark.parametrize("dtype", ["bool", "float16", "float64", "int8", "uint64", ">i4"])
def test_traces_of_any_number_type_are_taken(tmp_path: Path, workload: Callable[[str], Path], dtype: str) -> None:
    save(tmp_path / "t.npz", {name: values.astype(dtype) for name, values in GOOD.items()})
    done = CliRunner().invoke(main, ["run", "eie", str(workload("trace: t.npz")), "--json", "-"])
    assert done.exit_code == 0, done.output
    effectual = int((GOOD["a.filter"][:, :, 0, 0] & GOOD["a.ifmap"][0, :, 0, 0]).sum())
    assert f'"n_effectual_macs": {effectual},' in done.stdout

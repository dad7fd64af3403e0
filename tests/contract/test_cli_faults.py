"""Every mistake is one line per fault on standard error, with the code of its kind, and leaves nothing half-written."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from accel_sim.cli import main
from accel_sim.errors import ConservationError, Fault, InputError, ProgramError

ROOT = Path(__file__).parent.parent.parent
RUN = ["run", "diannao", "lenet5"]


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def lines_of(result: Result, code: int) -> list[str]:
    """Return the error lines without their common start; check that there is nothing else."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert all(line.startswith("accel-sim: error: ") for line in lines), result.stderr
    return [line.removeprefix("accel-sim: error: ") for line in lines]


def run_python(code: str, *, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, text=True, stderr=subprocess.PIPE, **options
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing argument 'ARCH'."),
        (["run", "eyeriss"], "Missing argument 'WORKLOAD'."),
        (["compare", "--arch", "eyeriss"], "Missing option '--workload'."),
        (["runn", "a", "b"], "No such command 'runn'"),
        ([*RUN, "--bach", "4"], "No such option '--bach'"),
        ([*RUN, "--batch", "0"], "Invalid value for '--batch': 0 is not in the range x>=1."),
        ([*RUN, "--batch", "two"], "Invalid value for '--batch': 'two' is not a valid integer range."),
        ([*RUN, "--engine", "fast"], "Invalid value for '--engine': 'fast' is not one of 'compiled', 'reference'."),
        ([*RUN, "--objective", "area"], "Invalid value for '--objective'"),
        (["list", "nothing"], "Invalid value for '{arch|workload|dataflow|mac|format|dram}'"),
        ([*RUN, "--set", "array.tn"], "--set: found 'array.tn'; allowed: PATH=VALUE, e.g. array.rows=32"),
        ([*RUN, "--set", "=3"], "--set: found '=3'; allowed: PATH=VALUE, e.g. array.rows=32"),
        ([*RUN, "--set", "clock_mhz=1", "--set", "clock_mhz=2"], "--set: clock_mhz: given twice"),
        ([*RUN, "--csv", "-"], "--csv: found '-'; allowed: a path (only --json writes to standard output)"),
        ([*RUN, "--energy-table", "--json", "-"], "--energy-table: excludes --json -"),
        (["explain", "missing.json"], "missing.json: cannot be read: No such file or directory"),
    ],
)
def test_usage(arguments: list[str], message: str) -> None:
    (line,) = lines_of(invoke(*arguments), 2)
    assert line.startswith(message)


def test_near_names_are_offered() -> None:
    assert "did you mean 'diannao'?" in lines_of(invoke("run", "dianao", "lenet5"), 2)[0]
    assert "did you mean 'lenet5'?" in lines_of(invoke("run", "diannao", "lenet"), 2)[0]
    assert "did you mean 'clock_mhz'?" in lines_of(invoke(*RUN, "--set", "clock_mzh=3"), 2)[0]


def test_all_faults_of_a_file_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("name: net\nbatches: 1\nlayers:\n  - {name: a, op: linear, in_features: 0, out_features: 3}\n")
    lines = lines_of(invoke("run", "diannao", path), 2)
    assert [re.sub(r": .*", "", line.removeprefix(f"{path}")) for line in lines] == [":2:1", ":4:40"]


@pytest.mark.parametrize(
    ("text", "place"), [("", ""), ("name: [", ":1:8"), ("name: x\nlayers: []\n", ":2:9"), ("- 1\n", ":1:1")]
)
def test_files_that_are_none(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(text)
    lines = lines_of(invoke("run", "diannao", path), 2)
    assert lines[0].startswith(f"{path}{place}: ")
    assert "is a folder" in lines_of(invoke("run", "diannao", tmp_path / "."), 2)[0]


def test_every_output_is_checked_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("simulated, although the outputs cannot be written")

    monkeypatch.setattr("accel_sim.report.compare.compare", never)
    (tmp_path / "file").write_text("kept")
    options: dict[str, str | Path] = {
        "--json": tmp_path / "missing" / "x.json",
        "--csv": tmp_path,
        "--trace": "",
        "--out": tmp_path / "file",
    }
    lines = lines_of(invoke(*RUN, *(word for option in options.items() for word in option)), 2)
    assert [line.removeprefix(f"{tmp_path}") for line in lines] == [
        f"/missing/x.json: cannot be written: the folder {tmp_path}/missing does not exist",
        ": is a folder; allowed: the name of a file to write",
        "'': is no name; allowed: the name of a file to write",
        "/file: is a file; allowed: a folder, made if missing",
    ]
    assert (tmp_path / "file").read_text() == "kept"
    assert os.listdir(tmp_path) == ["file"]


def test_no_right_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # by decree and not by chmod: root may write anywhere
    monkeypatch.setattr(os, "access", lambda path, _: str(path) != str(tmp_path))
    lines = lines_of(invoke(*RUN, "--json", tmp_path / "x.json", "--out", tmp_path / "out"), 2)
    assert [line.partition(": ")[2] for line in lines] == [
        f"cannot be written: no right to write in the folder {tmp_path}",
        f"cannot be written: no right to write in {tmp_path}",
    ]


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (InputError([Fault(message="bad", file="f", line=2, column=3), Fault(message="no")]), 2, ["f:2:3: bad", "no"]),
        (ProgramError("unit dma waits\nfor ready:ifmap"), 1, ["unit dma waits for ready:ifmap"]),
        (ConservationError("macs: 1 == 2 does not hold"), 1, ["macs: 1 == 2 does not hold"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
        (MemoryError(), 1, ["out of memory: the network or the machine is too large to be simulated here"]),
    ],
)
def test_codes(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, lines: list[str]) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("accel_sim.report.compare.compare", fail)
    assert lines_of(invoke(*RUN), code) == lines


def test_our_own_bugs_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr("accel_sim.report.compare.compare", fail)
    assert isinstance(invoke(*RUN).exception, AssertionError)


def test_interrupted_process_says_one_line(tmp_path: Path) -> None:
    # a parent that ignores Ctrl-C, such as nohup, would hand that down
    code = (
        "import os, signal, accel_sim.arch\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "accel_sim.arch.load_arch = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "from accel_sim.cli import main\n"
        "main(['run', 'diannao', 'lenet5', '--json', 'x.json'])\n"
    )
    done = run_python(code, cwd=tmp_path, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (128 + signal.SIGINT, "")
    assert done.stderr == "accel-sim: error: interrupted\n"
    assert os.listdir(tmp_path) == []


def test_killed_process_leaves_the_old_files(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from accel_sim.report.files import write_folder\n"
        "write_folder('out', {'x.json': 'new'})\n"
    )
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.json").write_text("old")
    done = run_python(code, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "out" / "x.json").read_text() == "old"


def test_closed_pipe_is_quiet(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run_python("from accel_sim.cli import main; main(['list', 'workload'])", cwd=tmp_path, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_full_standard_output(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = run_python("from accel_sim.cli import main; main(['list', 'workload'])", cwd=tmp_path, stdout=full)
    message = "accel-sim: error: standard output: cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, message)


@pytest.mark.parametrize("option", ["--json", "--csv", "--trace"])
def test_full_disk(option: str) -> None:
    (line,) = lines_of(invoke(*RUN, option, "/dev/full"), 2)
    assert line == "/dev/full: cannot be written: No space left on device"


@pytest.mark.parametrize("folder", ["/dev/null", "/dev/full/x", "/proc/accel-sim"])
def test_folders_that_cannot_be_written(folder: str) -> None:
    (line,) = lines_of(invoke(*RUN, "--out", folder), 2)
    assert line.startswith(f"{folder}: ")

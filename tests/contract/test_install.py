"""From a fresh clone into a fresh environment: both kinds of install give the command and find what is shipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    run("git", "clone", "--quiet", ROOT, "clone", cwd=tmp_path)
    return tmp_path / "clone"


@pytest.mark.soak
@pytest.mark.parametrize("arguments", [["."], ["--editable", "."]], ids=["plain", "editable"])
def test_install(clone: Path, tmp_path: Path, arguments: list[str]) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    binaries = tmp_path / "venv" / "bin"
    run(binaries / "python", "-m", "pip", "install", "--quiet", *arguments, cwd=clone)
    if arguments == ["."]:
        # nothing may be found in the clone any more
        clone.rename(tmp_path / "gone")
    machines = run(binaries / "accel-sim", "list", "arch", cwd=elsewhere)
    assert {line.split()[0] for line in machines.splitlines()} >= {"eyeriss", "diannao"}
    for kind in ("workload", "dram"):
        assert run(binaries / "accel-sim", "list", kind, cwd=elsewhere)
    assert "total" in run(binaries / "python", "-m", "accel_sim", "run", "diannao", "lenet5", cwd=elsewhere)


@pytest.mark.soak
def test_demo(clone: Path) -> None:
    assert "side by side" in run("make", "demo", f"PYTHON={sys.executable}", cwd=clone)
    names = ("latency", "energy", "stalls", "roofline")
    files = {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    assert set(os.listdir(clone / "out")) == files | {
        "compare.csv",
        "diannao__alexnet.json",
        "eyeriss__alexnet.json",
    }

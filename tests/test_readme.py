"""Every command that the README and the how-to pages show works as shown, and every file they name is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from accel_sim.config import shipped_names

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
LINES = r"((?:(?!```)[^\n]*\n)+)```"
SHOWN = re.compile(rf"^```sh\n{LINES}\n\n```text\n{LINES}", re.MULTILINE)
"""Commands, and lines that they print."""
PAGES = sorted([README, *(ROOT / "docs").rglob("*.md")])


def blocks(page: Path, fence: str) -> list[str]:
    """Return the content of the page's code blocks that open with exactly this fence."""
    return re.findall(rf"^```{re.escape(fence)}\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where ``accel-sim`` is this checkout, run by this Python, whether it is installed or not."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, arguments in (("accel-sim", "-m accel_sim"), ("python", "")):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_work(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    work = tmp_path / "work"
    work.mkdir()
    shown = dict(SHOWN.findall(page.read_text()))
    for script in blocks(page, "sh"):
        done = subprocess.run(["bash", "-ec", script], cwd=work, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), script
        assert set(shown.get(script, "").splitlines()) <= set(done.stdout.splitlines()), script


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_works(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    for script in blocks(page, "python"):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), script


def test_no_command_is_hidden_from_these_tests() -> None:
    fences = {fence for page in PAGES for fence in re.findall(r"^```(\w[^\n]*)$", page.read_text(), re.MULTILINE)}
    assert fences <= {"sh", "sh install", "python", "yaml", "json", "text"}
    assert [block.split() for block in blocks(README, "sh install")] == [["pip", "install", "."]]


def test_shipped_files_are_listed() -> None:
    text = README.read_text()
    for package in ("accel_sim.arch_configs", "accel_sim.workloads"):
        assert [name for name in shipped_names(package) if f"`{name}`" not in text] == []


def test_reading_order() -> None:
    files = re.findall(r"^\d\. `([^`]+)`", README.read_text(), flags=re.MULTILINE)
    assert len(files) == 7
    assert [file for file in files if not (ROOT / file).is_file()] == []

"""Files are written whole or not at all, and what cannot be written is said in one line."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from accel_sim.errors import OptionError
from accel_sim.report.files import check_file, check_folder, write_atomic, write_folder


def test_writes_text_and_bytes(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.txt", "psum\n")
    write_atomic(tmp_path / "b.bin", b"\0\1")
    assert (tmp_path / "a.txt").read_text() == "psum\n"
    assert (tmp_path / "b.bin").read_bytes() == b"\0\1"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.bin"]


@pytest.mark.parametrize("failing", ["replace", "write"])
def test_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    target = tmp_path / "result.json"
    target.write_text("old")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if failing == "replace":
        monkeypatch.setattr(os, "replace", full)
    else:
        monkeypatch.setattr(os, "chmod", full)
    with pytest.raises(OptionError, match=r"result.json: cannot be written: No space left on device"):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "result.json", "new")
    assert os.listdir(tmp_path) == []


def test_mode_follows_the_umask_or_the_old_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "new", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o604)
    write_atomic(tmp_path / "new", "y")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o604


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_text() == "new"


def test_device_is_written_not_replaced() -> None:
    write_atomic("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(OptionError, match="/dev/full: cannot be written: No space left on device"):
        write_atomic("/dev/full", "x")


def test_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    paths = write_folder(tmp_path / "a" / "b", {"x.csv": "1", "y.png": b"2"})
    assert [path.read_bytes() for path in paths] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "is no name"),
        ("folder", "is a folder; allowed: the name of a file to write"),
        ("missing/x.json", "the folder .*missing does not exist"),
        ("file/x.json", "the folder .*file is not a folder"),
    ],
)
def test_file_that_cannot_be(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match=message):
        check_file(tmp_path / path if path else "")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "is no name"),
        ("file", "is a file; allowed: a folder, made if missing"),
        ("file/below", "cannot be made: .*file is a file"),
    ],
)
def test_folder_that_cannot_be(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match=message):
        check_folder(tmp_path / path if path else "")
    check_folder(tmp_path / "new" / "deep")
    assert sorted(os.listdir(tmp_path)) == ["file"]

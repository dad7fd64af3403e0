"""What an operand trace holds, by name; its arrays are read, and checked, only where they are used."""

from __future__ import annotations

import zipfile
from pathlib import Path


def may_hold(trace: Path, name: str) -> bool:
    """Return whether an ``.npz`` file has an array of this name; true where it cannot be read, which is told later."""
    try:
        with zipfile.ZipFile(trace) as archive:
            return f"{name}.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return True

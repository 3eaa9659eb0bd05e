"""Checkpoints of a run: written whole or not at all, and read only when they are whole and of this run.

The checkpoint before the newest is kept beside it, with the ending ``.previous``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pycmtensor.estimation.archive import ArchiveError, packed, unpacked
from pycmtensor.exceptions import CheckpointError, CheckpointWarning
from pycmtensor.host.files import write

__all__ = ["check_run", "load_checkpoint", "save_checkpoint"]

#: Characters of what a run is that a message quotes.
LONGEST = 400

KIND, VERSION = "checkpoint", 4


def save_checkpoint(path: Path, run: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a checkpoint; a process that is killed at any moment leaves a whole one behind.

    Args:
        path: The file.
        run: What makes the run what it is; a later run must have the same.
        arrays: Numbers by name.

    Raises:
        FileError: The file cannot be written; the earlier checkpoint is unchanged.
    """
    write(path, packed(KIND, VERSION, run, arrays), earlier=_previous(path))


def load_checkpoint(path: Path, run: Mapping[str, str]) -> dict[str, NDArray[Any]] | None:
    """The arrays of the newest whole checkpoint, or None when there is none yet.

    Args:
        path: The file.
        run: What makes the run what it is.

    Raises:
        CheckpointError: No file is whole, or the checkpoint belongs to another run.

    Warns:
        CheckpointWarning: The newest file is damaged and the one before it is used.
    """
    files = [file for file in (path, _previous(path)) if file.exists()]
    faults = []
    for file in files:
        try:
            found, arrays = unpacked(file, KIND, VERSION)
        except ArchiveError as error:
            faults.append(str(error))
            continue
        if faults:
            warnings.warn(f"{faults[0]} {file} is used instead.", CheckpointWarning, stacklevel=2)
        check_run(file, found, run)
        return arrays
    if faults:
        raise CheckpointError(f"{' '.join(faults)} Delete the file to start the run anew, or name another.")
    return None


def check_run(file: Path, found: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Raise a `CheckpointError` when what a file tells of its run is not what makes this run what it is."""
    other = [name for name in expected if found.get(name) != expected[name]]
    if other:
        name = other[0]
        raise CheckpointError(
            f"{file} belongs to another run: its {name} is {_short(found.get(name))}, here it is "
            f"{_short(expected[name])}. "
            "Name another file, or delete this one."
        )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")

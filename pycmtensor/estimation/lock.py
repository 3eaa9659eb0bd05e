"""A lock beside a checkpoint, which a process that is killed does not hold any more."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from pycmtensor.exceptions import CheckpointError, FileError
from pycmtensor.host.files import beside, check_place

__all__ = ["only_user"]


@contextmanager
def only_user(checkpoint: str | PathLike[str] | None) -> Iterator[None]:
    """A block during which no other run, of this or another process, uses a checkpoint; None locks nothing.

    The lock is one of the system on a file beside it, with the ending ``.lock``, which goes when the block ends.

    Raises:
        FileError: The folder is missing or cannot be written to, or the checkpoint is no regular file.
        CheckpointError: Another run uses it.
    """
    if checkpoint is None:
        yield
        return
    path = beside(check_place(checkpoint), "lock")
    try:
        file = _locked(path)
    except OSError as error:
        raise FileError(f"{checkpoint} cannot be locked in its folder: {error.strerror}. Name another.") from None
    if file is None:
        raise CheckpointError(
            f"{checkpoint} is in use by another run ({_owner(path)}). Wait until that ends, or name another file."
        )
    try:
        yield
    finally:
        with suppress(OSError):  # an open file cannot be removed on Windows
            path.unlink()
        os.close(file)


def _locked(path: Path) -> int | None:
    """The descriptor of the open file, locked; None when another run has the lock."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(file)
        except OSError:
            os.close(file)
            return None
        if _is_still_there(file, path):
            os.truncate(file, 0)
            os.write(file, f"process {os.getpid()} on {platform.node()}".encode())
            return file
        os.close(file)  # the run that held it has just removed it


def _lock(file: int) -> None:
    """Lock a file for this open file only, or raise an OSError."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, 2**30, os.SEEK_SET)  # beyond what it holds, which others may then read
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_still_there(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _owner(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")[:200] or "which has just begun"
    return "which has just ended"

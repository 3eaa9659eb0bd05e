"""Files are written beside their place and take it when they are whole: what stood there before is kept until then."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from pycmtensor.exceptions import FileError

__all__ = ["append", "beside", "check_place", "make_folder", "read", "write", "written_beside"]

#: Bytes of a name that another file may be named after; most systems allow names of 255 bytes.
LONGEST = 200


@contextmanager
def written_beside(path: str | PathLike[str], earlier: Path | None = None, lasting: bool = True) -> Iterator[Path]:
    """A block that writes a new file, which takes the place of another at its end, when it is whole and on the disk.

    A link is followed: the file that it leads to is replaced.

    Args:
        path: The file; its folder must exist.
        earlier: Where the file that stood there goes. Only for a file that nobody else writes: the new file has a fixed
            name, so that a process that is killed leaves at most one behind.
        lasting: Wait until the file is on the disk, so that it lasts if the machine stops.

    Yields:
        The new file, which does not exist yet.

    Raises:
        FileError: It is no regular file, the folder is missing, or the disk is full. What stood there is unchanged.
    """
    target = check_place(path)
    new = beside(target, f"{secrets.token_hex(4) if earlier is None else 'only'}.new")
    try:
        with suppress(FileNotFoundError):
            new.unlink()  # of a process that was killed
        yield new
        if lasting:
            with new.open("r+b") as file:
                os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, new)
            if earlier is not None:
                os.replace(target, earlier)
        os.replace(new, target)
        if lasting:
            _sync_folder(target.parent)
    except OSError as error:
        raise _cannot_write(path, f"{error.strerror or error}. What stood there before is unchanged") from None
    finally:
        with suppress(OSError):
            new.unlink()


def write(path: str | PathLike[str], content: str | bytes, earlier: Path | None = None, lasting: bool = True) -> Path:
    """Write a file as `written_beside` does.

    Args:
        path: The file; its folder must exist.
        content: Text becomes UTF-8.
        earlier: As in `written_beside`.
        lasting: As in `written_beside`.

    Returns:
        The path as it was given.

    Raises:
        FileError: As `written_beside`.
    """
    with written_beside(path, earlier, lasting) as new, new.open("xb") as file:
        file.write(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
    return Path(path)


def append(path: str | PathLike[str], content: bytes, end: int, lasting: bool = True) -> int:
    """Add to a file that only this process writes, in place of what stands behind its first ``end`` bytes.

    A process that is killed leaves these bytes as they were, and behind them nothing, a part of the new ones, or all.

    Args:
        path: The file, which must exist.
        content: The new bytes.
        end: Bytes that are kept.
        lasting: Wait until the file is on the disk, so that it lasts if the machine stops.

    Returns:
        The bytes of the file.

    Raises:
        FileError: The file is gone, or the disk is full. The bytes that are kept are unchanged.
    """
    try:
        with open(path, "r+b") as file:
            file.truncate(end)
            file.seek(end)
            file.write(content)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
    except OSError as error:
        raise _cannot_write(path, f"{error.strerror}. What stood there before is unchanged") from None
    return end + len(content)


def read(path: str | PathLike[str], beginning: bytes = b"") -> bytes:
    """The bytes of a regular file, or of one that does not begin as it should no more than that many.

    Raises:
        FileError: It is no regular file, or cannot be read.
    """
    _check_name(path)
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise FileError(f"{path} cannot be read: it is no regular file. Name another.")
        with open(path, "rb") as file:
            first = file.read(len(beginning))
            return first + file.read() if first == beginning else first
    except (OSError, MemoryError) as error:
        why = "it is larger than the memory" if isinstance(error, MemoryError) else error.strerror
        raise FileError(f"{path} cannot be read: {why}.") from None


def check_place(path: str | PathLike[str]) -> Path:
    """The file that a path leads to, if a regular file may be written there.

    Raises:
        FileError: It may not; the message says why.
    """
    _check_name(path)
    try:
        target = Path(os.path.realpath(path, strict=False))
        found = target.stat() if os.path.lexists(target) else None
    except OSError as error:
        raise _cannot_write(path, f"{error.strerror}. Name another file") from None
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise _cannot_write(path, "it is a folder. Name a file in a folder that exists")
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise _cannot_write(path, "it is a pipe, a device or a socket, no regular file. Name another file")
    if found is not None and not os.access(target, os.W_OK):
        raise _cannot_write(path, "the file there is read-only. Name another file, or allow writing")
    if not target.parent.is_dir():
        raise _cannot_write(path, f"there is no folder {target.parent}. Name a file in a folder that exists")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise _cannot_write(path, f"the folder {target.parent} is not writable. Name a file in another, or allow it")
    return target


def beside(path: Path, ending: str) -> Path:
    """A file in the folder of another that is named after it, also where the name is as long as may be."""
    name = path.name
    if len(os.fsencode(name)) > LONGEST:
        name = f"{name[:40]}.{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
    return path.with_name(f"{name}.{ending}")


def make_folder(path: Path) -> Path:
    """Make a folder and those above it, unless they are there.

    Raises:
        FileError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"The folder {path} cannot be made: {error.strerror}. Name another.") from None
    return path


def _check_name(path: object) -> None:
    if not isinstance(path, (str, PathLike)) or "\0" in str(path) or not str(path):
        raise FileError(f"The name of a file must be text without zero bytes, or a path, found {path!r}.")


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder last, on systems where a folder can be opened."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:  # file systems that cannot
        pass
    finally:
        os.close(handle)


def _cannot_write(path: str | PathLike[str], why: str) -> FileError:
    return FileError(f"{path} cannot be written: {why}.")

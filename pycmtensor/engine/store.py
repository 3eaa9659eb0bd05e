"""Compiled programs as files, which the next process need not compile: a folder of bounded size and age.

A program is a file with the SHA-256 of the rest in the first 32 bytes. Programs are machine code: the folder is
trusted, and one that everybody may write to is left aside.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from pycmtensor.exceptions import CacheWarning, FileError
from pycmtensor.host.files import write

__all__ = ["Store", "folder_of_programs", "store_of_programs"]

#: Bytes of all programs, and seconds after which one that nobody used goes.
SIZE, AGE = 2**28, 90 * 24 * 3600

ENDING = ".program"
DIGEST = hashlib.sha256().digest_size


class Kept(NamedTuple):
    """A file of the folder."""

    path: Path
    size: int
    used: float  #: when it was used, in seconds since 1970


class Store:
    """Programs in a folder.

    What goes wrong with the folder costs time and nothing else: a warning tells of it, once in a process.

    Args:
        folder: Where; made when it is missing.
        size: Bytes of all programs; those used least recently make room.
        age: Seconds after which a program that nobody used goes.
    """

    def __init__(self, folder: Path, size: int = SIZE, age: float = AGE) -> None:
        self.folder, self._size, self._age = folder, size, age
        self._warned = False
        self._usable = self._is_usable()

    def _is_usable(self) -> bool:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            everybody = bool(self.folder.stat().st_mode & stat.S_IWOTH)
        except OSError as error:
            self._warn(f"cannot be made: {error.strerror}")
            return False
        if everybody:
            self._warn("may be written to by everybody, who could put programs there")
        return not everybody

    def get(self, key: str) -> bytes | None:
        """The program of a key, None when there is none; a damaged one is removed."""
        path = self.folder / f"{key}{ENDING}"
        try:
            content = path.read_bytes() if self._usable else b""
        except FileNotFoundError:
            return None
        except OSError as error:
            self._warn(f"cannot be read: {error.strerror}")
            return None
        if not content:
            return None
        with suppress(OSError):
            os.utime(path)  # used now
        if hashlib.sha256(content[DIGEST:]).digest() == content[:DIGEST]:
            return zlib.decompress(content[DIGEST:])
        self.remove(key, "damaged")
        return None

    def put(self, key: str, program: bytes) -> None:
        """Keep a program, and make room for it."""
        if not self._usable:
            return
        content = zlib.compress(program, level=1)
        try:
            write(self.folder / f"{key}{ENDING}", hashlib.sha256(content).digest() + content, lasting=False)
            self._make_room()
        except (FileError, OSError) as error:
            self._usable = False
            self._warn(f"takes no more programs ({error})")

    def remove(self, key: str, why: str) -> None:
        """Remove a program that is of no use."""
        self._warn(f"had a program that is {why}, which is compiled anew")
        with suppress(OSError):
            (self.folder / f"{key}{ENDING}").unlink()

    def entries(self) -> list[Kept]:
        """The programs, those used last at the end."""
        return sorted(self._files(ENDING), key=lambda kept: kept.used)

    def clear(self) -> int:
        """Remove all programs; how many there were.

        Raises:
            FileError: One cannot be removed.
        """
        programs = self.entries()
        for kept in [*programs, *self._files(".new")]:
            try:
                kept.path.unlink(missing_ok=True)
            except OSError as error:
                raise FileError(f"{kept.path} cannot be removed: {error.strerror}.") from None
        return len(programs)

    def _make_room(self) -> None:
        programs, now = self.entries(), time.time()
        total = sum(kept.size for kept in programs)
        for kept in programs:
            if total > self._size or now - kept.used > self._age:
                kept.path.unlink(missing_ok=True)
                total -= kept.size
        for kept in self._files(".new"):  # of processes that were killed
            if now - kept.used > 3600:
                kept.path.unlink(missing_ok=True)

    def _files(self, ending: str) -> Iterator[Kept]:
        if not self.folder.is_dir():
            return
        for path in self.folder.glob(f"*{ending}"):
            with suppress(FileNotFoundError):  # another process was faster
                found = path.stat()
                yield Kept(path, found.st_size, found.st_mtime)

    def _warn(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"The folder of compiled programs {self.folder} {what}. Results are the same; programs that are not "
                "kept are compiled in every process. PYCMTENSOR_CACHE names another folder, or is 'off'.",
                CacheWarning,
                stacklevel=2,
            )


def folder_of_programs() -> Path | None:
    """The folder that the environment variable ``PYCMTENSOR_CACHE`` names, or that of the user; None when it is off."""
    wanted = os.environ.get("PYCMTENSOR_CACHE", "")
    if wanted.lower() == "off":
        return None
    return Path(wanted) if wanted else user_cache_path("pycmtensor", appauthor=False) / "programs"


@cache
def store_of_programs(folder: Path | None) -> Store | None:
    """The programs of a folder; None for none."""
    return None if folder is None else Store(folder)

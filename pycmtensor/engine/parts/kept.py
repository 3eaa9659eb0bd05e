"""Arrays of prepared parts: in memory, or in files that are mapped into memory while they are used."""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.blocks import aligned
from pycmtensor.exceptions import FileError

__all__ = ["ArrayType", "InFile", "InMemory", "Kept"]

#: Bytes at whose multiples arrays begin in a file, so that JAX takes them as they are.
ALIGNED = 64


class ArrayType(NamedTuple):
    """Shape and type of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        """Size of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


class Kept(Protocol):
    """Arrays that are written chunk by chunk along their first axis, and read as often as one likes."""

    def put(self, first: int, chunks: Sequence[NDArray[Any]]) -> None:
        """Write some rows of every array."""

    def arrays(self) -> list[NDArray[Any]]:
        """The arrays."""

    def ahead(self) -> None:
        """Tell that the arrays are asked for soon."""


class InMemory:
    """Arrays in memory."""

    def __init__(self, kinds: Sequence[ArrayType]) -> None:
        self._arrays = [aligned(kind.shape, kind.dtype) for kind in kinds]

    def put(self, first: int, chunks: Sequence[NDArray[Any]]) -> None:
        """Write some rows of every array."""
        for array, rows in zip(self._arrays, chunks, strict=True):
            array[first : first + len(rows)] = rows

    def arrays(self) -> list[NDArray[Any]]:
        """The arrays."""
        return self._arrays

    def ahead(self) -> None:
        """Nothing: they are there."""


class InFile:
    """Arrays one after the other in a file, which is mapped anew each time, so that it takes memory only then.

    Args:
        path: The file.
        kinds: Shapes and types of the arrays.

    Raises:
        FileError: The file cannot be written, such as on a full disk.
    """

    def __init__(self, path: Path, kinds: Sequence[ArrayType]) -> None:
        self._path, self._kinds = path, tuple(kinds)
        sizes = [-(-kind.bytes // ALIGNED) * ALIGNED for kind in kinds]
        self._places = [sum(sizes[:i]) for i in range(len(sizes))]
        self._size = max(ALIGNED, sum(sizes))
        self._mapped: mmap.mmap | None = None

        def make() -> None:
            with self._file("wb") as file:
                file.truncate(self._size)

        self._attempt(make)

    def put(self, first: int, chunks: Sequence[NDArray[Any]]) -> None:
        """Write some rows of every array."""

        def write() -> None:
            with self._file("r+b") as file:
                for kind, place, rows in zip(self._kinds, self._places, chunks, strict=True):
                    row = kind.bytes // max(1, kind.shape[0])
                    file.seek(place + first * row)
                    file.write(np.ascontiguousarray(rows, dtype=kind.dtype).data)

        self._attempt(write)

    def arrays(self) -> list[NDArray[Any]]:
        """The arrays, mapped; the memory is free again when nobody holds them."""
        mapped, self._mapped = self._mapped or self._map(), None
        return [
            np.frombuffer(mapped, kind.dtype, math.prod(kind.shape), place).reshape(kind.shape)
            for kind, place in zip(self._kinds, self._places, strict=True)
        ]

    def ahead(self) -> None:
        """Let the system read the file while something else is computed."""
        self._mapped = self._map()
        if hasattr(mmap, "MADV_WILLNEED"):
            self._mapped.madvise(mmap.MADV_WILLNEED)

    def _map(self) -> mmap.mmap:
        with self._file("rb") as file:
            return mmap.mmap(file.fileno(), self._size, access=mmap.ACCESS_READ)

    def _file(self, mode: str) -> Any:
        return open(self._path, mode)

    def _attempt(self, write: Any) -> None:
        try:
            write()
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise FileError(
                f"The cache of prepared data cannot be written to '{self._path.parent}': {why}. Name another "
                "folder with on=cmt.Streaming(folder=...), or take half the space with single=True."
            ) from None

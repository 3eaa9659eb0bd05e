"""Files of named numbers and text that are read only when they are whole; nothing in them is ever executed.

A file is a line with name and version, a line with the SHA-256 of the rest, and the rest: an uncompressed NumPy archive
without pickled objects, in which "facts" is text in JSON and every other entry an array.

A file may come from anywhere: what is read takes no more memory than some times the size of the file.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import zipfile
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.exceptions import FileError
from pycmtensor.host.files import read

__all__ = ["ArchiveError", "opened", "packed", "unpacked"]

FACTS = "facts"

#: The only header of an array that this library writes: what a number is, the order of numbers, the shape.
HEADER = re.compile(
    r"\{'descr': '([<>|][biufU]\d{1,9})', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \} *\n"
)


class ArchiveError(FileError):
    """A file is not what it should be: foreign, of another version, truncated or changed."""


def packed(kind: str, version: int, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a file.

    Args:
        kind: What the file is, in words.
        version: Of the facts and arrays that a file of this kind has.
        facts: What JSON can tell.
        arrays: Numbers by name.
    """
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **{FACTS: np.array(json.dumps(dict(facts))), **arrays})
    body = stream.getvalue()
    return _head(kind) + b"%d\n%s\n" % (version, hashlib.sha256(body).hexdigest().encode()) + body


def unpacked(file: str | PathLike[str], kind: str, version: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The facts and arrays of a file.

    Raises:
        ArchiveError: The file is foreign, of another version, truncated or changed.
    """
    try:
        content = read(file, beginning=_head(kind))
    except FileError as error:
        raise ArchiveError(str(error)) from None
    return opened(content, str(file), kind, version)


def opened(content: bytes, file: str, kind: str, version: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The facts and arrays in the bytes of a file, whose name is for messages.

    Raises:
        ArchiveError: As `unpacked`.
    """
    head, _, rest = content.partition(b"\n")
    if not head.startswith(_head(kind)):
        raise ArchiveError(f"{file} is not a {kind} of PyCMTensor.")
    found = head.removeprefix(_head(kind))[:20].decode(errors="replace")
    if found != str(version):
        raise ArchiveError(f"{file} is a {kind} of version {found}, this library reads version {version}.")
    digest, _, body = rest.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ArchiveError(f"{file} is truncated or damaged: its checksum does not fit.")
    try:
        arrays = _arrays(body)
        facts = json.loads(str(arrays.pop(FACTS)))
        if not isinstance(facts, dict):
            raise ValueError("its facts have no names")
        return facts, arrays
    except Exception as error:  # of bytes from anywhere, parsers end with many kinds, RecursionError among them
        why = str(error) if isinstance(error, ValueError) else repr(error)
        raise ArchiveError(f"{file} is not as this library writes a {kind}: {why[:300]}.") from None


def _arrays(body: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an archive, by name."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
            raise ValueError("it holds compressed entries, which this library does not write")
        if sum(entry.file_size for entry in entries) > len(body):
            raise ValueError("its entries overlap")
        if len({entry.filename for entry in entries}) < len(entries):
            raise ValueError("two entries have one name")
        return {entry.filename.removesuffix(".npy"): _array(archive.read(entry)) for entry in entries}


def _array(content: bytes) -> NDArray[Any]:
    """The array of an entry, whose header is made of numbers and read as nothing else."""
    stream = io.BytesIO(content)
    major, _ = np.lib.format.read_magic(stream)
    size = int.from_bytes(stream.read(2 if major == 1 else 4), "little")
    found = HEADER.fullmatch(stream.read(size).decode("latin-1"))
    if found is None:
        raise ValueError("an entry is no array of numbers or text; objects are never loaded (allow_pickle=False)")
    dtype, shape = np.dtype(found[1]), tuple(int(n) for n in found[3].replace(" ", "").split(",") if n)
    rest = content[stream.tell() :]
    if not dtype.itemsize or math.prod(shape) * dtype.itemsize != len(rest):
        raise ValueError(f"an array has {len(rest)} bytes, its shape {shape} of {dtype} is another size")
    array = np.frombuffer(rest, dtype).reshape(shape, order="F" if found[2] == "True" else "C")
    return array.astype(dtype.newbyteorder("="))  # of this machine


def _head(kind: str) -> bytes:
    return f"PyCMTensor {kind} ".encode()

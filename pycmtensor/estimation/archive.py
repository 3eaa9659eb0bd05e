"""Files of named numbers and text that are read only when they are whole; nothing in them is ever executed.

A file is a line with name and version, a line with the SHA-256 of the rest, and the rest: an uncompressed NumPy archive
without pickled objects, in which "facts" is text in JSON and every other entry an array.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.exceptions import FileError

__all__ = ["ArchiveError", "packed", "unpacked"]

FACTS = "facts"


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


def unpacked(file: Path, kind: str, version: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The facts and arrays of a file.

    Raises:
        ArchiveError: The file is foreign, of another version, truncated or changed.
    """
    try:
        head, _, rest = file.read_bytes().partition(b"\n")
    except OSError as error:
        raise ArchiveError(f"{file} cannot be read: {error.strerror}.") from None
    if not head.startswith(_head(kind)):
        raise ArchiveError(f"{file} is not a {kind} of PyCMTensor.")
    found = head.removeprefix(_head(kind)).decode(errors="replace")
    if found != str(version):
        raise ArchiveError(f"{file} is a {kind} of version {found}, this library reads version {version}.")
    digest, _, body = rest.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ArchiveError(f"{file} is truncated or damaged: its checksum does not fit.")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as entries:  # compressed, a small file could fill the memory
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.infolist()):
                raise ArchiveError(f"{file} holds compressed entries, which this library does not write.")
        with np.load(io.BytesIO(body), allow_pickle=False) as archive:
            arrays = dict(archive)
        return json.loads(str(arrays.pop(FACTS))), arrays
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ArchiveError(f"{file} is not as this library writes a {kind}: {error}.") from None


def _head(kind: str) -> bytes:
    return f"PyCMTensor {kind} ".encode()

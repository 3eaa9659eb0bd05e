"""Journal: a file of questions and answers, from which a run that is called again has those it had before.

Each answer is added behind the others as a record with a checksum of its own: an archive after its length. A run that
asks the same questions again needs nothing else to go on where it was, so that one file is the state of any search,
whatever its method. Time and room are in proportion to the answers; a file of all of the state that is written anew
after each step would cost their square.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.estimation.archive import ArchiveError, opened, packed
from pycmtensor.estimation.checkpoint import check_run
from pycmtensor.exceptions import CheckpointError, CheckpointWarning
from pycmtensor.host.files import append, read, write

__all__ = ["Answer", "Answers", "Journal", "NoJournal", "Shapes"]

#: Name -> numbers of an answer.
Answer: TypeAlias = dict[str, NDArray[Any]]

#: Name -> shape of the numbers of an answer.
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]

KIND, VERSION = "record", 1
HEAD = b"PyCMTensor journal 1\n"
LENGTH = 8  # bytes of the length of a record
SECONDS = 0.5  # a machine that stops loses the answers of this long; a process that is killed loses none
ANEW = "Delete the file to start the run anew, or name another."


class Answers(Protocol):
    """What keeps answers to questions."""

    def answer(
        self, question: str, given: Sequence[NDArray[Any]], shapes: Shapes, find: Callable[[], Answer]
    ) -> Answer:
        """The answer that is kept, or the one that is found now; see `Journal.answer`."""


class NoJournal:
    """Keeps nothing: every answer is found when it is asked for."""

    def answer(
        self, question: str, given: Sequence[NDArray[Any]], shapes: Shapes, find: Callable[[], Answer]
    ) -> Answer:
        """The answer that is found now."""
        return find()


class Journal:
    """Questions and answers in a file, which this process alone uses.

    Args:
        path: The file; it is made when there is none.
        run: What makes the run what it is; a later run must have the same.

    Raises:
        CheckpointError: The file is no journal, its beginning is damaged, or it belongs to another run.
        FileError: It cannot be read or written.

    Warns:
        CheckpointWarning: A record is damaged or incomplete; the run goes on from those before it.
    """

    def __init__(self, path: Path, run: Mapping[str, str]) -> None:
        self.path, self._synced = path, perf_counter()
        self._places: dict[str, tuple[int, int]] = {}  # question -> where its record begins and ends
        if path.exists():
            self._end = self._looked_through(run)
        else:
            first = HEAD + _record(run, {})
            write(path, first)
            self._end = len(first)

    def answer(
        self, question: str, given: Sequence[NDArray[Any]], shapes: Shapes, find: Callable[[], Answer]
    ) -> Answer:
        """The answer in the file, or the one that is found now and added to it.

        Args:
            question: What is asked.
            given: The numbers that it is asked of.
            shapes: Shapes of an answer.
            find: Finds the answer.

        Raises:
            CheckpointError: What the file has is no answer to the question.
            FileError: The answer cannot be added; those before are there.
        """
        key = _key(question, given)
        if key not in self._places:
            self._add(key, find())
        begin, end = self._places[key]
        with self.path.open("rb") as file:
            file.seek(begin)
            content = file.read(end - begin)
        try:
            _, found = opened(content, f"A record of {self.path}", KIND, VERSION)
        except ArchiveError as error:
            raise CheckpointError(f"{error} {ANEW}") from None
        _check(self.path, question, found, shapes)
        return found

    def _add(self, key: str, answer: Answer) -> None:
        now = perf_counter()
        lasting = now - self._synced > SECONDS
        begin = self._end
        self._end = append(self.path, _record({"question": key}, answer), begin, lasting)
        self._places[key] = begin + LENGTH, self._end
        if lasting:
            self._synced = now

    def _looked_through(self, run: Mapping[str, str]) -> int:
        """Take note of all whole records, after a check of the first, and say where they end."""
        content, end, facts = read(self.path, beginning=HEAD[:-2]), len(HEAD), None
        if not content.startswith(HEAD):
            raise CheckpointError(
                f"{self.path} is no checkpoint of a run of this kind: it begins with {content[:30]!r}, expected "
                f"{HEAD!r}. {ANEW}"
            )
        while end < len(content):
            begin = end + LENGTH
            stop = begin + int.from_bytes(content[end:begin], "little")
            try:
                found, _ = opened(content[begin:stop], f"record {len(self._places) + 1}", KIND, VERSION)
                if facts is not None:
                    self._places[str(found["question"])] = begin, stop
            except (ArchiveError, KeyError) as error:
                if facts is None:
                    break
                warnings.warn(
                    f"{self.path} is damaged or was not written to its end: {error} The run goes on from the "
                    f"{len(self._places)} answers before it.",
                    CheckpointWarning,
                    stacklevel=2,
                )
                return end
            facts, end = facts or found, stop
        if facts is None:
            raise CheckpointError(f"{self.path} is damaged at its beginning. {ANEW}")
        check_run(self.path, facts, run)
        return end


def _record(facts: Mapping[str, str], answer: Answer) -> bytes:
    archive = packed(KIND, VERSION, facts, answer)
    return len(archive).to_bytes(LENGTH, "little") + archive


def _key(question: str, given: Sequence[NDArray[Any]]) -> str:
    digest = hashlib.sha256(question.encode())
    for array in map(np.asarray, given):
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _check(path: Path, question: str, found: Answer, shapes: Shapes) -> None:
    """Raise a `CheckpointError` when an answer, whole as it may be, is not made of the numbers that belong to it."""
    fits = found.keys() == shapes.keys() and all(
        found[name].shape == shape and found[name].dtype.kind in "fb" for name, shape in shapes.items()
    )
    if not fits:
        there = {name: f"{array.dtype}{array.shape}" for name, array in found.items()}
        raise CheckpointError(
            f"{path} was not written by this run: its answer to '{question}' is {there}, expected numbers of the "
            f"shapes {dict(shapes)}. {ANEW}"
        )

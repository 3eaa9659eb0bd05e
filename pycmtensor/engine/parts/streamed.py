"""Parts that are prepared once into files, and streamed through this machine with every evaluation."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from pycmtensor.dataset import Dataset
from pycmtensor.engine.columns import columns_of
from pycmtensor.engine.evaluator import Evaluator
from pycmtensor.engine.parallel import usable_cores
from pycmtensor.engine.parts.kept import InFile
from pycmtensor.engine.parts.prepared import Members, PreparedPart, Preparer, Shape
from pycmtensor.engine.parts.question import Question
from pycmtensor.engine.parts.sources import Source, hash_of, sources_of
from pycmtensor.engine.parts.summed import SummedEvaluator
from pycmtensor.exceptions import FileError, OptimizerError, checked_class, whole
from pycmtensor.host.interruption import stop_if_asked
from pycmtensor.models.base import Model

__all__ = ["Streamed", "Streaming"]

T = TypeVar("T")


@checked_class(OptimizerError)
@dataclass(frozen=True)
class Streaming:
    """Evaluation of data part by part on this machine, as ``on=`` of an estimation; scanned data are by themselves.

    Data are read, checked and prepared once, into files that are mapped into memory while a part is evaluated.

    Args:
        folder: Where these files go; None for the system's folder of temporary files.
        size: Bytes that they may take; None for as many as are needed.
        single: Whether numbers are kept in single precision, which takes half the space and time; sums are still of
            the model's precision.
        cores: Threads that compute at the same time; None for all cores.

    Raises:
        OptimizerError: A value outside its range.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> model = cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0})
        >>> round(float(cmt.estimate(model, on=Streaming(cores=1)).params["asc_car"]), 6)  # log(30 / 10)
        1.098612
    """

    folder: str | PathLike[str] | None = None
    size: int | None = None
    single: bool = False
    cores: int | None = None

    def __post_init__(self) -> None:
        for name in ("size", "cores"):
            if getattr(self, name) is not None:
                whole("Streaming", name, getattr(self, name), least=1)

    def __call__(self, model: Model, data: Dataset) -> Evaluator:
        """The evaluator of a model on data."""
        return SummedEvaluator(model, Streamed(model, data, self))


class Streamed:
    """Holder of parts in files of prepared data, which are removed with it.

    Args:
        model: The model.
        data: The data of all parts.
        options: Where and how.
    """

    def __init__(self, model: Model, data: Dataset, options: Streaming) -> None:
        self.model, self.data, self._options = model, data, options
        self.watch: Callable[[int, int, int], None] = lambda *_: None
        self.passes = 0

    @property
    def members(self) -> list[Members]:
        """The members of each part."""
        return [part.members for part in self._parts]

    def answers(self, questions: list[Question] | Question) -> Iterator[Any]:
        """The answers of all parts, in their order; the next part is read while one is asked."""
        parts, seen = self._parts, 0
        self.passes += 1
        for i, part in enumerate(parts):
            stop_if_asked()
            if i + 1 < len(parts):
                parts[i + 1].kept.ahead()
            yield part.answer(questions if isinstance(questions, Question) else questions[i])
            seen += part.members.nobs
            self.watch(self.passes, seen, sum(own.nobs for own in self.members))

    def of(self, model: Model) -> Streamed:
        """The same parts, prepared for another model."""
        return Streamed(model, self.data, self._options)

    def hashes(self) -> list[str]:
        """SHA-256 of the numbers of each part."""
        found = [hash_of(self.model, source) for source in self._sources]
        return [text for text in found if text != "nobody"]

    @cached_property
    def _sources(self) -> list[Source]:
        return list(sources_of(self.model, self.data))

    @cached_property
    def _parts(self) -> list[PreparedPart]:
        """The parts, from a first pass over the data."""
        largest = max(source.individuals for source in self._sources)
        shape = Shape.of(self.model, largest, self.data.n_situations)
        prepare, files = Preparer(self.model, shape, self._options.single), _Files(self._options, self)
        parts: list[PreparedPart] = []
        seen = 0

        def read(source: Source) -> Dataset | None:
            data = source.data()
            if data is not None:
                columns_of(prepare.program, data)  # which the data set keeps
            return data

        for source, data in zip(self._sources, _ahead(self._sources, read), strict=True):
            stop_if_asked()
            seen += 0 if data is None else data.nobs
            self.watch(0, seen, self.data.nobs)
            if data is not None:
                part = prepare(source, data, files.new)
                part.cores = self._options.cores or usable_cores()
                parts.append(part)
        return parts


class _Files:
    """A folder of files that is removed with its owner.

    Raises:
        FileError: It cannot be made.
    """

    def __init__(self, options: Streaming, owner: Any) -> None:
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="pycmtensor-", dir=options.folder))
        except OSError as error:
            raise FileError(
                f"folder: no cache of prepared data can be made in '{options.folder}': {error.strerror}. Name another "
                "with on=cmt.Streaming(folder=...)."
            ) from None
        weakref.finalize(owner, shutil.rmtree, str(self._folder), ignore_errors=True)
        self._number, self._left = 0, options.size

    def new(self, kinds: Any) -> InFile:
        """A new file for arrays of some shapes and types."""
        if self._left is not None:
            self._left -= sum(kind.bytes for kind in kinds)
            if self._left < 0:
                raise FileError(
                    "The prepared data take more than the size of the cache. Raise size, or take half the space with "
                    "single=True."
                )
        self._number += 1
        return InFile(self._folder / f"{self._number}.part", kinds)


def _ahead(sources: Iterable[Source], read: Callable[[Source], T]) -> Iterator[T]:
    """What is read of the sources, each while the one before is used."""
    with ThreadPoolExecutor(1) as reader:
        waiting = None
        for source in sources:
            following = reader.submit(read, source)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()

"""Answers about data that are read part by part: sums over the parts, and rows that are written as they come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import add
from os import PathLike
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.parquet import arrow
from pycmtensor.dataset.scanned import ScannedDataset
from pycmtensor.engine import Problem
from pycmtensor.estimation.progress import CountBar
from pycmtensor.exceptions import InferenceError
from pycmtensor.host.files import written_beside
from pycmtensor.host.interruption import stop_if_asked

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Moments", "Rows", "rows_of", "summed", "values_of"]

#: Numbers of a part by name, which are added to those of others.
Sums: TypeAlias = dict[Any, Any]


def summed(asked: Problem, ask: Callable[[Problem], Sums], columns: Collection[str] = ()) -> Sums:
    """Sums over the parts of data, each asked once; data in memory are one part.

    Args:
        asked: The question about all data.
        ask: Question about a part -> its sums by name, arrays or `Dual`.
        columns: Names of columns that are needed beside those of the model.
    """
    number = len(asked.data.parts) if isinstance(asked.data, ScannedDataset) else 1
    with CountBar("parts", number, None if number > 1 else False) as bar:

        def told(part: Problem) -> Sums:
            found = ask(part)
            bar.advance(1)
            stop_if_asked()
            return found

        return reduce(_added, map(told, asked.parts(columns)))


def _added(one: Sums, other: Sums) -> Sums:
    return {name: add(own, other[name]) for name, own in one.items()}


def values_of(data: Dataset, column: str) -> Any:
    """The values of a column of the choice situations, each once, in order."""
    if not isinstance(data, ScannedDataset):
        return np.unique(data.situation_values(column))
    return np.unique(np.concatenate([np.unique(part.situation_values(column)) for part in data.in_memory([column])]))


@dataclass(frozen=True, eq=False)
class Moments:
    """Weight, mean, and weighted sum of squared deviations from the mean, of numbers of which more come.

    References:
        Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance,
        doi:10.1080/00031305.1983.10483115, equation 2.1.

    Examples:
        >>> one, other = Moments.of(np.array([[1.0, 3.0]]), np.ones(2)), Moments.of(np.array([[8.0]]), np.ones(1))
        >>> (one + other).mean.tolist(), (one + other).sd.round(6).tolist()  # of 1, 3 and 8
        ([4.0], [2.94392])
    """

    weight: float
    mean: Any
    squares: Any

    @classmethod
    def of(cls, values: Any, weights: Any) -> Moments:
        """Those of numbers (..., N) with weights (N,)."""
        mean = np.average(values, axis=-1, weights=weights)
        return cls(weights.sum(), mean, (values - mean[..., None]) ** 2 @ weights)

    def __add__(self, other: Moments) -> Moments:
        weight, apart = self.weight + other.weight, other.mean - self.mean
        mean = self.mean + apart * (other.weight / weight)
        return Moments(weight, mean, self.squares + other.squares + apart**2 * (self.weight * other.weight / weight))

    @property
    def sd(self) -> Any:
        """Standard deviation."""
        return np.sqrt(self.squares / self.weight)


class Rows:
    """Rows of a table of choice situations or individuals, which come part by part."""

    def __init__(self) -> None:
        self._frames: list[pd.DataFrame] = []

    def add(self, data: Dataset, frame: pd.DataFrame) -> None:
        """Take the rows of a part."""
        self._frames.append(frame)

    def whole(self) -> pd.DataFrame:
        """All rows."""
        (frame,) = self._frames
        return frame


class _NoRows(Rows):
    """Rows that are not kept."""

    def add(self, data: Dataset, frame: pd.DataFrame) -> None:
        """Let them go."""

    def whole(self) -> NoReturn:
        """There are none.

        Raises:
            InferenceError: Always.
        """
        raise InferenceError(
            "The rows are not kept in memory where data are scanned, or written to a file. Write them, "
            "to='rows.parquet', and read the file; or ask about some, data=ds.sample(individuals=100_000)."
        )


class _InFile(_NoRows):
    """Rows in a Parquet file, one row group a part."""

    def __init__(self, path: PathLike[str]) -> None:
        self._path = path
        self._writer: Any = None

    def add(self, data: Dataset, frame: pd.DataFrame) -> None:
        """Write the rows of a part."""
        import pyarrow as pa

        flat: dict[str, Any] = {
            "_".join(name) if isinstance(name, tuple) else str(name): values for name, values in frame.items()
        }
        table = pa.table({**_identifiers(data, frame), **flat})
        if self._writer is None:
            self._writer = arrow().ParquetWriter(self._path, table.schema)
        self._writer.write_table(table, row_group_size=len(table))

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()


def _identifiers(data: Dataset, frame: pd.DataFrame) -> dict[str, Any]:
    """What tells rows from others: choice situation and individual where they have names, and else their number."""
    import pandas as pd

    index, individual = frame.index, data.individual
    names: dict[str, Any] = {} if index.name is None else {str(index.name): index}
    if individual is not None and individual not in names:
        names[individual] = data.situation_values(individual)
    if names:
        return names
    return {"row": data.individual_numbers if isinstance(index, pd.RangeIndex) else index}


@contextmanager
def rows_of(data: Dataset, to: str | PathLike[str] | None) -> Iterator[Rows]:
    """A taker of rows of parts of data: into a file, or into memory if they are there.

    Raises:
        FileError: The file cannot be written; what stood there before is unchanged.
    """
    if to is None:
        yield _NoRows() if isinstance(data, ScannedDataset) else Rows()
        return
    with written_beside(to) as new:
        rows = _InFile(new)
        yield rows
        rows.close()

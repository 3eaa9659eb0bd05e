"""Sources of the parts of a sample: row groups of files, or individuals of a data set in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.parquet import RowGroups
from pycmtensor.dataset.scanned import ScannedDataset, place_of
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.models.base import Model
from pycmtensor.models.choice import needed_columns

__all__ = ["FromFile", "FromMemory", "Source", "hash_of", "sources_of"]

#: Parts that individuals in memory are divided into, ...
FEWEST = 8

#: ... or more, of about so many choice situations.
SITUATIONS = 2**18


class Source(Protocol):
    """Where a part comes from."""

    @property
    def individuals(self) -> int:
        """Individuals, of whom some may not count."""

    def data(self) -> Dataset | None:
        """The data set of the part; None where nobody counts."""

    @property
    def place(self) -> str:
        """What rows are counted from in errors; empty for those of the whole."""


@dataclass(frozen=True)
class FromFile:
    """Row groups of a scanned data set.

    Attributes:
        scanned: The data set.
        rows: Its row groups.
        columns: The columns that are read.
    """

    scanned: ScannedDataset
    rows: RowGroups
    columns: tuple[str, ...]

    @property
    def individuals(self) -> int:
        """Individuals in the row groups."""
        return self.rows.individuals

    def data(self) -> Dataset | None:
        """The data set of the row groups."""
        return self.scanned.part(self.rows, self.columns)

    @property
    def place(self) -> str:
        """The row group."""
        return place_of(self.rows)


@dataclass(frozen=True, eq=False)
class FromMemory:
    """Individuals of a data set, in a data set of their own."""

    own: Dataset

    @property
    def individuals(self) -> int:
        """Individuals."""
        return self.own.n_individuals

    def data(self) -> Dataset | None:
        """The data set."""
        return self.own

    @property
    def place(self) -> str:
        """That of the individuals among all."""
        first, last = self.own.individual_numbers[[0, -1]]
        return f"Rows are counted among those of the individuals {first} to {last}."


def sources_of(model: Model, data: Dataset) -> Sequence[Source]:
    """The sources of the parts of data, in the order of the individuals."""
    if isinstance(data, ScannedDataset):
        columns = needed_columns(model)
        return [FromFile(data, rows, columns) for rows in data.parts]
    number = min(data.n_individuals, max(FEWEST, data.nobs // SITUATIONS))
    shares: list[NDArray[np.integer]] = np.array_split(np.arange(data.n_individuals), number)
    return [FromMemory(data.take(share)) for share in shares]


def hash_of(model: Model, source: Source) -> str:
    """SHA-256 of the numbers of a part."""
    data = source.data()
    return "nobody" if data is None else LocalEvaluator(model, data, cores=1).data_hash()

"""Data in Parquet files, which are read part by part: columns are known at once, rows when they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset.dataset import Dataset
from pycmtensor.dataset.describe import Description
from pycmtensor.dataset.parquet import Paths, RowGroups, check_names, files_of, parts_of, read
from pycmtensor.dataset.tally import Tally
from pycmtensor.exceptions import DatasetError, checked_class, noted, seed_of, whole

if TYPE_CHECKING:
    from pytensor.graph.basic import Variable

__all__ = ["ScannedDataset", "place_of"]

#: Rows of the first row group that stand for all while a model is written.
SPECIMEN = 1000


@checked_class(DatasetError)
class ScannedDataset(Dataset, enters="scan"):
    """Choices in Parquet files that need not fit into memory; `Dataset.scan` makes it.

    Columns are used in utilities as those of a `Dataset`. A model is checked with the first rows when it is made, and
    with all of them when it is estimated. Row groups must hold whole individuals; `pycmtensor.write_partitions` writes
    such files.

    Args:
        path: A Parquet file, a folder of such files, or a list of them.
        choice: As in `Dataset`, or of a long table as in `LongDataset`.
        alternatives: As in `Dataset`; of a long table they must be named too.
        individual: As in `Dataset`.
        weights: As in `Dataset`.
        alternative: Of a long table, the column that says which alternative a row is.
        situation: Of a long table, the column that identifies the choice situation.

    Attributes:
        parts: The row groups that are read together, in the order of the individuals.
        nobs: Choice situations.
        n_individuals: Individuals N.
        n_situations: T, the largest number of choice situations of one individual.

    Raises:
        DatasetError: A file is missing or damaged, files have different columns, or an individual stands in two row
            groups.
    """

    def __init__(
        self,
        path: Paths,
        choice: str | None = None,
        alternatives: Mapping[str, Hashable] | Sequence[str] | None = None,
        individual: str | None = None,
        weights: str | None = None,
        alternative: str | None = None,
        situation: str | None = None,
    ) -> None:
        names = {"choice": choice, "individual": individual, "weights": weights}
        check_names("scan", **names, alternative=alternative, situation=situation)
        if (alternative is None) != (situation is None):
            raise DatasetError("A long table has both columns, alternative=... and situation=...; found one of them.")
        if situation is not None and alternatives is None:
            raise DatasetError("alternatives of a long table that is scanned must be named: {'car': 1, 'bus': 2}.")
        files = files_of(path)
        self.parts = tuple(parts_of(files, individual, situation))
        self._options: tuple[Any, str | None, str | None] = (alternatives, alternative, situation)
        self.choice, self.individual, self.weights = choice, individual, weights
        self.nobs = sum(part.nobs for part in self.parts)
        self.n_individuals = sum(part.individuals for part in self.parts)
        self.n_situations = self.draw_situations = max(part.longest for part in self.parts)
        self.most_individuals = max(part.individuals for part in self.parts)
        self._specimen = self._first_rows()
        self._specimen._whole = self
        self.origin, self.alternatives = self.specimen.origin, self.specimen.alternatives
        self.n_alternatives = self.specimen.n_alternatives

    # ---- columns ----------------------------------------------------------------------------------------------

    @property
    def specimen(self) -> Dataset:
        """A data set of the first rows, with the same columns."""
        return self._specimen

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return self.specimen.columns

    def __getitem__(self, column: Any) -> Variable:
        """The symbolic column, as `Dataset` or `LongDataset` gives it."""
        return self.specimen[column]

    @property
    def chosen(self) -> Variable:
        """As `Dataset.chosen`."""
        return self.specimen.chosen

    @property
    def observed(self) -> Variable:
        """As `Dataset.observed`."""
        return self.specimen.observed

    @property
    def weight(self) -> Variable:
        """As `Dataset.weight`."""
        return self.specimen.weight

    @property
    def units(self) -> dict[str, str]:
        """Column -> unit, which Parquet files do not tell."""
        return self.specimen.units

    @property
    def is_long(self) -> bool:
        """Whether a row is one alternative of a choice situation."""
        return self.specimen.is_long

    def available(self, alternative: str | None = None) -> Variable | None:
        """As `Dataset.available`."""
        return self.specimen.available(alternative)

    def counterpart(self, symbol: Variable) -> Variable:
        """As `LongDataset.counterpart`."""
        return self._long.counterpart(symbol)

    def per_alternative(self, values: Mapping[str, Any] | Any) -> Variable:
        """As `LongDataset.per_alternative`."""
        return self._long.per_alternative(values)

    def varies(self, column: str) -> bool:
        """Whether a column has a value for each alternative of a situation, in the first rows."""
        return self.specimen.varies(column)

    # ---- parts ------------------------------------------------------------------------------------------------

    def part(self, part: RowGroups, columns: Collection[str] | None = None) -> Dataset | None:
        """The data set of one part, whose individuals keep their numbers; None where nobody has a weight above 0.

        Args:
            part: One of ``parts``.
            columns: Names of the columns that are needed beside those of the choice; None for all.
        """
        table = read(part.path, part.groups, None if columns is None else self._needed(columns))
        if self.weights is not None and not np.any(table.column(self.weights).to_numpy() > 0):
            return None
        made = self._of_part(table, part).counted()
        made._lay_out_for(self.most_individuals, self.n_situations)
        return made

    def in_memory(self, columns: Collection[str] | None = None) -> Iterator[Dataset]:
        """The data sets of the parts, one after the other."""
        for part in self.parts:
            made = self.part(part, columns)
            if made is not None:
                yield made

    def sample(self, individuals: int, seed: int = 0) -> Dataset:
        """A data set of individuals that are drawn at random, in memory, for what needs all rows at once.

        Args:
            individuals: How many.
            seed: Seed of the draw.

        Raises:
            DatasetError: There are not so many.
        """
        import pyarrow as pa

        whole("sample", "individuals", individuals, least=1, error=DatasetError)
        seed_of("sample", seed, DatasetError)
        if individuals > self.n_individuals:
            raise DatasetError(f"individuals must be at most {self.n_individuals:,}, found {individuals:,}.")
        drawn = np.sort(np.random.default_rng(seed).choice(self.n_individuals, individuals, replace=False))
        tables, numbers = [], []
        for part in self.parts:
            own = drawn[(drawn >= part.first) & (drawn < part.first + part.individuals)]
            if len(own):
                table = read(part.path, part.groups)
                some = self._of_part(table, part).take(own - part.first)
                tables.append(some._table.frame.to_native())
                numbers.append(own)
        made = self._made(pa.concat_tables(tables))
        made.individual_numbers, made.draw_situations = np.concatenate(numbers), self.draw_situations
        return made

    def groups(self, column: str) -> NDArray[np.integer]:
        """Number of the group that each individual belongs to, from 0, (N,): equal values of a column are a group.

        Raises:
            DatasetError: The column does not exist, misses values, or changes within an individual.
        """
        labels: list[NDArray[Any]] = []
        for data in self.in_memory([column]):
            data.groups(column)  # an error where it changes within an individual
            labels.append(data.situation_values(column)[data.situations[0]])
        return np.unique(np.concatenate(labels), return_inverse=True)[1]

    def counted(self) -> Self:
        """The data set itself: individuals of weight 0 are left out where parts are read."""
        return self

    def describe(self, availability: Mapping[str, Any] | None = None) -> Description:
        """A health report as of `Dataset`, but for rows that repeat others, read part by part."""
        parts = (self._of_part(read(part.path, part.groups), part) for part in self.parts)
        return reduce(Tally.__add__, (data._tally(availability or {}) for data in parts)).described()

    def __len__(self) -> int:
        return self.nobs

    def __repr__(self) -> str:
        about = "choice situations" if self.alternatives else "rows"
        listed = f"; alternatives {', '.join(self.alternatives)}" if self.alternatives else ""
        many = f"{self.nobs:,} {about} of {self.n_individuals:,} individuals in {len(self.parts):,} parts"
        return f"ScannedDataset({many}{listed})"

    # ---- construction -----------------------------------------------------------------------------------------

    @property
    def _long(self) -> Any:
        if not self.is_long:
            raise DatasetError("Wide data have no axis of alternatives. Name the columns alternative= and situation=.")
        return self.specimen

    def _needed(self, columns: Collection[str]) -> list[str]:
        """The columns that a data set is made with, and some others, in the order of the files."""
        named = {*columns, *self._roles()}
        return [name for name in self.columns if name in named]

    def _roles(self) -> dict[str, str]:
        return self.specimen._roles()

    def _first_rows(self) -> Dataset:
        """The individuals of the first rows that count."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for part in self.parts:
            table = read(part.path, part.groups[:1])
            if self.weights in table.column_names and not pa.types.is_string(table.schema.field(self.weights).type):
                table = table.filter(pc.greater(table.column(self.weights), 0))
            if len(table):
                break
        else:
            raise DatasetError(f"The weights in '{self.weights}' are all 0, so no row counts.")
        identifier = self.individual or self._options[2]
        if identifier is None:
            return self._made(table.slice(0, SPECIMEN))
        some = pc.unique(table.column(identifier).slice(0, SPECIMEN))
        return self._made(table.filter(pc.is_in(table.column(identifier), some)))

    def _of_part(self, table: Any, part: RowGroups) -> Dataset:
        """The data set of the rows of a part."""
        with noted(place_of(part)):
            made = self._made(table)
        made.individual_numbers = part.first + np.arange(made.n_individuals, dtype=np.int64)
        made.draw_situations, made.origin = self.draw_situations, self.origin
        return made

    def _made(self, table: Any) -> Dataset:
        alternatives, alternative, situation = self._options
        if situation is None or alternative is None:
            return Dataset(table, self.choice, alternatives, self.individual, self.weights)
        made: Dataset = Dataset.from_long(
            table,
            choice=self.choice,
            alternative=alternative,
            situation=situation,
            individual=self.individual,
            weights=self.weights,
            alternatives=alternatives,
        )
        return made

    def like(self, frame: Any) -> Dataset:
        """A data set of another frame, in memory, with the options of this one; see `Dataset.like`."""
        return self.specimen.like(frame)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__") or name in ("_specimen", "parts", "origin"):
            raise AttributeError(name)
        _refuse(f"'{name.strip('_')}'")


def place_of(part: RowGroups) -> str:
    """Where the rows are counted from that an error of a part names."""
    return f"Rows are counted from the first of row group {part.groups[0]} of '{part.path}'."


#: Methods of data sets that need all rows at once.
IN_MEMORY = (
    *("array", "evaluate", "zero_or_one", "take", "split", "folds", "where", "split_time", "without", "with_columns"),
    *("at_means", "to_long", "to_wide", "of_situations", "situation_values", "rows_of", "sample_alternatives"),
    *("individual_weights", "individuals", "chosen_alternatives", "situations", "situation_labels"),
    *("individual_labels",),
)


def _refuse(what: str) -> NoReturn:
    raise DatasetError(
        f"{what} needs all rows in memory, and the data set is scanned. Take some of them there, "
        "ds.sample(individuals=100_000), or read the files with cmt.Dataset(path, ...) if they fit."
    )


def _refusing(name: str) -> property:
    def refused(self: ScannedDataset) -> NoReturn:
        _refuse(f"'{name}'")

    return property(refused)


for _name in IN_MEMORY:
    setattr(ScannedDataset, _name, _refusing(_name))

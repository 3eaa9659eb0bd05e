"""Dataset: a table of choices becomes symbolic columns and the arrays that belong to them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset.frames import Table, numbered, rows_text
from pycmtensor.dataset.layout import checked_alternatives, code_positions, panel
from pycmtensor.dataset.splits import before, in_folds, in_training
from pycmtensor.exceptions import DatasetError

if TYPE_CHECKING:
    from pycmtensor.dataset.long import LongDataset

__all__ = ["Dataset", "Special"]


class Special(Enum):
    """What a symbol stands for when it is not a column."""

    CHOSEN = "chosen"
    OBSERVED = "observed"
    WEIGHT = "weight"
    AVAILABLE = "available"
    ALTERNATIVE = "alternative"


class Dataset:
    """Choices in wide format: one row is one choice situation. `from_long` takes one row per alternative instead.

    A column is used in a utility as ``ds["TRAIN_TT"]``, a symbolic tensor with the axes (T, N, 1): choice
    situations of an individual, individuals, draws. Its numbers are `array`. The frame itself is never changed,
    and changing it later does not change the data set.

    Args:
        frame: A pandas, polars or PyArrow table, a DuckDB relation, any other frame that narwhals supports, or the
            path of a Parquet or CSV file.
        choice: The column that holds the code of the chosen alternative.
        alternatives: Name of every alternative -> its code in the choice column. The order is the order of tables.
        individual: The column that identifies the decision maker: rows with one value are the choice situations of
            one individual (a panel), in the order of the rows. None when every row is an individual of its own.
        weights: The column of sample weights; constant within an individual.

    Attributes:
        alternatives: As given.
        n_alternatives: J, alternatives, or places for them in a sample.
        n_individuals: N, decision makers.
        n_situations: T, the largest number of choice situations of one individual.
        nobs: Choice situations, the rows of a wide frame.

    Raises:
        DatasetError: The frame is empty or of an unknown kind; a column does not exist; a choice code has no
            alternative; an identifier is missing; a weight is negative or varies within an individual.

    Examples:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "t_car": [10.0, 20, 30], "t_bus": [15.0, 12, 20]})
        >>> ds = Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> ds
        Dataset(3 choice situations of 3 individuals; alternatives car, bus)
        >>> ds.array("t_car").shape  # (T, N, 1)
        (1, 3, 1)
    """

    def __init__(
        self,
        frame: Any,
        choice: str,
        alternatives: Mapping[str, Hashable],
        individual: str | None = None,
        weights: str | None = None,
    ) -> None:
        self._table = Table(frame)
        self.alternatives = checked_alternatives(alternatives)
        self.n_alternatives = len(self.alternatives)
        self.choice, self.individual, self.weights = choice, individual, weights
        self._situation_rows: NDArray[np.integer] = np.arange(len(self._table))
        self._arrange(code_positions(self._table.complete(choice), self.alternatives, choice))

    @staticmethod
    def from_long(
        frame: Any,
        *,
        choice: str,
        alternative: str,
        situation: str,
        individual: str | None = None,
        weights: str | None = None,
        alternatives: Mapping[str, Hashable] | Sequence[str] | None = None,
    ) -> LongDataset:
        """A data set of a frame with one row per choice situation and available alternative; see `LongDataset`."""
        from pycmtensor.dataset.long import LongDataset

        return LongDataset(frame, choice, alternative, situation, individual, weights, alternatives)

    # ---- symbols ----------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """Names of the frame's columns."""
        return self._table.columns

    def __getitem__(self, column: str) -> Variable:
        """The symbolic column, with the axes (T, N, 1).

        Compare it with ``pt.eq(ds["GA"], 1)``: ``==`` asks whether two symbols are the same object.
        """
        if not isinstance(column, str) or column not in self._symbols:
            self._table.numeric(column)
            self._symbols[column] = self._symbol(column, column)
        return self._symbols[column]

    @property
    def chosen(self) -> Variable:
        """Symbol of the chosen alternative's position on the axis of alternatives, axes (T, N, 1)."""
        return self._special(Special.CHOSEN)

    @property
    def observed(self) -> Variable:
        """Symbol that is 1 for a choice situation and 0 where a shorter panel is padded, axes (T, N, 1)."""
        return self._special(Special.OBSERVED)

    @property
    def weight(self) -> Variable:
        """Symbol of the sample weight of each individual, axes (1, N, 1)."""
        return self._special(Special.WEIGHT, situations=1)

    def available(self, alternative: str | None = None) -> Variable | None:
        """What the data themselves say of which alternatives can be chosen; None in wide data, which say nothing."""
        return None

    @property
    def is_long(self) -> bool:
        """Whether columns have the axis of alternatives, as in `LongDataset`."""
        return False

    @property
    def is_panel(self) -> bool:
        """Whether an individual can have several choice situations."""
        return self.individual is not None

    # ---- numbers ----------------------------------------------------------------------------------------------

    def array(self, column: str | Variable) -> NDArray[Any]:
        """The numbers of a column or of a symbol of any data set with the same columns.

        Args:
            column: A column's name, or a symbol as `__getitem__`, `chosen`, `observed`, `weight` give it.

        Returns:
            Array (T, N, 1); padding repeats the individual's first row.

        Raises:
            DatasetError: The column does not exist, is not numeric, or holds missing or infinite values.
        """
        key = getattr(column.tag, "column", None) if isinstance(column, Variable) else column
        if key is None:
            raise DatasetError(f"The input {column} is not a column of a data set. Use ds['name'] in utilities.")
        if key not in self._arrays:
            self._arrays[key] = self._placed(key)
        return self._arrays[key]

    def evaluate(self, expression: Variable) -> NDArray[Any]:
        """The numbers of an expression of columns, for example ``ds["COST"] * (ds["GA"] < 1)``.

        Args:
            expression: Any symbolic expression of this data set's columns, without parameters.

        Returns:
            Array that broadcasts to the axes of the columns.
        """
        expression = pt.as_tensor_variable(expression)
        inputs = [v for v in graph_inputs([expression]) if hasattr(v.tag, "column")]
        interpreted = Mode(linker="py", optimizer=None)  # nothing is compiled for a single evaluation
        return np.asarray(expression.eval({v: self.array(v) for v in inputs}, mode=interpreted))

    @property
    def individual_weights(self) -> NDArray[Any]:
        """Sample weight of every individual, (N,); 1 without weights."""
        return self._arrays[Special.WEIGHT][0, :, 0]

    @property
    def chosen_alternatives(self) -> NDArray[np.integer]:
        """Position of the chosen alternative in ``alternatives``, (T, N)."""
        return self._chosen[self._situations]

    def groups(self, column: str) -> NDArray[np.integer]:
        """Number of the group that each individual belongs to, from 0, (N,): equal values of a column are a group.

        Args:
            column: Any column without missing values, such as a household, a city or an interviewer.

        Raises:
            DatasetError: The column does not exist, misses values, or changes within an individual.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"mode": [1, 2, 2], "city": ["Bern", "Basel", "Bern"]})
            >>> Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2}).groups("city")
            array([1, 0, 1])
        """
        _, group = np.unique(self._by_situation(column), return_inverse=True)
        by_situation = group[self._situations]
        split = self.rows_of(by_situation != by_situation[0])
        if len(split):
            raise DatasetError(
                f"Column '{column}' changes within an individual of '{self.individual}' at {rows_text(split)}; groups "
                "hold whole individuals."
            )
        return by_situation[0]

    def rows_of(self, where: NDArray[np.bool_]) -> NDArray[np.integer]:
        """Rows of the frame, counted from 0, of the choice situations that are True in ``where`` (T, N)."""
        return np.sort(self._rows[where & self._is_observed])

    # ---- parts ------------------------------------------------------------------------------------------------

    def take(self, individuals: NDArray[np.integer]) -> Dataset:
        """The data set of some individuals, with all their choice situations.

        Args:
            individuals: Their positions on the axis N.
        """
        return self._part(self._situations[:, individuals][self._is_observed[:, individuals]])

    def without(self, alternative: str) -> Dataset:
        """The choices among the other alternatives: situations in which this one is chosen are left out.

        Args:
            alternative: Its name.

        Raises:
            DatasetError: There is no such alternative, or fewer than two or no choices are left.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"mode": [1, 2, 3, 2]})
            >>> Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2, "tram": 3}).without("bus")
            Dataset(2 choice situations of 2 individuals; alternatives car, tram)
        """
        self._is_named(alternative)
        names = list(self.alternatives)
        if len(names) < 3:
            raise DatasetError(f"Without '{alternative}', one alternative is left: there is nothing to choose.")
        others = {name: code for name, code in self.alternatives.items() if name != alternative}
        return self._part(np.flatnonzero(self._chosen != names.index(alternative)), others)

    def split(self, train: float = 0.8, by: str = "individual", seed: int = 0) -> tuple[Dataset, Dataset]:
        """Two parts drawn at random, to estimate with and to test with; an individual is in one of them.

        Args:
            train: Share of the first part, between 0 and 1.
            by: "individual", or a column whose equal values stay together too, such as a household.
            seed: Seed of the draw.

        Raises:
            DatasetError: A part would be empty, or the column changes within an individual.

        Examples:
            >>> import pandas as pd
            >>> ds = Dataset(pd.DataFrame({"mode": [1, 2] * 5}), choice="mode", alternatives={"car": 1, "bus": 2})
            >>> [part.n_individuals for part in ds.split(0.8)]
            [8, 2]
        """
        is_training = in_training(self._units(by), train, seed)
        return self.take(np.flatnonzero(is_training)), self.take(np.flatnonzero(~is_training))

    def folds(self, k: int = 5, seed: int = 0, by: str = "individual") -> list[tuple[Dataset, Dataset]]:
        """The k pairs of parts (train, test) of a k-fold cross-validation: every individual is tested once.

        Args:
            k: Number of folds, at least 2.
            seed: Seed of the draw.
            by: As in `split`.
        """
        fold = in_folds(self._units(by), k, seed)
        return [(self.take(np.flatnonzero(fold != i)), self.take(np.flatnonzero(fold == i))) for i in range(k)]

    def split_time(self, column: str, at: Any) -> tuple[Dataset, Dataset]:
        """The choice situations before a time and those from it on; an individual can be in both.

        Args:
            column: A column of numbers, dates or text that sorts like a time.
            at: The first value of the second part.

        Raises:
            DatasetError: The column cannot be compared with ``at``, or a part would be empty.
        """
        is_before = before(self._by_situation(column), at, column)
        return self._part(np.flatnonzero(is_before)), self._part(np.flatnonzero(~is_before))

    # ---- what it is -------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.nobs

    def __repr__(self) -> str:
        names = list(self.alternatives)
        listed = ", ".join(names) if len(names) <= 10 else f"{', '.join(names[:3])}, ... ({len(names):,})"
        return (
            f"{type(self).__name__}({self.nobs:,} choice situations of {self.n_individuals:,} individuals; "
            f"alternatives {listed})"
        )

    # ---- construction -----------------------------------------------------------------------------------------

    def _arrange(self, chosen: NDArray[np.integer]) -> None:
        """Lay the choice situations (S,) out on the axes (T, N), given the alternative that is chosen in each."""
        self._chosen = chosen
        self.nobs = len(self._situation_rows)
        self._situations, self._is_observed = self._layout()
        self._rows = self._situation_rows[self._situations]
        self.n_situations, self.n_individuals = self._rows.shape
        self._symbols: dict[object, Variable] = {}
        self._arrays: dict[object, NDArray[Any]] = {
            Special.CHOSEN: self._spread(chosen),
            Special.OBSERVED: self._is_observed[:, :, None].astype(pytensor.config.floatX),
        }
        self._arrays[Special.WEIGHT] = self._weights()

    def _layout(self) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
        """Choice situations on the axes (T, N), and which of them are there."""
        if self.individual is None:
            situations = np.arange(self.nobs)[None, :]
            return situations, np.ones(situations.shape, dtype=bool)
        person, _ = numbered(self._by_situation(self.individual), self.individual)
        return panel(person)

    def _weights(self) -> NDArray[Any]:
        if self.weights is None:
            return np.ones((1, self.n_individuals, 1), dtype=pytensor.config.floatX)
        self._table.finite(self.weights)
        values = self._spread(self._by_situation(self.weights))
        negative = self.rows_of(values[..., 0] < 0)
        if len(negative):
            raise DatasetError(f"The weights in '{self.weights}' must be at least 0; {rows_text(negative)} are not.")
        if not values.any():
            raise DatasetError(f"The weights in '{self.weights}' are all 0, so no row counts.")
        split = self.rows_of(values[..., 0] != values[:1, :, 0])
        if len(split):
            raise DatasetError(
                f"The weights in '{self.weights}' must be constant within an individual of '{self.individual}'; "
                f"they change at {rows_text(split)}."
            )
        return values[:1]

    def _part(self, situations: NDArray[np.integer], alternatives: Mapping[str, Hashable] | None = None) -> Dataset:
        """The data set of some choice situations, in the order of the frame."""
        rows = self._table.rows(np.sort(situations))
        return Dataset(rows, self.choice, alternatives or self.alternatives, self.individual, self.weights)

    def _by_situation(self, column: str) -> NDArray[Any]:
        """A column that has one value, which must be there, in each choice situation, (S,)."""
        return self._table.complete(column)

    def _placed(self, key: Any) -> NDArray[Any]:
        """The numbers of a column on its axes."""
        return self._spread(self._table.finite(key))

    def _spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of situations (S,) on the axes (T, N, 1); without a copy when every one is an individual."""
        values = values.astype(pytensor.config.floatX, copy=False)
        return values[self._situations][:, :, None] if self.is_panel else values[None, :, None]

    def _special(self, key: Special, situations: int | None = None) -> Variable:
        if key not in self._symbols:
            self._symbols[key] = self._symbol(key.value, key, situations=situations)
        return self._symbols[key]

    def _symbol(self, name: str, key: object, leading: tuple[int, ...] = (), situations: int | None = None) -> Variable:
        T = situations if self.is_panel else 1
        symbol = pt.tensor(name, dtype=pytensor.config.floatX, shape=(*leading, T, None, 1))
        symbol.tag.column = key
        return symbol

    def _units(self, by: str) -> NDArray[np.integer]:
        """What is drawn: individuals, or groups of them, as numbers (N,)."""
        return np.arange(self.n_individuals) if by == "individual" else self.groups(by)

    def _is_named(self, alternative: str) -> None:
        if alternative not in self.alternatives:
            raise DatasetError(
                f"There is no alternative {alternative!r}; the data set has {', '.join(self.alternatives)}."
            )

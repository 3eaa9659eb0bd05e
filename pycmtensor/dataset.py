"""Dataset: a table of choices becomes symbolic columns and the arrays that belong to them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Any

import narwhals as nw
import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.exceptions import DatasetError

__all__ = ["Dataset", "rows_text"]


class Special(Enum):
    """What a symbol stands for when it is not a column."""

    CHOSEN = "chosen"
    OBSERVED = "observed"
    WEIGHT = "weight"


CHOSEN, OBSERVED, WEIGHT = Special.CHOSEN, Special.OBSERVED, Special.WEIGHT


def rows_text(rows: NDArray[np.integer]) -> str:
    """'row 3' or '12 rows, the first at 0, 4, 5, 8, 9', counted from 0."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    first = ", ".join(map(str, rows[:5]))
    return f"{len(rows)} rows, the first at {first}"


class Dataset:
    """Choices in wide format: one row is one choice situation.

    A column is used in a utility as ``ds["TRAIN_TT"]``, a symbolic tensor with the axes (T, N, 1): choice
    situations of an individual, individuals, draws. Its numbers are `array`. The frame itself is never changed,
    and changing it later does not change the data set.

    Args:
        frame: A pandas, polars or PyArrow table, or any other frame that narwhals supports.
        choice: The column that holds the code of the chosen alternative.
        alternatives: Name of every alternative -> its code in the choice column. The order is the order of tables.
        individual: The column that identifies the decision maker: rows with one value are the choice situations of
            one individual (a panel), in the order of the rows. None when every row is an individual of its own.
        weights: The column of sample weights; constant within an individual.

    Attributes:
        alternatives: As given.
        n_individuals: N, decision makers.
        n_situations: T, the largest number of choice situations of one individual.
        nobs: Choice situations, the rows of the frame.

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
        self._table = _snapshot(frame)
        self.nobs = len(self._table)
        if self.nobs == 0:
            raise DatasetError("The frame has no rows. Check the file and the filter that made it.")
        self.alternatives = _checked_alternatives(alternatives)
        self.choice, self.individual, self.weights = choice, individual, weights
        self._rows, self._is_observed = self._layout(individual)
        self.n_situations, self.n_individuals = self._rows.shape
        self._symbols: dict[object, Variable] = {}
        self._arrays: dict[object, NDArray[Any]] = {
            CHOSEN: self._spread(self._codes().astype(pytensor.config.floatX)),
            OBSERVED: self._is_observed[:, :, None].astype(pytensor.config.floatX),
        }
        self._arrays[WEIGHT] = self._weights()

    # ---- symbols ----------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """Names of the frame's columns."""
        return list(self._table.columns)

    def __getitem__(self, column: str) -> Variable:
        """The symbolic column, with the axes (T, N, 1).

        Compare it with ``pt.eq(ds["GA"], 1)``: ``==`` asks whether two symbols are the same object.
        """
        if not isinstance(column, str) or column not in self._symbols:
            self._numeric(column)
            self._symbols[column] = self._symbol(column, column)
        return self._symbols[column]

    @property
    def chosen(self) -> Variable:
        """Symbol of the chosen alternative's position in ``alternatives``, axes (T, N, 1)."""
        return self._special(CHOSEN, "chosen")

    @property
    def observed(self) -> Variable:
        """Symbol that is 1 for a choice situation and 0 where a shorter panel is padded, axes (T, N, 1)."""
        return self._special(OBSERVED, "observed")

    @property
    def weight(self) -> Variable:
        """Symbol of the sample weight of each individual, axes (1, N, 1)."""
        return self._special(WEIGHT, "weight")

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
        key = column if isinstance(column, str) else getattr(column.tag, "column", None)
        if key is None:
            raise DatasetError(f"The input {column} is not a column of a data set. Use ds['name'] in utilities.")
        if key not in self._arrays:
            assert isinstance(key, str)
            values = self._numeric(key)
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                missing = int(np.isnan(values).sum())
                raise DatasetError(
                    f"Column '{key}' holds {missing} missing and {len(bad) - missing} infinite value(s) "
                    f"({rows_text(bad)}). Fill them or drop the rows before making the Dataset."
                )
            self._arrays[key] = self._spread(values.astype(pytensor.config.floatX, copy=False))
        return self._arrays[key]

    def evaluate(self, expression: Variable) -> NDArray[Any]:
        """The numbers of an expression of columns, for example ``ds["COST"] * (ds["GA"] < 1)``.

        Args:
            expression: Any symbolic expression of this data set's columns, without parameters.

        Returns:
            Array that broadcasts to (T, N, 1).
        """
        expression = pt.as_tensor_variable(expression)
        inputs = [v for v in graph_inputs([expression]) if hasattr(v.tag, "column")]
        interpreted = Mode(linker="py", optimizer=None)  # nothing is compiled for a single evaluation
        return np.asarray(expression.eval({v: self.array(v) for v in inputs}, mode=interpreted))

    @property
    def individual_weights(self) -> NDArray[Any]:
        """Sample weight of every individual, (N,); 1 without weights."""
        return self._arrays[WEIGHT][0, :, 0]

    def take(self, individuals: NDArray[np.integer]) -> Dataset:
        """The data set of some individuals, with all their choice situations.

        Args:
            individuals: Their positions on the axis N.
        """
        rows = np.sort(self._rows[:, individuals][self._is_observed[:, individuals]])
        part = self._table[rows.tolist()]
        return Dataset(part, self.choice, self.alternatives, self.individual, self.weights)

    def without(self, alternative: str) -> Dataset:
        """The choices among the other alternatives: rows in which this one is chosen are left out.

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
        names = list(self.alternatives)
        if alternative not in names:
            raise DatasetError(f"There is no alternative {alternative!r}; the data set has {', '.join(names)}.")
        if len(names) < 3:
            raise DatasetError(f"Without '{alternative}', one alternative is left: there is nothing to choose.")
        kept = np.flatnonzero(self._codes() != names.index(alternative))
        others = {name: code for name, code in self.alternatives.items() if name != alternative}
        return Dataset(self._table[kept.tolist()], self.choice, others, self.individual, self.weights)

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
        _, group = np.unique(self._complete(column), return_inverse=True)
        by_situation = group[self._rows]
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

    def __len__(self) -> int:
        return self.nobs

    def __repr__(self) -> str:
        return (
            f"Dataset({self.nobs:,} choice situations of {self.n_individuals:,} individuals; "
            f"alternatives {', '.join(self.alternatives)})"
        )

    # ---- construction -----------------------------------------------------------------------------------------

    def _layout(self, individual: str | None) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
        """Rows of the frame on the axes (T, N), and which of them are there."""
        if individual is None:
            rows = np.arange(self.nobs)[None, :]
            return rows, np.ones(rows.shape, dtype=bool)
        identifier = self._complete(individual)
        try:
            _, first, person = np.unique(identifier, return_index=True, return_inverse=True)
        except TypeError:
            raise DatasetError(
                f"Column '{individual}' mixes types; identifiers must be all numbers or all text."
            ) from None
        person = np.argsort(np.argsort(first))[person]  # individuals in the order of their first row
        lengths = np.bincount(person)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        by_person = np.argsort(person, kind="stable")
        t = np.arange(np.max(lengths))[:, None]
        is_observed = t < lengths
        return by_person[np.where(is_observed, starts + t, starts)], is_observed

    def _codes(self) -> NDArray[np.integer]:
        """Position of the chosen alternative in ``alternatives``, row by row."""
        codes = self._complete(self.choice)
        position = np.full(self.nobs, -1)
        for i, code in enumerate(self.alternatives.values()):
            position[codes == code] = i
        unknown = np.flatnonzero(position < 0)
        if len(unknown):
            found = ", ".join(sorted({repr(code) for code in codes[unknown].tolist()})[:10])
            known = ", ".join(f"{code!r} ({name})" for name, code in self.alternatives.items())
            raise DatasetError(
                f"The choice column '{self.choice}' holds {found}, which no alternative has as its code "
                f"({rows_text(unknown)}). Known codes: {known}. Add the alternative or drop these rows."
            )
        return position

    def _weights(self) -> NDArray[Any]:
        if self.weights is None:
            return np.ones((1, self.n_individuals, 1), dtype=pytensor.config.floatX)
        values = self.array(self.weights)
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

    def _special(self, key: object, name: str) -> Variable:
        if key not in self._symbols:
            self._symbols[key] = self._symbol(name, key, fixed_t=key is WEIGHT)
        return self._symbols[key]

    def _symbol(self, name: str, key: object, fixed_t: bool = False) -> Variable:
        situations = None if self.is_panel and not fixed_t else 1
        symbol = pt.tensor(name, dtype=pytensor.config.floatX, shape=(situations, None, 1))
        symbol.tag.column = key
        return symbol

    def _spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Row values (rows,) on the axes (T, N, 1); without a copy when every row is an individual."""
        return values[self._rows][:, :, None] if self.is_panel else values[None, :, None]

    def _column(self, column: str) -> nw.Series[Any]:
        if not isinstance(column, str):
            raise DatasetError(f"A column is called by its name, a text, found {column!r}. Rename columns if need be.")
        if column not in self._table.columns:
            near = get_close_matches(str(column), self.columns, n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Columns: {', '.join(self.columns)}."
            raise DatasetError(f"The frame has no column '{column}'. {hint}")
        return self._table[column]

    def _complete(self, column: str) -> NDArray[Any]:
        """The values of a column that must be there in every row."""
        series = self._column(column)
        missing = series.is_null()
        if series.dtype.is_float():
            missing = missing | series.is_nan()
        if missing.any():
            bad = np.flatnonzero(missing.to_numpy())
            raise DatasetError(f"Column '{column}' is missing in {rows_text(bad)}. Fill it or drop these rows.")
        return series.to_numpy()

    def _numeric(self, column: str) -> NDArray[Any]:
        series = self._column(column)
        if not (series.dtype.is_numeric() or series.dtype == nw.Boolean):
            examples = ", ".join(repr(v) for v in series.head(3).to_list())
            raise DatasetError(
                f"Column '{column}' must hold numbers, found {series.dtype} ({examples}, ...). "
                "Convert it, or make an indicator (0 or 1) of each of its values."
            )
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=float)


def _snapshot(frame: Any) -> nw.DataFrame[Any]:
    """The frame as narwhals sees it, detached from later changes by the user."""
    try:
        table = nw.from_native(frame)
    except nw.exceptions.DuplicateError:
        raise DatasetError("The frame has two columns of one name. Rename or drop one of them.") from None
    except TypeError:
        raise DatasetError(
            f"A Dataset is made from a pandas, polars or PyArrow table, found {type(frame).__name__}. "
            "Convert it, for example with pandas.DataFrame(...)."
        ) from None
    if isinstance(table, nw.LazyFrame):
        return table.collect()
    return table.select(nw.all())  # shallow: pandas copies on write, other frames are immutable


def _checked_alternatives(alternatives: Mapping[str, Hashable]) -> dict[str, Hashable]:
    if not isinstance(alternatives, Mapping) or len(alternatives) < 2:
        raise DatasetError(
            f"alternatives must map at least two names to codes, found {alternatives!r}. "
            "Write for example alternatives={'train': 1, 'car': 2}."
        )
    codes = list(alternatives.values())
    twice = {name: code for name, code in alternatives.items() if codes.count(code) > 1}
    if twice:
        raise DatasetError(f"Each alternative needs a code of its own, found {twice}.")
    return dict(alternatives)

"""Numbers of choice situations on the axes (T, N, 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.dataset.frames import numbered, rows_text
from pycmtensor.dataset.layout import panel
from pycmtensor.dataset.symbolic import Symbolic
from pycmtensor.dataset.symbols import Origin, Special, column_of, columns_in, interpreted
from pycmtensor.exceptions import DatasetError, checked_class

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Columns", "Special"]


@checked_class(DatasetError)
class Columns(Symbolic):
    """Base of data sets: a table whose choice situations stand on the axes T and N.

    A subclass sets the attributes below and calls `_arrange`.
    """

    individual_numbers: NDArray[np.int64]  #: of the individuals (N,), from which their draws are made
    draw_situations: int  #: T of the data set that this is a part of, for which draws of each situation are laid out
    most_individuals: int  #: N of the largest of several parts, for which programs are compiled
    _situation_of: NDArray[np.integer]  #: number of the choice situation of each row, (rows,)
    _situation_rows: NDArray[np.integer]  #: the row of the chosen alternative in each situation, (S,)
    _position: NDArray[np.integer]  #: of the chosen alternative on the axis of alternatives, (S,)

    # ---- numbers ----------------------------------------------------------------------------------------------

    def array(self, column: str | Variable) -> NDArray[Any]:
        """The numbers of a column or of a symbol of any data set with the same columns.

        Args:
            column: A column's name, or a symbol as `__getitem__`, `chosen`, `observed`, `weight` give it.

        Returns:
            Array (T, N, 1); padding repeats the individual's first row.

        Raises:
            DatasetError: The column does not exist, is not numeric, or holds missing or infinite values.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2], "time": [10.0, 15.0]}), "mode", {"car": 1, "bus": 2})
            >>> ds.array("time").tolist()
            [[[10.0], [15.0]]]
        """
        key = column_of(column) if isinstance(column, Variable) else column
        if key is None:
            raise DatasetError(f"The input {column} is not a column of a data set. Use ds['name'] in utilities.")
        if key is Special.CHOSEN:
            return self._spread(self._position)
        if key not in self._arrays:
            self._arrays[key] = self._placed(key)
        return self._arrays[key]

    def evaluate(self, expression: Variable) -> NDArray[Any]:
        """The numbers of an expression of columns, for example ``ds["COST"] * (ds["GA"] < 1)``.

        Args:
            expression: Any symbolic expression of columns, without parameters; symbols of any data set with the same
                columns stand for those of this one, as in `array`.

        Returns:
            Array that broadcasts to the axes of the columns.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2], "time": [60.0, 90.0]}), "mode", {"car": 1, "bus": 2})
            >>> ds.evaluate(ds["time"] / 60).ravel().tolist()
            [1.0, 1.5]
        """
        expression = pt.as_tensor_variable(expression)
        return interpreted(expression, {symbol: self.array(symbol) for symbol in columns_in([expression])})

    def zero_or_one(self, what: str, expression: Variable | float) -> NDArray[np.bool_]:
        """Truth of an expression of columns whose numbers are 0 or 1, or True and False.

        Args:
            what: What it is, for the error.
            expression: Of columns of any data set with the same ones, or a constant.

        Returns:
            True or False, of the shape of the expression.

        Raises:
            DatasetError: There are other numbers; the message names the rows.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2], "has_car": [1, 0]}), "mode", {"car": 1, "bus": 2})
            >>> ds.zero_or_one("car ownership", ds["has_car"]).ravel().tolist()
            [True, False]
        """
        values = self.evaluate(pt.as_tensor_variable(expression))
        wrong: NDArray[np.bool_] = np.asarray((values != 0) & (values != 1))
        if wrong.any():
            axes = (self.n_alternatives if wrong.ndim == 4 else 1, *self._rows.shape, 1)
            rows = self.rows_of(np.any(np.broadcast_to(wrong, axes)[..., 0], axis=0))
            if len(rows):
                found = f"found {values[wrong].flat[0]:g} ({rows_text(rows)})"
                raise DatasetError(f"{what} must be 0 or 1, True or False, {found}. Write for example pt.gt(x, 0).")
        return values != 0

    @property
    def individual_weights(self) -> NDArray[Any]:
        """Sample weight of every individual, (N,); 1 without weights.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2], "w": [1.0, 2.5]})
            >>> cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, weights="w").individual_weights.tolist()
            [1.0, 2.5]
        """
        return self._arrays[Special.WEIGHT][0, :, 0]

    @property
    def individuals(self) -> NDArray[Any]:
        """Values of the column ``individual``, one for each individual, (N,); without a panel the numbers from 0.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 2], "who": ["Ann", "Bob", "Ann"]})
            >>> list(cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, individual="who").individuals)
            ['Ann', 'Bob']
        """
        if self.individual is None:
            return np.arange(self.n_individuals)
        return self._by_situation(self.individual)[self._situations[0]]

    @property
    def chosen_alternatives(self) -> NDArray[np.integer]:
        """Position of the chosen alternative in ``alternatives``, (T, N).

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 2]})
            >>> cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}).chosen_alternatives.tolist()
            [[0, 1, 1]]
        """
        self._need_choices("The chosen alternatives")
        return self._chosen[self._situations]

    def groups(self, column: str) -> NDArray[np.integer]:
        """Number of the group that each individual belongs to, from 0, (N,): equal values of a column are a group.

        Args:
            column: Any column without missing values, such as a household, a city or an interviewer.

        Returns:
            Whole numbers (N,).

        Raises:
            DatasetError: The column does not exist, misses values, or changes within an individual.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 2], "city": ["Bern", "Basel", "Bern"]})
            >>> cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2}).groups("city")
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

    @property
    def situations(self) -> NDArray[np.integer]:
        """Number of the choice situation, in the order of the frame, at each place of the axes (T, N).

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 2], "who": ["Ann", "Bob", "Ann"]})
            >>> cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, individual="who").situations[:, 0].tolist()  # of Ann
            [0, 2]
        """
        return self._situations

    def of_situations(self, values: NDArray[Any]) -> NDArray[Any]:
        """Numbers on the axes (..., T, N) in the order of the choice situations of the frame, (..., S).

        Args:
            values: Numbers with the last axes T and N.

        Returns:
            The numbers (..., S).

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 2], "who": [7, 3, 7]})
            >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, individual="who")
            >>> ds.of_situations(np.array([[1, 2], [3, 0]])).tolist()
            [1, 2, 3]
        """
        ordered = np.empty((*values.shape[:-2], self.nobs), values.dtype)
        ordered[..., self._situations[self._is_observed]] = values[..., self._is_observed]
        return ordered

    def situation_values(self, column: str) -> NDArray[Any]:
        """The values of any column in the order of the choice situations, (S,).

        Args:
            column: Its name.

        Returns:
            The values (S,).

        Raises:
            DatasetError: The column does not exist, misses values, or changes within a situation of long data.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2], "city": ["Bern", "Basel"]})
            >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2})
            >>> list(ds.situation_values("city"))
            ['Bern', 'Basel']
        """
        return self._by_situation(column)

    @property
    def situation_labels(self) -> pd.Index:
        """Labels of choice situations in tables: the index of a pandas frame, or 0 to S - 1.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2]}, index=["a", "b"])
            >>> list(cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}).situation_labels)
            ['a', 'b']
        """
        import pandas as pd

        index = self._table.index
        return pd.RangeIndex(self.nobs) if index is None else index

    @property
    def individual_labels(self) -> pd.Index:
        """Identifiers of the individuals on the axis N; those of the choice situations where each is one.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 2], "who": ["Ann", "Bob", "Ann"]})
            >>> list(cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, individual="who").individual_labels)
            ['Ann', 'Bob']
        """
        import pandas as pd

        if self.individual is None:
            return self.situation_labels
        return pd.Index(self._by_situation(self.individual)[self._situations[0]], name=self.individual)

    def rows_of(self, where: NDArray[np.bool_]) -> NDArray[np.integer]:
        """Rows of the frame, counted from 0, of the choice situations that are True in ``where`` (T, N).

        Args:
            where: Choice situations on the axes (T, N).

        Returns:
            Row numbers, rising.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 2]}), "mode", {"car": 1, "bus": 2})
            >>> ds.rows_of(ds.chosen_alternatives == 1).tolist()
            [1, 2]
        """
        return np.sort(self._rows[where & self._is_observed])

    # ---- construction -----------------------------------------------------------------------------------------

    def _arrange(self, chosen: NDArray[np.integer]) -> None:
        """Lay the choice situations (S,) out on the axes (T, N), given the alternative that is chosen in each."""
        self._chosen = self._position = chosen
        self.nobs = len(self._situation_rows)
        self._situations, self._is_observed = self._layout()
        self._rows = self._situation_rows[self._situations] if self.is_panel else self._situation_rows[None, :]
        self.n_situations, self.n_individuals = self._rows.shape
        self.individual_numbers = np.arange(self.n_individuals, dtype=np.int64)
        self.draw_situations, self.most_individuals = self.n_situations, self.n_individuals
        self.origin = Origin(repr(self))
        self._symbols: dict[object, Variable] = {}
        self._arrays: dict[object, NDArray[Any]] = {Special.OBSERVED: self._observed()}
        self._arrays[Special.WEIGHT] = self._ones() if self.weights is None else self._weights(self.weights)

    def _lay_out_for(self, individuals: int, situations: int) -> None:
        """Lay situations out as those of the largest of several parts (T, N), so that one program serves all parts."""
        self.most_individuals, missing = individuals, situations - self.n_situations
        if missing > 0:
            self._situations = np.concatenate([self._situations, np.repeat(self._situations[:1], missing, axis=0)])
            self._is_observed = np.pad(self._is_observed, [(0, missing), (0, 0)])
            self._rows, self.n_situations = self._situation_rows[self._situations], situations
            self._arrays[Special.OBSERVED] = self._observed()

    def _layout(self) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
        """Choice situations on the axes (T, N), and which of them are there."""
        if self.individual is None:
            a_row_each = self._situation_of is self._situation_rows
            situations = (self._situation_rows if a_row_each else np.arange(self.nobs))[None, :]
            return situations, np.broadcast_to(True, situations.shape)
        person, _ = numbered(self._by_situation(self.individual), self.individual)
        return panel(person)

    def _observed(self) -> NDArray[Any]:
        return self._is_observed[:, :, None].astype(pytensor.config.floatX) if self.is_panel else self._ones()

    def _ones(self) -> NDArray[Any]:
        """A 1 for every individual, (1, N, 1), that takes no memory."""
        return np.broadcast_to(np.ones((), pytensor.config.floatX), (1, self.n_individuals, 1))

    def _weights(self, column: str) -> NDArray[Any]:
        self._table.finite(column)
        values = self._spread(self._by_situation(column))
        negative = self.rows_of(values[..., 0] < 0)
        if len(negative):
            raise DatasetError(f"The weights in '{column}' must be at least 0; {rows_text(negative)} are not.")
        if not values.any():
            raise DatasetError(f"The weights in '{column}' are all 0, so no row counts.")
        split = self.rows_of(values[..., 0] != values[:1, :, 0])
        if len(split):
            raise DatasetError(
                f"The weights in '{column}' must be constant within an individual of '{self.individual}'; "
                f"they change at {rows_text(split)}."
            )
        return values[:1]

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

    def _need_choices(self, what: str) -> None:
        if not self.choices_known:
            raise DatasetError(
                f"{what} cannot be told: the data set has no choice column. Add one to the frame and name it with "
                "choice=..."
            )

    def _is_named(self, alternative: str) -> None:
        if alternative not in self.alternatives:
            raise DatasetError(
                f"There is no alternative {alternative!r}; the data set has {', '.join(self.alternatives)}."
            )

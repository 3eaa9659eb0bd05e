"""Choices in long format: one row per choice situation and available alternative."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.dataset.dataset import Dataset
from pycmtensor.dataset.frames import Table, numbered, rows_text
from pycmtensor.dataset.layout import cells, code_positions, named_alternatives
from pycmtensor.dataset.reshape import differs, unstacked
from pycmtensor.dataset.symbols import Special, column_of
from pycmtensor.exceptions import DatasetError, checked_class

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LongDataset"]


@checked_class(DatasetError)
class LongDataset(Dataset, enters="long"):
    """Choices in long format: one row is one alternative that can be chosen in one choice situation.

    ``ds["cost"]`` is a symbol with the axes (J, T, N, 1), alternatives first, so that one expression is the utility of
    all alternatives and costs the same to compile for three of them and for a thousand. ``ds["cost", "car"]`` is the
    column of one alternative, (T, N, 1), for utilities that are written one by one. What an alternative has no row for
    is unavailable, and models know that from the data.

    Args:
        frame: As in `Dataset`.
        choice: The column that is 1 (or True) in the row of the chosen alternative and 0 (or False) in others; None
            when the choices are not known.
        alternative: The column that says which alternative a row is.
        situation: The column that identifies the choice situation, over the whole frame.
        individual: As in `Dataset`; constant within a situation. None when every situation is an individual.
        weights: As in `Dataset`; constant within a situation.
        alternatives: Name -> value in the column ``alternative``, or a list of values. None takes the values as names,
            in the order of their first row.

    Raises:
        DatasetError: As `Dataset`; also when a situation has an alternative twice, or none or several chosen, or when
            an identifier or weight varies within it.

    Examples:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({
        ...     "trip": [1, 1, 2, 2, 2],
        ...     "mode": ["car", "bus", "car", "bus", "tram"],
        ...     "chosen": [1, 0, 0, 0, 1],
        ...     "time": [10.0, 15, 20, 25, 18],
        ... })
        >>> ds = Dataset.from_long(frame, choice="chosen", alternative="mode", situation="trip")
        >>> ds
        LongDataset(2 choice situations of 2 individuals; alternatives car, bus, tram)
        >>> ds.array("time").shape  # (J, T, N, 1)
        (3, 1, 2, 1)
        >>> ds.array("time")[..., 0].tolist()  # where there is no tram, the row of the chosen alternative stands
        [[[10.0, 20.0]], [[15.0, 25.0]], [[10.0, 18.0]]]
        >>> ds.evaluate(ds.available())[..., 0].tolist()
        [[[1.0, 1.0]], [[1.0, 1.0]], [[0.0, 1.0]]]
    """

    def __init__(
        self,
        frame: Any,
        choice: str | None,
        alternative: str,
        situation: str,
        individual: str | None = None,
        weights: str | None = None,
        alternatives: Mapping[str, Hashable] | Sequence[str] | None = None,
    ) -> None:
        self._table = Table(frame)
        self.choice, self.individual, self.weights = choice, individual, weights
        self.alternative, self.situation = alternative, situation
        codes = self._table.complete(alternative)
        self.alternatives = named_alternatives(codes, alternatives, alternative)
        self._alternative_of = code_positions(codes, self.alternatives, alternative)
        self._situation_of, _ = numbered(self._table.complete(situation), situation)
        self._check_rows()
        self._situation_rows = self._chosen_rows()
        place, self.n_alternatives = self._places()
        self._cells = cells(place, self._situation_of, self.n_alternatives)
        self._arrange(self._alternative_of[self._situation_rows])
        self._position = place[self._situation_rows]

    @property
    def is_long(self) -> bool:
        """True: columns have the axis of alternatives.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"trip": [1, 1], "mode": ["car", "bus"], "chosen": [1, 0]})
            >>> LongDataset(frame, choice="chosen", alternative="mode", situation="trip").is_long
            True
        """
        return True

    # ---- symbols ----------------------------------------------------------------------------------------------

    def __getitem__(self, column: str | tuple[str, str]) -> Variable:
        """A symbolic column with the axes (J, T, N, 1), or with an alternative's name beside, its (T, N, 1)."""
        if isinstance(column, tuple):
            return self._of_one(*self._checked_pair(column))
        if not isinstance(column, str) or column not in self._symbols:
            self._table.numeric(column)
            return self._of_all(column)
        return self._symbols[column]

    def available(self, alternative: str | None = None) -> Variable:
        """Symbol that is 1 where an alternative can be chosen and 0 elsewhere.

        Args:
            alternative: Its name for the axes (T, N, 1); None for all of them, (J, T, N, 1).

        Returns:
            The symbol.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"trip": [1, 1, 2], "mode": ["car", "bus", "car"], "chosen": [1, 0, 1]})
            >>> ds = LongDataset(frame, choice="chosen", alternative="mode", situation="trip")
            >>> ds.evaluate(ds.available("bus")).ravel().tolist()
            [1.0, 0.0]
        """
        if alternative is not None:
            self._is_named(alternative)
            return self._of_one(Special.AVAILABLE, alternative)
        return self._of_all(Special.AVAILABLE)

    def counterpart(self, symbol: Variable) -> Variable:
        """The symbol with the axes (J, T, N, 1) that stands for the same column as one of another long data set.

        Args:
            symbol: A column of another long data set.

        Returns:
            The symbol of this one.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"trip": [1, 1], "mode": ["car", "bus"], "chosen": [1, 0], "time": [9.0, 15]})
            >>> a, b = (LongDataset(frame, choice="chosen", alternative="mode", situation="trip") for _ in range(2))
            >>> a.counterpart(b["time"]).type.ndim
            4
        """
        key = column_of(symbol)
        return self[key] if isinstance(key, str) else self._of_all(key)

    def per_alternative(self, values: Mapping[str, Any] | Any) -> Variable:
        """Coefficients that differ between alternatives, as a symbol (J, 1, 1, 1) that goes with columns.

        Args:
            values: Name of an alternative -> a parameter, a number or a scalar expression; 0 for those that are not
                named. Or one vector of J parameters, such as ``Weight("asc", J)``, in the order of the alternatives.

        Returns:
            The symbol.

        Raises:
            DatasetError: A name is no alternative, or a value or vector has the wrong shape.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"trip": [1, 1], "mode": ["car", "bus"], "chosen": [1, 0], "time": [9.0, 15]})
            >>> ds = cmt.Dataset.from_long(frame, choice="chosen", alternative="mode", situation="trip")
            >>> asc_car, b_time = cmt.Beta("asc_car"), cmt.Beta("b_time")
            >>> cmt.MNL(ds, ds.per_alternative({"car": asc_car}) + b_time * ds["time"])
            MNL(car, bus; asc_car, b_time)
        """
        return self._coefficients(values).dimshuffle(0, "x", "x", "x")

    def varies(self, column: str) -> bool:
        """Whether a column differs between the alternatives of a situation.

        Args:
            column: Its name.

        Returns:
            True or False.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"trip": [1, 1], "mode": ["car", "bus"], "chosen": [1, 0], "age": [40, 40]})
            >>> ds = LongDataset(frame, choice="chosen", alternative="mode", situation="trip")
            >>> bool(ds.varies("chosen")), bool(ds.varies("age"))
            (True, False)
        """
        values = self._table.column(column).to_numpy()
        return differs(values, values[self._situation_rows[self._situation_of]])

    # ---- parts ------------------------------------------------------------------------------------------------

    def without(self, alternative: str) -> LongDataset:
        """The choices among the other alternatives: its rows, and situations in which it is chosen, are left out.

        Args:
            alternative: Its name.

        Returns:
            A long data set.

        Raises:
            DatasetError: As `Dataset.without`.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"trip": [1, 1, 1], "mode": ["car", "bus", "tram"], "chosen": [1, 0, 0]})
            >>> LongDataset(frame, choice="chosen", alternative="mode", situation="trip").without("tram")
            LongDataset(1 choice situations of 1 individuals; alternatives car, bus)
        """
        part = super().without(alternative)
        assert isinstance(part, LongDataset)
        return part

    def sample_alternatives(self, n: int, seed: int = 0, weights: str | None = None) -> LongDataset:
        r"""The same choices among samples of alternatives, for choice sets that are too large to go through.

        Each situation keeps the chosen alternative and a sample of others. The estimates of a logit stay consistent
        when ``sample["correction"]``, which is - log(q / k), is added to the utility: q is the probability that a draw
        is the alternative, k how often the sample has it. With uniform sampling it is 0 and can be left out. Among all
        alternatives there is no correction: ``results.predict(ds)`` and other answers about all leave it out.

        Args:
            n: Alternatives of a situation, the chosen one included; situations that have fewer keep all.
            seed: Seed of the draw.
            weights: None draws n - 1 others, each equally likely, without replacement. A column of positive numbers
                draws n - 1 times with replacement, with probabilities in proportion to it; an alternative that is
                drawn again makes the sample smaller.

        Returns:
            A data set whose axis of alternatives has n places, for models with one utility for all alternatives;
            ``per_alternative`` finds the alternative on each place.

        Raises:
            DatasetError: n is larger than all choice sets, or a weight is not positive.

        References:
            McFadden (1978), Modelling the choice of residential location; Frejinger, Bierlaire & Ben-Akiva (2009),
            doi:10.1016/j.trb.2009.03.001.

        Examples:
            >>> import numpy as np, pandas as pd
            >>> frame = pd.DataFrame({"trip": np.repeat([1, 2], 50), "zone": np.tile(np.arange(50), 2)})
            >>> frame["chosen"] = (frame.zone == 7).astype(int)
            >>> zones = LongDataset(frame, choice="chosen", alternative="zone", situation="trip")
            >>> zones.sample_alternatives(10, seed=1).n_alternatives
            10
        """
        self._need_choices("Samples with the chosen alternative")
        sample: LongDataset = Dataset.formats["sample"].drawn_from(self, n, seed, weights)
        return sample

    def _part(self, situations: NDArray[np.integer], alternatives: Mapping[str, Hashable] | None = None) -> Self:
        names = list(self.alternatives)
        kept = np.isin(names, list(alternatives or names))
        rows = np.flatnonzero(np.isin(self._situation_of, situations) & kept[self._alternative_of])
        return self._of_rows(rows, alternatives)

    def _of_frame(self, frame: Any, choice: str | None, alternatives: Mapping[str, Hashable]) -> LongDataset:
        given = choice, self.alternative, self.situation, self.individual, self.weights
        return LongDataset(frame, *given, alternatives)

    # ---- as frames --------------------------------------------------------------------------------------------

    def to_long(self, varying: Any = None, availability: Any = None) -> Any:
        """The frame, which is long already.

        Args:
            varying: Of wide data only.
            availability: Of wide data only.

        Returns:
            The frame.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"trip": [1, 1], "mode": ["car", "bus"], "chosen": [1, 0]})
            >>> LongDataset(frame, choice="chosen", alternative="mode", situation="trip").to_long().shape
            (2, 3)
        """
        return self._table.frame.to_native()

    def to_wide(self) -> Any:
        """A frame of the same kind with one row per choice situation.

        A column that differs between alternatives becomes one of each, such as ``cost_car``; the choice is the name of
        the chosen alternative; ``available_car`` is 0 where car has no row, and its columns are missing there.

        Returns:
            The frame.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"trip": [1, 1], "mode": ["car", "bus"], "chosen": [1, 0], "time": [9, 15]})
            >>> Dataset.from_long(frame, choice="chosen", alternative="mode", situation="trip").to_wide()
               trip chosen  time_car  time_bus
            0     1    car         9        15
        """
        self._need_choices("A frame with one choice in each situation")
        assert self.choice is not None
        names = list(self.alternatives)
        at = cells(self._alternative_of, self._situation_of, len(names))
        labels = self.situation, self.choice, self.alternative
        return unstacked(self._table, at, self._situation_rows, names, self._chosen, labels)

    # ---- construction -----------------------------------------------------------------------------------------

    def _rows_named(self, key: str | tuple[str, str]) -> NDArray[np.bool_]:
        if isinstance(key, str):
            return super()._rows_named(key)
        _, alternative = self._checked_pair(key)
        return self._alternative_of == list(self.alternatives).index(alternative)

    def _averaged(self) -> tuple[NDArray[np.integer], dict[str | None, Any]]:
        present, group = np.unique(self._alternative_of, return_inverse=True)
        codes = list(self.alternatives.values())
        constant = {self.individual: np.zeros(len(present)), self.weights: np.ones(len(present))}
        own: dict[str | None, Any] = {
            self.alternative: [codes[j] for j in present],
            self.situation: np.zeros(len(present)),
        }
        return group, {**constant, **own}

    @property
    def situation_labels(self) -> pd.Index:
        """Labels of choice situations in tables: the values of the column that identifies them.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"trip": ["a", "a", "b", "b"], "mode": ["car", "bus"] * 2, "chosen": [1, 0, 0, 1]})
            >>> list(LongDataset(frame, choice="chosen", alternative="mode", situation="trip").situation_labels)
            ['a', 'b']
        """
        import pandas as pd

        return pd.Index(self._table.complete(self.situation)[self._situation_rows], name=self.situation)

    def _check_rows(self) -> None:
        """Raise a `DatasetError` when a situation has an alternative twice."""
        cell = self._situation_of * len(self.alternatives) + self._alternative_of
        is_again = np.ones(len(cell), dtype=bool)
        is_again[np.unique(cell, return_index=True)[1]] = False
        again = np.flatnonzero(is_again)
        if len(again):
            name = list(self.alternatives)[self._alternative_of[again[0]]]
            raise DatasetError(
                f"'{name}' stands twice in {self._named(again)} ({rows_text(again)}). Each situation has one row "
                f"per alternative: drop the duplicates, or give column '{self.situation}' a value for each situation."
            )

    def _chosen_rows(self) -> NDArray[np.integer]:
        """The row of the chosen alternative of each situation, (S,); the first row when choices are not known."""
        if self.choice is None:
            return np.unique(self._situation_of, return_index=True)[1]
        flags = self._table.complete(self.choice)
        strange = np.flatnonzero(~np.isin(flags, [0, 1]))
        if len(strange):
            raise DatasetError(
                f"The choice column '{self.choice}' of a long frame must hold 1 or True where the alternative is "
                f"chosen and 0 or False elsewhere, found {flags[strange[0]]!r} ({rows_text(strange)}). Write for "
                "example frame['chosen'] = frame['choice'] == frame['mode']."
            )
        rows = np.flatnonzero(flags.astype(bool))
        times = np.bincount(self._situation_of[rows], minlength=int(self._situation_of.max()) + 1)
        for wrong, found in ((times == 0, "no alternative is"), (times > 1, "several alternatives are")):
            bad = np.flatnonzero(wrong[self._situation_of])
            if len(bad):
                raise DatasetError(
                    f"In {self._named(bad)} {found} chosen in column '{self.choice}', expected one; "
                    f"{int(wrong.sum())} situation(s) are so ({rows_text(bad)}). Correct the column or drop them."
                )
        return rows[np.argsort(self._situation_of[rows])]

    def _places(self) -> tuple[NDArray[np.integer], int]:
        """Place of each row on the axis of alternatives (rows,), and the length of that axis."""
        return self._alternative_of, len(self.alternatives)

    def _coefficients(self, values: Mapping[str, Any] | Any) -> Variable:
        """One coefficient for each alternative, (J,)."""
        J = len(self.alternatives)
        if isinstance(values, Mapping):
            for name in values:
                self._is_named(name)
            try:
                scalars = [pt.as_tensor_variable(values.get(name, 0.0)) for name in self.alternatives]
            except (TypeError, NotImplementedError) as error:
                raise DatasetError(f"per_alternative: values must be numbers or expressions: {error}") from None
            wrong = [name for name, scalar in zip(self.alternatives, scalars, strict=True) if scalar.ndim]
            if wrong:
                raise DatasetError(
                    f"per_alternative takes scalars, the value of '{wrong[0]}' has axes. Multiply the columns by the "
                    "result: ds.per_alternative({'car': b}) * ds['income']."
                )
            return pt.stack([pt.cast(scalar, pytensor.config.floatX) for scalar in scalars])
        try:
            vector = pt.as_tensor_variable(values)
        except (TypeError, NotImplementedError):
            raise DatasetError(f"per_alternative: values must be a dict or a vector, found {values!r}.") from None
        if vector.ndim != 1 or vector.type.shape[0] not in (None, J):
            raise DatasetError(
                f"per_alternative takes a dict by alternative or a vector of {J} parameters as values, found "
                f"{vector.type}."
            )
        return vector

    def _of_all(self, key: str | Special) -> Variable:
        """The symbol of a column with the axes (J, T, N, 1)."""
        if key not in self._symbols:
            name = key.value if isinstance(key, Special) else key
            self._symbols[key] = self._symbol(name, key, leading=(self.n_alternatives,))
        return self._symbols[key]

    def _of_one(self, column: str | Special, alternative: str) -> Variable:
        """The symbol of a column of one alternative, (T, N, 1)."""
        key = column, alternative
        if key not in self._symbols:
            name = column.value if isinstance(column, Special) else column
            self._symbols[key] = self._symbol(f"{name}[{alternative}]", key)
        return self._symbols[key]

    def _checked_pair(self, pair: tuple[str, ...]) -> tuple[str, str]:
        if len(pair) != 2:
            raise DatasetError(f"A column of one alternative is ds['cost', 'car'], found ds[{pair!r}].")
        column, alternative = pair
        self._table.numeric(column)
        self._is_named(alternative)
        return column, alternative

    def _by_situation(self, column: str) -> NDArray[Any]:
        values = self._table.complete(column)
        by_situation = values[self._situation_rows]
        differ = np.flatnonzero(values != by_situation[self._situation_of])
        if len(differ):
            raise DatasetError(
                f"Column '{column}' changes within {self._named(differ)} ({rows_text(differ)}), expected one value in "
                f"all rows of a situation. If '{self.situation}' counts anew for every individual, make it unique over "
                "the frame."
            )
        return by_situation

    def _placed(self, key: Any) -> NDArray[Any]:
        """The numbers of a column on its axes; what has no row repeats the row of the chosen alternative."""
        if isinstance(key, tuple):
            column, alternative = key
            return self.array(column)[list(self.alternatives).index(alternative)]
        if key is Special.AVAILABLE:
            values = self._cells >= 0
        else:
            rows = np.where(self._cells >= 0, self._cells, self._situation_rows)
            values = self._values(key)[rows]
        return values.astype(pytensor.config.floatX, copy=False)[:, self._situations, None]

    def _values(self, key: Any) -> NDArray[Any]:
        """The numbers of a column by row, (rows,)."""
        return self._alternative_of if key is Special.ALTERNATIVE else self._table.finite(key)

    def _named(self, rows: NDArray[np.integer]) -> str:
        """Column and identifier of the situation that the first of some rows belongs to."""
        first = int(rows[0])
        return f"'{self.situation}' {self._table.complete(self.situation)[first : first + 1].tolist()[0]!r}"

    def _roles(self) -> dict[str, str]:
        return {**super()._roles(), self.situation: "situation", self.alternative: "alternative"}

    def _shared_columns(self) -> list[str]:
        return [name for name in self._table.columns if not self.varies(name)]

    def _available(self, given: Mapping[str, Any]) -> NDArray[np.bool_]:
        own = cells(self._alternative_of, self._situation_of, len(self.alternatives)) >= 0
        known = super()._available(given)
        return own if known is None else own & known

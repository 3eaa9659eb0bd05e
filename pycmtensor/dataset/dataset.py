"""Dataset: a table of choices becomes symbolic columns and the arrays that belong to them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.dataset.changes import changed, means
from pycmtensor.dataset.describe import Description, repeated
from pycmtensor.dataset.divided import Divided
from pycmtensor.dataset.frames import Table
from pycmtensor.dataset.layout import checked_alternatives, code_positions
from pycmtensor.dataset.reshape import stacked
from pycmtensor.dataset.symbols import check_origin
from pycmtensor.dataset.tally import ColumnTally, Tally
from pycmtensor.exceptions import DatasetError, checked_class
from pycmtensor.host.escaping import printed

__all__ = ["Dataset"]


@checked_class(DatasetError)
class Dataset(Divided):
    """Choices in wide format: one row is one choice situation. `from_long` takes one row per alternative instead.

    A column is used in a utility as ``ds["TRAIN_TT"]``, a symbolic tensor with the axes (T, N, 1): choice
    situations of an individual, individuals, draws. Its numbers are `array`. The frame itself is never changed,
    and changing it later does not change the data set.

    Args:
        frame: A pandas, polars or PyArrow table, a DuckDB relation, any other frame that narwhals supports, or the
            path of a Parquet or CSV file.
        choice: The column that holds the code of the chosen alternative; None when the choices are not known, for data
            to predict with.
        alternatives: Name of every alternative -> its code in the choice column. The order is the order of tables.
            None, together with ``choice``, for observations that are no choices; see `pycmtensor.LogLikelihood`.
        individual: The column that identifies the decision maker: rows with one value are the choice situations of
            one individual (a panel), in the order of the rows. None when every row is an individual of its own.
        weights: The column of sample weights; constant within an individual. An estimation leaves individuals of
            weight 0 out, as if they were not in the frame. Estimates do not depend on the scale of weights, classical
            standard errors do.

    Attributes:
        alternatives: As given.
        n_alternatives: J, alternatives, or places for them in a sample.
        n_individuals: N, decision makers.
        individual_numbers: Number of each individual, whole, (N,): 0 to N - 1 in a data set of a frame. In what is made
            of it by `take`, `split`, `without` and so on, individuals keep their numbers. Draws are made from them, so
            that the same person has the same draws however data are divided.
        draw_situations: T of the data set that this is a part of, for which draws of each situation are laid out.
        most_individuals: N of the largest of several parts, for which programs are compiled.
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

    #: Name of another format -> its class: "long", and "sample" for samples of alternatives. A class enters itself.
    formats: ClassVar[dict[str, Any]] = {}

    _whole: Dataset | None = None  #: the data set that this one is a specimen of

    def __init_subclass__(cls, enters: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if enters is not None:
            Dataset.formats[enters] = cls

    def __init__(
        self,
        frame: Any,
        choice: str | None = None,
        alternatives: Mapping[str, Hashable] | None = None,
        individual: str | None = None,
        weights: str | None = None,
    ) -> None:
        self._table = Table(frame)
        nothing_chosen = choice is None and alternatives is None
        self.alternatives = {} if nothing_chosen else checked_alternatives(alternatives)
        self.n_alternatives = len(self.alternatives)
        self.choice, self.individual, self.weights = choice, individual, weights
        self._situation_of = self._situation_rows = np.arange(len(self._table))
        if choice is None:
            self._arrange(np.zeros(len(self._table), dtype=int))
        else:
            self._arrange(code_positions(self._table.complete(choice), self.alternatives, choice))

    @staticmethod
    def from_long(
        frame: Any,
        *,
        choice: str | None,
        alternative: str,
        situation: str,
        individual: str | None = None,
        weights: str | None = None,
        alternatives: Mapping[str, Hashable] | Sequence[str] | None = None,
    ) -> Any:
        """The `LongDataset` of a frame with one row per choice situation and available alternative; see there.

        Args:
            frame: As in `LongDataset`.
            choice: As in `LongDataset`.
            alternative: As in `LongDataset`.
            situation: As in `LongDataset`.
            individual: As in `LongDataset`.
            weights: As in `LongDataset`.
            alternatives: As in `LongDataset`.

        Returns:
            The `LongDataset`.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"trip": [1, 1], "mode": ["car", "bus"], "chosen": [1, 0], "time": [10.0, 15]})
            >>> Dataset.from_long(frame, choice="chosen", alternative="mode", situation="trip")
            LongDataset(1 choice situations of 1 individuals; alternatives car, bus)
        """
        return Dataset.formats["long"](frame, choice, alternative, situation, individual, weights, alternatives)

    @staticmethod
    def scan(
        path: Any,
        choice: str | None = None,
        alternatives: Mapping[str, Hashable] | Sequence[str] | None = None,
        individual: str | None = None,
        weights: str | None = None,
        *,
        alternative: str | None = None,
        situation: str | None = None,
    ) -> Any:
        """The `ScannedDataset` of Parquet files, which are read part by part and may be larger than memory.

        Args:
            path: A Parquet file, a folder of such files, or a list of them, whose row groups hold whole individuals;
                `pycmtensor.write_partitions` writes such files.
            choice: As in `Dataset`, or as in `from_long`.
            alternatives: As in `Dataset`.
            individual: As in `Dataset`.
            weights: As in `Dataset`.
            alternative: Of a long table, as in `from_long`.
            situation: Of a long table, as in `from_long`.

        Returns:
            A `ScannedDataset`, which knows its columns and counts, and no rows yet.

        Raises:
            DatasetError: As `Dataset`; also when an individual stands in two row groups.

        Examples:
            >>> import tempfile, pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 2, 1], "who": [7, 3, 7, 5]})
            >>> folder = cmt.write_partitions(frame, tempfile.mkdtemp(), individual="who", rows=2)
            >>> cmt.Dataset.scan(folder, choice="mode", alternatives={"car": 1, "bus": 2}, individual="who").nobs
            4
        """
        options = choice, alternatives, individual, weights, alternative, situation
        return Dataset.formats["scan"](path, *options)

    @property
    def specimen(self) -> Dataset:
        """The rows that stand for all while a model is written: all of them, of scanned data the first ones.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2]}), "mode", {"car": 1, "bus": 2})
            >>> ds.specimen is ds
            True
        """
        return self

    @property
    def whole(self) -> Dataset:
        """The data set that this one is the `specimen` of; itself where it is none.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2]}), "mode", {"car": 1, "bus": 2})
            >>> ds.specimen.whole is ds
            True
        """
        return self._whole or self

    def like(self, frame: Any) -> Dataset:
        """A data set of another frame with the options of this one, to predict with a model that was made with it.

        Args:
            frame: As in `Dataset`, with the columns that this data set names. Without the choice column, its choices
                are not known; its columns have the units of this data set, unless it tells its own.

        Returns:
            A data set of the same kind.

        Raises:
            DatasetError: As `Dataset`.

        Examples:
            >>> import pandas as pd
            >>> ds = Dataset(pd.DataFrame({"mode": [1, 2]}), choice="mode", alternatives={"car": 1, "bus": 2})
            >>> new = ds.like(pd.DataFrame({"time": [10.0, 20, 30]}))
            >>> new, new.choices_known
            (Dataset(3 choice situations of 3 individuals; alternatives car, bus), False)
        """
        table = Table(frame)
        choice = self.choice if self.choice in table.columns else None
        return self._made_of(table.frame, choice)

    def with_columns(self, changes: Mapping[Any, Any], units: Mapping[str, str] | None = None) -> Dataset:
        """This data set with other values in some columns; the frame stays as it is.

        New values are in the unit of the old ones, which coefficients go with, so that `units` stay as they are.

        Args:
            changes: Column -> a number, an array of one number per row, or a function of the old values. In long data
                (column, alternative) changes the rows of one alternative.
            units: Column -> unit of its new values, where it is another: ``{"time": "hours"}`` when the change makes
                hours of minutes.

        Returns:
            A data set of the same kind.

        Raises:
            DatasetError: A column does not exist, holds no numbers or says who chooses what, or new values do not fit.

        Examples:
            >>> import pandas as pd
            >>> ds = Dataset(pd.DataFrame({"mode": [1, 2], "cost": [4.0, 8]}), "mode", {"car": 1, "bus": 2})
            >>> ds.with_columns({"cost": lambda cost: 1.5 * cost}).array("cost").ravel().tolist()
            [6.0, 12.0]
            >>> ds.with_columns({"cost": lambda cost: 0.9 * cost}, units={"cost": "EUR"}).units
            {'cost': 'EUR'}
        """
        for key in changes:
            if not isinstance(key, str | tuple):
                raise DatasetError(f"with_columns: changes maps names of columns to values, found the name {key!r}.")
            column = key[0] if isinstance(key, tuple) else key
            if self._roles().get(column, "weights") != "weights":
                raise DatasetError(f"Column '{column}' says who chooses what; only other columns can be changed.")
        rows = [(key if isinstance(key, str) else key[0], self._rows_named(key), new) for key, new in changes.items()]
        for column in units or {}:
            self._table.column(column)
        other = self._made_of(changed(self._table, rows), self.choice)
        other._table.units |= units or {}
        other._lay_out_for(self.most_individuals, self.n_situations)
        return self._numbering(other, self.individual_numbers)

    def at_means(self) -> Dataset:
        """One choice situation with the weighted means of all columns of numbers, of each alternative in long data.

        Returns:
            A data set of one situation.

        Examples:
            >>> import pandas as pd
            >>> ds = Dataset(pd.DataFrame({"mode": [1, 2], "time": [10.0, 15.0]}), "mode", {"car": 1, "bus": 2})
            >>> ds.at_means().array("time").item()
            12.5
        """
        group, identifiers = self._averaged()
        kept = {column: value for column, value in identifiers.items() if column is not None}
        weights = self.of_situations(np.broadcast_to(self.individual_weights, self._situations.shape))
        frame = means(self._table, group, weights[self._situation_of], kept)
        return self._numbering(self._made_of(frame, None), self.individual_numbers[:1])

    def varies(self, column: str) -> bool:
        """Whether a column has a value for each alternative of a situation; in wide data every column has one value.

        Args:
            column: Its name.

        Returns:
            True or False.

        Examples:
            >>> import pandas as pd
            >>> Dataset(pd.DataFrame({"mode": [1, 2], "time": [9.0, 8]}), "mode", {"car": 1, "bus": 2}).varies("time")
            False
        """
        self._table.column(column)
        return False

    # ---- as frames --------------------------------------------------------------------------------------------

    def to_wide(self) -> Any:
        """The frame, which is wide already.

        Returns:
            The frame.

        Examples:
            >>> import pandas as pd
            >>> Dataset(pd.DataFrame({"mode": [1, 2]}), "mode", {"car": 1, "bus": 2}).to_wide().shape
            (2, 1)
        """
        return self._table.frame.to_native()

    def to_long(
        self, varying: Mapping[str, Mapping[str, str | float]], availability: Mapping[str, str] | None = None
    ) -> Any:
        """A frame of the same kind with one row per choice situation and available alternative, for `from_long`.

        Args:
            varying: Name of a long column -> for every alternative the wide column that it is made of, or a number.
            availability: Name of an alternative -> the column that is 0 where it has no row.

        Returns:
            A frame with the columns "situation" and "alternative", the choice column as 1 or 0, those of ``varying``,
            and all others as they are.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"mode": [1, 2], "t_car": [10, 20], "t_bus": [15, 12]})
            >>> ds = Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
            >>> ds.to_long({"time": {"car": "t_car", "bus": "t_bus"}})
               situation alternative  mode  time
            0          0         car     1  10.0
            1          0         bus     0  15.0
            2          1         car     0  20.0
            3          1         bus     1  12.0
        """
        self._need_choices("A frame with one choice in each situation")
        assert self.choice is not None
        return stacked(self._table, list(self.alternatives), self._chosen, self.choice, varying, availability or {})

    # ---- what it is -------------------------------------------------------------------------------------------

    def describe(self, availability: Mapping[str, Any] | None = None) -> Description:
        """A health report: sizes, shares and availability by alternative, and what is odd about columns and rows.

        Args:
            availability: As a model takes it, to count where alternatives can be chosen; long data know it themselves.

        Returns:
            The report: print it, or read its tables ``alternatives`` and ``columns``.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"mode": [1, 2, 2], "time": [10.0, 20, 30], "income": [4e4, None, 9e4]})
            >>> report = Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2}).describe()
            >>> print(report)
            Data
            Rows               3  Situations per individual  1
            Choice situations  3  Alternatives               2
            Individuals        3  Sum of weights             3
            ...
            >>> report.columns.note["income"], int(report.columns.missing["income"])
            ('', 1)
        """
        again = repeated(self._table, self._situation_of, without=self._identifiers())
        return self._tally(availability or {}).described(again)

    def _tally(self, availability: Mapping[str, Any]) -> Tally:
        """Counts of the data, which add up over parts of them."""
        if self.alternatives:
            self._need_choices("Shares of alternatives")
        known, names = self._available(availability), tuple(self.alternatives)
        chosen = self._chosen if names else self._chosen[:0]
        alone = self._situation_rows[known.sum(axis=0) == 1] if known is not None else np.empty(0, dtype=int)
        lengths = self._is_observed.sum(axis=0)
        return Tally(
            names=names,
            roles=self._roles(),
            counts=np.array([len(self._table), self.nobs, self.n_individuals, len(alone)]),
            weight=float(self.individual_weights @ lengths),
            lengths=(int(lengths.min()), int(lengths.max())),
            chosen=np.bincount(chosen, minlength=len(names)),
            available=None if known is None else known.sum(axis=1),
            columns={name: ColumnTally.of(self._table, name) for name in self.columns},
            shared=frozenset(self._shared_columns()),
            alone=alone,
        )

    def __len__(self) -> int:
        return self.nobs

    @printed
    def __repr__(self) -> str:
        names = list(self.alternatives)
        if not names:
            return f"{type(self).__name__}({self.nobs:,} rows of {self.n_individuals:,} individuals)"
        listed = ", ".join(names) if len(names) <= 10 else f"{', '.join(names[:3])}, ... ({len(names):,})"
        return (
            f"{type(self).__name__}({self.nobs:,} choice situations of {self.n_individuals:,} individuals; "
            f"alternatives {listed})"
        )

    # ---- construction -----------------------------------------------------------------------------------------

    def _made_of(self, frame: Any, choice: str | None, alternatives: Mapping[str, Hashable] | None = None) -> Self:
        """A data set of this kind and with these options and units of another frame, which may tell its own units."""
        other = cast(Self, self._of_frame(frame, choice, alternatives or self.alternatives))
        other._table.units, other.origin = {**self.units, **other.units}, self.origin
        return other

    def _of_frame(self, frame: Any, choice: str | None, alternatives: Mapping[str, Hashable]) -> Dataset:
        """A data set of this kind and with these options of another frame."""
        return Dataset(frame, choice, alternatives or None, self.individual, self.weights)

    def _rows_named(self, key: str | tuple[str, str]) -> NDArray[np.bool_]:
        """The rows that a change of a column is about, (rows,)."""
        if isinstance(key, tuple):
            raise DatasetError(f"Wide data have a column for each alternative, found {key!r}. Name that column alone.")
        return np.ones(len(self._table), dtype=bool)

    def _averaged(self) -> tuple[NDArray[np.integer], dict[str | None, Any]]:
        """Groups of rows that are averaged together, (rows,), and the identifiers of the averages."""
        return np.zeros(len(self._table), dtype=int), {self.individual: [0], self.weights: [1.0]}

    def _identifiers(self) -> list[str]:
        """Columns that tell choice situations apart."""
        return [column for column, role in self._roles().items() if role == "situation"]

    def _roles(self) -> dict[str, str]:
        """Roles of the columns that are not attributes."""
        columns = {"choice": self.choice, "individual": self.individual, "weights": self.weights}
        return {column: role for role, column in columns.items() if column is not None}

    def _shared_columns(self) -> list[str]:
        """Columns that are the same for all alternatives of a situation, where that is not a matter of course."""
        return []

    def _available(self, given: Mapping[str, Any]) -> NDArray[np.bool_] | None:
        """Availability (J, S), from expressions by alternative; None when it is not known."""
        if not given:
            return None
        for name in given:
            self._is_named(name)
        symbols = [symbol for symbol in given.values() if isinstance(symbol, Variable)]
        check_origin("The availability", symbols, [self.origin], self, DatasetError)
        available = np.ones((len(self.alternatives), self.nobs), dtype=bool)
        for j, name in enumerate(self.alternatives):
            if name in given:
                truth = self.zero_or_one(f"The availability of '{name}'", given[name])
                values = np.broadcast_to(truth, (*self._situations.shape, 1))[..., 0]
                available[j, self._situations[self._is_observed]] = values[self._is_observed]
        return available

"""Symbolic columns of choice situations."""

from __future__ import annotations

from collections.abc import Hashable

import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.dataset.frames import Table
from pycmtensor.dataset.symbols import Key, Origin, Special, mark
from pycmtensor.exceptions import DatasetError, checked_class

__all__ = ["Symbolic"]


@checked_class(DatasetError)
class Symbolic:
    """Base of data sets: the columns of a table as symbols, which utilities are made of."""

    alternatives: dict[str, Hashable]
    choice: str | None
    individual: str | None
    weights: str | None
    n_alternatives: int
    origin: Origin  #: what data sets share that are made of one another
    _table: Table
    _symbols: dict[object, Variable]

    @property
    def columns(self) -> list[str]:
        """Names of the frame's columns.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2], "time": [9.0, 8]})
            >>> list(cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}).columns)
            ['mode', 'time']
        """
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
        """Symbol of the chosen alternative's position on the axis of alternatives, axes (T, N, 1).

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 2]}), "mode", {"car": 1, "bus": 2})
            >>> ds.array(ds.chosen).ravel().tolist()
            [0.0, 1.0, 1.0]
        """
        return self._special(Special.CHOSEN)

    @property
    def observed(self) -> Variable:
        """Symbol that is 1 for a choice situation and 0 where a shorter panel is padded, axes (T, N, 1).

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 2], "who": ["Ann", "Bob", "Ann"]})
            >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, individual="who")
            >>> ds.array(ds.observed)[..., 0].tolist()  # Bob chose once
            [[1.0, 1.0], [1.0, 0.0]]
        """
        return self._special(Special.OBSERVED)

    @property
    def weight(self) -> Variable:
        """Symbol of the sample weight of each individual, axes (1, N, 1).

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2], "w": [1.0, 2.5]})
            >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, weights="w")
            >>> ds.array(ds.weight).shape
            (1, 2, 1)
        """
        return self._special(Special.WEIGHT, situations=1)

    def available(self, alternative: str | None = None) -> Variable | None:
        """Availability as the data themselves give it; None in wide data, which do not.

        Args:
            alternative: Its name; None for all of them.

        Returns:
            None in wide data; see `LongDataset.available`.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> cmt.Dataset(pd.DataFrame({"mode": [1, 2]}), "mode", {"car": 1, "bus": 2}).available() is None
            True
        """
        return None

    @property
    def is_long(self) -> bool:
        """Whether columns have the axis of alternatives, as in `LongDataset`.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> cmt.Dataset(pd.DataFrame({"mode": [1, 2]}), "mode", {"car": 1, "bus": 2}).is_long
            False
        """
        return False

    @property
    def is_panel(self) -> bool:
        """Whether an individual can have several choice situations.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 2], "who": ["Ann", "Bob", "Ann"]})
            >>> cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, individual="who").is_panel
            True
        """
        return self.individual is not None

    @property
    def choices_known(self) -> bool:
        """Whether there is a choice column; without one, the first alternative stands in place of the chosen one.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> cmt.Dataset(pd.DataFrame({"mode": [1, 2]}), "mode", {"car": 1, "bus": 2}).choices_known
            True
        """
        return self.choice is not None

    @property
    def units(self) -> dict[str, str]:
        """Column -> unit, as far as the frame knows them: ``frame.attrs["units"]`` of pandas.

        What is made of a data set keeps its units; see `Dataset.with_columns` for those of new values.

        Examples:
            >>> import pycmtensor as cmt
            >>> frame = cmt.datasets.load("swissmetro").query("CHOICE != 0")
            >>> cmt.Dataset(frame, "CHOICE", {"train": 1, "sm": 2, "car": 3}).units["TRAIN_TT"]
            'minutes'
        """
        return dict(self._table.units)

    def _special(self, key: Special, situations: int | None = None) -> Variable:
        if key not in self._symbols:
            self._symbols[key] = self._symbol(key.value, key, situations=situations)
        return self._symbols[key]

    def _symbol(self, name: str, key: Key, leading: tuple[int, ...] = (), situations: int | None = None) -> Variable:
        T = situations if self.is_panel else 1
        symbol = pt.TensorType(pytensor.config.floatX, (*leading, T, None, 1))(name)  # pt.tensor bars names of dtypes
        return mark(symbol, key, self.origin)

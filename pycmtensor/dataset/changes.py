"""Tables with other values in some columns, and the table of means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset.frames import Table
from pycmtensor.exceptions import DatasetError

__all__ = ["changed", "means"]


def changed(table: Table, changes: Sequence[tuple[str, NDArray[np.bool_], Any]]) -> nw.DataFrame[Any]:
    """The frame with new values in some columns of numbers.

    Args:
        table: The table.
        changes: Column, the rows that change (rows,), and a number, an array, or a function of their old values.

    Raises:
        DatasetError: A column does not exist or holds no numbers, or the new values are not numbers of that many rows.
    """
    columns: dict[str, NDArray[np.floating]] = {}
    for column, rows, change in changes:
        values = columns.setdefault(column, table.numeric(column).copy())
        new = change(values[rows]) if callable(change) else change
        try:
            values[rows] = np.broadcast_to(np.asarray(new, dtype=float), int(rows.sum()))
        except (TypeError, ValueError):
            raise DatasetError(
                f"The change of '{column}' must be a number, an array of {int(rows.sum()):,} numbers, or a function "
                f"that gives one of these for the old values, found {new!r}."
            ) from None
    series = [nw.new_series(name, x, backend=table.frame.implementation) for name, x in columns.items()]
    return table.frame.with_columns(*series)


def means(
    table: Table, group: NDArray[np.integer], weights: NDArray[np.floating], kept: Mapping[str, NDArray[Any]]
) -> Any:
    """A frame with the weighted means of the columns of numbers, one row for each group.

    Args:
        table: The table.
        group: Number of the group of each row, from 0, (rows,).
        weights: Of the rows, (rows,).
        kept: Column -> its values in the new frame, for columns that are not averaged.

    Examples:
        >>> import pandas as pd
        >>> table = Table(pd.DataFrame({"x": [1.0, 2, 6], "name": ["a", "b", "c"]}))
        >>> means(table, np.array([0, 0, 1]), np.ones(3), {"name": np.array(["ab", "c"])})
          name    x
        0   ab  1.5
        1    c  6.0
    """
    import pandas as pd

    columns = dict(kept)
    for name in table.columns:
        if name not in columns and table.is_numeric(name):
            columns[name] = np.bincount(group, weights * table.numeric(name)) / np.bincount(group, weights)
    return pd.DataFrame(columns)

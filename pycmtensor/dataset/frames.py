"""Tables of every kind behind one face, with the checks of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset.files import read
from pycmtensor.exceptions import DatasetError

__all__ = ["Table", "numbered", "rows_text"]


def rows_text(rows: NDArray[np.integer]) -> str:
    """'row 3' or '12 rows, the first at 0, 4, 5, 8, 9', counted from 0."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    first = ", ".join(map(str, rows[:5]))
    return f"{len(rows)} rows, the first at {first}"


def numbered(values: NDArray[Any], column: str) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Number equal values from 0 on, in the order in which they first appear.

    Args:
        values: The column, (rows,).
        column: Its name, for the error.

    Returns:
        The number of every row (rows,), and the first row of each number.

    Raises:
        DatasetError: The values are of types that cannot be compared.

    Examples:
        >>> numbered(np.array(["b", "a", "b"]), "name")
        (array([0, 1, 0]), array([0, 1]))
    """
    try:
        _, first, value = np.unique(values, return_index=True, return_inverse=True)
    except TypeError:
        raise DatasetError(
            f"Column '{column}' mixes types; identifiers must be all numbers or all text. Convert it to one of them."
        ) from None
    order = np.argsort(first)
    return np.argsort(order)[value], first[order]


def _comparable(values: NDArray[Any]) -> NDArray[Any]:
    """Values with lists, arrays and records in them as tuples, which can be compared; others as they are."""
    compound = values.ndim > 1 or values.dtype.names is not None
    if not compound and values.dtype == object:
        compound = any(isinstance(value, list | tuple | Mapping | np.ndarray) for value in values)
    return np.fromiter(map(_tuple, values), object, len(values)) if compound else values


def _tuple(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((str(key), _tuple(value[key])) for key in sorted(value, key=str))
    if isinstance(value, np.ndarray | np.void):
        return _tuple(value.tolist())
    return tuple(map(_tuple, value)) if isinstance(value, list | tuple) else value


class Table:
    """A frame detached from later changes by the user.

    Args:
        frame: A table of any kind that narwhals supports, or the path of a Parquet or CSV file.

    Attributes:
        units: Column -> unit, where a pandas frame has them as ``attrs["units"]``.

    Raises:
        DatasetError: The frame is of an unknown kind or empty, or the file cannot be read.
    """

    def __init__(self, frame: Any) -> None:
        self.frame = _snapshot(read(Path(frame)) if isinstance(frame, (str, PathLike)) else frame)
        if len(self.frame) == 0:
            raise DatasetError("The frame has no rows. Check the file and the filter that made it.")
        self.units: dict[str, str] = dict(getattr(self.frame.to_native(), "attrs", {}).get("units", {}))

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.frame.columns)

    @property
    def index(self) -> Any:
        """The index of a pandas frame, None for other kinds."""
        return nw.maybe_get_index(self.frame)

    def __len__(self) -> int:
        return len(self.frame)

    def rows(self, rows: NDArray[np.integer]) -> nw.DataFrame[Any]:
        """Rows in the given order, as a frame."""
        return nw.maybe_reset_index(self.frame[rows.tolist()])

    def column(self, name: str) -> nw.Series[Any]:
        """A column, which must exist."""
        if not isinstance(name, str):
            raise DatasetError(f"A column is called by its name, a text, found {name!r}. Rename columns if need be.")
        if name not in self.columns:
            near = get_close_matches(name, self.columns, n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Columns: {', '.join(self.columns)}."
            raise DatasetError(f"The frame has no column '{name}'. {hint}")
        return self.frame[name]

    def is_missing(self, name: str) -> NDArray[np.bool_]:
        """Rows in which a column is null or not a number, (rows,)."""
        series = self.column(name)
        missing = series.is_null()
        if series.dtype.is_float():
            missing = missing | series.is_nan().fill_null(True)
        return missing.to_numpy()

    def complete(self, name: str) -> NDArray[Any]:
        """The values of a column that must be there in every row; lists and records are tuples."""
        bad = np.flatnonzero(self.is_missing(name))
        if len(bad):
            raise DatasetError(f"Column '{name}' is missing in {rows_text(bad)}. Fill it or drop these rows.")
        return _comparable(self.column(name).to_numpy())

    def is_numeric(self, name: str) -> bool:
        """Whether a column holds numbers, or True and False."""
        dtype = self.column(name).dtype
        return dtype.is_numeric() or dtype == nw.Boolean

    def numeric(self, name: str) -> NDArray[np.floating]:
        """The values of a column of numbers; missing ones are NaN."""
        series = self.column(name)
        if not self.is_numeric(name):
            examples = ", ".join(repr(v) for v in series.head(3).to_list())
            raise DatasetError(
                f"Column '{name}' must hold numbers, found {series.dtype} ({examples}, ...). "
                "Convert it, or make an indicator (0 or 1) of each of its values."
            )
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=float)

    def finite(self, name: str) -> NDArray[np.floating]:
        """The values of a column of numbers that must be there and finite in every row."""
        values = self.numeric(name)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            missing = int(np.isnan(values).sum())
            raise DatasetError(
                f"Column '{name}' holds {missing} missing and {len(bad) - missing} infinite value(s) "
                f"({rows_text(bad)}). Fill them or drop the rows before making the Dataset."
            )
        return values


def _snapshot(frame: Any) -> nw.DataFrame[Any]:
    """The frame as narwhals sees it."""
    try:
        table = nw.from_native(frame)
    except nw.exceptions.DuplicateError:
        raise DatasetError("The frame has two columns of one name. Rename or drop one of them.") from None
    except TypeError:
        raise DatasetError(
            f"A Dataset is made from a path or a pandas, polars or PyArrow table, found {type(frame).__name__}. "
            "Convert it, for example with pandas.DataFrame(...)."
        ) from None
    if isinstance(table, nw.LazyFrame):
        return table.collect() if table.implementation.is_polars() else table.collect("pandas")
    return table.select(nw.all())  # shallow: pandas copies on write, other frames are immutable

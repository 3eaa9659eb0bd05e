"""Symbols of columns: which column a symbol stands for, and of which data sets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.exceptions import ModelError, PyCMTensorError

__all__ = [
    "Key",
    "Origin",
    "Special",
    "check_origin",
    "column_of",
    "columns_in",
    "interpreted",
    "is_column",
    "mark",
    "name_of",
    "strangers_in",
]


class Special(Enum):
    """What a symbol stands for when it is not a column."""

    CHOSEN = "chosen"
    OBSERVED = "observed"
    WEIGHT = "weight"
    AVAILABLE = "available"
    ALTERNATIVE = "alternative"


#: Key of a column: its name, or with an alternative beside it that of one alternative of long data.
Key: TypeAlias = str | Special | tuple[str | Special, str]


@dataclass(frozen=True)
class Origin:
    """Identity of a data set and of all data sets that are made of it, whose symbols stand for the same columns.

    It stays the same in copies and in other processes.

    Attributes:
        about: The data set in words.
        number: A number that no other origin has.
    """

    about: str = field(compare=False)
    number: str = field(default_factory=lambda: uuid4().hex, repr=False)


def mark(symbol: Variable, key: Key, origin: Origin) -> Variable:
    """The symbol, marked as that of a column."""
    symbol.tag.column, symbol.tag.origin = key, origin
    return symbol


def column_of(symbol: Any) -> Any:
    """Key of the column that a symbol stands for (see `Key`); None when it stands for something else.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2], "time": [3.0, 4.0]}), "mode", {"car": 1, "bus": 2})
        >>> column_of(ds["time"]), column_of(2 * ds["time"]), column_of("time")
        ('time', None, None)
    """
    return getattr(symbol.tag, "column", None) if isinstance(symbol, Variable) else None


def name_of(symbol: Any) -> Any:
    """Name of the column that a symbol stands for, whether of all alternatives or of one; None as in `column_of`."""
    key = column_of(symbol)
    return key[0] if isinstance(key, tuple) else key


def is_column(symbol: Any) -> bool:
    """Whether a symbol stands for a column."""
    return column_of(symbol) is not None


def columns_in(expressions: Iterable[Variable]) -> list[Variable]:
    """The symbols of columns that expressions depend on, each once."""
    return list(dict.fromkeys(symbol for symbol in graph_inputs(list(expressions)) if is_column(symbol)))


def interpreted(expression: Variable, inputs: Mapping[Variable, Any]) -> NDArray[Any]:
    """The numbers of an expression, given those of its inputs; nothing is compiled for a single evaluation."""
    return np.asarray(expression.eval(dict(inputs), mode=Mode(linker="py", optimizer=None)))


def strangers_in(expressions: Iterable[Variable], origins: Collection[Origin]) -> list[Variable]:
    """The symbols of columns in expressions that belong to data sets of none of these origins."""
    return [symbol for symbol in columns_in(expressions) if symbol.tag.origin not in origins]


def check_origin(
    what: str,
    expressions: Iterable[Variable],
    origins: Collection[Origin],
    own: Any,
    error: type[PyCMTensorError] = ModelError,
) -> None:
    """Raise an error when expressions depend on columns of a data set that is not of these origins.

    The data set that belongs to the expressions would give its own column of the same name in their place.

    Args:
        what: What the expressions are, for the message.
        expressions: Expressions of columns.
        origins: Of the data sets whose columns may stand in them.
        own: The data set that belongs to them.
        error: Class of the error.
    """
    strangers = strangers_in(expressions, origins)
    if strangers:
        name, about = name_of(strangers[0]), strangers[0].tag.origin.about
        name = name.value if isinstance(name, Special) else name
        raise error(
            f"{what} depends on column '{name}' of another data set, {about}, in whose place the column of {own} would "
            "be taken. Write it with the columns of this one, or make one data set of the other by take, split, "
            "with_columns, like and so on."
        )

"""Description of a data set and of what is unusual in it, before anything is estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset.frames import Table, rows_text
from pycmtensor.report import Summary
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Description", "alternatives_table", "columns_table", "remarks", "repeated", "scale_powers"]

#: A column is out of scale when its size differs from that of the others by more than this factor.
OUT_OF_SCALE = 1000


@dataclass(frozen=True)
class Description(Answer):
    """The health report of a data set: ``print`` it, or let a notebook show it.

    Attributes:
        facts: Label and value of what the data set holds.
        alternatives: By alternative: how often it is chosen and available, and the share of choices where it is.
        columns: By column: missing values, least, mean and largest value, and what is to be said about it.
        remarks: Sentences about what deserves a look.
    """

    facts: tuple[tuple[str, str], ...]
    alternatives: pd.DataFrame
    columns: pd.DataFrame
    remarks: tuple[str, ...]

    def summaries(self) -> tuple[Summary, Summary]:
        """The two tables as text."""
        half = -(-len(self.facts) // 2)
        return (
            Summary("Data", self.facts[:half], self.facts[half:], *_cells(self.alternatives)),
            Summary("Columns", (), (), *_cells(self.columns), self.remarks),
        )

    def _shown(self) -> list[Part]:
        return [*self.summaries()]


def _cells(table: pd.DataFrame) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Heads and rows of a table as text; what is not known stays empty."""

    def text(value: object) -> str:
        if isinstance(value, float):
            return "" if np.isnan(value) else f"{value:,.0f}" if value.is_integer() else f"{value:,.4g}"
        return f"{value:,}" if isinstance(value, int) else str(value)

    rows = [
        (str(name), *map(text, row)) for name, row in zip(table.index, table.to_numpy(object).tolist(), strict=True)
    ]
    return (str(table.index.name), *table.columns), tuple(rows)


def alternatives_table(
    names: Sequence[str], chosen: NDArray[np.integer], available: NDArray[np.bool_] | None
) -> pd.DataFrame:
    """Table of how often each alternative is chosen and available.

    Args:
        names: Names of the alternatives.
        chosen: Position of the chosen alternative in each situation, (S,).
        available: Which alternatives can be chosen, (J, S); None when that is not known.

    Examples:
        >>> alternatives_table(["car", "bus"], np.array([0, 0, 1]), np.array([[1, 1, 1], [0, 1, 1]]) != 0)
                     chosen     share  available  share where available
        alternative
        car               2  0.666667        3.0               0.666667
        bus               1  0.333333        2.0               0.500000
    """
    import pandas as pd

    times = np.bincount(chosen, minlength=len(names))
    known = np.full(len(names), np.nan) if available is None else available.sum(axis=1).astype(float)
    columns = {
        "chosen": times,
        "share": times / len(chosen),
        "available": known,
        "share where available": times / np.where(known > 0, known, np.nan),
    }
    return pd.DataFrame(columns, index=pd.Index(names, name="alternative"))


def columns_table(table: Table, roles: dict[str, str], constant_in_situation: Sequence[str]) -> pd.DataFrame:
    """Missing values, range and oddities of each column.

    Args:
        table: The data.
        roles: What some columns are for, such as the choice; they are not judged.
        constant_in_situation: Columns of long data that do not differ between alternatives.
    """
    import pandas as pd

    numbers = {name: table.numeric(name) for name in table.columns if table.is_numeric(name)}
    finite = {name: values[np.isfinite(values)] for name, values in numbers.items()}
    powers = scale_powers({name: values for name, values in finite.items() if name not in roles})
    rows = []
    for name in table.columns:
        values = finite.get(name, np.empty(0))
        missing = int(table.is_missing(name).sum())
        infinite = len(numbers[name]) - len(values) - missing if name in numbers else 0
        notes = [roles[name]] if name in roles else []
        if infinite:
            notes.append(f"{infinite} infinite")
        if table.column(name).drop_nulls().n_unique() <= 1:
            notes.append("constant")
        elif name in constant_in_situation and name not in roles:
            notes.append("same for all alternatives")
        if name in powers:
            notes.append(f"out of scale: {'divide' if powers[name] > 0 else 'multiply'} by 1e{abs(powers[name])}")
        if name not in numbers:
            notes.append("text" if not notes else "")
        known = (values.min(), values.mean(), values.max()) if len(values) else (np.nan,) * 3
        rows.append((missing, *map(float, known), ", ".join(filter(None, notes))))
    index = pd.Index(table.columns, name="column")
    return pd.DataFrame(rows, index=index, columns=["missing", "least", "mean", "largest", "note"])


def scale_powers(columns: dict[str, NDArray[np.floating]]) -> dict[str, int]:
    """Powers of ten to divide columns by whose size differs from the usual one by more than a factor of 1,000.

    The size of a column is the root of the mean square of its values other than 0, the usual one the median over
    columns. Newton's method is not troubled by it, but printed digits, optimizers and float32 are.

    Examples:
        >>> scale_powers({"cost": np.array([2.0, 3]), "income": np.array([4e4, 6e4]), "time": np.array([10.0, 20])})
        {'income': 4}
    """
    sizes = {name: float(np.sqrt(np.mean(x[x != 0] ** 2))) for name, x in columns.items() if np.any(x != 0)}
    usual = np.median(list(sizes.values())) if sizes else 1.0
    ratios = {name: size / usual for name, size in sizes.items()}
    odd = {name: ratio for name, ratio in ratios.items() if not 1 / OUT_OF_SCALE <= ratio <= OUT_OF_SCALE}
    return {name: round(np.log10(ratio)) for name, ratio in odd.items()}


def repeated(table: Table, situation_of: NDArray[np.integer], without: Sequence[str]) -> NDArray[np.integer]:
    """First rows of the situations that equal an earlier one in all columns.

    Args:
        table: The data.
        situation_of: Number of the situation of each row, from 0, (rows,).
        without: Columns that do not count.
    """
    import pandas as pd

    columns = {name: table.column(name).to_numpy() for name in table.columns if name not in without}
    by_row = pd.util.hash_pandas_object(pd.DataFrame(columns), index=False).to_numpy()
    order = np.argsort(situation_of, kind="stable")
    starts = np.flatnonzero(np.diff(situation_of[order], prepend=-1))
    by_situation = pd.Series(np.add.reduceat(by_row[order], starts))  # whatever the order of the alternatives
    return np.sort(order[starts][by_situation.duplicated().to_numpy()])


def remarks(alternatives: pd.DataFrame, again: NDArray[np.integer], alone: NDArray[np.integer]) -> tuple[str, ...]:
    """Sentences about alternatives, repeated situations and situations without a choice.

    Args:
        alternatives: `alternatives_table`.
        again: `repeated`.
        alone: Rows of situations with one available alternative.
    """
    found = []
    never = [str(name) for name, times in alternatives.chosen.items() if not times]
    if never:
        found.append(f"Nobody chooses {', '.join(never)}: constants of these alternatives have no estimate.")
    if len(again):
        found.append(f"Choice situations that repeat an earlier one in all columns: {rows_text(again)}.")
    if len(alone):
        found.append(f"Choice situations with one alternative, which say nothing: {rows_text(alone)}.")
    return tuple(found)

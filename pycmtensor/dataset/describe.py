"""Description of a data set and of what is unusual in it, before anything is estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset.frames import Table, rows_text
from pycmtensor.report import Summary
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Description", "alternatives_table", "remarks", "repeated", "scale_powers"]

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
    names: Sequence[str], chosen: NDArray[np.integer], available: NDArray[np.integer] | None
) -> pd.DataFrame:
    """Table of how often each alternative is chosen and available.

    Args:
        names: Names of the alternatives.
        chosen: In how many situations each is chosen, (J,).
        available: In how many situations each can be chosen, (J,); None when that is not known.

    Examples:
        >>> alternatives_table(["car", "bus"], np.array([2, 1]), np.array([3, 2]))
                     chosen     share  available  share where available
        alternative
        car               2  0.666667        3.0               0.666667
        bus               1  0.333333        2.0               0.500000
    """
    import pandas as pd

    known = np.full(len(names), np.nan) if available is None else available.astype(float)
    columns = {
        "chosen": chosen,
        "share": chosen / max(1, chosen.sum()),
        "available": known,
        "share where available": chosen / np.where(known > 0, known, np.nan),
    }
    return pd.DataFrame(columns, index=pd.Index(names, name="alternative"))


def scale_powers(sizes: Mapping[str, float]) -> dict[str, int]:
    """Powers of ten to divide columns by whose size differs from the usual one by more than a factor of 1,000.

    The size of a column is the root of the mean square of its values other than 0, the usual one the median over
    columns. Newton's method is not troubled by it, but printed digits, optimizers and float32 are.

    Examples:
        >>> scale_powers({"cost": 2.5, "income": 5e4, "time": 15.0})
        {'income': 4}
    """
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


def remarks(
    alternatives: pd.DataFrame, again: NDArray[np.integer], alone: NDArray[np.integer] | int
) -> tuple[str, ...]:
    """Sentences about alternatives, repeated situations and situations without a choice.

    Args:
        alternatives: `alternatives_table`.
        again: `repeated`.
        alone: Rows of situations with one available alternative, or how many these are.
    """
    found = []
    never = [str(name) for name, times in alternatives.chosen.items() if not times]
    if never:
        found.append(f"Nobody chooses {', '.join(never)}: constants of these alternatives have no estimate.")
    if len(again):
        found.append(f"Choice situations that repeat an earlier one in all columns: {rows_text(again)}.")
    number = alone if isinstance(alone, int) else len(alone)
    if number:
        which = f"{alone:,}" if isinstance(alone, int) else rows_text(alone)
        found.append(f"Choice situations with one alternative, which say nothing: {which}.")
    return tuple(found)

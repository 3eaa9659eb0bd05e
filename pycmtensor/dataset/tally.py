"""Counts of what data hold, which add up over parts of them, for their description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset.describe import Description, alternatives_table, remarks, scale_powers
from pycmtensor.dataset.frames import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ColumnTally", "Tally"]

#: What stands for the value of a column that has several.
SEVERAL = object()


@dataclass(frozen=True)
class ColumnTally:
    """Counts of one column: missing, infinite and finite values, their sums and range, and its value if it has one."""

    is_numeric: bool
    missing: int
    infinite: int
    finite: int
    total: float
    squares: float  #: of the values other than 0, of which there are ``other_than_0``
    other_than_0: int
    least: float
    largest: float
    value: Any

    @classmethod
    def of(cls, table: Table, name: str) -> ColumnTally:
        """The counts of a column of a table."""
        is_numeric, missing = table.is_numeric(name), int(table.is_missing(name).sum())
        numbers = table.numeric(name) if is_numeric else np.empty(0)
        finite = numbers[np.isfinite(numbers)]
        infinite = len(numbers) - len(finite) - missing if is_numeric else 0
        known = table.column(name).drop_nulls().unique()
        value = SEVERAL if len(known) > 1 else known[0] if len(known) else None
        least, largest = (finite.min(), finite.max()) if len(finite) else (np.inf, -np.inf)
        sums = float(finite.sum()), float(finite @ finite), int(np.count_nonzero(finite))
        return cls(is_numeric, missing, infinite, len(finite), *sums, float(least), float(largest), value)

    def __add__(self, other: ColumnTally) -> ColumnTally:
        counts = ("missing", "infinite", "finite", "total", "squares", "other_than_0")
        sums = {name: getattr(self, name) + getattr(other, name) for name in counts}
        values = [value for value in (self.value, other.value) if value is not None]
        alike = not values or all(value is values[0] or value == values[0] for value in values)
        return ColumnTally(
            is_numeric=self.is_numeric,
            least=min(self.least, other.least),
            largest=max(self.largest, other.largest),
            value=(values or [None])[0] if alike else SEVERAL,
            **sums,
        )

    @property
    def size(self) -> float:
        """Root of the mean square of the values other than 0; 0 where there are none."""
        return float(np.sqrt(self.squares / self.other_than_0)) if self.other_than_0 else 0.0

    def row(self, role: str | None, shared: bool, power: int | None) -> tuple[Any, ...]:
        """Missing values, range and oddities."""
        notes = [role] if role else []
        if self.infinite:
            notes.append(f"{self.infinite} infinite")
        if self.value is not SEVERAL:
            notes.append("constant")
        elif shared and not role:
            notes.append("same for all alternatives")
        if power is not None:
            notes.append(f"out of scale: {'divide' if power > 0 else 'multiply'} by 1e{abs(power)}")
        if not self.is_numeric and not notes:
            notes.append("text")
        known = (self.least, self.total / self.finite, self.largest) if self.finite else (np.nan,) * 3
        return (self.missing, *map(float, known), ", ".join(notes))


@dataclass(frozen=True)
class Tally:
    """Counts of a data set, or of a part of it.

    Attributes:
        names: The alternatives.
        roles: What some columns are for, such as the choice; they are not judged.
        counts: Rows, choice situations, individuals, and situations with one available alternative.
        weight: Sum of weights.
        lengths: Least and largest number of situations of an individual.
        chosen: In how many situations each alternative is chosen, (J,).
        available: In how many each can be chosen, (J,); None when that is not known.
        columns: Name -> counts of a column.
        shared: Columns of long data that do not differ between alternatives.
    """

    names: tuple[str, ...]
    roles: dict[str, str]
    counts: NDArray[np.integer]
    weight: float
    lengths: tuple[int, int]
    chosen: NDArray[np.integer]
    available: NDArray[np.integer] | None
    columns: dict[str, ColumnTally]
    shared: frozenset[str]
    alone: NDArray[np.integer] | None = None  #: rows of situations with one available alternative, of one table

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.names,
            self.roles,
            self.counts + other.counts,
            self.weight + other.weight,
            (min(self.lengths[0], other.lengths[0]), max(self.lengths[1], other.lengths[1])),
            self.chosen + other.chosen,
            None if self.available is None or other.available is None else self.available + other.available,
            {name: own + other.columns[name] for name, own in self.columns.items()},
            self.shared & other.shared,
        )

    def described(self, again: NDArray[np.integer] | None = None) -> Description:
        """The health report.

        Args:
            again: Rows of situations that repeat an earlier one; None where nobody has looked.
        """
        rows, nobs, individuals, alone = map(int, self.counts)
        least, most = self.lengths
        facts = {
            "Rows": rows,
            "Choice situations": nobs,
            "Individuals": individuals,
            "Situations per individual": most if least == most else f"{least} to {most}, mean {nobs / individuals:.4g}",
            "Alternatives": len(self.names),
            "Sum of weights": f"{self.weight:,.6g}",
        }
        if not self.names:
            del facts["Choice situations"], facts["Alternatives"]
        texts = tuple((label, f"{value:,}" if isinstance(value, int) else value) for label, value in facts.items())
        alternatives = alternatives_table(list(self.names), self.chosen, self.available)
        looked = np.empty(0, dtype=int) if again is None else again
        return Description(
            texts,
            alternatives,
            self._columns_table(),
            remarks(alternatives, looked, alone if self.alone is None else self.alone),
        )

    def _columns_table(self) -> pd.DataFrame:
        """Missing values, range and oddities of each column."""
        import pandas as pd

        sizes = {name: own.size for name, own in self.columns.items() if own.size and name not in self.roles}
        powers = scale_powers(sizes)
        rows = [
            own.row(self.roles.get(name), name in self.shared, powers.get(name)) for name, own in self.columns.items()
        ]
        index = pd.Index(list(self.columns), name="column")
        return pd.DataFrame(rows, index=index, columns=["missing", "least", "mean", "largest", "note"])

"""Choice sets of an experiment: which level each attribute of each alternative has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.exceptions import ModelError, whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NONE", "ChoiceSets", "Rows"]

#: Choice sets (S, cells): the position of the level of each cell, an attribute of an alternative.
Rows: TypeAlias = NDArray[np.integer]

#: Tells which rows of a table, with a column "attribute_alternative" for each cell, are allowed.
Constraint: TypeAlias = "Callable[[pd.DataFrame], Any]"

#: Name of the alternative of choosing none.
NONE = "none"

#: Draws in search of rows that fulfil all constraints, for each row that is needed.
TRIES = 2000


@dataclass(frozen=True)
class ChoiceSets:
    """All choice sets that an experiment may show.

    Args:
        attributes: Name of an attribute -> its levels, or name of an alternative -> levels where they differ.
        alternatives: Names of the alternatives that have attributes.
        no_choice: Whether there is an alternative "none" besides, all attributes of which are 0.
        allowed: Functions of a table of choice sets that tell which rows are allowed.
        most_equal: Most attributes whose level all alternatives share; None for any number.
        most_varied: Most attributes whose levels differ between alternatives; None for any number.
    """

    attributes: Mapping[str, Mapping[str, NDArray[np.floating]]]
    alternatives: tuple[str, ...]
    no_choice: bool = False
    allowed: Sequence[Constraint] = ()
    most_equal: int | None = None
    most_varied: int | None = None

    @cached_property
    def cells(self) -> list[tuple[str, str]]:
        """Attribute and alternative of each cell."""
        return [(name, alternative) for name, levels in self.attributes.items() for alternative in levels]

    @cached_property
    def levels(self) -> list[NDArray[np.floating]]:
        """Levels of each cell."""
        return [self.attributes[name][alternative] for name, alternative in self.cells]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all alternatives."""
        return (*self.alternatives, NONE) if self.no_choice else self.alternatives

    @property
    def number(self) -> int:
        """How many there are before constraints."""
        return prod(map(len, self.levels))

    def every(self) -> Rows:
        """All that are allowed, (S, cells)."""
        rows = np.array(list(product(*(range(len(levels)) for levels in self.levels))), dtype=int)
        return rows[self.are_allowed(rows)]

    def drawn(self, n: int, rng: np.random.Generator) -> Rows:
        """Some that are allowed, at random (n, cells).

        Raises:
            ModelError: None is found.
        """
        sizes = np.array([len(levels) for levels in self.levels])
        found: list[Rows] = []
        for _ in range(TRIES):
            rows = rng.integers(sizes, size=(2 * n, len(sizes)))
            found.append(rows[self.are_allowed(rows)])
            if sum(map(len, found)) >= n:
                return np.concatenate(found)[:n]
        raise ModelError(
            f"design: {TRIES * 2 * n:,} choice sets were drawn, and {sum(map(len, found))} fulfil the constraints "
            f"where {n} are needed. Allow more of them."
        )

    def neighbours(self, row: Rows) -> Rows:
        """The allowed choice sets that differ in one cell, (S, cells)."""
        changed = []
        for cell, levels in enumerate(self.levels):
            for level in range(len(levels)):
                if level != row[cell]:
                    changed.append(row.copy())
                    changed[-1][cell] = level
        rows = np.array(changed).reshape(-1, len(row))
        return rows[self.are_allowed(rows)]

    def are_allowed(self, rows: Rows) -> NDArray[np.bool_]:
        """Which rows fulfil the constraints, (S,)."""
        allowed = np.ones(len(rows), bool)
        if self.most_equal is not None or self.most_varied is not None:
            shared = [name for name, levels in self.attributes.items() if len(levels) == len(self.alternatives) > 1]
            values = self.values(rows)
            own = {name: [k for k, cell in enumerate(self.cells) if cell[0] == name] for name in shared}
            equal = np.array([np.ptp(values[:, own[name]], axis=1) == 0 for name in shared]).reshape(-1, len(rows))
            if self.most_equal is not None:
                allowed &= equal.sum(axis=0) <= self.most_equal
            if self.most_varied is not None:
                allowed &= (~equal).sum(axis=0) <= self.most_varied
        if len(rows):
            for constraint in self.allowed:
                allowed &= _told(constraint, self.wide(rows))
        return allowed

    def values(self, rows: Rows) -> NDArray[np.floating]:
        """The numbers of all cells, (S, cells)."""
        return np.column_stack([levels[rows[:, k]] for k, levels in enumerate(self.levels)])

    def wide(self, rows: Rows) -> pd.DataFrame:
        """One row per choice set, a column "attribute_alternative" for each cell."""
        import pandas as pd

        return pd.DataFrame(self.values(rows), columns=[f"{name}_{alternative}" for name, alternative in self.cells])

    def long(self, rows: Rows) -> pd.DataFrame:
        """One row per choice set and alternative: "set" from 1, "alternative", and the attributes."""
        import pandas as pd

        values, J = self.values(rows), len(self.names)
        table = {"set": np.repeat(np.arange(1, len(rows) + 1), J), "alternative": np.tile(self.names, len(rows))}
        for name in self.attributes:
            columns = np.zeros((len(rows), J))
            for k, (attribute, alternative) in enumerate(self.cells):
                if attribute == name:
                    columns[:, self.names.index(alternative)] = values[:, k]
            table[name] = columns.ravel()
        return pd.DataFrame(table)

    def rows_of(self, table: pd.DataFrame) -> Rows:
        """The rows of a table as `long` makes it.

        Raises:
            ModelError: A column is missing, an alternative has no row, or a number is no level.
        """
        if not hasattr(table, "columns"):
            raise ModelError(f"design: sets must be a whole number or a table of choice sets, found {table!r}.")
        missing = [name for name in ("set", "alternative", *self.attributes) if name not in table]
        if missing:
            raise ModelError(f"design: the table of choice sets lacks the columns {', '.join(missing)}.")
        sets = list(dict.fromkeys(table["set"]))
        numbers = table.set_index(["set", "alternative"])
        rows = np.empty((len(sets), len(self.cells)), int)
        for k, (name, alternative) in enumerate(self.cells):
            for s, label in enumerate(sets):
                if (label, alternative) not in numbers.index:
                    raise ModelError(f"design: choice set {label!r} has no row of '{alternative}'.")
                found = np.flatnonzero(self.levels[k] == float(numbers.loc[(label, alternative), name]))
                if not found.size:
                    value, known = numbers.loc[(label, alternative), name], self.levels[k].tolist()
                    raise ModelError(f"design: {value!r} in choice set {label!r} is no level of '{name}': {known}.")
                rows[s, k] = found[0]
        return rows


def _told(constraint: Constraint, table: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows a constraint allows."""
    told = np.asarray(constraint(table))
    if told.shape != (len(table),) or told.dtype != bool:
        raise ModelError(
            "design: a constraint takes a table of choice sets and tells True or False for each of its rows, such as "
            f"lambda x: x['cost_a'] < x['cost_b']; found {told.dtype} of shape {told.shape}. "
            f"The columns are {', '.join(table.columns)}."
        )
    return told


def alternatives_of(alternatives: int | Sequence[str]) -> tuple[str, ...]:
    """Names of alternatives; a number of them stands for a, b, c."""
    if isinstance(alternatives, int):
        whole("design", "alternatives", alternatives, least=1, error=ModelError)
        if alternatives > len(ascii_lowercase):
            raise ModelError(f"design: alternatives are at most {len(ascii_lowercase)}, found {alternatives}.")
        return tuple(ascii_lowercase[:alternatives])
    names = tuple(alternatives)
    if not names or len(set(names)) < len(names) or any(not isinstance(n, str) or n == NONE for n in names):
        raise ModelError(
            f"design: alternatives must be a number or different names, none of them {NONE!r}, found {alternatives!r}."
        )
    return names


def levels_of(attributes: Mapping[str, Any], alternatives: Sequence[str]) -> dict[str, dict[str, NDArray[np.floating]]]:
    """Attribute -> alternative -> levels."""
    if not attributes:
        raise ModelError("design: attributes is empty. Give a dict of names and levels, such as {'cost': [1, 2, 3]}.")
    found: dict[str, dict[str, NDArray[np.floating]]] = {}
    for name, given in attributes.items():
        if not isinstance(name, str) or name in ("set", "alternative", "block"):
            raise ModelError(f"design: attributes needs names other than set, alternative and block, found {name!r}.")
        by_alternative = given if isinstance(given, Mapping) else dict.fromkeys(alternatives, given)
        strangers = [alternative for alternative in by_alternative if alternative not in alternatives]
        if strangers:
            known = ", ".join(alternatives)
            raise ModelError(f"design: attributes['{name}'] names {strangers[0]!r}; the alternatives are {known}.")
        found[name] = {str(alternative): _levels(name, levels) for alternative, levels in by_alternative.items()}
    return found


def _levels(name: str, given: Any) -> NDArray[np.floating]:
    try:
        levels = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        levels = np.full(1, np.nan)
    if levels.ndim != 1 or not levels.size or not np.isfinite(levels).all() or len(set(levels)) < len(levels):
        raise ModelError(
            f"design: the levels of '{name}' must be a list of different numbers, found {given!r}. Code words as "
            "numbers, such as 0 and 1."
        )
    return levels

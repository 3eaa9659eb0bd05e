"""Frames from wide to long format and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset.frames import Table, rows_text
from pycmtensor.exceptions import DatasetError

__all__ = ["differs", "stacked", "unstacked"]

#: Names of the columns that a long frame has and a wide frame has not.
SITUATION, ALTERNATIVE = "situation", "alternative"


def stacked(
    table: Table,
    names: Sequence[str],
    chosen: NDArray[np.integer],
    choice: str,
    varying: Mapping[str, Mapping[str, str | float]],
    availability: Mapping[str, str],
) -> Any:
    """A wide table with one row per alternative and situation; see `Dataset.to_long`."""
    sources = _sources(table, names, varying, availability)
    S, J = len(table), len(names)
    is_there = np.ones((S, J), dtype=bool)
    for name, column in availability.items():
        where = table.finite(column)
        wrong = np.flatnonzero((where != 0) & (where != 1))
        if len(wrong):
            raise DatasetError(
                f"The availability '{column}' must be 0 or 1, found {where[wrong[0]]:g} ({rows_text(wrong)})."
            )
        is_there[:, names.index(name)] = where != 0
    absent = np.flatnonzero(~is_there[np.arange(S), chosen])
    if len(absent):
        raise DatasetError(
            f"'{names[chosen[absent[0]]]}' is chosen where '{availability[names[chosen[absent[0]]]]}' says that it is "
            f"unavailable ({rows_text(absent)}). Correct one of them."
        )
    situation, alternative = np.nonzero(is_there)
    long = {
        SITUATION: situation,
        ALTERNATIVE: np.array(names)[alternative],
        choice: (alternative == chosen[situation]).astype(int),
    }
    for column, by_name in varying.items():
        found = [by_name[name] for name in names]
        values = [table.numeric(v) if isinstance(v, str) else np.full(S, float(v)) for v in found]
        long[column] = np.stack(values, axis=1)[is_there]
    others = [column for column in table.columns if column not in {choice, *sources}]
    twice = [column for column in others if column in long]
    if twice:
        raise DatasetError(f"The long frame would have two columns '{twice[0]}'. Rename the one of the wide frame.")
    kept = table.rows(situation).select(others)
    new = nw.from_dict(long, backend=table.frame.implementation)
    return nw.to_native(nw.concat([new, kept], how="horizontal") if others else new)


def _sources(
    table: Table,
    names: Sequence[str],
    varying: Mapping[str, Mapping[str, str | float]],
    availability: Mapping[str, str],
) -> set[str]:
    """The wide columns that become parts of long ones."""
    for column, by_name in (*varying.items(), ("availability", availability)):
        unknown = [name for name in by_name if name not in names]
        missing = [name for name in names if name not in by_name] if column in varying else []
        if unknown or missing:
            raise DatasetError(
                f"'{column}' must name a column for each of {', '.join(names)}, "
                + (f"found {', '.join(unknown)}." if unknown else f"found none for {', '.join(missing)}.")
                + " A number stands for a column that is constant."
            )
    found = [v for by_name in (*varying.values(), availability) for v in by_name.values() if isinstance(v, str)]
    for column in found:
        table.column(column)
    return set(found)


def unstacked(
    table: Table,
    cells: NDArray[np.integer],
    rows: NDArray[np.integer],
    names: Sequence[str],
    chosen: NDArray[np.integer],
    labels: Sequence[str],
) -> Any:
    """A long table with one row per situation; see `LongDataset.to_wide`.

    Args:
        table: The long table.
        cells: Rows by alternative and situation, (J, S); -1 where there is none.
        rows: The row of the chosen alternative of each situation, (S,).
        names: Names of the alternatives.
        chosen: Position of the chosen alternative, (S,).
        labels: Columns of the situation, of the choice and of the alternative.
    """
    situation, choice, *_ = labels
    is_there = cells >= 0
    filled = np.where(is_there, cells, rows)
    others = [column for column in table.columns if column not in labels]
    varying = [column for column in others if _varies(table, column, filled, rows)]
    wide = table.rows(rows).select([situation, *(column for column in others if column not in varying)])
    backend = wide.implementation
    parts = [wide.with_columns(nw.new_series(choice, np.array(names)[chosen], backend=backend))]
    for j, name in enumerate(names):
        part = table.rows(filled[j]).select(varying)
        if not is_there[j].all():
            known = f"available_{name}"
            part = part.with_columns(nw.new_series(known, is_there[j].astype(int), backend=backend))
            part = part.with_columns(nw.when(nw.col(known) == 1).then(nw.col(column)) for column in varying)
        parts.append(part.rename({column: f"{column}_{name}" for column in varying}))
    return nw.to_native(nw.concat([part for part in parts if part.columns], how="horizontal"))


def _varies(table: Table, column: str, filled: NDArray[np.integer], rows: NDArray[np.integer]) -> bool:
    values = table.column(column).to_numpy()
    return differs(values[filled], values[rows])


def differs(here: NDArray[Any], there: NDArray[Any]) -> bool:
    """Whether two arrays differ anywhere; missing values are alike."""
    return bool(np.any((here != there) & ~((here != here) & (there != there))))

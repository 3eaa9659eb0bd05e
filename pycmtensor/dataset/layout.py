"""Layout of the rows of a table on the axes: alternatives J, choice situations T, individuals N."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset.frames import numbered, rows_text
from pycmtensor.exceptions import DatasetError

__all__ = ["cells", "checked_alternatives", "code_positions", "named_alternatives", "panel"]


def checked_alternatives(alternatives: Mapping[str, Hashable] | None) -> dict[str, Hashable]:
    """Names and codes of at least two alternatives, each with a code of its own."""
    if not isinstance(alternatives, Mapping) or len(alternatives) < 2:
        raise DatasetError(
            f"alternatives must map at least two names to codes, found {alternatives!r}. "
            "Write for example alternatives={'train': 1, 'car': 2}."
        )
    unnamed = [name for name in alternatives if not isinstance(name, str)]
    if unnamed:
        raise DatasetError(
            f"Names of alternatives are text, found {unnamed[0]!r}. Write for example alternatives={{'{unnamed[0]}': "
            f"{alternatives[unnamed[0]]!r}}}: first the name, then the code in the choice column."
        )
    codes = list(alternatives.values())
    if len(set(codes)) < len(codes):
        twice = {name: code for name, code in alternatives.items() if codes.count(code) > 1}
        raise DatasetError(f"Each alternative needs a code of its own, found {twice}.")
    return dict(alternatives)


def named_alternatives(
    codes: NDArray[Any], given: Mapping[str, Hashable] | Sequence[str] | None, column: str
) -> dict[str, Hashable]:
    """Names and codes of the alternatives of a long table.

    Args:
        codes: Column of alternatives, (rows,).
        given: Name -> code; or names, which are the codes as text; or None for the codes in the order of their first
            row.
        column: Its name.

    Examples:
        >>> named_alternatives(np.array([2.0, 1.0, 2.0]), None, "mode")
        {'2': 2.0, '1': 1.0}
    """
    if isinstance(given, Mapping):
        return checked_alternatives(given)
    _, first = numbered(codes, column)
    found = {_text(code): code for code in codes[np.sort(first)].tolist()}
    if given is None:
        return checked_alternatives(found)
    names = [given] if isinstance(given, str) else [_text(name) for name in given]
    return checked_alternatives({name: found.get(name, name) for name in names})


def _text(code: Any) -> str:
    return str(int(code)) if isinstance(code, float) and code.is_integer() else str(code)


def code_positions(codes: NDArray[Any], alternatives: Mapping[str, Hashable], column: str) -> NDArray[np.integer]:
    """Position in ``alternatives`` of the code in each row, (rows,).

    Raises:
        DatasetError: A code belongs to no alternative.
    """
    number, first = numbered(codes, column)
    positions = {code: j for j, code in enumerate(alternatives.values())}
    position = np.array([positions.get(code, -1) for code in codes[first].tolist()])[number]
    unknown = np.flatnonzero(position < 0)
    if len(unknown):
        found = ", ".join(sorted({repr(code) for code in codes[unknown].tolist()})[:10])
        known = ", ".join(f"{code!r} ({name})" for name, code in list(alternatives.items())[:20])
        raise DatasetError(
            f"The column '{column}' holds {found}, which no alternative has as its code "
            f"({rows_text(unknown)}). Known codes: {known}. Add the alternative, drop these rows, or leave the "
            "column out where there is only something to predict."
        )
    return position


def panel(person: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
    """Choice situations of individuals on the axes (T, N).

    Args:
        person: Number of the individual of each situation, from 0, (S,).

    Returns:
        Positions of situations (T, N), where a shorter panel is filled up with its first; and which are not such.

    Examples:
        >>> panel(np.array([0, 1, 0]))
        (array([[0, 1],
               [2, 1]]), array([[ True,  True],
               [ True, False]]))
    """
    lengths = np.bincount(person)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    by_person = np.argsort(person, kind="stable")
    t = np.arange(np.max(lengths))[:, None]
    is_observed = t < lengths
    return by_person[np.where(is_observed, starts + t, starts)], is_observed


def cells(place: NDArray[np.integer], situation: NDArray[np.integer], J: int) -> NDArray[np.integer]:
    """Rows of a long table by alternative and choice situation, (J, S); -1 where there is none.

    Args:
        place: Place of each row on the axis of alternatives, (rows,).
        situation: Number of its situation, (rows,).
        J: Length of the axis of alternatives.
    """
    found = np.full((J, int(situation.max()) + 1), -1)
    found[place, situation] = np.arange(len(place))
    return found

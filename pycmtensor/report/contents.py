"""The contents of a summary: a title, two lists of facts and one table of text; renderers decide how they look."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Contents"]


@dataclass(frozen=True)
class Contents:
    """Title, facts, table and notes of a summary.

    Attributes:
        title: What was estimated.
        sample: Label and value of what was observed.
        fit: Label and value of how well the model fits.
        columns: Heads of the table; the first column names the parameters.
        rows: Cells, one tuple per parameter.
        notes: Sentences below the table.
    """

    title: str
    sample: tuple[tuple[str, str], ...]
    fit: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

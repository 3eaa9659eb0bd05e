"""A summary is a title, facts and one table of text; renderers decide how it looks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """The printed result of an estimation: ``print`` it, or let a notebook show it.

    Attributes:
        title: What was estimated.
        facts: Label and value, in the order of reading.
        columns: Heads of the table; the first column names the parameters.
        rows: Cells, one tuple per parameter.
        notes: Sentences below the table.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        from pycmtensor.report.text import to_text

        return to_text(self)

    def _repr_html_(self) -> str:
        from pycmtensor.report.html import to_html

        return to_html(self)

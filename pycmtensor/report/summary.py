"""A summary is a title, two lists of facts and one table of text; renderers decide how it looks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """The printed result of an estimation: ``print`` it, or let a notebook show it.

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

    def __str__(self) -> str:
        from pycmtensor.report.text import to_text

        return to_text(self)

    def to_latex(self) -> str:
        """A table with the rules of the LaTeX package booktabs."""
        from pycmtensor.report.markup import to_latex

        return to_latex(self)

    def to_markdown(self) -> str:
        """Headings and pipe tables."""
        from pycmtensor.report.markup import to_markdown

        return to_markdown(self)

    def _repr_html_(self) -> str:
        from pycmtensor.report.html import to_html

        return to_html(self)

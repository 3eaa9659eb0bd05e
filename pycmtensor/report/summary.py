"""The printed result of an estimation: its contents, and what renderers make of them."""

from __future__ import annotations

from pycmtensor.report.contents import Contents
from pycmtensor.report.html import to_html
from pycmtensor.report.markup import to_latex, to_markdown
from pycmtensor.report.text import to_text

__all__ = ["Summary"]


class Summary(Contents):
    """The printed result of an estimation: ``print`` it, or let a notebook show it."""

    def __str__(self) -> str:
        return to_text(self)

    def to_latex(self) -> str:
        """A table with the rules of the LaTeX package booktabs."""
        return to_latex(self)

    def to_markdown(self) -> str:
        """Headings and pipe tables."""
        return to_markdown(self)

    def _repr_html_(self) -> str:
        return to_html(self)

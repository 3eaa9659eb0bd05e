"""The printed result of an estimation: its contents, and what renderers make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycmtensor.report.answer import Answer, Part
from pycmtensor.report.contents import Contents
from pycmtensor.report.html import to_html
from pycmtensor.report.markup import to_latex, to_markdown
from pycmtensor.report.text import to_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Summary"]


class Summary(Contents, Answer):
    """The printed result of an estimation: ``print`` it, or let a notebook show it."""

    def _shown(self) -> list[Part]:
        return [self]

    def to_latex(self) -> str:
        """A table with the rules of the LaTeX package booktabs."""
        return to_latex(self)

    def to_markdown(self) -> str:
        """Headings and pipe tables."""
        return to_markdown(self)

    @property
    def tables(self) -> list[pd.DataFrame]:
        """Two frames of text: sample and fit, and the table of estimates."""
        import pandas as pd

        facts = pd.DataFrame([*self.sample, *self.fit], columns=["", "value"]).set_index("")
        return [facts, pd.DataFrame(self.rows, columns=list(self.columns)).set_index(self.columns[0])]

    def as_text(self) -> str:
        """Plain text, with all rows of a long table."""
        return to_text(self)

    def as_html(self) -> str:
        """HTML, as a notebook shows it."""
        return to_html(self)

    def as_latex(self) -> str:
        """LaTeX, statsmodels' name for `to_latex`."""
        return self.to_latex()

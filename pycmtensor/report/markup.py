"""A summary as LaTeX and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from pycmtensor.host.escaping import latex, latex_row, markdown
from pycmtensor.report.contents import Contents

__all__ = ["to_latex", "to_markdown"]


def to_latex(summary: Contents) -> str:
    r"""A table for a paper, with the rules of the package booktabs.

    Write ``\usepackage{booktabs}`` in the preamble.
    """
    columns = len(summary.columns)
    facts = [*summary.sample, *summary.fit]
    lines = [
        r"\begin{table}",
        rf"\caption{{{latex(summary.title)}}}",
        rf"\begin{{tabular}}{{l{'r' * (columns - 1)}}}",
        r"\toprule",
        _latex_row(summary.columns),
        r"\midrule",
        *map(_latex_row, summary.rows),
        *([r"\midrule"] if facts else []),
        *(_latex_row([label, value, *[""] * (columns - 2)]) for label, value in facts),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {latex(note)}" for note in summary.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def to_markdown(summary: Contents) -> str:
    """Headings and pipe tables, as GitHub and Pandoc read them."""
    facts = [*summary.sample, *summary.fit]
    parts = [f"## {markdown(summary.title)}"]
    if facts:
        parts.append(_pipes(("", ""), facts))
    parts.append(_pipes(summary.columns, summary.rows))
    parts += [markdown(note) for note in summary.notes]
    return "\n\n".join(parts) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    return latex_row([_latex_cell(cell) for cell in cells])


def _latex_cell(cell: str) -> str:
    """A cell; numbers get a minus sign in place of a hyphen."""
    number = cell.removeprefix("-")
    return f"$-${latex(number)}" if cell.startswith("-") and number[:1].isdigit() else latex(cell)


def _pipes(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(map(markdown, row))} |" for row in (head, rule, *rows))

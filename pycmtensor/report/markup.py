"""A summary as LaTeX and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from pycmtensor.report.contents import Contents

__all__ = ["to_latex", "to_markdown"]

#: Characters that LaTeX would take for commands.
LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "<": "$<$", ">": "$>$"}
)


def to_latex(summary: Contents) -> str:
    r"""A table for a paper, with the rules of the package booktabs.

    Write ``\usepackage{booktabs}`` in the preamble.
    """
    columns = len(summary.columns)
    facts = [*summary.sample, *summary.fit]
    lines = [
        r"\begin{table}",
        rf"\caption{{{_latex(summary.title)}}}",
        rf"\begin{{tabular}}{{l{'r' * (columns - 1)}}}",
        r"\toprule",
        _latex_row(summary.columns),
        r"\midrule",
        *map(_latex_row, summary.rows),
        *([r"\midrule"] if facts else []),
        *(_latex_row([label, value, *[""] * (columns - 2)]) for label, value in facts),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {_latex(note)}" for note in summary.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def to_markdown(summary: Contents) -> str:
    """Headings and pipe tables, as GitHub and Pandoc read them."""
    facts = [*summary.sample, *summary.fit]
    parts = [f"## {_markdown(summary.title)}"]
    if facts:
        parts.append(_pipes(("", ""), facts))
    parts.append(_pipes(summary.columns, summary.rows))
    parts += [_markdown(note) for note in summary.notes]
    return "\n\n".join(parts) + "\n"


def _latex(text: str) -> str:
    return text.translate(LATEX)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(_latex_cell(cell) for cell in cells) + r" \\"


def _latex_cell(cell: str) -> str:
    """A cell; numbers get a minus sign in place of a hyphen."""
    number = cell.removeprefix("-")
    return f"$-${_latex(number)}" if cell.startswith("-") and number[:1].isdigit() else _latex(cell)


def _pipes(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(map(_markdown, row))} |" for row in (head, rule, *rows))


def _markdown(text: str) -> str:
    return text.replace("|", r"\|").replace("*", r"\*").replace("_", r"\_")

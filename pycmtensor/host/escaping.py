"""Text of users, such as names of parameters, in places where some characters would do more than be read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import wraps
from html import escape
from typing import Any

__all__ = [
    "csv_cell",
    "html",
    "latex",
    "latex_row",
    "markdown",
    "one_line",
    "picture",
    "printable",
    "printed",
    "xlsx_cell",
]

#: Characters that LaTeX would take for commands.
LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "<": "$<$", ">": "$>$"}
)

#: What Markdown would take for emphasis, code, links, pictures, HTML, entities, cells, formulas or addresses.
MARKDOWN = re.compile(r"[\\`*_\[\]{}<>|~^$!#]|&(?=#|\w+;)|:(?=//)|(?<=www)\.", re.IGNORECASE)

#: Categories of characters that are controls, halves of others, or ends of lines.
CONTROLS = {"Cc", "Cs", "Zl", "Zp"}

#: Marks that change the direction of what follows, so that a text shows as another.
TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def printable(text: str) -> str:
    r"""Text for a terminal: control characters are shown in place of obeyed, ends of lines kept.

    Examples:
        >>> print(printable("a\x1b[31mred"))
        a\x1b[31mred
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(c) if c != "\n" and _controls(c) else c for c in text)


def one_line(text: str) -> str:
    r"""Text for a cell or a field: as `printable`, and ends of lines are shown too.

    Examples:
        >>> print(one_line("a\nb"))
        a\nb
    """
    return printable(text).replace("\n", r"\n")


def printed(method: Callable[[Any], str]) -> Callable[[Any], str]:
    """A ``__str__`` or ``__repr__`` whose text is `printable`."""

    @wraps(method)
    def shown(self: Any) -> str:
        return printable(method(self))

    return shown


def html(text: str) -> str:
    """Text within HTML and between quotes of an attribute."""
    return escape(printable(text))


def latex(text: str) -> str:
    """Text within a paragraph or a cell of LaTeX."""
    return one_line(text).translate(LATEX)


def latex_row(cells: list[str]) -> str:
    r"""A row of a table of cells in LaTeX; the ``\\`` of the row before takes brackets or a star for its own."""
    row = " & ".join(cells)
    return (f"{{{row[0]}}}{row[1:]}" if row[:1] in ("[", "*") else row) + r" \\"


def markdown(text: str) -> str:
    r"""Text within a line of Markdown, as GitHub and Pandoc read it.

    Examples:
        >>> print(markdown("<script>"))
        \<script\>
    """
    return MARKDOWN.sub(lambda found: "\\" + found[0], one_line(text))


def picture(text: str) -> str:
    """Text for matplotlib, which would take what is between dollars as a formula."""
    return printable(text).replace("$", r"\$")


def csv_cell(value: Any) -> Any:
    r"""A cell of a CSV file: text that a spreadsheet would take for a formula begins with an apostrophe.

    Numbers stay numbers.

    Examples:
        >>> csv_cell("=1+1"), csv_cell(-1.5)
        ("'=1+1", -1.5)
    """
    if isinstance(value, str):
        value = one_line(value)
        return f"'{value}" if value.lstrip()[:1] in set("=+-@＝＋－＠") else value
    return value


def xlsx_cell(value: Any) -> Any:
    r"""A cell of a workbook, whose text stays as it is: ``_x0041_`` would stand for A.

    Raises:
        ValueError: The text has control characters, which no workbook holds.
    """
    if not isinstance(value, str):
        return value
    if any(unicodedata.category(c) in CONTROLS and c not in "\t\n" for c in value):
        raise ValueError(f"control characters, found in {value!r}")
    return re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", value)


def _controls(character: str) -> bool:
    return unicodedata.category(character) in CONTROLS or unicodedata.bidirectional(character) in TURNING


def _shown(character: str) -> str:
    return character.encode("unicode_escape").decode()

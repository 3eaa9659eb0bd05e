"""A summary for terminals, by rich."""

from __future__ import annotations

import io
import sys
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from pycmtensor.host.escaping import one_line, printable
from pycmtensor.report.contents import Contents

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WIDTH", "encodable", "frame_text", "to_text"]

#: Columns of a terminal.
WIDTH = 80

#: Letters of a cell from which on it is folded where there is no room.
LONG = 20


def to_text(summary: Contents, most: int | None = None, ends: int = 20) -> str:
    """Plain text of 80 columns: facts in two columns, the table, the notes.

    Long words are folded, numbers never: a table of many columns of numbers is as wide as it needs.

    Args:
        summary: What it says.
        most: Rows of the table that are shown; None for all.
        ends: Rows at either end of a longer table, whose middle is left out.
    """
    facts = Table.grid(padding=(0, 2))
    for _ in range(2):
        facts.add_column(justify="left", overflow="fold")
        facts.add_column(justify="right", overflow="fold")
    for left, right in zip_longest(summary.sample, summary.fit, fillvalue=("", "")):
        facts.add_row(*map(one_line, (*left, *right)))

    rows, notes = list(summary.rows), list(summary.notes)
    if most is not None and len(rows) > most:
        notes.append(f"The first and last {ends} of {len(rows):,} rows; as_text() has all.")
        rows = [*rows[:ends], ("...",), *rows[-ends:]]
    table, numbers = Table(box=box.SIMPLE_HEAD, pad_edge=False), 0
    for i, column in enumerate(summary.columns):
        widest = max(len(cells[i]) for cells in (summary.columns, *summary.rows))
        if i == 0 or any(len(row[i]) > LONG for row in summary.rows):
            table.add_column(one_line(column), overflow="fold")
        else:
            table.add_column(one_line(column), justify="right", no_wrap=True)
            numbers += 2 + widest
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))

    width = max(WIDTH, numbers + LONG)
    console = Console(
        file=io.StringIO(),
        width=width,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,  # which would show the text where it is only asked for
        markup=False,
        emoji=False,
    )
    title = Text(one_line(summary.title), style="bold")
    console.print(Group(title, facts, table, *(Text(printable(note)) for note in notes)))
    assert isinstance(console.file, io.StringIO)
    return encodable("\n".join(line.rstrip() for line in console.file.getvalue().splitlines()))


def frame_text(frame: pd.DataFrame, width: int = WIDTH) -> str:
    """A table of numbers as text: columns that do not fit follow below, and long names lose their middle.

    Examples:
        >>> import pandas as pd
        >>> print(frame_text(pd.DataFrame({"estimate": [0.5]}, index=["the name of an alternative"]), width=30))
                          estimate
        the name…rnative       0.5
    """
    if frame.empty:
        return "(none)"
    lines = ""
    for most in (None, 32, 24, 16):
        named = frame if most is None else frame.rename(index=partial(_shortened, most=most))
        lines = named.to_string(line_width=width)
        if max(map(len, lines.split("\n"))) <= width:
            break
    return lines


def _shortened(name: Any, most: int) -> Any:
    """A name of at most so many letters."""
    if not isinstance(name, str) or len(name) <= most:
        return name
    return f"{name[: most // 2]}…{name[len(name) - (most - most // 2 - 1) :]}"


def encodable(text: str) -> str:
    """The text as standard output can show it: where that is ASCII, lines of hyphens, and codes for other letters."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.replace("─", "-").encode(encoding, "backslashreplace").decode(encoding)
    return text

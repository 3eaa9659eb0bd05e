"""A summary for terminals, by rich."""

from __future__ import annotations

import io
import sys
from itertools import zip_longest

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from pycmtensor.host.escaping import one_line, printable
from pycmtensor.report.contents import Contents

__all__ = ["encodable", "to_text"]


def to_text(summary: Contents) -> str:
    """Plain text: facts in two columns, the table, the notes. As wide as the table needs, never folded."""
    facts = Table.grid(padding=(0, 2))
    for _ in range(2):
        facts.add_column(justify="left", no_wrap=True)
        facts.add_column(justify="right", no_wrap=True)
    for left, right in zip_longest(summary.sample, summary.fit, fillvalue=("", "")):
        facts.add_row(*map(one_line, (*left, *right)))

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(summary.columns):
        table.add_column(one_line(column), justify="left" if i == 0 else "right", no_wrap=True)
    for row in summary.rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))

    console = Console(file=io.StringIO(), width=400, color_system=None, force_terminal=False, markup=False, emoji=False)
    console.print(
        Group(Text(one_line(summary.title), style="bold"), facts, table, *(Text(printable(n)) for n in summary.notes))
    )
    assert isinstance(console.file, io.StringIO)
    return encodable("\n".join(line.rstrip() for line in console.file.getvalue().splitlines()))


def encodable(text: str) -> str:
    """The text as standard output can show it: where that is ASCII, lines of hyphens, and codes for other letters."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.replace("─", "-").encode(encoding, "backslashreplace").decode(encoding)
    return text

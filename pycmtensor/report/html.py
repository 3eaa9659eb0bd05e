"""Tables and sentences as HTML: fragments for notebooks, and pages of their own for the browser."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from pycmtensor.host.escaping import html, one_line, printable
from pycmtensor.report.contents import Contents

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment

__all__ = [
    "Section",
    "cells",
    "environment",
    "facts",
    "figure",
    "fragment",
    "page",
    "sentences",
    "summary",
    "table",
    "text",
    "to_html",
]


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title: Of it, in the contents too.
        parts: HTML, as the functions of this module write it.
        folded: Title -> HTML that is shown when it is asked for.
        broad: Whether it needs the whole width of a wide screen.
    """

    title: str
    parts: Sequence[str]
    folded: Mapping[str, str] = field(default_factory=dict)
    broad: bool = False


@cache
def environment() -> Environment:
    """The templates: what is put into them is escaped, and what is missing is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("pycmtensor.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )


def summary(contents: Contents) -> str:
    """Title, facts, table and notes."""
    return _macro("summary", contents)


def to_html(contents: Contents) -> str:
    """A summary with its own style."""
    return fragment(summary(contents))


def fragment(content: str) -> str:
    """HTML with the style of the library, for a notebook."""
    style = environment().get_template("fragment.css").render()
    return f"<div class='cmt'><style>{style}</style>{content}</div>"


def page(title: str, description: str, sections: Sequence[Section]) -> str:
    """A whole HTML page that needs no other file, and has no script."""
    from markupsafe import Markup

    marked = [
        Section(
            own.title,
            [Markup(part) for part in own.parts],
            {name: Markup(part) for name, part in own.folded.items()},
            own.broad,
        )
        for own in sections
    ]
    lines = [line for line in description.splitlines() if line.strip()]
    return environment().get_template("report.html").render(title=one_line(title), description=lines, sections=marked)


def table(frame: pd.DataFrame, digits: int = 6, caption: str = "") -> str:
    """A table of numbers or texts, with its index as the first column."""
    columns = [_name(frame.index.names), *map(_name, frame.columns)]
    rows = [[_name(name), *(_cell(value, digits) for value in row)] for name, *row in frame.itertuples()]
    return cells(columns, rows, caption)


def cells(columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> str:
    """A table of texts, and of records of what is drawn: see the macro."""
    return _macro("table", columns, rows, caption)


def facts(pairs: Mapping[str, str]) -> str:
    """Labels and values."""
    return _macro("facts", list(pairs.items()))


def text(lines: str) -> str:
    """Lines as a terminal shows them."""
    return f"<pre>{html(lines)}</pre>"


def sentences(lines: str) -> str:
    """Lines of prose."""
    return f"<p style='white-space: pre-wrap'>{html(lines)}</p>"


def figure(svg: bytes, caption: str) -> str:
    """A picture, and what it shows in words."""
    source = f"data:image/svg+xml;base64,{b64encode(svg).decode()}"
    return f"<figure><img alt='{html(caption)}' src='{source}'><figcaption>{html(caption)}</figcaption></figure>"


def _macro(name: str, *values: Any) -> str:
    return str(getattr(environment().get_template("macros.html").module, name)(*values))


def _name(name: Any) -> str:
    if isinstance(name, (tuple, list, frozenset)):
        return ", ".join(map(_name, name))
    return "" if name is None else str(name)


def _cell(value: Any, digits: int) -> str:
    if value != value:  # NaN, where there is no number
        return "-"
    return f"{value:.{digits}g}" if isinstance(value, (float, int)) else str(value)

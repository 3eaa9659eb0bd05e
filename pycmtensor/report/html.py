"""A summary as HTML: a fragment for notebooks, a page of its own for the browser."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pycmtensor.host.escaping import html
from pycmtensor.report.contents import Contents

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["facts", "fragment", "page", "sentences", "table", "text", "to_html"]

STYLE = """
.cmt { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; }
.cmt h2 { font-size: 1.25em; margin: 0 0 .6em; }
.cmt dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(17em, 1fr)); gap: .15em 2.5em; }
.cmt dl div { display: flex; justify-content: space-between; gap: 1em; border-bottom: 1px dotted #bbb; }
.cmt dt { color: #555; }
.cmt dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; text-align: right; }
.cmt .wide { overflow-x: auto; }
.cmt table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.cmt th, .cmt td { padding: .3em .8em; text-align: right; white-space: nowrap; border: 0; }
.cmt th:first-child, .cmt td:first-child { text-align: left; padding-left: 0; }
.cmt thead th { border-bottom: 1.5px solid #1a1a1a; }
.cmt tbody tr:last-child td { border-bottom: 1.5px solid #1a1a1a; }
.cmt p { margin: .7em 0; max-width: 48em; }
.cmt img { max-width: 100%; height: auto; }
.cmt h3 { font-size: 1.05em; margin: 1.8em 0 .5em; }
.cmt figure { margin: 1.5em 0; }
.cmt pre { font: 13px/1.4 ui-monospace, monospace; margin: 0; }
.cmt math { padding: .3em 0; }
"""


def to_html(summary: Contents) -> str:
    """An HTML fragment with its own style."""
    notes = "".join(f"<p>{html(note)}</p>" for note in summary.notes)
    return fragment(
        f"<h2>{html(summary.title)}</h2><dl>{_facts(summary.sample + summary.fit)}</dl>"
        f"{_table(summary.columns, summary.rows)}{notes}"
    )


def fragment(content: str) -> str:
    """HTML with the style of the library, for a notebook."""
    return f"<div class='cmt'><style>{STYLE}</style>{content}</div>"


def page(summary: Contents, sections: Mapping[str, str], pictures: Mapping[str, bytes]) -> str:
    """A whole HTML page that needs no other file.

    Args:
        summary: The tables at the top.
        sections: Title -> HTML.
        pictures: Caption -> PNG.
    """
    figures = "".join(
        f"<figure><img alt='{html(caption)}' src='data:image/png;base64,{b64encode(png).decode()}'>"
        f"<figcaption>{html(caption)}</figcaption></figure>"
        for caption, png in pictures.items()
    )
    parts = "".join(f"<h3>{html(title)}</h3>{content}" for title, content in sections.items())
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html(summary.title)}</title></head>"
        "<body style='margin:0 auto;padding:1.5em 1.2em;max-width:62em;background:#fff'>"
        f"{to_html(summary)}<div class='cmt'>{figures}{parts}</div></body></html>\n"
    )


def table(frame: pd.DataFrame, digits: int = 6) -> str:
    """A table of numbers or texts, with its index as the first column."""
    columns = [_name(frame.index.names), *map(_name, frame.columns)]
    rows = [[_name(name), *(_cell(value, digits) for value in row)] for name, *row in frame.itertuples()]
    return _table(columns, rows)


def facts(pairs: Mapping[str, str]) -> str:
    """Labels and values."""
    return f"<dl>{_facts(pairs.items())}</dl>"


def text(lines: str) -> str:
    """Lines as a terminal shows them."""
    return f"<div class='wide'><pre>{html(lines)}</pre></div>"


def sentences(lines: str) -> str:
    """Lines of prose."""
    return f"<p style='white-space: pre-wrap'>{html(lines)}</p>"


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<div><dt>{html(label)}</dt><dd>{html(value)}</dd></div>" for label, value in pairs)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th scope='col'>{html(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{html(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _name(name: Any) -> str:
    if isinstance(name, (tuple, list, frozenset)):
        return ", ".join(map(_name, name))
    return "" if name is None else str(name)


def _cell(value: Any, digits: int) -> str:
    if value != value:  # NaN, where there is no number
        return "-"
    return f"{value:.{digits}g}" if isinstance(value, (float, int)) else str(value)

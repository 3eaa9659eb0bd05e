"""A summary as HTML: a fragment for notebooks, a page of its own for the browser."""

from __future__ import annotations

from base64 import b64encode
from html import escape

from pycmtensor.report.summary import Summary

__all__ = ["page", "to_html"]

STYLE = """
.cmt { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; }
.cmt h2 { font-size: 1.25em; margin: 0 0 .6em; }
.cmt dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(17em, 1fr)); gap: .15em 2.5em; }
.cmt dl div { display: flex; justify-content: space-between; gap: 1em; border-bottom: 1px dotted #bbb; }
.cmt dt { color: #555; }
.cmt dd { margin: 0; font-variant-numeric: tabular-nums; text-align: right; }
.cmt .wide { overflow-x: auto; }
.cmt table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.cmt th, .cmt td { padding: .3em .8em; text-align: right; white-space: nowrap; border: 0; }
.cmt th:first-child, .cmt td:first-child { text-align: left; padding-left: 0; }
.cmt thead th { border-bottom: 1.5px solid #1a1a1a; }
.cmt tbody tr:last-child td { border-bottom: 1.5px solid #1a1a1a; }
.cmt p { margin: .7em 0; max-width: 48em; }
.cmt img { max-width: 100%; height: auto; }
"""


def to_html(summary: Summary) -> str:
    """An HTML fragment with its own style."""
    facts = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in summary.sample + summary.fit
    )
    head = "".join(f"<th scope='col'>{escape(column)}</th>" for column in summary.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in summary.rows)
    notes = "".join(f"<p>{escape(note)}</p>" for note in summary.notes)
    return (
        f"<div class='cmt'><style>{STYLE}</style><h2>{escape(summary.title)}</h2><dl>{facts}</dl>"
        f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{notes}</div>"
    )


def page(summary: Summary, pictures: dict[str, bytes]) -> str:
    """A whole HTML page that needs no other file.

    Args:
        summary: The tables.
        pictures: Caption -> PNG.
    """
    figures = "".join(
        f"<figure style='margin:1.5em 0'><img alt='{escape(caption)}' "
        f"src='data:image/png;base64,{b64encode(png).decode()}'><figcaption>{escape(caption)}</figcaption></figure>"
        for caption, png in pictures.items()
    )
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(summary.title)}</title></head>"
        "<body style='margin:0 auto;padding:1.5em 1.2em;max-width:62em;background:#fff'>"
        f"{to_html(summary)}<div class='cmt'>{figures}</div></body></html>\n"
    )

"""Cells of pages that the build executes."""

from __future__ import annotations

from typing import Any

from tests.docs.test_pages import blocks


def cells(page: str) -> list[str]:
    """The code of its cells, in order."""
    return [code for language, code in blocks(page) if language == "{code-cell} python"]


def run(code: list[str]) -> dict[str, Any]:
    """Run cells one after the other; the names that are left."""
    names: dict[str, Any] = {}
    for cell in code:
        exec(cell, names)
    return names

"""Pages of the documentation: all code in them is run, and the check of links finds what is broken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.check_links import broken
from docs.conftest import SLOW

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))

#: Languages whose blocks are run: sessions by doctest, cells by the build and by `test_gallery.py`.
RUN = {"python", "{code-cell} python"}
#: Languages whose blocks are no Python.
OTHERS = {"console", "toml", "text", "{toctree}", "{literalinclude}", "{include}", "{eval-rst}", "{math}", "r", "stata"}


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of the code blocks of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```(.+?)(?: \S+\.\w+)?\n(.*?)^```$", text, flags=re.M | re.S)


@pytest.mark.parametrize("page", PAGES)
def test_all_python_of_a_page_is_run(page: str) -> None:
    """Python without prompts would be shown without being run."""
    for language, code in blocks(page):
        assert language in RUN | OTHERS, f"{page}: nothing runs blocks of {language}"
        if language == "python":
            assert code.startswith(">>> "), f"{page}: {code}"
            assert code.endswith("\n\n"), f"{page}: doctest takes the fence for output without a blank line: {code}"


def test_nothing_tells_to_install_the_package_from_an_index() -> None:
    """It is installed from its sources; what goes by its name on an index is another version."""
    texts = [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md"), *(DOCS.parent / "pycmtensor").rglob("*.py")]
    assert [path.name for path in texts if re.search(r"pip install ['\"]?pycmtensor", path.read_text("utf-8"))] == []


def test_slow_pages_are_pages() -> None:
    assert set(PAGES) >= SLOW


def test_what_leads_nowhere_or_needs_a_network_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#here">yes</a><a href="#top">yes</a><a href="https://example.org">yes</a>'
        '<a href="b.html#there">no</a><a href="c.html">no</a><script src="https://example.org/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="here">B</p>')
    assert broken(tmp_path) == [
        "a.html: loads https://example.org/x.js",
        "a.html: b.html#there leads nowhere",
        "a.html: c.html leads nowhere",
    ]

"""The report as a file: whole, by itself, and with what an audit asks for."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.report.mathml import equation


class Tags(HTMLParser):
    """Counts what is open, and keeps the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def read(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    return tags


def test_a_report_needs_no_other_file_and_tells_where_it_comes_from(
    swissmetro_results: cmt.Results, tmp_path: Path
) -> None:
    r = swissmetro_results
    page = read(r.to_html(tmp_path / "report.html").read_text())
    links = [value or "" for name, value in page.attributes if name in ("src", "href")]
    assert len(links) == 2
    assert all(link.startswith("data:image/png;base64,") for link in links)
    for kind in ("classical", "robust"):
        for value in r.cov_params(kind).to_numpy().ravel():
            assert f"{value:.6g}" in page.text
    assert r.provenance["data (SHA-256)"] in page.text
    for section in ("Utilities", "Identification", "Correlations of the estimates", "Iterations"):
        assert section in page.text


def test_a_report_of_classes_has_their_membership_and_no_numbers_where_there_are_none(tmp_path: Path) -> None:
    """One choice of everybody does not tell two classes apart: covariances have no numbers."""
    ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 2] * 4, "x": [1.0, 2, 3] * 4}), "mode", {"car": 1, "bus": 2})
    V = {"a": {"car": cmt.Beta("b") * ds["x"], "bus": 0}, "b": {"car": cmt.Beta("asc", 2.0), "bus": 0}}
    few = cmt.Stochastic(cmt.optimizers.Adam, epochs=1)
    results = cmt.estimate(cmt.LatentClass(ds, V, membership={"b": cmt.Beta("W")}), method=few)
    page = read(results.to_html(tmp_path / "report.html").read_text())
    text = re.sub(r"\s", "", page.text)
    assert "Vbusofb=0" in text
    assert "Vmembershipofb=W" in text
    assert results.cov_params().isna().all(axis=None)
    assert "nan" not in page.text


def test_loaded_results_have_a_report_without_utilities(swissmetro_results: cmt.Results, tmp_path: Path) -> None:
    loaded = cmt.Results.load(swissmetro_results.save(tmp_path / "logit.cmt"))
    page = read(loaded.to_html(tmp_path / "report.html").read_text())
    assert "Utilities" not in page.text
    assert loaded.provenance["data (SHA-256)"] in page.text


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("a + b * x / 100", "a+bx100"),
        ("a - (b - c)", "a−(b−c)"),
        ("-(a + b) * c", "−(a+b)·c"),
        ("(a + b) * c", "(a+b)·c"),
        ("a ** 2", "a2"),
        ("-exp(m + s * z)", "−exp(m+s·z)"),
        ("a + float64(0.5)", "a+0.5"),
        ("b * Lt(GA, 1) / 2", "b·(GA<1)2"),
        ("Ge(a + b, c)", "(a+b≥c)"),
        ("b <&> c", "train=b<&>c"),
    ],
)
def test_formulas_keep_their_parentheses(formula: str, expected: str) -> None:
    page = read(equation("train", formula))
    assert re.sub(r"\s|^.*?=", "", page.text) == re.sub(r"^.*?=", "", expected).replace("bx", "b·x")

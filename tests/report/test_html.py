"""The report as a file: whole, by itself, and with what an audit asks for."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

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
    assert all(link.startswith(("data:image/svg+xml;base64,", "#section-")) for link in links)
    for kind in ("classical", "robust"):
        for value in r.cov_params(kind).to_numpy().ravel():
            assert f"{value:.6g}" in page.text
    assert r.provenance["data (SHA-256)"] in page.text
    for section in ("Specification", "Identification", "Correlations of the estimates", "Iterations"):
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


def test_a_report_shows_what_is_asked_for(swissmetro_results: cmt.Results, tmp_path: Path) -> None:
    r = swissmetro_results
    value, responses = r.wtp("B_TIME", "B_COST"), r.elasticities("TRAIN_TT")
    path = r.to_html(tmp_path / "r.html", "Modes <b>", "One.\nTwo.", ["TRAIN_TT"], {"Value of time": value})
    page, source = read(path.read_text(encoding="utf-8")), path.read_text(encoding="utf-8")
    assert "Modes <b>" in page.text
    assert "<p>One.</p><p>Two.</p>" in source
    assert f"{value.estimate:.6g}" in page.text
    shades = [float(shade) for shade in re.findall(r"--heat: ([\d.]+)", source)]
    E = responses.table["estimate"].to_numpy()
    assert shades == pytest.approx(abs(E) / abs(E).max(), abs=6e-4)  # the darkest is the largest
    assert re.findall(r"heat (above|below)", source)[-3:] == ["below" if e < 0 else "above" for e in E]
    assert all(f"{e:.3f}" in page.text for e in E)
    observed = [908 / 6768, 4090 / 6768, 1770 / 6768]  # as the example counts them
    assert all(f"{share:.4f}" in page.text for share in observed)
    links = [value for name, value in page.attributes if name == "href"]
    assert [f"#{value}" for name, value in page.attributes if name == "id" and "section" in str(value)] == links
    assert "script" not in source


def test_a_report_of_data_in_parts_says_what_it_lacks(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    pd.DataFrame({"mode": [1, 2, 2] * 4, "x": [1.0, 2, 3] * 4}).to_parquet(tmp_path / "trips.parquet")
    ds = cmt.Dataset.scan(str(tmp_path / "trips.parquet"), choice="mode", alternatives={"car": 1, "bus": 2})
    results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc"), "bus": 0}))
    page = read(results.to_html(tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "-0.693147" in page.text  # log(1 / 2)
    assert "need all rows in memory" in page.text


def test_bars_are_as_long_as_t_values(swissmetro_results: cmt.Results, tmp_path: Path) -> None:
    source = swissmetro_results.to_html(tmp_path / "r.html").read_text(encoding="utf-8")
    bars = re.findall(r'"length" style="left: ([\d.]+)%; width: ([\d.]+)%', source)[:4]
    t = swissmetro_results.params / swissmetro_results.standard_errors()
    for (left, width), value in zip(bars, t.clip(-10, 10), strict=True):
        assert float(width) == pytest.approx(5 * abs(value), abs=0.006)
        assert float(left) + (float(width) if value < 0 else 0.0) == pytest.approx(50, abs=0.011)


def test_several_models_are_one_page(swissmetro_results: cmt.Results, tmp_path: Path) -> None:
    both = cmt.compare({"first": swissmetro_results, "second": swissmetro_results})
    page = read(both.to_html(tmp_path / "models.html", "Two models").read_text(encoding="utf-8"))
    assert page.text.count("-1.0838***") == 2
    assert "Two models" in page.text
    assert re.sub(r"\s", "", page.text).count("Vcar=ASC_CAR+B_TIME·CAR_TT100+B_COST·CAR_CO100") == 2


@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_no_width_cuts_a_report(swissmetro_results: cmt.Results, browser: Any, tmp_path: Path, width: int) -> None:
    path = swissmetro_results.to_html(tmp_path / "r.html")
    for media, scheme in (("screen", "light"), ("screen", "dark"), ("print", "light")):
        tab = browser.new_page(viewport={"width": max(width, 680) if media == "print" else width, "height": 900})
        tab.emulate_media(media=media, color_scheme=scheme)
        asked: list[str] = []
        tab.on("request", lambda request, asked=asked: asked.append(request.url))
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.evaluate("[...document.images].every((own) => own.complete && own.naturalWidth > 0 && own.alt)")
        assert all(url.startswith(("file:", "data:")) for url in asked)
        tab.close()


def test_loaded_results_have_a_report_without_utilities(swissmetro_results: cmt.Results, tmp_path: Path) -> None:
    loaded = cmt.Results.load(swissmetro_results.save(tmp_path / "logit.cmt"))
    page = read(loaded.to_html(tmp_path / "report.html").read_text())
    assert "Specification" not in page.text
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
        ("a + -b * x - -c", "a−b·x+c"),
        ("b * Lt(GA, 1) / 2", "b·(GA<1)2"),
        ("Ge(a + b, c)", "(a+b≥c)"),
        ("b <&> c", "train=b<&>c"),
    ],
)
def test_formulas_keep_their_parentheses(formula: str, expected: str) -> None:
    page = read(equation("train", formula))
    assert re.sub(r"\s|^.*?=", "", page.text) == re.sub(r"^.*?=", "", expected).replace("bx", "b·x")

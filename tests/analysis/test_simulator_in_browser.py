"""Choice simulators in a browser: what controls show and export is what `cmt.scenario` gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from tests.analysis.simulated_modes import BUS, MODES, TRAIN, modes, of_kind

#: What moves.
NAMES = [f"{what}{j}" for what in ("time", "cost") for j in range(3)]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return modes()


class Page:
    """A simulator in a browser; what it writes to the console is an error."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.tab = browser.new_page(**context)
        self.errors: list[str] = []
        self.tab.on("console", lambda message: self.errors.append(message.text))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.goto(path.as_uri())

    def move(self, name: str, how: str, by: float) -> None:
        """Choose how an attribute moves, and type by how much."""
        self.tab.get_by_label(f"{name}, how it moves").select_option(how)
        number = self.tab.get_by_label(f"{name}, number")
        number.fill(repr(by))
        number.press("Tab")

    def save(self, name: str) -> None:
        self.tab.get_by_label("Name of the scenario").fill(name)
        self.tab.get_by_role("button", name="Save scenario").click()

    def export(self, folder: Path) -> pd.DataFrame:
        with self.tab.expect_download() as download:
            self.tab.get_by_role("button", name="Export as CSV").click()
        download.value.save_as(folder / "scenarios.csv")
        return pd.read_csv(folder / "scenarios.csv", index_col=0)

    def table(self, name: str) -> dict[str, dict[str, str]]:
        """Head of a row -> head of a column -> what is shown."""
        rows = self.tab.locator(f"#{name} tr").all()
        (_, *head), *body = [row.locator("th, td").all_inner_texts() for row in rows]
        return {first: dict(zip(head, cells, strict=True)) for first, *cells in body}

    def shares(self) -> list[str]:
        return [row["Now"] for row in self.table("bars").values()]


@pytest.fixture
def opened(browser: Any) -> Iterator[list[Page]]:
    """Where tests put their pages, which must have no errors."""
    pages: list[Page] = []
    yield pages
    for page in pages:
        assert page.errors == []
        page.tab.close()


@pytest.mark.filterwarnings("ignore::pycmtensor.exceptions.NotConvergedWarning")
@pytest.mark.parametrize("kind", ["logit", "nested", "mixed", "latent class"])
@pytest.mark.slow_cases("nested", "mixed", "latent class")
def test_controls_at_random_settings_give_the_shares_of_a_scenario(
    frame: pd.DataFrame, browser: Any, opened: list[Page], tmp_path: Path, kind: str
) -> None:
    results = of_kind(kind, frame)
    page = Page(browser, results.to_simulator(tmp_path / "s.html", rows="all", prices={TRAIN: "cost0"}).path)
    opened.append(page)
    rng, changes = np.random.default_rng(8), dict[str, Any]()
    settings = dict[str, dict[str, Any]]()
    for i in range(20):
        for name in rng.choice(NAMES, 2, replace=False):  # from where the setting before left them
            by = round(float(rng.uniform(0.5, 3)), 3)
            how = rng.choice(["factor", "value"])
            page.move(name, how, 100 * by if how == "factor" else by)
            changes[name] = by if how == "value" else lambda old, by=by: (1 + by) * old
        settings[f"setting {i}"] = dict(changes)
        page.save(f"setting {i}")
    found = page.export(tmp_path)
    expected = cmt.scenario(results, None, settings).shares
    for row, name in zip(found.index, ["before", *settings], strict=True):
        own = expected.xs(name, level="scenario")["estimate"]
        np.testing.assert_allclose(found.loc[row, [f"share of {mode}" for mode in MODES]], own, rtol=0, atol=1e-6)
    assert found.index[0] == "today"


@pytest.fixture(scope="module")
def results(frame: pd.DataFrame) -> cmt.Results:
    return of_kind("logit", frame)


@pytest.fixture(scope="module")
def written(results: cmt.Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulator")
    return results.to_simulator(folder / "s.html", rows="all", segment="old", prices={TRAIN: "cost0"}).path


def test_what_is_shown_of_segments_and_revenue(
    results: cmt.Results, frame: pd.DataFrame, browser: Any, opened: list[Page], written: Path
) -> None:
    page = Page(browser, written)
    opened.append(page)
    page.move("cost0", "factor", 25.0)
    changed = frame.assign(cost0=1.25 * frame["cost0"])
    P = [results.predict(of).probabilities for of in (frame, changed)]
    shown = page.table("segments")
    for old in (0, 1):
        own = frame["old"] == old
        before, after = (np.average(of[own.to_numpy()], axis=0, weights=frame["w"][own]) for of in P)
        for mode, was, share in zip(MODES, before, after, strict=True):
            found, change = shown[f"old {old}"][mode].replace("−", "-").strip(")").split("% (")
            assert float(found) == pytest.approx(100 * share, abs=0.0501)
            assert float(change) == pytest.approx(100 * (share - was), abs=0.0501)
    revenue = np.average(P[1][TRAIN] * changed["cost0"], weights=frame["w"])
    assert float(page.table("bars")["Revenue per choice"]["Now"]) == pytest.approx(revenue, rel=1e-3)
    intervals = cmt.scenario(results, None, {"cost0": lambda c: 1.25 * c}).shares.xs("scenario", level="scenario")
    low, high = page.table("intervals")[BUS]["Now"].replace("%", "").split(" to ")
    expected = 100 * intervals.loc[BUS, ["lower", "upper"]].to_numpy().ravel()
    assert [float(low), float(high)] == pytest.approx(expected.tolist(), abs=0.3)  # finite differences, and one digit


def test_scenarios_are_kept_shown_and_removed(browser: Any, opened: list[Page], written: Path, tmp_path: Path) -> None:
    page = Page(browser, written)
    opened.append(page)
    today = page.shares()
    page.move("time1", "factor", -50.0)
    halved = page.shares()
    page.save("=1+1")
    page.tab.get_by_role("button", name="As today").click()
    assert page.shares() == today != halved
    page.tab.get_by_role("button", name="Show =1+1").click()
    assert page.shares() == halved
    assert page.tab.get_by_label("time1, number").input_value() == "-50"
    assert page.export(tmp_path).index.tolist() == ["today", "'=1+1"]  # which no spreadsheet computes
    page.tab.get_by_role("button", name="Remove =1+1").click()
    assert not page.table("saved")


def test_the_keyboard_moves_a_slider_and_readers_hear_it(browser: Any, opened: list[Page], written: Path) -> None:
    page = Page(browser, written)
    opened.append(page)
    slider = page.tab.get_by_role("slider", name="time0")
    slider.focus()
    slider.press("Home")
    assert slider.get_attribute("aria-valuetext") == "−100.0%"
    assert page.tab.get_by_label("time0, number").input_value() == "-100"
    train, bus, *_ = page.shares()
    page.tab.get_by_role("status").filter(has_text=f"{TRAIN} {train}, {BUS} {bus}").wait_for(state="attached")
    unnamed = """[...document.querySelectorAll('input, select, button')]
        .filter((own) => !(own.labels && own.labels.length) && !own.ariaLabel && !own.textContent).length"""
    assert page.tab.evaluate(unnamed) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_no_width_needs_sideways_scrolling(
    browser: Any, opened: list[Page], written: Path, width: int, scheme: str
) -> None:
    page = Page(browser, written, viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened.append(page)
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = page.tab.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert (ink == "rgb(255, 255, 255)") == (scheme == "dark") == (paper != "rgb(255, 255, 255)")

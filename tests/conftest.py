"""Models that several tests share; each is compiled once per session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

os.environ["PYCMTENSOR_CACHE"] = "off"  # every run of the tests compiles anew

import pycmtensor as cmt
from examples import swissmetro_mnl


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of `slow_cases` as slow: `make test` runs some of each kind, `make test-all` all."""
    for item in items:
        marker = item.get_closest_marker("slow_cases")
        if marker and isinstance(item, pytest.Function) and item.callspec.id in marker.args:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window, driven by playwright; tests are skipped where either is not here."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not here to drive a browser")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium is here to show the page")
    with driver.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def swissmetro() -> cmt.MNL:
    """The logit of the example: 6,768 choices, four parameters."""
    return swissmetro_mnl.model


@pytest.fixture(scope="session")
def swissmetro_results(swissmetro: cmt.MNL) -> cmt.Results:
    return cmt.estimate(swissmetro)


@pytest.fixture
def trips() -> pd.DataFrame:
    """Six trips by car or bus of three persons."""
    return pd.DataFrame(
        {
            "mode": [1, 2, 2, 1, 1, 2],
            "t_car": [10.0, 20.0, 30.0, 15.0, 40.0, 14.0],
            "t_bus": [15.0, 12.0, 20.0, 30.0, 60.0, 21.0],
            "has_bus": [1, 1, 1, 0, 1, 1],
            "person": [7, 7, 7, 3, 3, 5],
            "purpose": ["work", "work", "shop", "work", "work", "shop"],
        }
    )


MODES = {"car": 1, "bus": 2}


@pytest.fixture
def ds(trips: pd.DataFrame) -> cmt.Dataset:
    return cmt.Dataset(trips, choice="mode", alternatives=MODES)


@pytest.fixture(scope="session")
def modechoice() -> cmt.LongDataset:
    """210 travellers who choose between four modes, in long format."""
    modes = {"air": 1, "train": 2, "bus": 3, "car": 4}
    frame = cmt.datasets.load("modechoice")
    return cmt.Dataset.from_long(frame, choice="choice", alternative="mode", situation="individual", alternatives=modes)


@pytest.fixture(scope="session")
def modechoice_results(modechoice: cmt.LongDataset) -> cmt.Results:
    """Greene's conditional logit, with one utility for all alternatives."""
    ds = modechoice
    air, train, bus, gc, ttme, income_air = map(cmt.Beta, ["air", "train", "bus", "gc", "ttme", "income_air"])
    constants = ds.per_alternative({"air": air, "train": train, "bus": bus})
    V = constants + gc * ds["gc"] + ttme * ds["ttme"] + ds.per_alternative({"air": income_air}) * ds["hinc"]
    return cmt.estimate(cmt.MNL(ds, V))

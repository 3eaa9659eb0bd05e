"""The health report counts what is there and names what is odd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import pycmtensor as cmt
from tests.conftest import MODES


@pytest.fixture
def odd() -> pd.DataFrame:
    """Six trips with a fault of every kind."""
    return pd.DataFrame(
        {
            "mode": [1, 2, 2, 1, 1, 2],
            "person": [7, 7, 7, 3, 3, 5],
            "time": [10.0, 20, 20, np.nan, 40, np.inf],
            "cost": [1.0, 2, 2, 3, 4, 5],
            "income": [4e6, 5e6, 5e6, 6e6, 7e6, 8e6],
            "share": [1e-6, 2e-6, 2e-6, 0, 3e-6, 1e-6],
            "year": [2024] * 6,
            "has_bus": [1, 1, 1, 0, 1, 1],
            "purpose": ["work", "shop", "shop", None, "work", "work"],
        }
    )


@pytest.mark.parametrize("convert", [lambda f: f, lambda f: pl.from_pandas(f)], ids=["pandas", "polars"])
def test_faults_of_columns_and_rows_are_found(odd: pd.DataFrame, convert: Any) -> None:
    ds = cmt.Dataset(convert(odd), "mode", {**MODES, "tram": 3}, individual="person")
    report = ds.describe({"bus": ds["has_bus"]})
    assert dict(report.facts) == {
        "Rows": "6",
        "Choice situations": "6",
        "Individuals": "3",
        "Situations per individual": "1 to 3, mean 2",
        "Alternatives": "3",
        "Sum of weights": "6",
    }
    assert report.alternatives.chosen.to_dict() == {"car": 3, "bus": 3, "tram": 0}
    assert report.alternatives.available.to_dict() == {"car": 6, "bus": 5, "tram": 6}
    assert report.alternatives["share where available"].to_list() == [0.5, 0.6, 0.0]
    assert report.columns.missing[report.columns.missing > 0].to_dict() == {"time": 1, "purpose": 1}
    assert report.columns.note.to_dict() == {
        "mode": "choice",
        "person": "individual",
        "time": "1 infinite",
        "cost": "",
        "income": "out of scale: divide by 1e6",
        "share": "out of scale: multiply by 1e7",
        "year": "constant",
        "has_bus": "",
        "purpose": "text",
    }
    assert list(report.columns.loc["cost", ["least", "mean", "largest"]]) == [1, 17 / 6, 5]
    assert report.remarks == (
        "Nobody chooses tram: constants of these alternatives have no estimate.",
        "Choice situations that repeat an earlier one in all columns: row 2.",
    )


def test_availability_that_is_not_known_stays_empty(odd: pd.DataFrame) -> None:
    report = cmt.Dataset(odd, "mode", MODES).describe()
    assert report.alternatives.available.isna().all()
    assert "nan" not in str(report)


def test_long_data_know_their_availability() -> None:
    frame = pd.DataFrame(
        {
            "trip": [1, 1, 2, 2, 3, 4, 4],
            "mode": ["car", "bus", "bus", "car", "car", "bus", "car"],
            "chosen": [1, 0, 0, 1, 1, 0, 1],
            "time": [5, 9, 9, 5, 3, 9, 6],
            "income": [1, 1, 1, 1, 2, 2, 2],
        }
    )
    report = cmt.Dataset.from_long(frame, choice="chosen", alternative="mode", situation="trip").describe()
    assert report.alternatives.available.to_dict() == {"car": 4, "bus": 3}
    assert report.columns.note["income"] == "same for all alternatives"
    assert report.remarks == (
        "Nobody chooses bus: constants of these alternatives have no estimate.",
        "Choice situations that repeat an earlier one in all columns: row 2.",  # whatever the order of its rows
        "Choice situations with one alternative, which say nothing: row 4.",
    )


def test_it_prints_and_shows_itself(modechoice: cmt.LongDataset) -> None:
    report = modechoice.describe()
    lines = str(report).splitlines()
    assert lines[0] == "Data"
    assert any(line.split() == ["air", "58", "0.2762", "210", "0.2762"] for line in lines)
    assert all(name in str(report) for name in modechoice.columns)
    assert report._repr_html_().count("<table>") == 2

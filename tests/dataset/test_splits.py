"""Parts of data sets: whole individuals, shares that were asked for, nobody twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycmtensor as cmt
from pycmtensor.exceptions import DatasetError
from tests.conftest import MODES


@pytest.fixture
def panel() -> cmt.Dataset:
    """40 choices of 20 persons in 7 households, over 10 days."""
    i = np.arange(40)
    frame = pd.DataFrame({"mode": i % 2 + 1, "person": i % 20, "house": i % 20 % 7, "day": i // 4, "row": i})
    frame["date"] = pd.Timestamp("2024-05-01") + pd.to_timedelta(frame.day, "D")
    return cmt.Dataset(frame, "mode", MODES, individual="person")


def seen(ds: cmt.Dataset, column: str) -> set[float]:
    return set(ds.array(column)[..., 0][ds.array(ds.observed)[..., 0] != 0].tolist())


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0.1, 0.9), seed=st.integers(0, 1000))
def test_nobody_is_in_both_parts(share: float, seed: int) -> None:
    frame = pd.DataFrame({"mode": [1, 2] * 20, "person": np.arange(40) % 20})
    train, test = cmt.Dataset(frame, "mode", MODES, individual="person").split(share, seed=seed)
    assert train.n_individuals == round(20 * share)
    assert not seen(train, "person") & seen(test, "person")
    assert train.nobs + test.nobs == 40


def test_households_stay_together(panel: cmt.Dataset) -> None:
    train, test = panel.split(5 / 7, by="house", seed=3)
    assert len(seen(train, "house")) == 5
    assert not seen(train, "house") & seen(test, "house")


def test_seeds_give_parts(panel: cmt.Dataset) -> None:
    first, again, other = (seen(panel.split(seed=seed)[0], "person") for seed in (1, 1, 2))
    assert first == again != other


def test_folds_test_everybody_once(panel: cmt.Dataset) -> None:
    folds = panel.folds(3, seed=1)
    tested = [seen(test, "row") for _, test in folds]
    assert sorted(row for rows in tested for row in rows) == list(range(40))
    assert sorted(test.n_individuals for _, test in folds) == [6, 7, 7]
    assert all(seen(train, "row") == set(range(40)) - rows for (train, _), rows in zip(folds, tested, strict=True))


@pytest.mark.parametrize(("column", "at"), [("day", 6), ("date", "2024-05-07"), ("date", pd.Timestamp("2024-05-07"))])
def test_time_divides_situations(panel: cmt.Dataset, column: str, at: Any) -> None:
    first, second = panel.split_time(column, at)
    assert seen(first, "day") == set(range(6))
    assert seen(second, "day") == set(range(6, 10))
    assert first.nobs + second.nobs == 40


def test_long_data_are_divided_by_situation(modechoice: cmt.LongDataset) -> None:
    train, test = modechoice.split(0.5, seed=1)
    assert (train.nobs, test.nobs, train.array("gc").shape) == (105, 105, (4, 1, 105, 1))
    poor, rich = modechoice.split_time("hinc", 30)
    assert poor.array("hinc").max() < 30 <= rich.array("hinc").min()


def test_dates_of_polars() -> None:
    dates = pd.Series(pd.to_datetime(["2024-05-01", "2024-05-02", "2024-05-03"])).dt.date.tolist()
    ds = cmt.Dataset(pl.DataFrame({"mode": [1, 2, 1], "date": dates}), "mode", MODES)
    assert [part.nobs for part in ds.split_time("date", "2024-05-02")] == [1, 2]


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda ds: ds.split(0.0), "train=0.0 puts 0 of 20 into the first part"),
        (lambda ds: ds.split(1.5), "train=1.5 puts 30 of 20"),
        (lambda ds: ds.split(by="day"), "'day' changes within an individual of 'person'"),
        (lambda ds: ds.split(by="hous"), "Did you mean 'house'"),
        (lambda ds: ds.folds(1), "whole number from 2 to 20, found 1"),
        (lambda ds: ds.folds(21), "whole number from 2 to 20, found 21"),
        (lambda ds: ds.split_time("day", 10), "All choice situations are on one side of at=10.*from 0 to 9"),
        (lambda ds: ds.split_time("day", "Monday"), "cannot be compared with at='Monday'"),
    ],
)
def test_faults_are_named(panel: cmt.Dataset, use: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        use(panel)

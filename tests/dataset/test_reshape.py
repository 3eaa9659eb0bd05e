"""Wide frames become long ones and come back."""

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

CODES = {"car": 1, "bus": 2, "tram": 3}
TIME = {"time": {"car": "t_car", "bus": "t_bus", "tram": "t_tram"}}
LONG = {"choice": "mode", "alternative": "alternative", "situation": "situation"}


def wide_frame(seed: int, n: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.random((n, 3)), columns=["t_car", "t_bus", "t_tram"])
    frame["mode"] = rng.integers(1, 4, n)
    frame["has_tram"] = np.where(frame["mode"] == 3, 1, rng.integers(0, 2, n))
    frame["who"] = rng.integers(0, 3, n)
    frame["purpose"] = rng.choice(["work", "shop"], n)
    return frame


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from([lambda f: f.set_index(f.index * 7 % 6), lambda f: pl.DataFrame(f.to_dict("list"))]),
)
def test_there_and_back(seed: int, kind: Any) -> None:
    frame = wide_frame(seed)
    wide = cmt.Dataset(kind(frame), "mode", CODES, individual="who")
    long = cmt.Dataset.from_long(
        wide.to_long(TIME, {"tram": "has_tram"}), **LONG, individual="who", alternatives=list(CODES)
    )
    for name, column in TIME["time"].items():
        known = long.array(long.available(name)) != 0
        np.testing.assert_array_equal(long.array(long["time", name])[known], wide.array(column)[known])
    np.testing.assert_array_equal(long.array(long.available("tram")), wide.array("has_tram"))
    np.testing.assert_array_equal(long.chosen_alternatives, wide.chosen_alternatives)
    back = long.to_wide()
    assert type(back) is type(kind(frame))
    again = {name: list(back[name]) for name in back.columns}
    assert again["mode"] == [list(CODES)[code - 1] for code in frame["mode"]]
    assert again["purpose"] == frame.purpose.tolist()
    assert again["time_car"] == frame.t_car.tolist()
    if not frame.has_tram.all():
        assert again["available_tram"] == frame.has_tram.tolist()
        trams = np.array(again["time_tram"], dtype=float)
        np.testing.assert_array_equal(trams, np.where(frame.has_tram == 1, frame.t_tram, np.nan))


def test_both_formats_have_one_likelihood() -> None:
    frame = wide_frame(1, 40)
    wide = cmt.Dataset(frame, "mode", CODES)
    long = cmt.Dataset.from_long(wide.to_long(TIME, {"tram": "has_tram"}), **LONG)
    b = cmt.Beta("b")
    V = {name: b * wide[column] for name, column in TIME["time"].items()}
    first = cmt.estimate(cmt.MNL(wide, V, {"tram": wide["has_tram"]}))
    second = cmt.estimate(cmt.MNL(long, b * long["time"]))
    assert second.llf == pytest.approx(first.llf, rel=1e-13)


def test_packaged_data_there_and_back(modechoice: cmt.LongDataset) -> None:
    back = modechoice.to_wide()
    assert back.shape == (210, 4 + 4 * 4)
    assert {"individual", "choice", "hinc", "gc_air", "ttme_car"} < set(back.columns)
    assert modechoice.to_long().shape == (840, 9)
    costs = {"gc": {name: f"gc_{name}" for name in modechoice.alternatives}}
    again = cmt.Dataset(back, "choice", {name: name for name in modechoice.alternatives}).to_long(costs)
    assert again.gc.tolist() == cmt.datasets.load("modechoice").gc.tolist()


def test_a_number_stands_for_a_constant_column() -> None:
    ds = cmt.Dataset(wide_frame(2), "mode", CODES)
    long = ds.to_long({"fare": {"car": 0, "bus": 2.5, "tram": "t_tram"}})
    assert (long.fare[long.alternative == "bus"] == 2.5).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ({"time": {"car": "t_car"}},),
            "'time' must name a column for each of car, bus, tram, found none for bus, tram",
        ),
        (({"time": {**TIME["time"], "train": "t_car"}},), "found train"),
        (({"time": {**TIME["time"], "car": "t_cra"}},), "Did you mean 't_car'"),
        ((TIME, {"train": "has_tram"}), "'availability' must name .* found train"),
        ((TIME, {"car": "has_tram"}), "'car' is chosen where 'has_tram' says that it is unavailable"),
        (({"purpose": TIME["time"]},), "two columns 'purpose'"),
    ],
)
def test_faults_are_named(arguments: tuple, message: str) -> None:
    frame = wide_frame(3).assign(mode=1, has_tram=0)
    with pytest.raises(DatasetError, match=message):
        cmt.Dataset(frame, "mode", CODES).to_long(*arguments)

"""Data sets with other values, of other frames, and of means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import pycmtensor as cmt
from pycmtensor.exceptions import DatasetError
from tests.conftest import MODES


@pytest.mark.parametrize("convert", [lambda f: f, lambda f: pl.DataFrame(f.to_dict("list")), lambda f: f.iloc[::-1]])
def test_numbers_functions_and_arrays(trips: pd.DataFrame, convert: Any) -> None:
    ds = cmt.Dataset(convert(trips), "mode", MODES, individual="person")
    old = {x: ds.array(x) for x in ("t_car", "t_bus", "has_bus")}
    rows = ds.situation_values("t_bus") / 2
    new = ds.with_columns({"t_car": lambda t: t**2, "t_bus": rows, "has_bus": 1})
    np.testing.assert_array_equal(new.array("t_car"), old["t_car"] ** 2)
    np.testing.assert_array_equal(new.array("t_bus"), old["t_bus"] / 2)
    np.testing.assert_array_equal(new.array("has_bus"), 1.0)
    np.testing.assert_array_equal(new.array(new.chosen), ds.array(ds.chosen))
    assert all((ds.array(x) == old[x]).all() for x in old)


def test_one_alternative_of_long_data(modechoice: cmt.LongDataset) -> None:
    ds = modechoice
    new = ds.with_columns({("gc", "car"): 0, ("gc", "air"): lambda x: x + 1})
    np.testing.assert_array_equal(new.array("gc")[[1, 2]], ds.array("gc")[[1, 2]])
    np.testing.assert_array_equal(new.array("gc")[0], ds.array("gc")[0] + 1)
    assert not new.array("gc")[3].any()
    assert ds.varies("gc")
    assert not ds.varies("hinc")


def test_means_by_alternative(modechoice: cmt.LongDataset) -> None:
    frame = cmt.datasets.load("modechoice")
    np.testing.assert_allclose(modechoice.at_means().array("gc").ravel(), frame.groupby("mode").gc.mean(), rtol=1e-14)


def test_means_of_a_panel_with_weights(trips: pd.DataFrame) -> None:
    trips["w"] = [1.0, 1, 1, 2, 2, 5]
    mean = cmt.Dataset(trips, "mode", MODES, individual="person", weights="w").at_means()
    assert mean.array("t_car").shape == (1, 1, 1)
    assert mean.array("t_car").item() == pytest.approx(np.average(trips.t_car, weights=trips.w))
    assert not mean.choices_known


def test_units_are_kept(modechoice: cmt.LongDataset) -> None:
    assert modechoice.units["ttme"] == "minutes of waiting in the terminal; 0 for car"
    assert modechoice.take(np.arange(3)).units == modechoice.units
    assert cmt.Dataset(pl.DataFrame({"mode": [1, 2]}), "mode", MODES).units == {}
    faster = modechoice.with_columns({("ttme", "train"): lambda t: t / 2, "gc": 10.0})
    assert faster.units == modechoice.at_means().units == modechoice.units
    assert modechoice.sample_alternatives(3).units == modechoice.units
    without_units = cmt.datasets.load("modechoice").drop(columns="choice")
    without_units.attrs.clear()
    assert modechoice.like(without_units).units == modechoice.units


def test_units_of_new_values_can_be_told(modechoice: cmt.LongDataset) -> None:
    """0.5 hours of waiting have another unit than 30 minutes; other columns keep theirs, also in parts."""
    in_hours = modechoice.with_columns({"ttme": lambda t: t / 60}, units={"ttme": "hours"})
    assert in_hours.take(np.arange(3)).units == {**modechoice.units, "ttme": "hours"}
    told = cmt.Dataset(pl.DataFrame({"mode": [1, 2], "t": [30, 60]}), "mode", MODES).with_columns({}, {"t": "minutes"})
    assert told.take(np.arange(1)).units == {"t": "minutes"}
    with pytest.raises(DatasetError, match="no column 'tme'. Did you mean 'ttme'"):
        modechoice.with_columns({}, units={"tme": "hours"})


def test_faults_are_named(ds: cmt.Dataset, modechoice: cmt.LongDataset) -> None:
    for changes, message in (
        ({"t_crr": 1}, "no column 't_crr'. Did you mean 't_car'"),
        ({"mode": 1}, "'mode' says who chooses what"),
        ({"purpose": 1}, "'purpose' must hold numbers"),
        ({"t_car": [1.0, 2.0]}, r"The change of 't_car' must be a number, an array of 6 numbers.* found \[1.0, 2.0\]"),
        ({"t_car": lambda t: "more"}, "found 'more'"),
        ({("t_car", "car"): 1}, "Wide data have a column for each alternative"),
    ):
        with pytest.raises(DatasetError, match=message):
            ds.with_columns(changes)
    with pytest.raises(DatasetError, match="no alternative 'tram'"):
        modechoice.with_columns({("gc", "tram"): 1})


def test_data_without_choices_in_long_format() -> None:
    frame = pd.DataFrame({"trip": [1, 1, 2], "mode": ["bus", "car", "car"], "x": [1.0, 2, 3], "y": [1, 0, 1]})
    ds = cmt.Dataset.from_long(frame, choice="y", alternative="mode", situation="trip", alternatives=["car", "bus"])
    new = ds.like(frame.drop(columns="y"))
    assert new.array("x")[..., 0].tolist() == [[[2, 3]], [[1, 3]]]
    assert new.evaluate(new.available())[..., 0].tolist() == [[[1, 1]], [[1, 0]]]
    assert new.situation_labels.tolist() == [1, 2]

"""Long tables become arrays with the axes (J, T, N, 1), and know what is available; every fault in them is named."""

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

LONG = {"choice": "chosen", "alternative": "mode", "situation": "trip"}


@pytest.fixture
def legs() -> pd.DataFrame:
    """Three trips of two persons; the second has no tram."""
    return pd.DataFrame(
        {
            "trip": [11, 11, 11, 12, 12, 9, 9, 9],
            "who": ["b", "b", "b", "b", "b", "a", "a", "a"],
            "mode": ["car", "bus", "tram", "bus", "car", "tram", "bus", "car"],
            "chosen": [0, 1, 0, 0, 1, 1, 0, 0],
            "time": [10.0, 15, 12, 25, 20, 8, 9, 7],
            "income": [3, 3, 3, 3, 3, 5, 5, 5],
        }
    )


def test_rows_stand_where_their_alternative_and_situation_say(legs: pd.DataFrame) -> None:
    ds = cmt.Dataset.from_long(legs, **LONG)
    assert list(ds.alternatives) == ["car", "bus", "tram"]
    assert (ds.nobs, len(ds), ds.n_individuals, ds.n_situations, ds.n_alternatives) == (3, 3, 3, 1, 3)
    assert ds["time"].type.shape == (3, 1, None, 1)
    assert ds.array("time")[:, 0, :, 0].tolist() == [[10, 20, 7], [15, 25, 9], [12, 20, 8]]  # no tram: the chosen car
    assert ds.array(ds.available())[:, 0, :, 0].tolist() == [[1, 1, 1], [1, 1, 1], [1, 0, 1]]
    assert ds.array(ds.chosen)[0, :, 0].tolist() == [1, 0, 2]


def test_one_alternative_is_a_slice(legs: pd.DataFrame) -> None:
    ds = cmt.Dataset.from_long(legs, **LONG)
    assert ds["time", "bus"] is ds["time", "bus"]
    assert ds["time", "bus"].type.shape == (1, None, 1)
    np.testing.assert_array_equal(ds.array(ds["time", "bus"]), ds.array("time")[1])
    np.testing.assert_array_equal(ds.array(ds.available("tram")), ds.array(ds.available())[2])


def test_a_panel_has_the_situations_of_an_individual(legs: pd.DataFrame) -> None:
    ds = cmt.Dataset.from_long(legs, **LONG, individual="who")
    assert (ds.nobs, ds.n_individuals, ds.n_situations) == (3, 2, 2)
    assert ds.array("time")[0, ..., 0].T.tolist() == [[10, 20], [7, 7]]  # padded with the first situation
    assert ds.array(ds.observed)[..., 0].T.tolist() == [[1, 1], [1, 0]]


@settings(deadline=None)
@given(st.permutations(range(8)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    legs = pd.DataFrame(
        {
            "trip": [1, 1, 1, 2, 2, 3, 3, 3],
            "mode": [1, 2, 3, 1, 2, 1, 2, 3],
            "chosen": [False, True, False, False, True, True, False, False],
            "time": np.arange(8.0),
        }
    )
    names = {"car": 1, "bus": 2, "tram": 3}
    ds = cmt.Dataset.from_long(legs.iloc[order], **LONG, alternatives=names)
    trips = legs.trip.iloc[order].drop_duplicates().to_numpy() - 1
    expected = np.array([[0, 3, 5], [1, 4, 6], [2, 4, 7]])[:, trips]
    np.testing.assert_array_equal(ds.array("time")[:, 0, :, 0], expected)


@pytest.mark.parametrize(
    ("given", "names"),
    [(None, ["3", "1", "2"]), (["1", "2", "3"], ["1", "2", "3"]), ({"a": 1, "b": 2, "c": 3}, ["a", "b", "c"])],
)
@pytest.mark.parametrize("kind", [int, float])
def test_names_of_alternatives(given: Any, names: list[str], kind: type) -> None:
    frame = pd.DataFrame({"trip": [1, 1, 1], "mode": [3, 1, 2], "chosen": [1, 0, 0]}).astype({"mode": kind})
    ds = cmt.Dataset.from_long(frame, **LONG, alternatives=given)
    assert list(ds.alternatives) == names
    assert names[int(ds.array(ds.chosen).item())] == ("c" if given and "a" in given else "3")


@pytest.mark.parametrize(
    "convert",
    [lambda frame: pl.DataFrame(frame.to_dict("list")), lambda frame: pl.DataFrame(frame.to_dict("list")).lazy()],
)
def test_other_frames_give_the_same_arrays(legs: pd.DataFrame, convert: Any) -> None:
    ds, other = (cmt.Dataset.from_long(f, **LONG, individual="who") for f in (legs, convert(legs)))
    np.testing.assert_array_equal(other.array("time"), ds.array("time"))


def test_parts_keep_whole_situations(legs: pd.DataFrame) -> None:
    ds = cmt.Dataset.from_long(legs, **LONG, individual="who")
    first = ds.take(np.array([0]))
    assert repr(first) == "LongDataset(2 choice situations of 1 individuals; alternatives car, bus, tram)"
    assert first.array("time")[:, :, 0, 0].tolist() == [[10, 20], [15, 25], [12, 20]]
    fewer = ds.without("bus")
    assert repr(fewer) == "LongDataset(2 choice situations of 2 individuals; alternatives car, tram)"
    assert fewer.array("time")[:, 0, :, 0].tolist() == [[20, 7], [20, 8]]


def test_groups_and_weights_belong_to_individuals(legs: pd.DataFrame) -> None:
    legs["w"] = [2.0, 2, 2, 2, 2, 1, 1, 1]
    ds = cmt.Dataset.from_long(legs, **LONG, individual="who", weights="w")
    assert ds.individual_weights.tolist() == [2, 1]
    assert ds.groups("income").tolist() == [0, 1]


FAULTS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"mode": ["car", "car"] + ["x"] * 6}, {}, "'car' stands twice in 'trip' 11 .*row"),
    ({"chosen": [0, 0, 0, 0, 1, 1, 0, 0]}, {}, r"In 'trip' 11 no alternative is chosen.*1 situation.*3 rows"),
    ({"chosen": [1, 1, 0, 0, 1, 1, 0, 0]}, {}, r"In 'trip' 11 several alternatives are chosen in column 'chosen'"),
    ({"chosen": [2, 1, 0, 0, 1, 1, 0, 0]}, {}, r"must hold 1 or True .* found .*2.* \(row 0\)"),
    ({"chosen": ["yes"] * 8}, {}, "must hold 1 or True .* found 'yes'"),
    (
        {},
        {"alternatives": {"car": "car", "bus": "bus"}},
        r"'mode' holds 'tram'.*Known codes: 'car' \(car\), 'bus' \(bus\)",
    ),
    ({}, {"alternatives": "car"}, "at least two names"),
    ({"mode": ["car"] * 8}, {}, "at least two names"),
    ({"who": list("bcbbbaaa")}, {"individual": "who"}, r"'who' changes within 'trip' 11 .*counts anew for every"),
    ({"w": [1.0, 2, 1, 1, 1, 1, 1, 1]}, {"weights": "w"}, "'w' changes within 'trip' 11"),
    (
        {"w": [1.0, 1, 1, 2, 2, 1, 1, 1]},
        {"weights": "w", "individual": "who"},
        "'w' must be constant within an individual of 'who'",
    ),
    ({"trip": [11, None, 11, 12, 12, 9, 9, 9]}, {}, "'trip' is missing in row 1"),
    ({}, {"situation": "trop"}, "no column 'trop'. Did you mean 'trip'"),
]


@pytest.mark.parametrize(("columns", "arguments", "message"), FAULTS)
def test_faults_are_named(legs: pd.DataFrame, columns: dict, arguments: dict, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        cmt.Dataset.from_long(legs.assign(**columns), **{**LONG, **arguments})


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda ds: ds["time", "train"], "no alternative 'train'; the data set has car, bus, tram"),
        (lambda ds: ds["time", "car", "bus"], r"is ds\['cost', 'car'\], found"),
        (lambda ds: ds["tim"], "Did you mean 'time'"),
        (lambda ds: ds["who"], "'who' must hold numbers"),
        (lambda ds: ds.groups("time"), "'time' changes within 'trip' 11"),
        (lambda ds: ds.per_alternative({"train": 1.0}), "no alternative 'train'"),
        (lambda ds: ds.per_alternative({"car": ds["time"]}), "takes scalars, the value of 'car' has axes"),
        (lambda ds: ds.per_alternative(np.ones(2)), "a vector of 3 parameters"),
    ],
)
def test_uses_that_cannot_be(legs: pd.DataFrame, use: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        use(cmt.Dataset.from_long(legs, **LONG))

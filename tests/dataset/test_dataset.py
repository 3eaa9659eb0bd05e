"""Tables of several kinds become arrays on the axes (T, N, 1); every fault in them is named."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytensor.tensor as pt
import pytest

import pycmtensor as cmt
from pycmtensor.exceptions import DatasetError
from pycmtensor.terms.draws import Draws
from tests.conftest import MODES


def test_columns_are_the_rows_in_order(ds: cmt.Dataset, trips: pd.DataFrame) -> None:
    assert ds.array("t_car").shape == (1, 6, 1)
    assert ds.array("t_car").ravel().tolist() == trips.t_car.tolist()
    assert ds.array(ds.chosen).ravel().tolist() == [0, 1, 1, 0, 0, 1]
    assert (len(ds), ds.n_individuals, ds.n_situations) == (6, 6, 1)


def test_a_panel_is_padded_with_the_first_row_of_the_individual(trips: pd.DataFrame) -> None:
    panel = cmt.Dataset(trips, "mode", MODES, individual="person")
    assert (len(panel), panel.n_individuals, panel.n_situations) == (6, 3, 3)
    assert panel.array("t_car")[..., 0].T.tolist() == [[10, 20, 30], [15, 40, 15], [14, 14, 14]]
    assert panel.array(panel.observed)[..., 0].T.tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: pl.DataFrame(frame.to_dict("list")),
        lambda frame: pl.DataFrame(frame.to_dict("list")).lazy(),
        lambda frame: frame.convert_dtypes(),
        lambda frame: frame.set_index(np.arange(len(frame)) * 7),
    ],
    ids=["polars", "polars lazy", "pandas nullable", "pandas odd index"],
)
def test_other_frames_give_the_same_arrays(trips: pd.DataFrame, ds: cmt.Dataset, convert: Any) -> None:
    other = cmt.Dataset(convert(trips), "mode", MODES)
    for column in ("t_car", "has_bus"):
        np.testing.assert_array_equal(other.array(column), ds.array(column))
    np.testing.assert_array_equal(other.array(other.chosen), ds.array(ds.chosen))


def test_codes_may_be_text(trips: pd.DataFrame) -> None:
    trips["name"] = trips["mode"].map({1: "auto", 2: "bus"})
    ds = cmt.Dataset(trips, "name", {"car": "auto", "bus": "bus"})
    assert ds.array(ds.chosen).ravel().tolist() == [0, 1, 1, 0, 0, 1]


def test_the_frame_is_neither_changed_nor_followed(trips: pd.DataFrame) -> None:
    before = trips.copy(deep=True)
    ds = cmt.Dataset(trips, "mode", MODES)
    ds.array("t_car")
    pd.testing.assert_frame_equal(trips, before)
    trips.loc[:, "t_bus"] = -1.0
    assert ds.array("t_bus").ravel().tolist() == before.t_bus.tolist()


def test_expressions_of_columns_have_numbers(ds: cmt.Dataset, trips: pd.DataFrame) -> None:
    np.testing.assert_array_equal(ds.evaluate(ds["t_car"] - 2 * ds["t_bus"]).ravel(), trips.t_car - 2 * trips.t_bus)


def test_a_column_has_one_symbol(ds: cmt.Dataset) -> None:
    assert ds["t_car"] is ds["t_car"]
    assert ds["t_car"].type.shape == (1, None, 1)


def test_weights_belong_to_individuals(trips: pd.DataFrame) -> None:
    trips["w"] = [2.0, 2, 2, 0.5, 0.5, 1]
    ds = cmt.Dataset(trips, "mode", MODES, individual="person", weights="w")
    assert ds.individual_weights.tolist() == [2, 0.5, 1]


def replaced(frame: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    return frame.assign(**columns)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frame": lambda f: f.iloc[:0]}, "no rows"),
        ({"frame": lambda f: [1, 2]}, "path or a pandas, polars or PyArrow table, found list"),
        ({"choice": "mood"}, "no column 'mood'. Did you mean 'mode'"),
        ({"individual": "prson"}, "no column 'prson'. Did you mean 'person'"),
        ({"alternatives": {"car": 1, "tram": 3}}, r"holds 2, .*3 rows, the first at 1, 2, 5.*1 \(car\), 3 \(tram\)"),
        ({"alternatives": {"car": 1, "bus": 1}}, "code of its own"),
        ({"alternatives": {"car": 1}}, "at least two names"),
        ({"alternatives": {1: 1, 2: 2}}, "Names of alternatives are text, found 1. Write for example .*{'1': 1}"),
        ({"frame": lambda f: replaced(f, person=[7, None, 7, 3, 3, 5]), "individual": "person"}, "row 1"),
        ({"frame": lambda f: replaced(f, w=[1, 1, 1, 1, -1, 1]), "weights": "w"}, "at least 0; row 4"),
        (
            {"frame": lambda f: replaced(f, w=[1, 2, 1, 1, 1, 1]), "weights": "w", "individual": "person"},
            "constant within an individual of 'person'.*row 1",
        ),
    ],
)
def test_faults_are_named(trips: pd.DataFrame, arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"choice": "mode", "alternatives": MODES, **arguments}
    frame = given.pop("frame", lambda f: f)(trips)
    with pytest.raises(DatasetError, match=message):
        cmt.Dataset(frame, **given)


def test_an_unknown_column_gets_near_names(ds: cmt.Dataset) -> None:
    with pytest.raises(DatasetError, match="no column 't_cra'. Did you mean 't_car'"):
        ds["t_cra"]


def test_text_is_no_number(ds: cmt.Dataset) -> None:
    with pytest.raises(DatasetError, match=r"'purpose' must hold numbers, found String \('work', 'work', 'shop'"):
        ds["purpose"]


@pytest.mark.parametrize("frame_of", [pd.DataFrame, pl.DataFrame])
def test_missing_and_infinite_values_are_counted(frame_of: Any) -> None:
    frame = frame_of({"mode": [1, 2, 1, 2], "t": [1.0, None, np.inf, -np.inf]})
    ds = cmt.Dataset(frame, "mode", MODES)
    with pytest.raises(DatasetError, match=r"'t' holds 1 missing and 2 infinite value.*3 rows, the first at 1, 2, 3"):
        ds.array("t")


def test_narwhals_frames_pass_through(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(nw.from_native(trips), "mode", MODES)
    assert ds.nobs == 6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pd.DataFrame({"mode": pd.array([1, None, 2], "Int64")}), "'mode' is missing in row 1"),
        (lambda: pd.DataFrame({"mode": pd.array(["1", None, "2"], "string")}), "'mode' is missing in row 1"),
        (lambda: pl.DataFrame({"mode": [1, None, 2]}), "'mode' is missing in row 1"),
        (lambda: pd.DataFrame([[1, 1], [2, 2]], columns=["mode", "mode"]), "two columns of one name"),
    ],
)
def test_missing_choices_and_double_names(make: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        cmt.Dataset(make(), "mode", MODES)


def test_missing_identifiers_in_polars(trips: pd.DataFrame) -> None:
    frame = pl.DataFrame({"mode": [1, 2, 1], "person": [1.0, float("nan"), 2.0]})
    with pytest.raises(DatasetError, match="'person' is missing in row 1"):
        cmt.Dataset(frame, "mode", MODES, individual="person")


def test_columns_are_called_by_name(ds: cmt.Dataset, trips: pd.DataFrame) -> None:
    for key in (0, ["t_car", "t_bus"]):
        with pytest.raises(DatasetError, match="called by its name"):
            ds[key]  # type: ignore[index]
    with pytest.raises(DatasetError, match="called by its name"):
        cmt.Dataset(trips, trips["mode"], MODES)  # type: ignore[arg-type]


def test_weights_that_are_all_zero(trips: pd.DataFrame) -> None:
    with pytest.raises(DatasetError, match="are all 0"):
        cmt.Dataset(trips.assign(w=0.0), "mode", MODES, weights="w")


def test_identifiers_of_several_types(trips: pd.DataFrame) -> None:
    mixed = trips.assign(person=pd.Series([7, "7", 7, 3, 3, 5], dtype=object))
    with pytest.raises(DatasetError, match="'person' mixes types"):
        cmt.Dataset(mixed, "mode", MODES, individual="person")


def test_symbols_from_elsewhere_have_no_numbers(ds: cmt.Dataset) -> None:
    with pytest.raises(DatasetError, match="The input z is not a column"):
        ds.array(pt.dtensor3("z"))


@pytest.mark.parametrize("name", ["float", "int8", "cost, in CHF", "a,b"])
def test_columns_may_have_names_that_are_types_elsewhere(name: str) -> None:
    ds = cmt.Dataset(pd.DataFrame({"y": [1, 2], name: [0.5, 1.5]}), "y", {"a": 1, "b": 2})
    assert ds.array(ds[name]).ravel().tolist() == [0.5, 1.5]
    assert Draws(name)().name == name

"""Flat directions are found and named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycmtensor as cmt
from pycmtensor.estimation.curvature import bends
from pycmtensor.estimation.identification import flat_directions
from pycmtensor.exceptions import IdentificationError, NotConvergedWarning
from pycmtensor.expressions import Beta
from tests.conftest import MODES


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), flat=st.integers(0, 3))
def test_the_flat_space_is_the_null_space(seed: int, flat: int) -> None:
    rng = np.random.default_rng(seed)
    scale = 10 ** rng.uniform(-3, 3, 5)
    Q, _ = np.linalg.qr(rng.normal(size=(5, 5)))  # no direction is nearly flat by chance
    A = rng.normal(size=(20, 5 - flat)) @ Q[: 5 - flat] * scale
    found = flat_directions(A.T @ A, bends(A.T @ A))
    assert len(found) == flat
    for direction in found:
        assert np.abs(direction).max() == 1
        assert np.linalg.norm(A @ direction) < 1e-6 * np.linalg.norm(np.abs(A) @ np.abs(direction))


def test_a_constant_for_every_alternative(trips: pd.DataFrame, ds: cmt.Dataset) -> None:
    a, b, slope = Beta("asc_car"), Beta("asc_bus"), Beta("b_time")
    model = cmt.MNL(ds, {"car": a + slope * ds["t_car"], "bus": b + slope * ds["t_bus"]})
    with pytest.raises(IdentificationError, match=r"(?s)  asc_car \+ asc_bus\n.*status=1") as caught:
        cmt.estimate(model)
    assert "b_time" not in str(caught.value)
    b.status = 1  # the remedy of the message
    assert cmt.estimate(cmt.MNL(ds, model.utilities)).outcome.converged


def test_a_variable_that_is_the_same_everywhere(ds: cmt.Dataset) -> None:
    age, time = Beta("b_age"), Beta("b_time")
    V = {mode: age * ds["t_car"] + time * ds[f"t_{mode}"] for mode in ("car", "bus")}
    with pytest.raises(IdentificationError, match=r"along:\n  b_age\n"):
        cmt.estimate(cmt.MNL(ds, V))


def test_a_column_given_in_two_units(ds: cmt.Dataset) -> None:
    minutes, hours = Beta("minutes"), Beta("hours")
    V = {mode: minutes * ds[f"t_{mode}"] + hours * ds[f"t_{mode}"] / 60 for mode in ("car", "bus")}
    with pytest.raises(IdentificationError, match=r"hours.*minutes|minutes.*hours"):
        cmt.estimate(cmt.MNL(ds, V))


def test_perfect_prediction_is_no_convergence() -> None:
    """Everybody takes the faster mode; the constant is identified only by how much faster."""
    frame = pd.DataFrame({"mode": [1, 1, 1, 2, 2, 2], "saves": [5.0, 8.0, 3.0, -4.0, -1.0, -2.0]})
    ds = cmt.Dataset(frame, "mode", MODES)
    b = Beta("b")
    with pytest.warns(
        NotConvergedWarning,
        match=r"no maximum: .* along b\. .*separation\), those in 6 rows, the first",
    ):
        results = cmt.estimate(cmt.MNL(ds, {"car": b * ds["saves"], "bus": 0}))
    assert not results.outcome.converged
    assert results.bse.isna().all()


def test_an_alternative_that_nobody_chooses(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", {**MODES, "tram": 3})
    b, tram = Beta("b"), Beta("asc_tram")
    with pytest.warns(NotConvergedWarning, match=r"along -asc_tram\. .*those in 6 rows.*; nobody chooses tram\."):
        results = cmt.estimate(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": b * ds["t_bus"], "tram": tram()}))
    assert not results.outcome.converged


def binary(y: np.ndarray, *terms: Any, **columns: np.ndarray) -> cmt.MNL:
    """A binary logit whose second utility is c + b_name * column, or what ``terms`` make of the data set."""
    ds = cmt.Dataset(pd.DataFrame({"y": y, **columns}), "y", {"a": 0, "b": 1})
    V = sum((Beta(f"b_{name}") * ds[name] for name in columns), start=Beta("c")())
    return cmt.MNL(ds, {"a": 0, "b": V})


RNG = np.random.default_rng(0)
X = RNG.normal(size=400)
DUMMY = (RNG.random(400) < 0.05).astype(float)
Y = (RNG.random(400) < 1 / (1 + np.exp(-X))).astype(int)


@pytest.mark.parametrize(("small", "large"), [(1e-6, 1e7), (1e-8, 1e8), (1e-9, 1.0)])
def test_units_far_apart_are_identified(small: float, large: float) -> None:
    z = RNG.normal(size=400)
    plain = cmt.estimate(binary(Y, x=X, z=z))
    scaled = cmt.estimate(binary(Y, x=X * small, z=z * large))
    assert scaled.outcome.converged
    assert scaled.llf == pytest.approx(plain.llf, rel=1e-10)
    assert scaled.bse["b_x"] * small == pytest.approx(plain.bse["b_x"], rel=1e-5)


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e6])
@pytest.mark.parametrize("start", [0.0, 20.0, 50.0])
def test_separation_is_found_in_any_unit_and_from_any_start(unit: float, start: float) -> None:
    y = np.where(DUMMY == 1, 1, Y)
    model = binary(y, d=DUMMY * unit, x=X * 1e5)
    with pytest.warns(NotConvergedWarning, match="rises without end along b_d"):
        results = cmt.estimate(model, start={"b_d": start / unit})
    with pytest.warns(NotConvergedWarning, match="rises without end along b_d"):
        cmt.estimate(model, start=results)


def test_a_square_of_years_is_identified() -> None:
    """Year and year squared are collinear to five digits, which the data can still tell apart."""
    year = 2000 + RNG.integers(0, 25, 5000).astype(float)
    y = (RNG.random(5000) < 1 / (1 + np.exp(-0.01 * (year - 2012) ** 2 + 0.5))).astype(int)
    results = cmt.estimate(binary(y, year=year, square=year**2))
    centred = cmt.estimate(binary(y, year=year - 2012, square=(year - 2012) ** 2))
    assert results.outcome.converged
    assert results.llf == pytest.approx(centred.llf, abs=1e-6)


@pytest.mark.parametrize("start", [(0.0, 1.0), (0.5, 0.5), (-1.0, 1.0)])
def test_a_product_of_parameters_is_not_identified(start: tuple[float, float]) -> None:
    ds = cmt.Dataset(pd.DataFrame({"y": Y, "x": X}), "y", {"a": 0, "b": 1})
    b, c = Beta("b", start[0]), Beta("c", start[1])
    with pytest.raises(IdentificationError, match=r"b .*c\n|c .*b\n"):
        cmt.estimate(cmt.MNL(ds, {"a": 0, "b": b * c * ds["x"]}))

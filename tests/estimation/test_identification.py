"""Flat directions are found and named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycmtensor as cmt
from pycmtensor.estimation.identification import flat_directions
from pycmtensor.exceptions import IdentificationError, NotConvergedWarning
from pycmtensor.expressions import Beta
from tests.conftest import MODES


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), flat=st.integers(0, 3))
def test_the_flat_space_is_the_null_space(seed: int, flat: int) -> None:
    rng = np.random.default_rng(seed)
    scale = 10 ** rng.uniform(-3, 3, 5)
    A = rng.normal(size=(20, 5 - flat)) @ rng.normal(size=(5 - flat, 5)) * scale
    found = flat_directions(A.T @ A)
    assert len(found.unidentified) == flat
    assert len(found.separated) == 0
    for direction in found.unidentified:
        assert np.abs(direction).max() == 1
        assert np.linalg.norm(A @ direction) < 1e-6 * np.linalg.norm(np.abs(A) @ np.abs(direction))


def test_what_flattened_out_on_the_way_is_separated() -> None:
    start, end = np.diag([4.0, 9.0, 0.0]), np.diag([3.0, 1e-12, 0.0])
    found = flat_directions(end, start)
    assert found.separated.tolist() == [[0, 1, 0]]
    assert found.unidentified.tolist() == [[0, 0, 1]]


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
    with pytest.warns(NotConvergedWarning, match=r"no maximum: .* along b\. .*separation"):
        results = cmt.estimate(cmt.MNL(ds, {"car": b * ds["saves"], "bus": 0}))
    assert not results.outcome.converged
    assert results.bse.isna().all()


def test_an_alternative_that_nobody_chooses(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", {**MODES, "tram": 3})
    b, tram = Beta("b"), Beta("asc_tram")
    with pytest.warns(NotConvergedWarning, match=r"along -asc_tram\."):
        results = cmt.estimate(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": b * ds["t_bus"], "tram": tram()}))
    assert not results.outcome.converged

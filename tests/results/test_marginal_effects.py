"""Results in the package marginaleffects, against the derivatives and errors that the library computes itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.exceptions import InferenceError
from pycmtensor.expressions import Beta

me = pytest.importorskip("marginaleffects")


@pytest.fixture(scope="module")
def results() -> cmt.Results:
    """A panel of the Swissmetro survey, where some have no car."""
    trips = cmt.datasets.load("swissmetro").query("PURPOSE in [1, 3] and CHOICE != 0 and GA == 0").iloc[:300]
    ds = cmt.Dataset(trips, choice="CHOICE", alternatives={"train": 1, "sm": 2, "car": 3}, individual="ID")
    b_time, b_cost = Beta("b_time"), Beta("b_cost")
    V = {m: b_time * ds[f"{m.upper()}_TT"] / 60 + b_cost * ds[f"{m.upper()}_CO"] / 10 for m in ds.alternatives}
    V |= {"train": V["train"] + Beta("asc_train"), "car": V["car"] + Beta("asc_car")}
    return cmt.estimate(cmt.MNL(ds, V, {"train": ds["TRAIN_AV"], "car": ds["CAR_AV"]}))


def by_group(answer: Any) -> pd.DataFrame:
    """Estimates and errors of each alternative, in the names of the library."""
    table: pd.DataFrame = answer.to_pandas().set_index("group")
    return table[["estimate", "std_error"]].set_axis(["estimate", "std_err"], axis=1)


def test_average_predictions_are_shares(results: cmt.Results) -> None:
    found = by_group(me.avg_predictions(results.to_marginaleffects("robust")))
    shares = results.predict(kind="robust").table
    pd.testing.assert_frame_equal(
        found.loc[shares.index], shares[["estimate", "std_err"]], rtol=1e-5, check_names=False
    )


def test_slopes_are_marginal_effects(results: cmt.Results) -> None:
    slopes = me.avg_slopes(results.to_marginaleffects(), variables="TRAIN_CO", vcov="robust", eps_vcov=1e-5)
    found = by_group(slopes)
    own = results.marginal_effects("TRAIN_CO", kind="robust").table.droplevel(0)
    pd.testing.assert_frame_equal(
        found.loc[own.index], own[["estimate", "std_err"]], rtol=2e-4, atol=1e-9, check_names=False
    )


def test_comparisons_are_differences_of_predictions(results: cmt.Results) -> None:
    found = by_group(me.avg_comparisons(results.to_marginaleffects(), variables={"TRAIN_CO": 10}))
    frame = results.data.to_wide()  # type: ignore[union-attr]
    half = [results.predict(frame.assign(TRAIN_CO=frame.TRAIN_CO + by)).shares for by in (-5, 5)]
    np.testing.assert_allclose(found["estimate"][half[0].index], half[1] - half[0], rtol=1e-10)


def test_hypotheses_are_wald_tests(results: cmt.Results) -> None:
    found = me.hypotheses(results.to_marginaleffects("robust"), hypothesis="b_time = b_cost")
    assert found["statistic"][0] ** 2 == pytest.approx(results.wald("b_time = b_cost", "robust").statistic, rel=1e-5)


def test_columns_that_are_decimals_or_yes_and_no() -> None:
    """A column of 0 and 1 is compared at both."""
    frame = pd.DataFrame({"mode": [1] * 30 + [2] * 10, "discount": [1.0] * 12 + [0.0] * 18 + [1.0] * 8 + [0.0] * 2})
    ds = cmt.Dataset(frame.assign(cost=np.linspace(1, 2, 40)), "mode", {"car": 1, "bus": 2})
    V = {"car": Beta("asc_car") + Beta("b") * ds["discount"], "bus": 0}
    found = by_group(me.avg_comparisons(cmt.estimate(cmt.MNL(ds, V)).to_marginaleffects(), variables="discount"))
    assert found["estimate"]["car"] == pytest.approx(12 / 20 - 18 / 20)  # shares of those with and without


def test_groups_of_people(results: cmt.Results) -> None:
    found = me.avg_predictions(results.to_marginaleffects(), by="MALE").to_pandas()
    own = results.by("MALE").shares()["estimate"]
    for _, row in found.iterrows():
        assert row["estimate"] == pytest.approx(own[row["MALE"], row["group"]], rel=1e-10)


def test_random_coefficients_keep_their_draws(results: cmt.Results) -> None:
    ds = results.data
    assert ds is not None
    time = normal("time", Beta("mean", -1.0), Beta("sd", 0.5))
    V = {m: time * ds[f"{m.upper()}_TT"] / 60 for m in ds.alternatives}
    mixed = cmt.estimate(cmt.MixedLogit(ds, V, {"train": ds["TRAIN_AV"], "car": ds["CAR_AV"]}, draws=20))
    found = by_group(me.avg_predictions(mixed.to_marginaleffects()))
    shares = mixed.predict().table
    np.testing.assert_allclose(found["estimate"][shares.index], shares["estimate"], rtol=1e-10)


def test_long_data_are_told_the_way() -> None:
    frame = pd.DataFrame({"trip": [1, 1, 2, 2], "mode": ["a", "b"] * 2, "chosen": [1, 0, 0, 1], "x": [1.0, 2, 3, 1]})
    ds = cmt.Dataset.from_long(frame, choice="chosen", alternative="mode", situation="trip")
    results = cmt.estimate(cmt.MNL(ds, ds.per_alternative({"a": Beta("asc_a")})))
    with pytest.raises(InferenceError, match=r"on wide data, of which ds.to_wide\(\)"):
        results.to_marginaleffects()


def test_without_data_there_are_no_predictions(results: cmt.Results) -> None:
    with pytest.raises(InferenceError, match="not at hand"):
        results.remove_data().to_marginaleffects()

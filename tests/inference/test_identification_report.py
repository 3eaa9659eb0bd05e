"""The report on identification against matrices of known rank, and against models that are known to lack it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.exceptions import DatasetError
from pycmtensor.expressions import Beta
from tests.conftest import MODES


def test_two_constants_and_a_variable_that_never_differs(ds: cmt.Dataset) -> None:
    car, bus, time, same = Beta("asc_car"), Beta("asc_bus"), Beta("b_time"), Beta("b_same")
    V = {
        "car": car + time * ds["t_car"] + same * ds["t_car"],
        "bus": bus + time * ds["t_bus"] + same * ds["t_car"],
    }
    report = cmt.identification(cmt.MNL(ds, V))
    assert not report.identified
    assert report.rank == 2
    assert set(report.flat) == {"asc_car + asc_bus", "b_same"}
    assert "Rank 2 of 4 parameters" in str(report)
    assert "status=1" in str(report)


def test_an_identified_model(swissmetro: cmt.MNL, swissmetro_results: cmt.Results) -> None:
    before, after = cmt.identification(swissmetro), swissmetro_results.identification()
    for report in (before, after):
        assert report.identified
        assert report.flat == ()
        assert report.factors == {}
    assert str(after) == "Rank 4 of 4 parameters"
    H = swissmetro_results.fit.hessian
    sizes = np.sqrt(6768 / np.abs(np.diag(H)))
    np.testing.assert_allclose(list(after.sizes.values()), sizes, rtol=1e-12)


@pytest.mark.parametrize("factor", [1e4, 1e-4])
def test_columns_of_another_size_are_named_with_their_factor(trips: pd.DataFrame, factor: float) -> None:
    scaled = trips.assign(t_car=trips.t_car / 20 * factor, t_bus=trips.t_bus / 20 * factor)
    ds = cmt.Dataset(scaled, "mode", MODES)
    asc, time = Beta("asc"), Beta("b_time")
    model = cmt.MNL(ds, {"car": asc + time * ds["t_car"], "bus": time * ds["t_bus"]})
    for report in (cmt.identification(model), cmt.estimate(model).identification()):
        assert list(report.factors) == ["b_time"]
        assert abs(np.log10(report.factors["b_time"] / factor)) < 1.01  # the columns are of the size 0.7 to 3
        assert "A change of b_time by" in str(report)


def test_nearly_collinear_columns_are_weak_not_flat() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=400)
    frame = pd.DataFrame({"y": rng.integers(0, 2, 400), "x": x, "z": x + 0.01 * rng.normal(size=400)})
    ds = cmt.Dataset(frame, "y", {"a": 1, "b": 0})
    b, c = Beta("b_x"), Beta("b_z")
    model = cmt.MNL(ds, {"a": b * ds["x"] + c * ds["z"], "b": 0})
    for report in (cmt.identification(model), cmt.estimate(model).identification()):
        assert report.identified
        ((text, share),) = report.weak.items()
        assert "b_x" in text
        assert "b_z" in text
        assert share == pytest.approx(5e-5, rel=0.3)  # 1 - correlation
        assert "The data say little about" in str(report)


def test_what_bounds_and_constraints_hold_is_not_asked(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", MODES)
    V = {mode: Beta(f"asc_{mode}") + 0 * ds["t_car"] for mode in MODES}
    model = cmt.MNL(ds, V)
    assert cmt.identification(model).flat == ("asc_car + asc_bus",)
    assert cmt.estimate(model, constraints="asc_car + asc_bus = 0").identification().identified


def test_one_utility_for_all_alternatives(modechoice: cmt.LongDataset) -> None:
    """Income is the same for all alternatives of a situation."""
    V = Beta("b_cost") * modechoice["gc"] / 100 + Beta("b_income") * modechoice["hinc"] / 100
    report = cmt.identification(cmt.MNL(modechoice, V))
    assert report.rank == 1
    assert report.flat == ("b_income",)


def test_random_coefficients(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", MODES)
    b_time, same = normal("b_time", Beta("mean", -0.1), Beta("sd", 0.1)), normal("same", Beta("m", 0.1), Beta("s", 0.1))
    V = {mode: b_time * ds[f"t_{mode}"] + same * ds["t_car"] for mode in MODES}
    report = cmt.identification(cmt.MixedLogit(ds, V, draws=16))
    assert report.rank == 2
    assert set(report.flat) == {"m", "s"}


def test_data_must_fit_the_model(swissmetro: cmt.MNL, trips: pd.DataFrame) -> None:
    with pytest.raises(DatasetError, match="data must be a Dataset, found DataFrame"):
        cmt.identification(swissmetro, trips)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="The model is for the alternatives train, sm, car"):
        cmt.identification(swissmetro, cmt.Dataset(trips, "mode", MODES))

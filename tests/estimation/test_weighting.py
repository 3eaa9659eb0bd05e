"""Weights: their scale changes no estimate, and individuals of weight 0 count as if they were not there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.estimation.fit import exponent_of
from pycmtensor.inference import ClusterRobust
from pycmtensor.optimizers import Adam

N = 120
CODES = {"a": 1, "b": 2, "c": 3}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(N, 3))
    y = (x + rng.gumbel(size=(N, 3))).argmax(axis=1) + 1
    weights = rng.integers(0, 4, N // 3).repeat(3) / 2.0
    columns = {f"x{j}": x[:, j] for j in range(3)}
    return pd.DataFrame({"y": y, "who": np.arange(N) // 3, "w": weights, "town": np.arange(N) // 12, **columns})


def logit(ds: Any) -> cmt.Model:
    b, asc = cmt.Beta("b"), cmt.Beta("asc")
    return cmt.MNL(ds, {"a": asc + b * ds["x0"], "b": b * ds["x1"], "c": b * ds["x2"]})


def wide(frame: pd.DataFrame) -> cmt.Model:
    return logit(cmt.Dataset(frame, "y", CODES, weights="w"))


def panel(frame: pd.DataFrame) -> cmt.Model:
    return logit(cmt.Dataset(frame, "y", CODES, individual="who", weights="w"))


def long(frame: pd.DataFrame) -> cmt.Model:
    ds = cmt.Dataset(frame.assign(trip=frame.index), "y", CODES, individual="who", weights="w")
    stacked = ds.to_long({"x": {"a": "x0", "b": "x1", "c": "x2"}})
    options: dict[str, Any] = {"choice": "y", "alternative": "alternative", "situation": "trip"}
    ds = cmt.Dataset.from_long(stacked, **options, individual="who", weights="w", alternatives=["a", "b", "c"])
    return cmt.MNL(ds, ds.per_alternative({"a": cmt.Beta("asc")}) + cmt.Beta("b") * ds["x"])


@pytest.fixture(scope="module")
def ordinary(frame: pd.DataFrame) -> cmt.Results:
    return cmt.estimate(panel(frame))


@pytest.mark.parametrize("size", [1e-320, 1e-160, 1e-20, 1e-6, 1e6, 1e50, 1e160, 1e300])
@pytest.mark.parametrize("method", ["trust-region", "bfgs"])
def test_estimates_and_robust_errors_do_not_depend_on_the_scale(
    frame: pd.DataFrame, ordinary: cmt.Results, size: float, method: str
) -> None:
    few_digits = 1e-3 if size < 1e-310 else 1e-6  # of numbers below 2.2e-308 few digits are left
    results = cmt.estimate(panel(frame.assign(w=frame.w * size)), method=method)
    assert results.outcome.ending == "maximum"
    np.testing.assert_allclose(results.params, ordinary.params, rtol=few_digits)
    for kind in ("robust", ClusterRobust("town"), cmt.Bootstrap(20)):
        np.testing.assert_allclose(results.standard_errors(kind), ordinary.standard_errors(kind), rtol=1e-2)
    if size < 1e300:  # sums are in the scale of the weights
        np.testing.assert_allclose(results.llf, ordinary.llf * size, rtol=few_digits)
        np.testing.assert_allclose(results.history["llf"].iloc[-1], results.llf, rtol=1e-6)
        np.testing.assert_allclose(results.rho2, ordinary.rho2, rtol=few_digits)
    if 1e-300 < size < 1e160:
        np.testing.assert_allclose(results.bse * math.sqrt(size), ordinary.bse, rtol=1e-6)
        np.testing.assert_allclose(results.cov_params("bhhh") * size, ordinary.cov_params("bhhh"), rtol=1e-6)


def test_a_stochastic_method_takes_the_same_steps_whatever_the_scale(frame: pd.DataFrame) -> None:
    adam = cmt.Stochastic(Adam, lr=0.05, epochs=20, batch_size=10)
    ends = [cmt.estimate(panel(frame.assign(w=frame.w * size)), method=adam).params for size in (2.0**-60, 2.0**60)]
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


def test_results_with_far_weights_are_saved_and_loaded(frame: pd.DataFrame, tmp_path: Any) -> None:
    model = panel(frame.assign(w=frame.w * 1e-160))
    results = cmt.estimate(model)
    for loaded in (cmt.Results.load(results.save(tmp_path / "r.cmt")), cmt.Results.load(tmp_path / "r.cmt", model)):
        np.testing.assert_allclose(loaded.cov_params("robust"), results.cov_params("robust"), rtol=1e-12)
        assert loaded.nobs == results.nobs


@pytest.mark.parametrize("make", [wide, panel, long])
def test_individuals_of_weight_0_are_not_there(frame: pd.DataFrame, make: Callable[[Any], cmt.Model]) -> None:
    results, without = cmt.estimate(make(frame)), cmt.estimate(make(frame[frame.w > 0]))
    assert results.nobs == without.nobs == (frame.w > 0).sum()
    assert results.n_individuals == without.n_individuals
    np.testing.assert_allclose(results.params, without.params, rtol=1e-9)
    assert math.isclose(results.bic, without.bic, rel_tol=1e-12)
    assert math.isclose(results.llnull, without.llnull, rel_tol=1e-12)
    for kind in ("classical", "robust", ClusterRobust("town"), cmt.Bootstrap(10), cmt.Jackknife("town")):
        np.testing.assert_allclose(results.cov_params(kind), without.cov_params(kind), rtol=1e-6)
    assert results.identification().sizes == pytest.approx(without.identification().sizes, rel=1e-6)
    before, after = cmt.identification(make(frame)), cmt.identification(make(frame[frame.w > 0]))
    assert before.sizes == pytest.approx(after.sizes, rel=1e-12)


def test_the_unit_is_a_power_of_two_next_to_the_mean() -> None:
    assert exponent_of(np.array([0.0, 3e5, 1e5])) == 18  # 2e5 is 2^17.6
    assert exponent_of(np.array([1e308, 1e308])) == 1023
    assert exponent_of(np.array([5e-324])) == -1074
    assert exponent_of(np.array([700.0])) == 0

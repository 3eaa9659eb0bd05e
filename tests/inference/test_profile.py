"""Profile-likelihood intervals against a binomial share, whose likelihood is known, and against SciPy's root finder."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2

import pycmtensor as cmt
from pycmtensor.exceptions import InferenceError, PyCMTensorError
from pycmtensor.expressions import Beta
from tests.conftest import MODES


def share(ones: int, zeros: int, ub: float | None = None) -> cmt.Results:
    ds = cmt.Dataset(pd.DataFrame({"y": np.repeat([1, 0], [ones, zeros])}), "y", {"a": 1, "b": 0})
    return cmt.estimate(cmt.MNL(ds, {"a": Beta("asc", ub=ub)(), "b": 0}))


@pytest.mark.parametrize(("ones", "zeros"), [(30, 10), (3, 2), (199, 1)])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_interval_of_a_share(ones: int, zeros: int, alpha: float) -> None:
    def ll(asc: float) -> float:
        return ones * asc - (ones + zeros) * np.logaddexp(0, asc)

    best = np.log(ones / zeros)
    level = ll(best) - chi2.ppf(1 - alpha, 1) / 2
    truth = [brentq(lambda b: ll(b) - level, *sorted((best, best + side * 30))) for side in (-1, 1)]
    interval = share(ones, zeros).conf_int(alpha, kind="profile")
    np.testing.assert_allclose(interval.loc["asc"], truth, rtol=1e-5)


def test_other_parameters_are_estimated_anew(trips: pd.DataFrame) -> None:
    """At the ends of the interval the best that the other parameter can do is chi2 / 2 below the maximum."""
    many = pd.concat([trips] * 5).assign(t_car=lambda f: f.t_car + np.arange(len(f)))
    ds = cmt.Dataset(many, "mode", MODES)
    asc, b = Beta("asc"), Beta("b")
    V = {"car": asc + b * ds["t_car"], "bus": b * ds["t_bus"]}
    results = cmt.estimate(cmt.MNL(ds, V))
    interval = results.conf_int(kind="profile")
    for end in interval.to_numpy()[1]:
        held = cmt.estimate(cmt.MNL(ds, {"car": asc + end * ds["t_car"], "bus": end * ds["t_bus"]}))
        assert 2 * (results.llf - held.llf) == pytest.approx(chi2.ppf(0.95, 1), rel=1e-5)
    assert not np.allclose(interval, results.conf_int(), rtol=1e-2)


def test_a_bound_that_is_not_rejected_ends_the_interval() -> None:
    interval = share(3, 2, ub=0.5).conf_int(kind="profile")
    assert interval.loc["asc", "upper"] == 0.5
    assert share(3, 2, ub=0.1).conf_int(kind="profile").loc["asc", "upper"] == 0.1  # the estimate itself is there


def test_a_bound_where_the_likelihood_bends_upwards() -> None:
    """The log-odds are -sqrt(q); the end is where they lose half of chi-squared."""
    ds = cmt.Dataset(pd.DataFrame({"y": [1] * 60 + [0] * 40}), "y", {"a": 1, "b": 0})
    results = cmt.estimate(cmt.MNL(ds, {"a": -pt.sqrt(cmt.Beta("q", 0.5, lb=0.01)), "b": 0}))
    assert results.fit.hessian[0, 0] > 0

    def lost(odds: float) -> float:
        return results.llf - (-60 * np.log1p(np.exp(-odds)) - 40 * np.log1p(np.exp(odds))) - chi2.ppf(0.95, 1) / 2

    interval = results.conf_int(kind="profile").loc["q"]
    assert interval["lower"] == 0.01
    assert interval["upper"] == pytest.approx(brentq(lost, -2, -0.1) ** 2, rel=1e-5)


def test_a_likelihood_that_never_falls_far_enough_has_no_end() -> None:
    """Two of three: the utility b x with x = exp(-b) cannot exceed 1 / e, so large b are as likely as 0."""
    import pytensor.tensor as pt

    ds = cmt.Dataset(pd.DataFrame({"y": [1, 1, 1, 0, 0], "x": 1.0}), "y", {"a": 1, "b": 0})
    b = Beta("b", 0.3)
    results = cmt.estimate(cmt.MNL(ds, {"a": b * pt.exp(-b) * ds["x"], "b": 0}))
    assert results.conf_int(kind="profile").loc["b", "upper"] == np.inf


def test_what_has_no_profile(swissmetro_results: cmt.Results) -> None:
    with pytest.raises(InferenceError, match="alpha must be a finite number in"):
        swissmetro_results.conf_int(1.5, kind="profile")
    with pytest.raises(PyCMTensorError, match="which profile intervals need, are not at hand"):
        cmt.Results(swissmetro_results.fit).conf_int(kind="profile")

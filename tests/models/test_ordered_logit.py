"""Ordered logit and probit against the equation in NumPy and SciPy, against statsmodels, and in the tails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import DatasetError, ModelError, OptimizerError
from pycmtensor.expressions import Beta
from tests.engine.test_local import differences
from tests.models.test_mnl import by_formula

LINKS = {"logit": stats.logistic, "probit": stats.norm}
REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "ordered" / "estimates.json").read_text())
RATINGS = {"poor": 1, "fair": 2, "good": 3, "best": 4}


@pytest.fixture(scope="module")
def ds() -> cmt.Dataset:
    return cmt.Dataset(pd.DataFrame(REFERENCE["data"]), "rating", RATINGS)


def rated(ds: cmt.Dataset, link: str = "logit", **options: Any) -> cmt.OrderedLogit:
    return cmt.OrderedLogit(ds, Beta("b_wait") * ds["wait"] + Beta("b_fare") * ds["fare"], link=link, **options)


@pytest.fixture(scope="module", params=list(LINKS))
def estimated(request: pytest.FixtureRequest, ds: cmt.Dataset) -> tuple[cmt.Results, dict[str, Any]]:
    return cmt.estimate(rated(ds, request.param)), REFERENCE[request.param]


@pytest.mark.parametrize("link", list(LINKS))
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), J=st.integers(2, 5))
def test_likelihood_is_that_by_hand(link: str, seed: int, J: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, b = rng.normal(0, 2, 15), rng.integers(0, J, 15), rng.normal()
    tau = np.sort(rng.normal(0, 2, J - 1))
    ds = cmt.Dataset(pd.DataFrame({"x": x, "y": y}), "y", {f"c{j}": j for j in range(J)})
    thresholds = [Beta(f"tau{j}", value) for j, value in enumerate(tau)]
    model = cmt.OrderedLogit(ds, Beta("b", b) * ds["x"], thresholds=thresholds, link=link)
    ends = np.concatenate([[-np.inf], tau, [np.inf]])
    low, high, F = ends[y] - b * x, ends[y + 1] - b * x, LINKS[link]
    P = np.where(low + high > 0, F.sf(low) - F.sf(high), F.cdf(high) - F.cdf(low))
    assert by_formula(model) == pytest.approx(-np.log(P).sum(), rel=1e-9)
    assert model.llnull() == pytest.approx(-15 * np.log(J), rel=1e-14)


@pytest.mark.slow_cases("probit")
def test_estimates_are_those_of_statsmodels(estimated: tuple[cmt.Results, dict[str, Any]]) -> None:
    results, truth = estimated
    assert results.outcome.converged
    assert results.llf == pytest.approx(truth["llf"], rel=1e-10)
    np.testing.assert_allclose(results.params, [*truth["coefficients"], *truth["thresholds"]], rtol=1e-6)
    np.testing.assert_allclose(results.standard_errors()[:2], truth["bse"], rtol=1e-5)
    np.testing.assert_allclose(results.predict().probabilities.iloc[0], truth["probabilities of the first"], rtol=1e-6)
    np.testing.assert_allclose(results.predict().probabilities.sum(axis=1), 1, rtol=1e-12)


def test_derivatives_are_difference_quotients(estimated: tuple[cmt.Results, dict[str, Any]]) -> None:
    engine = estimated[0].evaluator
    assert engine is not None
    theta = np.array([-0.1, -0.2, -3.0, -1.5, -0.5])
    at = engine.second_order(theta)
    np.testing.assert_allclose(at.gradient, differences(engine.value, theta), rtol=1e-6)
    np.testing.assert_allclose(at.hessian, differences(lambda t: engine.value_and_grad(t)[1], theta), rtol=1e-6)


def exact(link: str, V: float, j: int) -> tuple[Any, Any, Any]:
    """log P_j and its derivatives with V at thresholds -1 and 1, in 1,000 digits."""
    F = mpmath.ncdf if link == "probit" else lambda x: 1 / (1 + mpmath.exp(-x))
    f = mpmath.npdf if link == "probit" else lambda x: F(x) * F(-x)
    slope = (lambda x: -x * f(x)) if link == "probit" else lambda x: f(x) * (1 - 2 * F(x))
    ends = [-mpmath.inf, mpmath.mpf(-1), mpmath.mpf(1), mpmath.inf][j : j + 2]

    def at(of: Any, end: Any, limits: tuple[int, int]) -> Any:
        return limits[end > 0] if mpmath.isinf(end) else of(end - mpmath.mpf(V))

    (P, dP, ddP) = (at(of, ends[1], (0, u)) - at(of, ends[0], (0, u)) for of, u in ((F, 1), (f, 0), (slope, 0)))
    return mpmath.log(P), -dP / P, ddP / P - (dP / P) ** 2


@pytest.mark.parametrize("link", list(LINKS))
@pytest.mark.parametrize("V", [-60.0, -30.0, -5.0, 0.0, 5.0, 30.0, 60.0])
@pytest.mark.slow_cases("-60.0-probit")
def test_tails_are_exact(link: str, V: float, tails: dict[str, LocalEvaluator]) -> None:
    at = tails[link].first_order(np.array([V])), tails[link].second_order(np.array([V]))
    with mpmath.workdps(1000):
        truth = [exact(link, V, j) for j in range(3)]
    for j in range(3):
        value, slope, _ = truth[j]
        assert at[0].logprob[j] == pytest.approx(float(value), rel=1e-13, abs=1e-15)
        assert at[0].scores[j, 0] == pytest.approx(float(slope), rel=1e-11, abs=1e-15)
    bend = sum(of[2] for of in truth)
    assert at[1].hessian[0, 0] == pytest.approx(float(bend), rel=1e-9)


@pytest.fixture(scope="module")
def tails() -> dict[str, LocalEvaluator]:
    ds = cmt.Dataset(pd.DataFrame({"y": [0, 1, 2]}), "y", {"low": 0, "middle": 1, "high": 2})
    return {k: LocalEvaluator(cmt.OrderedLogit(ds, Beta("V")(), thresholds=[-1, 1], link=k)) for k in LINKS}


def test_two_categories_are_the_binary_logit(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", {"car": 1, "bus": 2})
    ordered = cmt.estimate(cmt.OrderedLogit(ds, Beta("b") * ds["t_car"] / 10))
    logit = cmt.estimate(cmt.MNL(ds, {"car": 0, "bus": Beta("asc") + Beta("b") * ds["t_car"] / 10}))
    assert ordered.llf == pytest.approx(logit.llf, rel=1e-12)
    assert ordered.params["threshold_1"] == pytest.approx(-logit.params["asc"], rel=1e-6)


def test_thresholds_start_at_the_shares_of_weighted_data() -> None:
    """With nothing but thresholds the start is the maximum: the log-likelihood of the shares."""
    frame = pd.DataFrame({"rating": [1, 2, 3, 4], "w": [1.0, 4.0, 2.0, 3.0]})
    ds = cmt.Dataset(frame, "rating", RATINGS, weights="w")
    for link in LINKS:
        model = cmt.OrderedLogit(ds, 0, link=link)
        assert by_formula(model) == pytest.approx(-(frame.w * np.log(frame.w / 10)).sum(), rel=1e-12)
        start = np.array([float(parameter.get_value()) for parameter in model.params])
        assert np.abs(LocalEvaluator(model).value_and_grad(start)[1]).max() < 1e-13


def test_thresholds_of_ones_own(ds: cmt.Dataset) -> None:
    """The same model with differences of thresholds as parameters, and with one of them fixed."""
    first, step, last = Beta("first", -4.0), Beta("step", 1.0, lb=0.01), Beta("last", -1.0)
    results = cmt.estimate(rated(ds, thresholds=[first, first + step, last]))
    truth = REFERENCE["logit"]
    assert results.llf == pytest.approx(truth["llf"], rel=1e-10)
    assert results.params["step"] == pytest.approx(truth["thresholds"][1] - truth["thresholds"][0], rel=1e-5)
    fixed = results.model.with_fixed({"b_wait": truth["coefficients"][0]})  # type: ignore[union-attr]
    assert cmt.estimate(fixed).llf == pytest.approx(truth["llf"], rel=1e-10)


def test_thresholds_that_cross_on_the_way_are_refused_by_the_search(ds: cmt.Dataset) -> None:
    model = rated(ds, thresholds=[Beta("a", -0.001), Beta("b", 0.0), Beta("c", 0.001)])
    assert not LocalEvaluator(model).value(np.array([0.0, 0.0, 1.0, 0.0, 2.0])) > -np.inf
    for method in ("trust-region", "newton", "bfgs"):
        assert cmt.estimate(model, method=method).llf == pytest.approx(REFERENCE["logit"]["llf"], rel=1e-8)


@pytest.fixture(scope="module")
def gap(ds: cmt.Dataset) -> tuple[cmt.OrderedLogit, cmt.Results]:
    """A model with a category "so-so" that nobody is observed in, and the estimates without it, its supremum."""
    frame = pd.DataFrame(REFERENCE["data"])
    frame["rating"] = frame.rating.replace({3: 4, 4: 5})
    with_gap = cmt.Dataset(frame, "rating", {"poor": 1, "fair": 2, "so-so": 3, "good": 4, "best": 5})
    thresholds = [Beta(f"t{j}", start) for j, start in enumerate((-3.0, -2.0, -1.0, 0.0), start=1)]
    return rated(with_gap, thresholds=thresholds), cmt.estimate(rated(ds))


@pytest.mark.parametrize("method", ["trust-region", "newton", "bfgs", "lbfgs", "bhhh"])
def test_thresholds_around_an_unobserved_category_meet(gap: tuple[cmt.OrderedLogit, cmt.Results], method: str) -> None:
    model, without = gap
    results = cmt.estimate(model, method=method)
    assert results.outcome.converged
    assert "t2 = t3" in str(results.outcome)
    assert results.llf == pytest.approx(without.llf, rel=1e-10)
    np.testing.assert_allclose(results.params[["t1", "t2", "t4"]], without.params.iloc[2:], rtol=1e-6)
    np.testing.assert_allclose(results.bse[["b_wait", "t1", "t2", "t4"]], without.bse.iloc[[0, 2, 3, 4]], rtol=1e-5)
    P = results.predict().probabilities
    np.testing.assert_array_equal(P["so-so"], 0)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)


def test_thresholds_stay_in_order_in_training_too(gap: tuple[cmt.OrderedLogit, cmt.Results]) -> None:
    with pytest.raises(OptimizerError, match=r"t2 = t3, to which a Stochastic method cannot keep.*'trust-region'"):
        cmt.estimate(gap[0], method=cmt.Stochastic(cmt.optimizers.Adam, epochs=1))


def test_crossed_thresholds_have_no_likelihood(gap: tuple[cmt.OrderedLogit, cmt.Results]) -> None:
    """Also where nobody is observed between them; equal ones have finite derivatives."""
    evaluator = LocalEvaluator(gap[0])
    assert evaluator.value(np.array([0.0, 0.0, -3.0, -1.0, -2.0, 0.0])) == -np.inf
    equal = np.array([0.1, 0.2, -3.0, -1.0, -1.0, 0.0])
    found = evaluator.second_order(equal)
    assert np.isfinite(found.hessian).all()
    apart = equal + np.array([0.0, 0.0, 0.0, -1e-6, 1e-6, 0.0])
    np.testing.assert_allclose(found.gradient, evaluator.second_order(apart).gradient, rtol=1e-4)


def test_start_values_that_cross_are_refused(ds: cmt.Dataset) -> None:
    with pytest.raises(ModelError, match=r"Thresholds must rise, found the start values 2, -2, "):
        cmt.estimate(rated(ds), start={"threshold_1": 2, "threshold_2": -2})


@pytest.mark.slow_cases("probit")
def test_answers(estimated: tuple[cmt.Results, dict[str, Any]], ds: cmt.Dataset) -> None:
    results, truth = estimated
    b_wait, b_fare = truth["coefficients"]
    assert results.wtp(ds["wait"], ds["fare"]).table["estimate"].iloc[0] == pytest.approx(b_wait / b_fare, rel=1e-6)
    effects = results.marginal_effects("wait").table["estimate"]
    step = {"wait": lambda x: x + 1e-4}, {"wait": lambda x: x - 1e-4}
    up, down = (results.predict(ds.with_columns(change)).shares for change in step)
    np.testing.assert_allclose(effects, (up - down) / 2e-4, rtol=1e-6)
    later = cmt.scenario(results, None, {"wait": lambda x: 2 * x}).shares["estimate"]
    assert later["scenario", "poor"] > later["before", "poor"]
    with pytest.raises(ModelError, match="no consumer surplus"):
        cmt.scenario(results, None, {"wait": 0}, cost="b_fare")


ordered: Any = cmt.OrderedLogit

FAULTS: list[tuple[Any, str]] = [
    (lambda ds, V: ordered(ds, V, {"poor": 1}), "Every category of an ordered model can be observed"),
    (lambda ds, V: ordered(ds, {"poor": V}), "one latent utility for all categories, found .* poor"),
    (lambda ds, V: ordered(ds, V, thresholds=[0, 1]), "4 categories need a list of 3 threshold.*found 2"),
    (lambda ds, V: ordered(ds, V, thresholds=Beta("t")), "need a list of 3 threshold.*found Beta"),
    (lambda ds, V: ordered(ds, V, thresholds=[0, 2, 1]), "Thresholds must rise, found .* 0, 2, 1"),
    (lambda ds, V: ordered(ds, V, thresholds=[0, 1, ds["fare"]]), "must be one number.*found fare"),
    (lambda ds, V: ordered(ds, V, link="cloglog"), "link must be one of 'logit', 'probit'; found 'cloglog'"),
    (lambda ds, V: ordered(ds, V).without("poor"), "'poor' cannot be taken out of ordered categories"),
    (lambda ds, V: ordered(ds, None), "must be an expression of parameters and columns"),
]


@pytest.mark.parametrize(("specify", "message"), FAULTS)
def test_faults_of_a_specification_are_named(ds: cmt.Dataset, specify: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        specify(ds, Beta("b") * ds["wait"])


def test_data_that_have_no_order(modechoice: cmt.LongDataset, ds: cmt.Dataset) -> None:
    with pytest.raises(DatasetError, match="no attributes, the data set is long"):
        cmt.OrderedLogit(modechoice, Beta("b") * modechoice["gc"])
    more = cmt.Dataset(pd.DataFrame(REFERENCE["data"]), "rating", RATINGS | {"perfect": 5})
    with pytest.raises(DatasetError, match="Nobody is observed in perfect"):
        rated(more)

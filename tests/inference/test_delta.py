"""Functions of estimates against formulas by hand and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from scipy import stats

import pycmtensor as cmt
from pycmtensor.exceptions import InferenceError, ModelError
from tests.conftest import MODES
from tests.inference.conftest import LABELS, Survey


@pytest.mark.parametrize("kind", ["classical", "robust", "bhhh"])
def test_the_variance_of_a_value_of_time(survey: Survey, full: cmt.Results, kind: str) -> None:
    """Var(t / c) = V_tt / c^2 - 2 t V_tc / c^3 + t^2 V_cc / c^4."""
    t, c = full.params["B_TIME"], full.params["B_COST"]
    V = full.cov_params(kind).loc[["B_TIME", "B_COST"], ["B_TIME", "B_COST"]].to_numpy()
    std_err = np.sqrt(V[0, 0] / c**2 - 2 * t * V[0, 1] / c**3 + t**2 * V[1, 1] / c**4)
    half = stats.norm.ppf(0.95) * std_err
    for expression in ("B_TIME / B_COST", survey.betas["B_TIME"] / survey.betas["B_COST"]):
        vot = full.delta(expression, alpha=0.1, kind=kind)
        assert vot.estimate == pytest.approx(t / c, rel=1e-14)
        assert vot.std_err == pytest.approx(std_err, rel=1e-12)
        assert (vot.lower, vot.upper) == pytest.approx((t / c - half, t / c + half), rel=1e-12)
        assert vot.z == pytest.approx(t / c / std_err)
        assert vot.pvalue == pytest.approx(2 * stats.norm.sf(t / c / std_err), rel=1e-8)
        assert vot.name == "B_TIME / B_COST"


def test_a_parameter_alone_is_itself(survey: Survey, full: cmt.Results) -> None:
    cost = full.delta(survey.betas["B_COST"])
    assert (cost.estimate, cost.std_err) == pytest.approx((full.params["B_COST"], full.bse["B_COST"]), rel=1e-14)


def test_several_functions_have_a_joint_covariance(full: cmt.Results) -> None:
    """Linear functions: Cov(G theta) = G V G'."""
    both = full.delta({"sum": "B_TIME + B_COST", "difference": "B_TIME - B_COST"}, kind="robust")
    G = np.array([[0, 0, 1, 1], [0, 0, 1, -1]])
    np.testing.assert_allclose(both.covariance, G @ full.cov_params("robust").to_numpy() @ G.T, rtol=1e-12)
    assert list(both.covariance.index) == list(both.table.index) == ["sum", "difference"]
    alone = full.delta("B_TIME - B_COST", kind="robust")
    assert both["difference"].std_err == pytest.approx(alone.std_err, rel=1e-14)
    row = [alone.estimate, alone.std_err, alone.z, alone.pvalue, alone.lower, alone.upper]
    assert both.table.to_numpy()[1].tolist() == pytest.approx(row, rel=1e-12)
    assert list(both.table.columns) == ["estimate", "std_err", "z", "pvalue", "lower", "upper"]
    with pytest.raises(InferenceError, match="no 'product' among sum, difference"):
        both["product"]


def test_correlations_are_covariances_of_standardised_estimates(full: cmt.Results) -> None:
    correlation = full.correlation("robust")
    V = full.cov_params("robust").to_numpy()
    D = np.diag(1 / np.sqrt(np.diag(V)))
    np.testing.assert_allclose(correlation, D @ V @ D, rtol=1e-13)
    assert list(correlation.index) == list(correlation.columns) == list(full.params.index)


def test_fixed_parameters_have_a_value_and_no_variance(ds: cmt.Dataset) -> None:
    b, scale = cmt.Beta("b"), cmt.Beta("scale", 2.0, status=1)
    results = cmt.estimate(cmt.MNL(ds, {"car": b * scale * ds["t_car"], "bus": b * scale * ds["t_bus"]}))
    product = results.delta(b * scale)
    assert product.estimate == pytest.approx(2 * results.params["b"], rel=1e-14)
    assert product.std_err == pytest.approx(2 * results.bse["b"], rel=1e-14)
    with pytest.raises(InferenceError, match="scale depends on no parameter that was estimated"):
        results.delta("scale")


@pytest.fixture
def bounded(trips: pd.DataFrame) -> cmt.Results:
    ds = cmt.Dataset(trips, "mode", MODES)
    asc, b = cmt.Beta("asc"), cmt.Beta("b", -1.0, ub=0.0)
    return cmt.estimate(cmt.MNL(ds, {"car": asc + b * ds["t_bus"], "bus": b * ds["t_car"]}))


def test_what_depends_on_an_estimate_at_a_bound_has_no_standard_error(bounded: cmt.Results) -> None:
    both = bounded.delta({"odds": "exp(asc)", "product": "(asc + 1) * b"})
    assert both["odds"].std_err == pytest.approx(np.sqrt(1 / (6 * 0.25)))  # b = 0 leaves shares of 1/2
    assert np.isnan(both["product"].std_err)
    assert both["product"].estimate == 0
    assert "product: No standard error. It depends on b, at a bound. Fix it there (status=1)" in str(both)
    assert both.covariance.isna().to_numpy().tolist() == [[False, True], [True, True]]
    assert str(bounded.delta("b")).startswith("b: 0. No standard error. It depends on b, at a bound. Fix it there")
    simulated = bounded.krinsky_robb("b - asc")
    assert np.isnan([simulated.lower, simulated.median, simulated.mean, simulated.upper]).all()
    assert "No interval. It depends on b, at a bound." in str(simulated)
    assert np.isfinite(bounded.krinsky_robb("exp(asc)").draws).all()


def test_short_of_a_maximum_there_is_no_standard_error(swissmetro: cmt.MNL) -> None:
    with pytest.warns(cmt.exceptions.NotConvergedWarning):
        early = cmt.estimate(swissmetro, max_iterations=1)
    found = early.delta("B_TIME / B_COST")
    assert np.isnan(found.std_err)
    assert "B_TIME, B_COST, without a variance (NOT CONVERGED" in found.note


def test_a_gradient_of_zero_says_nothing(survey: Survey, full: cmt.Results) -> None:
    time = full.params["B_TIME"]
    top = full.delta((survey.betas["B_TIME"] - time) ** 2)
    assert np.isnan(top.std_err)
    assert "gradient is 0" in top.note


def test_krinsky_robb_of_a_linear_function_is_the_normal_distribution(survey: Survey, full: cmt.Results) -> None:
    """Within five standard errors of simulation; quantile q of a normal: sqrt(q (1 - q) / R) / density."""
    draws = 40_000
    expression = survey.betas["B_TIME"] - 2 * survey.betas["B_COST"]
    exact = full.delta(expression, alpha=0.1, kind="robust")
    simulated = full.krinsky_robb(expression, draws=draws, seed=3, alpha=0.1, kind="robust")
    five = 5 * exact.std_err / np.sqrt(draws)
    assert simulated.estimate == exact.estimate
    assert simulated.mean == pytest.approx(exact.estimate, abs=five)
    assert simulated.median == pytest.approx(exact.estimate, abs=five * 0.5 / stats.norm.pdf(0))
    tail = five * np.sqrt(0.05 * 0.95) / stats.norm.pdf(stats.norm.ppf(0.05))
    assert simulated.lower == pytest.approx(exact.lower, abs=tail)
    assert simulated.upper == pytest.approx(exact.upper, abs=tail)
    assert simulated.draws.std() == pytest.approx(exact.std_err, rel=5 / np.sqrt(2 * draws))
    assert stats.kstest(simulated.draws, stats.norm(exact.estimate, exact.std_err).cdf).pvalue > 1e-4


def test_the_exponential_of_an_estimate_is_log_normal(full: cmt.Results) -> None:
    simulated = full.krinsky_robb("exp(B_COST)", draws=20_000)
    m, s = full.params["B_COST"], full.bse["B_COST"]
    assert stats.kstest(simulated.draws, stats.lognorm(s, scale=np.exp(m)).cdf).pvalue > 1e-4
    assert simulated.lower == np.quantile(simulated.draws, 0.025)


def test_one_seed_gives_one_set_of_draws(full: cmt.Results) -> None:
    time, cost, ratio = (full.krinsky_robb(e, draws=50, seed=7) for e in ("B_TIME", "B_COST", "B_TIME / B_COST"))
    np.testing.assert_allclose(ratio.draws, time.draws / cost.draws, rtol=1e-14)
    assert not np.array_equal(full.krinsky_robb("B_TIME", draws=50, seed=8).draws, time.draws)


def test_what_is_printed(full: cmt.Results) -> None:
    vot = full.delta("B_TIME / B_COST")
    assert f"B_TIME / B_COST: {vot.estimate:.6g}, classical std err {vot.std_err:.4g}, z {vot.z:.2f}" in str(vot)
    simulated = full.krinsky_robb("B_TIME / B_COST", draws=1000)
    assert "interval [" in str(simulated)
    assert "of 1,000 draws, classical covariance" in str(simulated)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda r: r.delta("B_TMIE"), ModelError, "Did you mean B_TIME"),
        (lambda r: r.delta("log(B_COST)"), InferenceError, r"log\(B_COST\) is nan at the estimates"),
        (lambda r: r.delta("B_TIME", alpha=95), InferenceError, "delta: alpha must be"),
        (lambda r: r.delta(3), ModelError, "Expected text such as"),
        (lambda r: r.delta("B_TIME", kind="HC3"), cmt.PyCMTensorError, "found 'HC3'"),
        (lambda r: r.krinsky_robb("B_TIME", draws=1), InferenceError, "draws must be a whole number of at least 2"),
        (lambda r: r.krinsky_robb("B_TIME", alpha=0), InferenceError, "krinsky_robb: alpha must be"),
        (lambda r: r.krinsky_robb("sqrt(ASC_CAR + 0.3)"), InferenceError, "not a number at .* of 10,000 draws"),
    ],
)
def test_faults_are_named(full: cmt.Results, ask: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ask(full)


def test_elements_of_a_matrix_by_name(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", MODES)
    w = cmt.Weight("w", (1, 2), value=np.zeros((1, 2)))
    results = cmt.estimate(cmt.MNL(ds, {"car": w[0, 0] + w[0, 1] * ds["t_car"] / 10, "bus": 0}))
    by_text, by_symbol = results.delta("w[0,0] / w[0, 1]"), results.delta(w[0, 0] / w[0, 1])
    g = np.array([1, -results.params["w[0, 0]"] / results.params["w[0, 1]"]]) / results.params["w[0, 1]"]
    expected = np.sqrt(g @ results.cov_params().to_numpy() @ g)
    assert (by_text.std_err, by_symbol.std_err) == pytest.approx((expected, expected), rel=1e-12)
    assert results.delta(pt.sum(w())).estimate == pytest.approx(results.params.sum())


def test_what_constraints_determine_has_no_error(survey: Survey) -> None:
    held = cmt.estimate(survey.model(*LABELS[:4]), constraints="ASC_CAR = 0.5, B_TIME = 2 * B_COST")
    for expression in ("2 * ASC_CAR", "B_TIME / B_COST"):
        found = held.delta(expression)
        assert np.isnan(found.std_err)
        assert str(found).endswith("No standard error. The constraints of the estimates determine it.")
    assert held.delta("B_TIME").std_err == pytest.approx(2 * held.bse["B_COST"], rel=1e-9)

"""Statsmodels' names: its documented values, and formulas written out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from scipy.stats import chi2, norm

import pycmtensor as cmt
from pycmtensor.exceptions import InferenceError

#: Spector & Mazzeo (1980) as in Greene, Econometric Analysis, table F14.1: GPA, TUCE, PSI, GRADE.
SPECTOR = """
2.66 20 0 0  2.89 22 0 0  3.28 24 0 0  2.92 12 0 0  4.00 21 0 1  2.86 17 0 0  2.76 17 0 0  2.87 21 0 0
3.03 25 0 0  3.92 29 0 1  2.63 20 0 0  3.32 23 0 0  3.57 23 0 0  3.26 25 0 1  3.53 26 0 0  2.74 19 0 0
2.75 25 0 0  2.83 19 0 0  3.12 23 1 0  3.16 25 1 1  2.06 22 1 0  3.62 28 1 1  2.89 14 1 0  3.51 26 1 0
3.54 24 1 1  2.83 27 1 1  3.39 17 1 1  2.67 24 1 0  3.65 21 1 1  4.00 23 1 1  3.10 21 1 0  2.39 19 1 1
"""


@pytest.fixture(scope="module")
def spector() -> pd.DataFrame:
    values = np.array(SPECTOR.split(), dtype=float).reshape(-1, 4)
    return pd.DataFrame(values, columns=["GPA", "TUCE", "PSI", "GRADE"]).astype({"GRADE": int})


@pytest.fixture(scope="module")
def results(spector: pd.DataFrame) -> cmt.Results:
    ds = cmt.Dataset(spector, "GRADE", {"no": 0, "yes": 1})
    names = ("GPA", "TUCE", "PSI")
    yes = cmt.Beta("const") + sum(cmt.Beta(name) * ds[name] for name in names)
    return cmt.estimate(cmt.MNL(ds, {"no": 0, "yes": yes}))


def test_the_example_of_statsmodels(results: cmt.Results) -> None:
    """Logit(spector.endog, spector.exog).fit() in statsmodels' page "Discrete Choice Models"."""
    frame = results.to_frame()
    assert frame["value"].round(4).to_dict() == {"const": -13.0213, "GPA": 2.8261, "TUCE": 0.0952, "PSI": 2.3787}
    assert frame["std_err"].round(3).to_dict() == {"const": 4.931, "GPA": 1.263, "TUCE": 0.142, "PSI": 1.065}
    assert frame["pvalue"].round(3).to_dict() == {"const": 0.008, "GPA": 0.025, "TUCE": 0.501, "PSI": 0.025}
    assert frame[["lower", "upper"]].to_numpy(float)[1].round(3).tolist() == [0.351, 5.301]
    effects = [results.get_margeff(name).table["estimate"].iloc[-1] for name in ("GPA", "TUCE", "PSI")]
    np.testing.assert_allclose(effects, [0.3626, 0.0122, 0.3052], atol=5e-5)
    # Greene's table of hits of this model
    np.testing.assert_array_equal(results.pred_table(), [[18, 3], [3, 8]])
    assert results.rho2_constants == pytest.approx(0.3740, abs=5e-5)  # statsmodels' prsquared is against constants


def test_the_fit_against_equal_shares(results: cmt.Results) -> None:
    llr = 2 * (-12.88963 + 32 * np.log(2))
    assert results.llr == pytest.approx(llr, abs=1e-4)
    assert results.llr_pvalue == pytest.approx(chi2.sf(llr, 4), rel=1e-4)
    assert results.prsquared == pytest.approx(1 - 12.88963 / (32 * np.log(2)), abs=1e-6)
    assert (results.k_params, results.df_model, results.df_resid) == (4, 4, 28)
    assert (results.method, results.cov_type, results.converged) == ("trust-region", "classical", True)


def test_constraints_leave_fewer_degrees_of_freedom(spector: pd.DataFrame) -> None:
    ds = cmt.Dataset(spector, "GRADE", {"no": 0, "yes": 1})
    yes = cmt.Beta("a") + cmt.Beta("b") * ds["PSI"]
    held = cmt.estimate(cmt.MNL(ds, {"no": 0, "yes": yes}), constraints="a + b = 0")
    assert (held.k_params, held.df_model, held.df_resid) == (2, 1, 31)


def test_residuals_are_observed_minus_fitted(results: cmt.Results, spector: pd.DataFrame) -> None:
    x = np.column_stack([np.ones(32), spector[["GPA", "TUCE", "PSI"]]])
    P = 1 / (1 + np.exp(-x @ results.params.to_numpy()))
    np.testing.assert_allclose(results.fittedvalues["yes"], P, rtol=1e-12)
    np.testing.assert_allclose(results.resid["yes"], spector["GRADE"] - P, rtol=1e-12)
    np.testing.assert_allclose(x.T @ results.resid["yes"], 0, atol=1e-6)  # the first-order conditions
    np.testing.assert_allclose(results.resid.sum(axis=1), 0, atol=1e-12)


def test_hypotheses_one_by_one(results: cmt.Results) -> None:
    both = results.t_test("GPA = PSI, 2 * TUCE = 0.1", alpha=0.1)
    R, b = np.array([0.0, 1.0, 0.0, -1.0]), results.params.to_numpy()
    difference, std_err = R @ b, np.sqrt(R @ results.cov_params().to_numpy() @ R)
    half = norm.ppf(0.95) * std_err
    expected = [difference, std_err, difference / std_err, 2 * norm.sf(abs(difference / std_err))]
    row = both.table.loc["GPA = PSI"].to_numpy()
    np.testing.assert_allclose(row, [*expected, difference - half, difference + half], rtol=1e-10)
    assert both["2 * TUCE = 0.1"].estimate == pytest.approx(2 * b[2] - 0.1)
    together = results.wald_test("GPA = PSI")
    assert together.statistic == pytest.approx((difference / std_err) ** 2)


def test_inequalities_are_no_t_tests(results: cmt.Results) -> None:
    with pytest.raises(InferenceError, match="equalities"):
        results.t_test("GPA <= PSI")


def test_names_that_are_no_python_names(spector: pd.DataFrame) -> None:
    ds = cmt.Dataset(spector, "GRADE", {"no": 0, "yes": 1})
    constant, slope = cmt.Beta("the constant"), cmt.Beta("b psi")
    results = cmt.estimate(cmt.MNL(ds, {"no": 0, "yes": constant + slope * ds["PSI"]}))
    [found] = results.t_test(pt.eq(constant, 1)).table["estimate"]
    assert found == pytest.approx(results.params["the constant"] - 1)


def test_elasticities_by_statsmodels_word(results: cmt.Results) -> None:
    pd.testing.assert_frame_equal(
        results.get_margeff("GPA", "mean", "eyex").table, results.elasticities("GPA", at="means").table
    )


def test_the_frame_of_another_covariance(swissmetro_results: cmt.Results) -> None:
    frame = swissmetro_results.to_frame("robust")
    assert set(frame["hypothesis"]) == {0.0}
    ratio = frame["value"] / swissmetro_results.standard_errors("robust")
    np.testing.assert_allclose(frame["t"], ratio, rtol=1e-12)


def test_a_summary_by_statsmodels_words(swissmetro_results: cmt.Results) -> None:
    summary = swissmetro_results.summary()
    assert (summary.as_text(), summary.as_latex()) == (str(summary), summary.to_latex())
    assert "<table>" in summary.as_html()
    facts, estimates = summary.tables
    assert facts.loc["Choice situations", "value"] == "6,768"
    assert estimates["Value"].astype(float).to_dict() == pytest.approx(swissmetro_results.params.to_dict(), abs=1e-6)

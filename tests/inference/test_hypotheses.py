"""Wald, likelihood-ratio and Lagrange multiplier tests against the logit by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from scipy import stats

import pycmtensor as cmt
from pycmtensor.exceptions import InferenceError, ModelError
from tests import by_hand
from tests.conftest import MODES
from tests.inference.conftest import ALTERNATIVES, LABELS, Survey

FEW = ("ASC_TRAIN", "B_TIME", "B_COST")


def replaced(results: cmt.Results, **changes: Any) -> cmt.Results:
    return cmt.Results(dataclasses.replace(results.fit, **changes))


# ---- likelihood ratio -----------------------------------------------------------------------------------------------


def test_the_likelihood_ratio_by_hand(survey: Survey, full: cmt.Results, restricted: cmt.Results) -> None:
    _, many, _, _ = by_hand.newton(survey.columns(*LABELS[:4]), survey.available, survey.chosen)
    _, few, _, _ = by_hand.newton(survey.columns(*FEW), survey.available, survey.chosen)
    test = cmt.likelihood_ratio(restricted, full)
    assert test.statistic == pytest.approx(2 * (many - few), rel=1e-9)
    assert (test.df, test.distribution, test.note) == (1, "chi-squared", "")
    assert test.pvalue == pytest.approx(stats.chi2.sf(2 * (many - few), 1), rel=1e-8)
    assert test.null == "the restricted model, without ASC_CAR"


def test_the_three_tests_agree_near_the_null_hypothesis(
    survey: Survey, full: cmt.Results, restricted: cmt.Results
) -> None:
    """With a z of about 1, they differ by terms of the order of 1 / sqrt(N)."""
    ratio = cmt.likelihood_ratio(restricted, full).statistic
    wald = full.wald("ASC_CAR = 0").statistic
    score = cmt.lagrange_multiplier(survey.model(*LABELS[:4]), restricted).statistic
    assert (wald, score) == pytest.approx((ratio, ratio), rel=0.05)


def test_a_generic_parameter_against_specific_ones(survey: Survey, full: cmt.Results) -> None:
    betas, ds = survey.betas, survey.ds
    times = {name: cmt.Beta(f"B_TIME_{name}") for name in ALTERNATIVES}
    V = {
        name: sum((betas[label] * ds[f"{name}_{label}"] for label in ("ASC_TRAIN", "ASC_CAR", "B_COST")), start=0.0)
        + times[name] * ds[f"{name}_B_TIME"]
        for name in ALTERNATIVES
    }
    specific = cmt.estimate(cmt.MNL(ds, V, {name: ds[f"{name}_open"] for name in ALTERNATIVES}))
    test = cmt.likelihood_ratio(full, specific)
    assert test.df == 2
    assert test.statistic == pytest.approx(2 * (specific.llf - full.llf), rel=1e-12)
    assert "B_TIME: not in the full model; see to it that the restricted model is a case of it." in str(test)


def test_a_parameter_at_its_bound_is_noted(survey: Survey, restricted: cmt.Results, full: cmt.Results) -> None:
    bounded = replaced(full, at_bound=np.array([False, True, False, False]))
    assert "ASC_CAR: at a bound" in cmt.likelihood_ratio(restricted, bounded).note


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nobs": 5}, "different data: 5 and 677 choice situations"),
        ({"weights": np.ones(3)}, "different data: 3 and 677 individuals"),
        ({"weights": np.full(677, 2.0)}, "the sample weights are not the same"),
        ({"llnull": -1.0}, r"different choices: LL\(0\) is -1.000000 and .* same availability"),
        ({"llf": -1.0}, r"restricted model has the higher log-likelihood \(-1.000000 above .*vuong"),
        ({"labels": LABELS, "theta": np.zeros(5)}, "The restricted model has 5 parameters and the full model 4"),
    ],
)
def test_results_that_cannot_be_compared(
    full: cmt.Results, restricted: cmt.Results, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InferenceError, match=message):
        cmt.likelihood_ratio(replaced(restricted, **change), full)


def test_other_choices_of_as_many_people_are_noticed(survey: Survey, full: cmt.Results) -> None:
    shuffled = cmt.Dataset(survey.frame.iloc[::-1], "CHOICE", ALTERNATIVES)
    backwards = cmt.estimate(survey.model(*FEW, ds=shuffled))
    with pytest.raises(InferenceError, match="the choices, or the order of the rows, differ"):
        cmt.likelihood_ratio(backwards, full)


def test_what_is_no_maximum_is_not_compared(swissmetro: cmt.MNL, swissmetro_results: cmt.Results) -> None:
    with pytest.warns(cmt.exceptions.NotConvergedWarning):
        early = cmt.estimate(swissmetro, max_iterations=1)
    with pytest.raises(InferenceError, match="estimates of the restricted model are no maximum .*NOT CONVERGED"):
        cmt.likelihood_ratio(early, swissmetro_results)


# ---- Wald -----------------------------------------------------------------------------------------------------------


def test_the_wald_test_by_hand(survey: Survey, full: cmt.Results) -> None:
    theta, _, scores, hessian = by_hand.newton(survey.columns(*LABELS[:4]), survey.available, survey.chosen)
    bread = np.linalg.inv(-hessian)
    R, r = np.array([[0, 0, 1, -2], [0, 1, 0, 0]]), np.array([0.5, -0.1])
    for kind, V in (("classical", bread), ("robust", bread @ scores.T @ scores @ bread)):
        d = R @ theta - r
        statistic = d @ np.linalg.inv(R @ V @ R.T) @ d
        text = full.wald("B_TIME - 2 * B_COST = 0.5, ASC_CAR = -0.1", kind=kind)
        time, cost, car = (survey.betas[label] for label in ("B_TIME", "B_COST", "ASC_CAR"))
        symbols = full.wald([pt.eq(time, 2 * cost + 0.5), cmt.constraint(pt.eq(car, -0.1))], kind=kind)
        assert (text.statistic, symbols.statistic) == pytest.approx((statistic, statistic), rel=1e-8)
        assert text.pvalue == pytest.approx(stats.chi2.sf(statistic, 2), rel=1e-6)
        assert (text.df, text.note) == (2, f"With the {kind} covariance.")


def test_one_linear_hypothesis_is_the_square_of_z(full: cmt.Results) -> None:
    assert full.wald("B_TIME = B_COST").statistic == pytest.approx(full.delta("B_TIME - B_COST").z ** 2, rel=1e-10)
    assert full.wald("ASC_CAR = 0").pvalue == pytest.approx(full.pvalues["ASC_CAR"], rel=1e-8)


def test_what_a_test_prints(full: cmt.Results) -> None:
    test = full.wald("B_TIME = B_COST, ASC_CAR = 0")
    assert str(test).splitlines() == [
        "Wald test",
        "H0: B_TIME = B_COST and ASC_CAR = 0",
        f"statistic {test.statistic:.4f}, chi-squared(2), p = {test.pvalue:.4g}",
        "With the classical covariance.",
    ]


@pytest.mark.parametrize(
    ("hypotheses", "error", "message"),
    [
        ("B_TIME = B_COST, ASC_CAR = 0, 2 * B_TIME - ASC_CAR = 2 * B_COST", InferenceError, r"'2 \* B_TIME.*': the"),
        ("ASC_CAR = 0, ASC_CAR = 1", InferenceError, "'ASC_CAR = 1': the hypotheses before say so already, or say the"),
        ("B_TIME <= B_COST", InferenceError, "about equalities, found 'B_TIME <= B_COST'"),
        ("B_TIME * B_COST = 1", ModelError, "not linear"),
        ("B_TIM = 0", ModelError, "Did you mean B_TIME"),
        ([], InferenceError, "no hypothesis to test"),
    ],
)
def test_hypotheses_that_cannot_be_tested(
    full: cmt.Results, hypotheses: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        full.wald(hypotheses)


def test_no_wald_test_at_a_bound(full: cmt.Results) -> None:
    bounded = replaced(full, at_bound=np.array([False, True, False, False]))
    with pytest.raises(InferenceError, match="no Wald test of 'ASC_CAR = 0'. It depends on ASC_CAR, at a bound"):
        bounded.wald("ASC_CAR = 0")
    assert np.isfinite(bounded.wald("B_TIME = B_COST").statistic)


# ---- Lagrange multiplier --------------------------------------------------------------------------------------------


def test_the_lagrange_multiplier_by_hand(survey: Survey, restricted: cmt.Results) -> None:
    few, _, _, _ = by_hand.newton(survey.columns(*FEW), survey.available, survey.chosen)
    null = np.array([few[0], 0, few[1], few[2], 0])
    _, scores, hessian = by_hand.logit(survey.X, survey.available, survey.chosen, null)
    g = scores.sum(axis=0)
    for information, matrix in (("observed", -hessian), ("bhhh", scores.T @ scores)):
        statistic = g @ np.linalg.solve(matrix, g)
        test = cmt.lagrange_multiplier(survey.model(*LABELS), restricted, information)
        assert test.statistic == pytest.approx(statistic, rel=1e-7)
        assert test.pvalue == pytest.approx(stats.chi2.sf(statistic, 2), rel=1e-6)
        assert (test.df, test.null) == (2, "ASC_CAR = 0 and B_HEADWAY = 0")


def test_a_parameter_that_was_fixed_is_tested_at_its_value(ds: cmt.Dataset) -> None:
    asc, b = cmt.Beta("asc", 0.4, status=1), cmt.Beta("b")
    model = cmt.MNL(ds, {"car": asc + b * ds["t_car"], "bus": b * ds["t_bus"]})
    restricted = cmt.estimate(model)
    asc.status = 0
    asc.set_value(9.0)
    test = cmt.lagrange_multiplier(model, restricted)
    assert test.null == "asc = 0.4"
    y, x = ds.array(ds.chosen)[0, :, 0] == 0, (ds.array("t_car") - ds.array("t_bus"))[0, :, 0]
    p = 1 / (1 + np.exp(-0.4 - restricted.params["b"] * x))
    information = np.array([[z1 @ (z2 * p * (1 - p)) for z2 in (np.ones(6), x)] for z1 in (np.ones(6), x)])
    g = np.array([(y - p).sum(), 0.0])
    assert test.statistic == pytest.approx(g @ np.linalg.solve(information, g), rel=1e-6)


def test_weights_enter_the_score_test(survey: Survey) -> None:
    """Twice the weight of everybody is twice the statistic."""
    frame = survey.frame.assign(w=2.0)
    double = cmt.Dataset(frame, "CHOICE", ALTERNATIVES, weights="w")
    once, twice = (
        cmt.lagrange_multiplier(survey.model(*LABELS, ds=ds), cmt.estimate(survey.model(*FEW, ds=ds)))
        for ds in (survey.ds, double)
    )
    assert twice.statistic == pytest.approx(2 * once.statistic, rel=1e-6)


def test_models_that_are_not_nested_have_no_score_test(
    survey: Survey, full: cmt.Results, restricted: cmt.Results
) -> None:
    with pytest.raises(InferenceError, match="it does not estimate ASC_TRAIN"):
        cmt.lagrange_multiplier(survey.model("ASC_CAR", "B_TIME", "B_COST"), restricted)
    with pytest.raises(InferenceError, match="it adds no parameter to it"):
        cmt.lagrange_multiplier(survey.model(*FEW), restricted)
    with pytest.raises(InferenceError, match="information must be one of observed, bhhh; found 'expected'"):
        cmt.lagrange_multiplier(survey.model(*LABELS), restricted, "expected")
    bounded = replaced(restricted, at_bound=np.array([False, True, False]))
    with pytest.raises(InferenceError, match="B_TIME: at a bound"):
        cmt.lagrange_multiplier(survey.model(*LABELS), bounded)


def test_values_other_than_those_of_the_null_hypothesis_are_noticed(ds: cmt.Dataset) -> None:
    asc, b = cmt.Beta("asc", 0.5), cmt.Beta("b")
    restricted = cmt.estimate(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": b * ds["t_bus"]}))
    model = cmt.MNL(ds, {"car": asc + b * ds["t_car"], "bus": b * ds["t_bus"]})
    with pytest.raises(InferenceError, match=r"Set the parameters that it adds \(asc\) to their values under the null"):
        cmt.lagrange_multiplier(model, restricted)


def test_an_added_parameter_without_effect_is_noticed(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips.assign(same=1.0), "mode", MODES)
    b, both = cmt.Beta("b"), cmt.Beta("both")
    restricted = cmt.estimate(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": b * ds["t_bus"]}))
    model = cmt.MNL(ds, {"car": b * ds["t_car"] + both * ds["same"], "bus": b * ds["t_bus"] + both * ds["same"]})
    with pytest.raises(InferenceError, match="information of the full model is not positive definite .*both can be"):
        cmt.lagrange_multiplier(model, restricted)


def test_a_constraint_counts_like_the_model_without_the_parameter(survey: Survey, restricted: cmt.Results) -> None:
    """The constant of the car is 0 by a constraint, or left out: what rests on these estimates is the same."""
    held = cmt.estimate(survey.model(*LABELS[:4]), constraints="ASC_CAR = 0")
    other = cmt.estimate(survey.model("ASC_TRAIN", "B_TIME"))
    for test in (
        lambda results: cmt.lagrange_multiplier(survey.model(*LABELS), results),
        lambda results: results.wald("B_TIME = B_COST"),
        lambda results: cmt.ben_akiva_swait(results, other),
        lambda results: cmt.vuong(results, other, schwarz=True),
    ):
        found, truth = test(held), test(restricted)
        assert (found.df, found.statistic) == (truth.df, pytest.approx(truth.statistic, rel=1e-6))
        assert found.pvalue == pytest.approx(truth.pvalue, rel=1e-4)
    assert "ASC_CAR = 0" in cmt.lagrange_multiplier(survey.model(*LABELS), held).null
    for null in ("ASC_CAR = 0", "B_TIME = 1, B_TIME + 2 * ASC_CAR = 1"):
        with pytest.raises(InferenceError, match="or the constraints of the estimates, say so already"):
            held.wald(null)


def test_the_score_of_a_constraint_alone(survey: Survey, full: cmt.Results, restricted: cmt.Results) -> None:
    model = survey.model(*LABELS[:4])
    score = cmt.lagrange_multiplier(model, cmt.estimate(model, constraints="ASC_CAR = 0"))
    assert score.statistic == pytest.approx(cmt.lagrange_multiplier(model, restricted).statistic, rel=1e-6)
    assert (score.df, score.null) == (1, "ASC_CAR = 0")

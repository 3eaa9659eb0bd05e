"""Tests between models that are not nested, against logits by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import pycmtensor as cmt
from pycmtensor.exceptions import InferenceError
from tests import by_hand
from tests.inference.conftest import ALTERNATIVES, Survey

COST, HEADWAY = ("ASC_TRAIN", "ASC_CAR", "B_TIME", "B_COST"), ("ASC_TRAIN", "B_TIME", "B_HEADWAY")


@pytest.fixture(scope="module")
def headway(survey: Survey) -> cmt.Results:
    return cmt.estimate(survey.model(*HEADWAY))


def logprobs(survey: Survey, labels: tuple[str, ...]) -> NDArray:
    """Log-likelihood of every person at the estimates, by hand."""
    X = survey.columns(*labels)
    theta, _, _, _ = by_hand.newton(X, survey.available, survey.chosen)
    rows = zip(X, survey.available, survey.chosen, strict=True)
    return np.array([by_hand.logit(x[None], a[None], np.array([y]), theta)[0] for x, a, y in rows])


def test_vuong_by_hand(survey: Survey, full: cmt.Results, headway: cmt.Results) -> None:
    """Vuong (1989): LR / (sqrt(n) omega), omega^2 the variance of the ratios; Schwarz: (p - q) / 2 log(n) off LR."""
    m = logprobs(survey, COST) - logprobs(survey, HEADWAY)
    n, omega = len(m), np.sqrt(np.mean(m**2) - np.mean(m) ** 2)
    z, corrected = m.sum() / (np.sqrt(n) * omega), (m.sum() - (4 - 3) / 2 * np.log(n)) / (np.sqrt(n) * omega)
    plain, schwarz = cmt.vuong(full, headway), cmt.vuong(full, headway, schwarz=True)
    assert (plain.statistic, schwarz.statistic) == pytest.approx((z, corrected), rel=1e-7)
    assert schwarz.pvalue == pytest.approx(2 * stats.norm.sf(abs(corrected)), rel=1e-5)
    assert cmt.vuong(headway, full).statistic == -plain.statistic
    assert plain.note == "For the first model."
    assert schwarz.note == "For the first model, after the Schwarz correction."
    assert (plain.df, plain.distribution) == (None, "normal")


def test_weights_of_vuong_are_weights_of_the_likelihood(survey: Survey) -> None:
    """People who count 0 are not there; a factor of all weights does not matter."""
    frame = survey.frame.assign(w=np.where(np.arange(len(survey.frame)) < 300, 3.0, 0.0))
    weighted = cmt.Dataset(frame, "CHOICE", ALTERNATIVES, weights="w")
    part = cmt.Dataset(frame.head(300), "CHOICE", ALTERNATIVES)
    z = [
        cmt.vuong(cmt.estimate(survey.model(*COST, ds=ds)), cmt.estimate(survey.model(*HEADWAY, ds=ds))).statistic
        for ds in (weighted, part)
    ]
    assert z[0] == pytest.approx(z[1], rel=1e-6)


def test_ben_akiva_swait_by_hand(survey: Survey, full: cmt.Results, headway: cmt.Results) -> None:
    """With z put in, the bound is Phi(-sqrt(2 (LL_h - LL_l) - (K_h - K_l)))."""
    high, low = logprobs(survey, COST).sum(), logprobs(survey, HEADWAY).sum()
    ll0 = -np.log(survey.available.sum(axis=1)).sum()
    test = cmt.ben_akiva_swait(headway, full)
    assert test.statistic == pytest.approx((1 - (high - 4) / ll0) - (1 - (low - 3) / ll0), rel=1e-7)
    assert test.pvalue == pytest.approx(stats.norm.cdf(-np.sqrt(2 * (high - low) - (4 - 3))), rel=1e-5)
    assert test.null == "the first model, whose adjusted rho-squared is lower, is the true one"
    assert cmt.ben_akiva_swait(full, headway).null.startswith("the second model")
    assert test.note == "The p value is an upper bound."


@pytest.mark.parametrize(
    ("first", "second", "bound"),
    [
        ((-100.0, 2), (-100.0, 2), 0.5),  # the same: z is 0 and the bound Phi(0)
        ((-101.5, 1), (-100.0, 3), 1.0),  # 2 (LL_h - LL_l) - (K_h - K_l) = -3 + 2: no root
        ((-100.2, 1), (-100.0, 3), stats.norm.cdf(-np.sqrt(-0.4 + 2))),
    ],
)
def test_bounds_of_models_of_different_size(
    full: cmt.Results, first: tuple[float, int], second: tuple[float, int], bound: float
) -> None:
    a, b = (cmt.Results(dataclasses.replace(full.fit, llf=llf, theta=np.zeros(K))) for llf, K in (first, second))
    for pair in ((a, b), (b, a)):
        assert cmt.ben_akiva_swait(*pair).pvalue == pytest.approx(bound, rel=1e-9)


@pytest.mark.parametrize("test", [cmt.vuong, cmt.ben_akiva_swait])
def test_the_data_must_be_the_same(full: cmt.Results, headway: cmt.Results, test: Any) -> None:
    other = cmt.Results(dataclasses.replace(headway.fit, nobs=3))
    with pytest.raises(InferenceError, match="different data: 677 and 3 choice situations"):
        test(full, other)
    outcome = dataclasses.replace(headway.outcome, near_maximum=False)
    with pytest.raises(InferenceError, match="estimates of the second model are no maximum"):
        test(full, cmt.Results(dataclasses.replace(headway.fit, outcome=outcome)))


def test_the_same_model_twice_cannot_be_compared(full: cmt.Results) -> None:
    with pytest.raises(InferenceError, match="every individual the same likelihood"):
        cmt.vuong(full, full)

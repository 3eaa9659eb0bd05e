"""A model that is no choice among alternatives: counts, with closed forms for estimates and errors."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from pytensor.graph.basic import Variable
from scipy.special import gammaln

import pycmtensor as cmt
from pycmtensor.engine import evaluator_of
from pycmtensor.exceptions import InferenceError, ModelError
from pycmtensor.models.forms import Form
from pycmtensor.terms.draws import Draws

TRIPS, CAR = np.array([1.0, 2, 3, 2, 4, 6]), np.array([0.0, 0, 0, 0, 1, 1])


class Poisson(cmt.Model):
    """Numbers of trips with a mean that depends on the car."""

    name = "Poisson regression"

    def __init__(self, ds: cmt.Dataset, taste: Any = 0.0, draws: int | None = None) -> None:
        self.constant, self.b_car, self.taste = cmt.Beta("constant"), cmt.Beta("b_car"), taste
        self.sampling = None if draws is None else cmt.Sampling(draws)
        super().__init__(ds)

    def log_likelihood(self) -> Variable:
        y, log_mean = self.dataset["trips"], self.constant + self.b_car * self.dataset["car"] + self.taste
        return self.over_time(y * log_mean - pt.exp(log_mean) - pt.gammaln(y + 1))


@pytest.fixture(scope="module")
def ds() -> cmt.Dataset:
    frame = pd.DataFrame({"mode": [1, 2] * 3, "trips": TRIPS, "car": CAR})
    return cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})


@pytest.fixture(scope="module")
def results(ds: cmt.Dataset) -> cmt.Results:
    return cmt.estimate(Poisson(ds))


@pytest.mark.parametrize("method", ["trust-region", "newton", "bfgs", "lbfgs", "bhhh"])
def test_estimates_are_means_of_groups(ds: cmt.Dataset, method: str) -> None:
    """exp(constant) = 2 and exp(constant + b_car) = 5; the information is that of eight and ten trips."""
    found = cmt.estimate(Poisson(ds), method=method)
    np.testing.assert_allclose(found.params, [np.log(2), np.log(2.5)], atol=1e-6)
    mean = np.where(CAR, 5.0, 2.0)
    assert found.llf == pytest.approx((TRIPS * np.log(mean) - mean - gammaln(TRIPS + 1)).sum(), rel=1e-9)
    np.testing.assert_allclose(found.bse, [np.sqrt(1 / 8), np.sqrt(1 / 8 + 1 / 10)], rtol=1e-6)


def test_what_needs_a_likelihood_only(results: cmt.Results, ds: cmt.Dataset, tmp_path: Path) -> None:
    errors = results.delta("exp(constant)").std_err
    assert errors == pytest.approx(2 * np.sqrt(1 / 8), rel=1e-6)
    assert results.conf_int(kind="profile").loc["constant", "lower"] < np.log(2)
    assert results.wald("b_car = 0").statistic == pytest.approx(np.log(2.5) ** 2 / (1 / 8 + 1 / 10), rel=1e-6)
    assert np.isfinite(results.cov_params("robust")).all().all()
    assert np.isfinite(results.cov_params(cmt.Bootstrap(20))).all().all()
    assert cmt.identification(Poisson(ds)).rank == 2
    again = cmt.Results.load(results.save(tmp_path / "poisson.cmt"), Poisson(ds))
    assert again.wald("b_car = 0").statistic == results.wald("b_car = 0").statistic
    assert "Poisson regression" in results.to_html(tmp_path / "poisson.html").read_text()


def test_a_summary_has_no_measures_of_a_choice(results: cmt.Results) -> None:
    assert np.isnan(results.llnull)
    text = str(results.summary())
    assert "nan" not in text
    assert "Rho" not in text
    assert "AIC" in text


@pytest.mark.parametrize(
    ("question", "about"),
    [
        (lambda r, ds: r.predict(), "predictions"),
        (lambda r, ds: r.elasticities("car"), "elasticities"),
        (lambda r, ds: r.marginal_effects("car"), "elasticities"),
        (lambda r, ds: cmt.scenario(r, None, {"car": 1}), "scenarios"),
        (lambda r, ds: r.confusion(), "most probable choices"),
        (lambda r, ds: r.calibration(), "predicted probabilities"),
        (lambda r, ds: r.wtp(ds["car"], "constant"), "marginal utilities"),
        (lambda r, ds: r.partial_dependence("car", [0, 1]), "partial dependence"),
        (lambda r, ds: r.rho2_constants, "constants"),
        (lambda r, ds: r.membership(), "classes"),
    ],
)
def test_questions_about_alternatives_are_refused(
    results: cmt.Results, ds: cmt.Dataset, question: Any, about: str
) -> None:
    with pytest.raises(InferenceError, match=about) as raised:
        question(results, ds)
    if about != "classes":
        assert "Poisson regression is no choice among alternatives" in str(raised.value)
        assert "answer: estimates, covariances, tests of hypotheses" in str(raised.value)


def test_random_effects_are_averaged_over_draws(ds: cmt.Dataset) -> None:
    """The average over draws of the likelihood of each person, by hand."""
    model = Poisson(ds, 0.5 * Draws("z"), draws=64)
    theta = np.array([0.4, 0.7])
    z = model.arrays()[-1][0]  # (N, R)
    log_mean = 0.4 + 0.7 * CAR[:, None] + 0.5 * z
    L = np.exp(TRIPS[:, None] * log_mean - np.exp(log_mean) - gammaln(TRIPS + 1)[:, None])

    evaluator = evaluator_of(model)
    np.testing.assert_allclose(evaluator.individuals_at(theta).numbers[1], np.log(L.mean(axis=1)), rtol=1e-6)


def test_faults_of_a_likelihood_are_named(ds: cmt.Dataset) -> None:
    class Nothing(cmt.Model):
        """A model without a likelihood."""

    class Fixed(Poisson):
        """A model with nothing to estimate."""

        def log_likelihood(self) -> Variable:
            return self.over_time(-self.dataset["trips"])

    class Stranger(Poisson):
        """A model with a symbol that nobody knows."""

        def log_likelihood(self) -> Variable:
            return self.over_time(self.constant * self.dataset["trips"] * pt.dscalar("unknown"))

    with pytest.raises(ModelError, match="Nothing has no likelihood. Write `log_likelihood`"):
        Nothing(ds)
    with pytest.raises(ModelError, match="No part of the likelihood holds a parameter that is free"):
        Fixed(ds)
    with pytest.raises(ModelError, match="Stranger depends on 'unknown', which is neither a parameter nor a column"):
        Stranger(ds)
    with pytest.raises(ModelError, match="first argument of Poisson is a Dataset, found DataFrame"):
        Poisson(pd.DataFrame())  # type: ignore[arg-type]


def test_a_model_and_what_was_compiled_for_it_go_together(ds: cmt.Dataset) -> None:
    """Nothing of the engine keeps a model alive."""

    def estimated() -> tuple[weakref.ref[Any], weakref.ref[Any]]:
        asc = cmt.Beta("asc")
        model = cmt.MNL(ds, {"car": asc + cmt.Beta("b") * ds["car"], "bus": 0})
        found = cmt.estimate(model)
        found.predict()
        found.bootstrap(3)
        assert found.evaluator is not None
        return weakref.ref(model), weakref.ref(found.evaluator.program)  # type: ignore[attr-defined]

    of_model, of_program = estimated()
    gc.collect()
    assert of_model() is None
    if (3, 13) <= sys.version_info < (3, 13, 2):
        pytest.skip("functools.singledispatchmethod of this Python keeps what it is called on, mended in 3.13.2")
    assert of_program() is None


def test_a_model_declares_no_form_by_itself(ds: cmt.Dataset) -> None:
    form: Form | None = Poisson(ds).form()
    assert form is None

"""Hierarchical posteriors against quadrature, and against simulated maximum likelihood."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import pycmtensor as cmt
from pycmtensor import coefficients, priors
from pycmtensor.engine import evaluator_of
from pycmtensor.exceptions import InferenceError

pytest.importorskip("blackjax")
pytest.importorskip("arviz", exc_type=ImportError)

#: Trips by car of six persons, of five each.
BY_CAR = np.array([5, 4, 4, 2, 1, 0])
TRIPS, SD = 5, 1.5


def taste_for_cars(sd: float = SD, status: int = 1) -> cmt.MixedLogit:
    """A logit with a random constant whose mean is unknown and whose standard deviation is known."""
    who = np.repeat(np.arange(len(BY_CAR)), TRIPS)
    mode = np.concatenate([[1] * n + [2] * (TRIPS - n) for n in BY_CAR])
    ds = cmt.Dataset(pd.DataFrame({"mode": mode, "who": who}), "mode", {"car": 1, "bus": 2}, individual="who")
    taste = coefficients.normal("car", cmt.Beta("mean"), cmt.Beta("sd", sd, status=status))
    return cmt.MixedLogit(ds, {"car": taste, "bus": 0}, draws=200)


def by_quadrature(prior_sd: float) -> tuple[float, float, np.ndarray]:
    """Posterior mean and standard deviation of the mean taste, and posterior means of the persons' tastes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    means = np.linspace(-5, 6, 2001)
    tastes = means[:, None] + SD * nodes
    P = expit(tastes)
    L = np.stack([P**n * (1 - P) ** (TRIPS - n) for n in BY_CAR])  # (persons, means, nodes)
    marginal = (L * weights).sum(axis=-1)
    density = marginal.prod(axis=0) * np.exp(-0.5 * (means / prior_sd) ** 2)
    density /= density.sum()
    mean = float(means @ density)
    of_persons = (L * weights * tastes).sum(axis=-1) / marginal
    return mean, float(np.sqrt((means - mean) ** 2 @ density)), of_persons @ density


@pytest.fixture(scope="module")
def posterior() -> cmt.Posterior:
    return cmt.sample(
        taste_for_cars(), {"mean": priors.Normal(0, 2)}, hierarchical=True, chains=2, warmup=300, draws=2000
    )


def test_the_mean_and_each_person_are_as_by_quadrature(posterior: cmt.Posterior) -> None:
    mean, sd, persons = by_quadrature(2.0)
    error = sd / np.sqrt(posterior.diagnostics.ess[0])
    assert posterior.verdict.converged
    assert posterior.params["mean"] == pytest.approx(mean, abs=4 * error)
    assert posterior.sd["mean"] == pytest.approx(sd, rel=0.1)
    table = posterior.individual("car").table
    np.testing.assert_allclose(table["mean"], persons, atol=0.12)
    assert (table["lower"] < table["mean"]).all()
    np.testing.assert_allclose(posterior.individual("exp(car) + mean", alpha=0.5).table["mean"] > 0, True)


def test_tastes_are_asked_by_name(posterior: cmt.Posterior) -> None:
    with pytest.raises(cmt.exceptions.ModelError, match="bus"):
        posterior.individual("bus")


def test_simulated_posteriors_have_no_individuals(posterior: cmt.Posterior) -> None:
    other = cmt.Posterior(posterior.fit, posterior.draws.without_latent(), posterior.model, posterior.data)
    other.evaluator = posterior.evaluator
    with pytest.raises(InferenceError, match="hierarchical=True"):
        other.individual("car")


@pytest.mark.slow
def test_an_average_over_draws_gives_the_same_posterior() -> None:
    mean, sd, _ = by_quadrature(2.0)
    found = cmt.sample(taste_for_cars(), {"mean": priors.Normal(0, 2)}, chains=2, warmup=300, draws=1500)
    assert found.params["mean"] == pytest.approx(mean, abs=0.1 * sd)
    assert found.sd["mean"] == pytest.approx(sd, rel=0.1)


@pytest.mark.slow
def test_deviations_are_positive() -> None:
    model = taste_for_cars(-0.5, status=0)
    found = cmt.sample(model, {"sd": priors.HalfNormal(2)}, hierarchical=True, chains=2, warmup=600, draws=2000)
    assert (found.frame["sd"] > 0).all()


# ---- electricity --------------------------------------------------------------------------------------------------

STARTS = {"pf": (-0.6, 0.3), "cl": (-0.1, 0.3), "loc": (1.4, 0.3), "wk": (1.0, 0.3)}


@cache
def electricity(correlated: bool) -> tuple[cmt.MixedLogit, dict[str, Any]]:
    """150 households, four random of six coefficients; correlated: two of them, and their covariances."""
    frame = cmt.datasets.load("electricity")
    frame = frame[frame.id <= 150]
    codes = {str(i): i for i in sorted(frame.alt.unique())}
    options = {"choice": "choice", "alternative": "alt", "situation": "chid", "individual": "id"}
    ds = cmt.Dataset.from_long(frame, alternatives=codes, **options)
    fixed = ["tod", "seas"] + (["loc", "wk"] if correlated else [])
    V = sum(cmt.Beta(x, -5.0 if x in ("tod", "seas") else 1.0) * ds[x] for x in fixed)
    implied: dict[str, Any] = {}
    if correlated:
        random, implied = coefficients.correlated({x: cmt.Beta(f"m_{x}", STARTS[x][0]) for x in ("pf", "cl")})
    else:
        random = {
            x: coefficients.normal(x, cmt.Beta(f"m_{x}", m), cmt.Beta(f"s_{x}", s)) for x, (m, s) in STARTS.items()
        }
    for x, b in random.items():
        V = V + b * ds[x]
    return cmt.MixedLogit(ds, V, draws=500), implied


@pytest.mark.slow
def test_households_are_as_by_simulated_maximum_likelihood() -> None:
    model, _ = electricity(correlated=False)
    results = cmt.estimate(model)
    wide = {label: priors.Normal(0, 10) for label in model.labels}
    posterior = cmt.sample(model, wide, hierarchical=True, start=results, chains=2, draws=1500)
    away = (posterior.params - results.params) / results.bse
    assert away.abs().max() < 0.5
    assert posterior.diagnostics.rhat.max() <= 1.01
    many = model.with_draws(4000)
    known = cmt.Results(results.fit, many, results.data, evaluator_of(many)).conditional_estimates().means
    for name in STARTS:
        assert np.corrcoef(posterior.individual(name).means, known[name])[0, 1] > 0.99


@pytest.mark.slow
def test_correlated_tastes_have_the_covariance_of_maximum_likelihood() -> None:
    model, implied = electricity(correlated=True)
    results = cmt.estimate(model)
    wide = {label: priors.Normal(0, 10) for label in model.labels}
    posterior = cmt.sample(model, wide, hierarchical=True, start=results, chains=2, draws=1500)
    mine, known = posterior.functions(implied), results.delta(implied).table
    assert ((mine["estimate"] - known["estimate"]).abs() < 0.7 * known["std_err"]).all()

"""Densities and draws of priors against SciPy; transforms of bounds against finite differences."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from pycmtensor import priors
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.inference.posterior.bounds import Bounds

#: Prior, the same distribution in SciPy.
PRIORS: list[tuple[priors.Prior, Any]] = [
    (priors.Normal(-1.0, 2.5), stats.norm(-1.0, 2.5)),
    (priors.HalfNormal(0.7), stats.halfnorm(scale=0.7)),
    (priors.LogNormal(-0.5, 0.8), stats.lognorm(0.8, scale=np.exp(-0.5))),
    (priors.StudentT(4.0, 1.0, 2.0), stats.t(4.0, 1.0, 2.0)),
    (priors.Uniform(-2.0, 3.0), stats.uniform(-2.0, 5.0)),
    (priors.Gamma(2.5, 0.4), stats.gamma(2.5, scale=1 / 0.4)),
    (priors.Exponential(1.7), stats.expon(scale=1 / 1.7)),
]
NAMES = [type(prior).__name__ for prior, _ in PRIORS]


@pytest.mark.parametrize(("prior", "known"), PRIORS, ids=NAMES)
def test_densities_are_those_of_scipy(prior: priors.Prior, known: Any) -> None:
    x = np.linspace(-4.0, 6.0, 41) + 0.01
    np.testing.assert_allclose(prior.density(x), known.pdf(x), rtol=1e-10, atol=1e-300)
    inside = known.ppf([0.01, 0.3, 0.8])
    np.testing.assert_allclose(in_64_bits(prior.log_density)(inside), known.logpdf(inside), rtol=1e-10)


@pytest.mark.parametrize(("prior", "known"), PRIORS, ids=NAMES)
def test_draws_are_of_the_density(prior: priors.Prior, known: Any) -> None:
    draws = prior.draw(np.random.default_rng(3), 4000)
    assert stats.kstest(draws, known.cdf).pvalue > 1e-3


def test_a_flat_prior_is_no_distribution() -> None:
    assert not priors.Flat().proper
    np.testing.assert_array_equal(priors.Flat().density([-3.0, 5.0]), 1.0)
    with pytest.raises(priors.ModelError, match="no distribution"):
        priors.Flat().draw(np.random.default_rng(0), 1)


BOUNDS = Bounds(np.array([-np.inf, 1.0, -np.inf, -2.0]), np.array([np.inf, np.inf, 3.0, 5.0]))


@in_64_bits
def constrained(u: Any) -> tuple[Any, Any]:
    x, log_slope = BOUNDS.constrained(np.asarray(u))
    return np.asarray(x), np.asarray(log_slope)


@pytest.mark.parametrize("at", [-3.0, 0.0, 1.3])
def test_slopes_of_transforms_are_finite_differences(at: float) -> None:
    u, h = np.full(4, at), 1e-6
    difference = (constrained(u + h)[0] - constrained(u - h)[0]) / (2 * h)
    x, log_slope = constrained(u)
    np.testing.assert_allclose(np.exp(log_slope), np.abs(difference), rtol=1e-7)
    np.testing.assert_allclose(BOUNDS.slope(x), np.abs(difference), rtol=1e-7)
    np.testing.assert_allclose(BOUNDS.unconstrained(x), u, rtol=1e-9, atol=1e-9)
    assert (x > BOUNDS.lower).all()
    assert (x < BOUNDS.upper).all()


def test_gradients_are_finite_far_out() -> None:
    slope = in_64_bits(jax.jacobian(lambda u: BOUNDS.constrained(u)[1].sum()))
    for at in (-50.0, 50.0):
        assert np.isfinite(slope(np.full(4, at))).all()


def test_a_transformed_density_integrates_to_one() -> None:
    bounds, prior = Bounds(np.array([0.0]), np.array([np.inf])), priors.Gamma(2.0, 1.5)

    def density(u: float) -> float:
        x, log_slope = in_64_bits(bounds.constrained)(np.array([u]))
        return float(np.exp(in_64_bits(prior.log_density)(x) + log_slope)[0])

    assert quad(density, -12, 5, epsabs=1e-9)[0] == pytest.approx(1.0, abs=1e-6)

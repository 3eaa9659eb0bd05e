"""Draws against the distributions that they are of, and the program's draws against NumPy's."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from pytensor.graph.basic import Variable
from scipy import stats

from pycmtensor import coefficients
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Beta, parameters_of
from pycmtensor.terms.draws import KINDS, Draws, Sampling, draws_of, uniforms, values_of


def drawn(sampling: Sampling, individuals: int = 200, dimension: int = 0) -> NDArray:
    base = sampling.base(3)
    return uniforms(sampling, base[dimension], dimension, np.arange(individuals)).astype(float)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("antithetic", [False, True])
def test_draws_are_uniform_and_each_individual_has_its_own(kind: str, antithetic: bool) -> None:
    u = drawn(Sampling(100, kind, antithetic=antithetic))
    assert u.shape == (200, 100)
    assert ((u > 0) & (u < 1)).all()
    assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-3
    assert len(np.unique(u[:, 0])) == 200
    other = drawn(Sampling(100, kind, antithetic=antithetic), dimension=1)
    assert abs(np.corrcoef(u.ravel(), other.ravel())[0, 1]) < 0.05
    if antithetic:
        np.testing.assert_allclose(u[:, :50] + u[:, 50:], 1, atol=1e-6)


@pytest.mark.parametrize(("kind", "most"), [("sobol", 2e-3), ("halton", 4e-3), ("mlhs", 3e-4)])
def test_points_are_spread_more_evenly_than_at_random(kind: str, most: float) -> None:
    """The error of the mean of u^2, over individuals; independent numbers have 0.3 / sqrt(1024) = 9e-3."""
    u = drawn(Sampling(1024, kind))
    errors = (u**2).mean(axis=1) - 1 / 3
    assert np.sqrt((errors**2).mean()) < most


def test_mlhs_has_one_point_in_each_interval() -> None:
    u = drawn(Sampling(50, "mlhs"))
    assert (np.sort((u * 50).astype(int), axis=1) == np.arange(50)).all()
    assert len({tuple(np.argsort(row)) for row in u}) > 100  # in orders of their own


def test_seeds_change_draws_and_repeat_them() -> None:
    for kind in KINDS:
        first, again, other = (drawn(Sampling(64, kind, seed=s)) for s in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def quantiles(expression: Variable, R: int = 2**14) -> NDArray:
    """Sorted numbers of a coefficient, without parameters, of one individual."""
    draws = draws_of([expression])
    numbers = values_of(draws, Sampling(R, "sobol"), 1, 1)
    return np.sort(expression.eval({d(): x for d, x in zip(draws, numbers, strict=True)}).ravel())


@pytest.mark.parametrize(
    ("coefficient", "truth"),
    [
        (coefficients.normal("x", -1.0, 2.0), stats.norm(-1, 2)),
        (coefficients.lognormal("x", 0.3, 0.5), stats.lognorm(0.5, scale=np.exp(0.3))),
        (coefficients.uniform("x", 1.0, 2.0), stats.uniform(-1, 4)),
        (coefficients.triangular("x", 1.0, 2.0), stats.triang(0.5, -1, 4)),
        (coefficients.truncated_normal("x", 0.5, 2.0, 0.0), stats.truncnorm(-0.25, np.inf, 0.5, 2)),
        (coefficients.truncated_normal("x", 0.5, 2.0, -1.0, 3.0), stats.truncnorm(-0.75, 1.25, 0.5, 2)),
        (coefficients.johnson_sb("x", 0.4, 1.5, -1.0, 2.0), stats.johnsonsb(-0.4 / 1.5, 1 / 1.5, -1, 3)),
        (coefficients.student_t("x", 1.0, 0.5, 4.0), stats.t(4, 1, 0.5)),
    ],
)
def test_coefficients_have_their_distributions(coefficient: Variable, truth: stats.rv_continuous) -> None:
    q = np.array([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99])
    numbers = quantiles(coefficient)
    np.testing.assert_allclose(np.quantile(numbers, q), truth.ppf(q), rtol=0.02, atol=0.01)


def test_a_negative_lognormal_is_the_mirror_image() -> None:
    positive, negative = (quantiles(coefficients.lognormal("x", 0.3, 0.5, sign)) for sign in (1, -1))
    np.testing.assert_allclose(negative, -positive[::-1])


def test_correlated_coefficients_have_the_covariance_of_their_factor() -> None:
    b, implied = coefficients.correlated({"p": 1.0, "q": pt.as_tensor(-2.0), "r": 0.0})
    C = np.array([[0.5, 0, 0], [-0.3, 0.8, 0], [0.1, 0.2, 0.4]])
    for beta, value in zip(parameters_of(list(b.values())), C[np.tril_indices(3)], strict=True):
        beta.set_value(value)
    draws = draws_of(b.values())
    numbers = values_of(draws, Sampling(2**14), 1, 1)
    given = {d(): x for d, x in zip(draws, numbers, strict=True)}
    sample = np.array([expression.eval(given, on_unused_input="ignore").ravel() for expression in b.values()])
    np.testing.assert_allclose(np.cov(sample), C @ C.T, atol=5e-3)
    np.testing.assert_allclose(sample.mean(axis=1), [1, -2, 0], atol=2e-3)
    S = C @ C.T
    assert float(implied["cov(r, p)"].eval()) == pytest.approx(S[2, 0])
    assert float(implied["var(q)"].eval()) == pytest.approx(S[1, 1])
    assert float(implied["corr(r, q)"].eval()) == pytest.approx(S[2, 1] / np.sqrt(S[2, 2] * S[1, 1]))


def test_what_is_no_sampling() -> None:
    with pytest.raises(ModelError, match="number must be a whole number of at least 1, found 0"):
        Sampling(0)
    with pytest.raises(ModelError, match="one of sobol, halton, mlhs, pseudo; found 'lhs'"):
        Sampling(10, "lhs")
    with pytest.raises(ModelError, match="mlhs takes fewer than 32,768 points, found 40,000"):
        Sampling(40_000, "mlhs")
    with pytest.raises(ModelError, match="come in pairs, found the odd number 5"):
        Sampling(5, antithetic=True)
    with pytest.raises(ModelError, match="distribution is 'normal' or 'uniform', found 'gamma'"):
        Draws("x", "gamma")
    with pytest.raises(ModelError, match="Two random variables are called x"):
        draws_of([coefficients.normal("x", 0, 1) + coefficients.normal("x", 0, 1)])
    with pytest.raises(ModelError, match="sign is 1 or -1, found 0"):
        coefficients.lognormal("x", 0.0, 1.0, sign=0)
    with pytest.raises(ModelError, match=r"'m' starts at -1000, .* Start at the logarithm of its size"):
        coefficients.lognormal("x", Beta("m", -1000.0), 1.0)
    with pytest.raises(ModelError, match="lower must be below upper, found 2.0 and 1.0"):
        coefficients.truncated_normal("x", 0.0, 1.0, 2.0, 1.0)
    with pytest.raises(ModelError, match="df must be positive, found 0"):
        coefficients.student_t("x", 0.0, 1.0, 0)


def test_draws_mix_with_numbers_and_parameters() -> None:
    z, b = Draws("z"), Beta("b", 2.0)
    one = {z(): np.ones((1, 1, 1))}
    results = {1 + z: 2, z + 1: 2, 1 - z: 0, z - 1: 0, 3 * z: 3, z * 3: 3, -z: -1, b * z: 2, z / 4: 0.25, 4 / z: 4}
    for expression, value in results.items():
        assert expression.eval(one).item() == value
    assert (z**3).eval({z(): np.full((1, 1, 1), 2.0)}).item() == 8

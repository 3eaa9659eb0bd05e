"""Multinomial probit: against exact bivariate normal integrals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import ndtr

import pycmtensor as cmt
from pycmtensor.engine import evaluator_of
from pycmtensor.exceptions import ModelError

NAMES = ["b", "asc_b", "asc_c", "chol_c_b", "chol_c_c"]


def frame(N: int = 1200) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    x, C = rng.normal(size=(N, 3)), np.array([[1, 0], [0.5, 0.8]])
    U = x + np.array([0, 0.3, -0.2]) + np.c_[np.zeros(N), rng.normal(size=(N, 2)) @ C.T]
    return pd.DataFrame({"y": U.argmax(axis=1) + 1, **{f"x{j}": x[:, j] for j in range(3)}, "there": 1})


def model(data: pd.DataFrame, draws: int = 300, **options: Any) -> cmt.MultinomialProbit:
    ds = cmt.Dataset(data, "y", {"a": 1, "b": 2, "c": 3})
    b = cmt.Beta("b", 0.5)
    V = {"a": b * ds["x0"], "b": cmt.Beta("asc_b") + b * ds["x1"], "c": cmt.Beta("asc_c") + b * ds["x2"]}
    return cmt.MultinomialProbit(ds, V, {"c": ds["there"]}, draws=draws, **options)


def bivariate(h: Any, k: Any, rho: float) -> Any:
    """Phi2 by Gauss-Legendre on the integral of Drezner & Wesolowsky (1990) over the correlation."""
    t, w = np.polynomial.legendre.leggauss(40)
    angle = np.arcsin(rho) * (t + 1) / 2
    exponent = -(h**2 + k**2 - 2 * h * k * np.sin(angle)) / (2 * np.cos(angle) ** 2)
    return (ndtr(h) * ndtr(k))[:, 0] + np.arcsin(rho) / (4 * np.pi) * (w * np.exp(exponent)).sum(axis=1)


def exact(theta: Any, data: pd.DataFrame) -> float:
    b, asc_b, asc_c, c_cb, c_cc = theta
    factor = np.array([[0, 0], [1, 0], [c_cb, c_cc]])
    V = b * data[["x0", "x1", "x2"]].to_numpy() + np.array([0, asc_b, asc_c])
    total = 0.0
    for y in range(3):
        others, chosen = [j for j in range(3) if j != y], data["y"].to_numpy() == y + 1
        S = (factor[others] - factor[y]) @ (factor[others] - factor[y]).T
        sd = np.sqrt(np.diag(S))
        h = (V[chosen, y][:, None] - V[chosen][:, others]) / sd
        total += np.log(bivariate(h[:, :1], h[:, 1:], S[0, 1] / sd.prod())).sum()
    return float(total)


@pytest.fixture(scope="module")
def results() -> cmt.Results:
    return cmt.estimate(model(frame()))


@pytest.mark.slow
def test_estimates_are_those_of_the_exact_integral(results: cmt.Results) -> None:
    assert results.outcome.converged
    data, found = frame(), results.params[NAMES].to_numpy()
    assert results.llf == pytest.approx(exact(found, data), abs=0.03)
    best = minimize(lambda theta: -exact(theta, data), found, method="BFGS", options={"gtol": 1e-4})
    np.testing.assert_allclose(found, best.x, atol=2e-3)


@pytest.mark.slow
def test_probabilities(results: cmt.Results) -> None:
    P = results.predict().probabilities
    np.testing.assert_allclose(P.sum(axis=1), 1, atol=5e-3)
    assert results.predict().shares["a"] == pytest.approx((frame()["y"] == 1).mean(), abs=0.02)
    assert results.elasticities("x0").matrix.loc["a", "a"] != 0


def test_without_an_alternative_it_is_the_binary_probit() -> None:
    data = frame(200).assign(there=0)
    data["y"] = np.minimum(data["y"], 2)
    m = model(data, 8, covariance="independent")
    at = {"b": 0.7, "asc_b": 0.2, "asc_c": 0.0}
    d = (0.7 * (data["x1"] - data["x0"]) + 0.2) / np.sqrt(2)
    truth = np.log(np.where(data["y"] == 2, ndtr(d), ndtr(-d))).sum()
    evaluator, theta = evaluator_of(m), np.array([at[label] for label in m.labels])
    assert evaluator.value(theta) == pytest.approx(truth, rel=1e-9)


def test_gradient() -> None:
    evaluator = evaluator_of(model(frame(100), 16))
    theta = np.array([0.9, 0.1, -0.1, 0.4, 0.9])
    slopes = [(evaluator.value(theta + h) - evaluator.value(theta - h)) / 2e-5 for h in 1e-5 * np.eye(5)]
    np.testing.assert_allclose(evaluator.value_and_grad(theta)[1], slopes, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        ("diagonal", "covariance is 'full'"),
        ([[1.0]], "must have 3 rows of 3 elements"),
        ([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]], "must be positive definite"),
        ([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], "must be symmetric"),
    ],
)
def test_faults_are_named(covariance: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        model(frame(50), covariance=covariance)

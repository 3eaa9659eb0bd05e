"""Latent classes that consider different alternatives, against their likelihood in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import pycmtensor as cmt
from tests.engine.test_local import differences

N, T = 120, 3
CODES = {"a": 1, "b": 2, "c": 3}


def data() -> tuple[pd.DataFrame, np.ndarray]:
    """Choices of which four in ten people never consider c, nor b where "closed" is 1."""
    rng = np.random.default_rng(0)
    x, captive = rng.normal(size=(N * T, 3)), np.repeat(rng.random(N) < 0.4, T)
    closed = (rng.random(N * T) < 0.3).astype(int)
    V = 0.5 * np.eye(3)[0] - x
    V[captive, 2] = -np.inf
    V[captive & (closed == 1), 1] = -np.inf
    y = (V + rng.gumbel(size=V.shape)).argmax(axis=1) + 1
    frame = pd.DataFrame(x, columns=["x1", "x2", "x3"])
    return frame.assign(y=y, closed=closed, id=np.repeat(np.arange(N), T)), x


def by_hand(theta: Any) -> tuple[float, np.ndarray]:
    """Log-likelihood, and probabilities (S, J) of somebody of whom nothing is known."""
    (b, asc, W), (frame, x) = theta, data()
    V = asc * np.eye(3)[0] + b * x
    can = np.column_stack([np.ones(N * T), 1 - frame.closed, np.zeros(N * T)])
    P = np.exp(V) / np.exp(V).sum(axis=1, keepdims=True)
    Q = can * np.exp(V) / (can * np.exp(V)).sum(axis=1, keepdims=True)
    s = 1 / (1 + np.exp(-W))
    places = np.arange(N * T), frame.y.to_numpy() - 1
    L = [p[places].reshape(N, T).prod(axis=1) for p in (P, Q)]
    return float(np.log((1 - s) * L[0] + s * L[1]).sum()), (1 - s) * P + s * Q


@pytest.fixture(scope="module")
def results() -> cmt.Results:
    frame, _ = data()
    ds, b, asc = cmt.Dataset(frame, "y", CODES, individual="id"), cmt.Beta("b"), cmt.Beta("asc")
    V = {"a": asc + b * ds["x1"], "b": b * ds["x2"], "c": b * ds["x3"]}
    return cmt.estimate(cmt.LatentClass(ds, {"all": V, "captive": V}, {"captive": {"b": 1 - ds["closed"], "c": 0}}))


ORDER = ["b", "asc", "class_captive"]


def test_estimates_are_those_by_hand(results: cmt.Results) -> None:
    best = minimize(lambda theta: -by_hand(theta)[0], [-0.5, 0.0, 0.0], tol=1e-10)
    assert results.llf == pytest.approx(-best.fun, rel=1e-9)
    assert results.params[ORDER].to_numpy() == pytest.approx(best.x, abs=1e-4)
    assert results.llf == pytest.approx(by_hand(results.params[ORDER])[0], rel=1e-12)


def test_derivatives_are_finite_differences(results: cmt.Results) -> None:
    evaluator, theta = results.evaluator, results.fit.theta + 0.1
    assert evaluator is not None
    at = evaluator.second_order(theta)
    assert np.allclose(at.gradient, differences(evaluator.value, theta), rtol=1e-6)
    slopes = differences(lambda t: evaluator.value_and_grad(t)[1], theta)
    assert np.allclose(at.hessian, slopes, rtol=1e-5, atol=1e-5)


def test_predictions_and_membership(results: cmt.Results) -> None:
    _, P = by_hand(results.params[ORDER])
    assert np.allclose(results.predict().probabilities, P, rtol=1e-9)
    frame, _ = data()
    chose_c = frame[frame.y == 3].id.unique()
    assert np.all(results.membership().loc[chose_c, "captive"] == 0)
    drawn = results.simulate(seed=1, n=20)
    shares = drawn["y"].value_counts(normalize=True).sort_index()
    assert np.allclose(shares, P.mean(axis=0), atol=0.03)


def test_one_utility_of_long_data_is_the_same(results: cmt.Results) -> None:
    frame, _ = data()
    ds = cmt.Dataset(frame, "y", CODES, individual="id")
    varying = {"x": {"a": "x1", "b": "x2", "c": "x3"}}
    long_frame = ds.to_long(varying)
    long = cmt.Dataset.from_long(
        long_frame, choice="y", alternative="alternative", situation="situation", individual="id"
    )
    open_to = 1 - long.per_alternative({"b": 1.0}) * long["closed"] - long.per_alternative({"c": 1.0})
    V = long.per_alternative({"a": cmt.Beta("asc")}) + cmt.Beta("b") * long["x"]
    model = cmt.LatentClass(long, {"all": V, "captive": V}, {"captive": open_to})
    assert cmt.estimate(model).llf == pytest.approx(results.llf, rel=1e-9)

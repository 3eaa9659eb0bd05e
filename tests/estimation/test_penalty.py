"""Penalties of weights against points in closed form, and steps by hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit

import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import OptimizerError
from pycmtensor.optimizers import SGD, AdamW


@pytest.fixture(scope="module")
def shares() -> cmt.MNL:
    """Thirty choices of a and ten of b, at the maximum of the likelihood, w = log(3)."""
    ds = cmt.Dataset(pd.DataFrame({"y": [1] * 30 + [2] * 10}), "y", {"a": 1, "b": 2})
    return cmt.MNL(ds, {"a": cmt.Weight("w", 1, value=[np.log(3)])[0], "b": 0})


@pytest.mark.parametrize(
    ("penalty", "w"),
    [
        ({"l1": 0.1}, logit(0.75 - 0.1)),
        ({"l2": 0.2}, brentq(lambda w: 0.75 - expit(w) - 0.2 * w, 0, 2)),
        ({"l1": 0.1, "l2": 0.2}, brentq(lambda w: 0.75 - expit(w) - 0.1 - 0.2 * w, 0, 2)),
    ],
)
def test_training_ends_where_the_likelihood_and_the_penalty_balance(
    shares: cmt.MNL, penalty: dict[str, Any], w: float
) -> None:
    """0.75 - P(w) = l1 + l2 w; the log-likelihood, which falls on the way, is reported without the penalty."""
    results = cmt.estimate(shares, method=cmt.Stochastic(SGD, lr=1.0, epochs=500, tolerance=1e-12, **penalty))
    assert "the gradient of the whole sample less that of the penalty vanished" in results.outcome.reason
    assert results.params["w[0]"] == pytest.approx(w, rel=1e-9)
    assert results.llf == pytest.approx(30 * np.log(expit(w)) + 10 * np.log(expit(-w)), rel=1e-12)
    assert results.llf < results.history.llf.iloc[0]
    assert not results.outcome.converged


def test_a_likelihood_that_a_penalty_lowers_is_no_fault_of_the_rate(shares: cmt.MNL) -> None:
    results = cmt.estimate(shares, method=cmt.Stochastic(SGD, lr=1.0, epochs=5, tolerance=0, l2=0.2))
    assert results.outcome.reason.startswith("all 5 epochs were run. Reported is epoch 5")


def test_l2_is_weight_decay_where_that_is_not_decoupled(shares: cmt.MNL) -> None:
    """Gradients after seven epochs, which tell where a run is; the point with the best score may be another."""

    def gradient(rule: Any, **penalty: Any) -> float:
        method = cmt.Stochastic(rule, lr=0.1, epochs=7, tolerance=0, **penalty)
        return cmt.estimate(shares, method=method, start={"w[0]": 2.0}).history.gradient.iloc[-1]

    assert gradient(SGD, l2=0.3) == pytest.approx(gradient(partial(SGD, weight_decay=0.3)), rel=1e-12)
    assert gradient(AdamW, l2=0.3) != pytest.approx(gradient(partial(AdamW, weight_decay=0.3)), rel=1e-3)


@pytest.mark.parametrize("batch_size", [None, 6])
def test_coefficients_and_biases_are_not_penalised(batch_size: int | None) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"y": rng.integers(1, 3, 6), "x": rng.normal(size=6), "z": rng.normal(size=6)})
    ds = cmt.Dataset(frame, "y", {"a": 1, "b": 2})
    network = cmt.Network("n", [ds["z"]], data=ds, hidden=2, seed=1)
    model = cmt.MNL(ds, {"a": cmt.Beta("b", 0.5) * ds["x"] + network(), "b": 0})
    start = {label: 0.1 * (k + 1) * (-1) ** k for k, label in enumerate(model.labels)}
    theta = np.array(list(start.values()))
    engine, l1, l2, lr = LocalEvaluator(model), 0.05, 0.3, 1e-2
    _, g = engine.value_and_grad(theta)
    is_weight = np.array([".weight" in label for label in model.labels])
    step = lr * (g / 6 - is_weight * (l1 * np.sign(theta) + l2 * theta))
    method = cmt.Stochastic(SGD, lr=lr, batch_size=batch_size, epochs=1, l1=l1, l2=l2)
    found = cmt.estimate(model, method=method, start=start)
    assert found.history.epoch.iloc[-1] == 1
    np.testing.assert_allclose(found.fit.theta - theta, step, rtol=1e-9)


def test_faults_are_named(shares: cmt.MNL) -> None:
    with pytest.raises(OptimizerError, match=r"l1 must be a finite number in \[0, inf\), found -1"):
        cmt.Stochastic(SGD, l1=-1)
    with pytest.raises(OptimizerError, match="polish=True goes to the maximum of the likelihood, l2 leads away"):
        cmt.estimate(shares, method=cmt.Stochastic(SGD, l2=0.1, polish=True))
    coefficient = cmt.MNL(shares.dataset, {"a": cmt.Beta("asc"), "b": 0})
    with pytest.raises(OptimizerError, match="l1 and l2 are of weights, of which the model has none"):
        cmt.estimate(coefficient, method=cmt.Stochastic(SGD, l1=0.1))

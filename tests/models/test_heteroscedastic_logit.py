"""The heteroscedastic extreme value model against adaptive integration by SciPy, and against the logit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad

import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Beta
from tests.engine.test_local import differences
from tests.models.test_mnl import by_formula

NAMES = ["a", "b", "c"]


def integral(V: NDArray, available: NDArray, theta: NDArray, i: int) -> float:
    """P_i by adaptive quadrature over w = -log u, in pieces around every turn of the integrand."""

    def integrand(w: float) -> float:
        others = [
            np.exp(min(-(V[i] - V[j] + theta[i] * w) / theta[j], 500.0)) for j in np.flatnonzero(available) if j != i
        ]
        return float(np.exp(-sum(others) - w - np.exp(-w)))

    turns = np.sort([-4.0, 0.0, 4.0, 40.0, *np.clip((V - V[i]) / theta[i], -4, 40)])
    pieces = pairwise(turns.tolist())
    return sum(quad(integrand, *piece, epsabs=1e-14, epsrel=1e-12, limit=200)[0] for piece in pieces)


def problem(seed: int, n: int, size: float = 1.0) -> tuple[pd.DataFrame, NDArray, NDArray]:
    rng = np.random.default_rng(seed)
    x, available, chosen = rng.normal(0, size, (n, 3)), rng.random((n, 3)) < 0.7, rng.integers(0, 3, n)
    available[np.arange(n), chosen] = True
    columns = {f"x_{i}": x[:, j] for j, i in enumerate(NAMES)} | {
        f"av_{i}": available[:, j] for j, i in enumerate(NAMES)
    }
    return pd.DataFrame({"y": chosen, **columns}), x, available


def specified(frame: pd.DataFrame, scales: dict[str, Any], b: float = 1.0, **options: Any) -> cmt.HeteroscedasticLogit:
    ds = cmt.Dataset(frame, "y", {i: j for j, i in enumerate(NAMES)})
    taste = Beta("b", b)
    V, where = {i: taste * ds[f"x_{i}"] for i in NAMES}, {i: ds[f"av_{i}"] for i in NAMES}
    return cmt.HeteroscedasticLogit(ds, V, where, scales=scales, **options)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.floats(1, 20), size=st.sampled_from([0.3, 2.0]))
def test_the_rule_is_exact_to_ten_digits(seed: int, spread: float, size: float) -> None:
    frame, x, available = problem(seed, 4, size)
    theta = spread ** np.random.default_rng(seed + 1).uniform(-0.5, 0.5, 3)
    P = [integral(x[n], available[n], theta, y) for n, y in enumerate(frame.y)]
    scales = {i: Beta(f"theta_{i}", value) for i, value in zip(NAMES, theta, strict=True)}
    assert by_formula(specified(frame, scales)) == pytest.approx(-np.log(P).sum(), rel=1e-9, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), theta=st.floats(0.1, 10), size=st.sampled_from([1.0, 50.0, 1000.0]))
def test_equal_scales_are_the_logit(seed: int, theta: float, size: float) -> None:
    model = specified(problem(seed, 10, size)[0], dict.fromkeys(NAMES, theta))
    V = {name: utility / theta for name, utility in model.utilities.items()}
    assert by_formula(model) == pytest.approx(by_formula(cmt.MNL(model.dataset, V, model.availability)), rel=1e-11)


@pytest.mark.slow
def test_derivatives_are_difference_quotients() -> None:
    engine = LocalEvaluator(specified(problem(1, 25)[0], {"a": Beta("theta_a", 1.0), "c": Beta("theta_c", 1.0)}))
    theta = np.array([0.5, 2.5, -0.7])
    assert engine.labels == ("theta_a", "theta_c", "b")
    at = engine.second_order(theta)
    np.testing.assert_allclose(at.gradient, differences(engine.value, theta), rtol=1e-7)
    np.testing.assert_allclose(at.hessian, differences(lambda t: engine.value_and_grad(t)[1], theta), rtol=1e-6)
    np.testing.assert_allclose(engine.probabilities(theta).sum(axis=0), 1, rtol=1e-11)


def test_far_utilities_leave_derivatives_finite() -> None:
    """That of an alternative that is unavailable is far too, and counts nothing."""
    frame = pd.DataFrame({"y": [0, 1, 2], "x_a": [-900.0, 5, 0], "x_b": [900.0, 5, 1e4], "x_c": [3.0, 9e3, 0]})
    frame = frame.assign(av_a=1, av_b=[1, 1, 0], av_c=[1, 0, 1])
    engine = LocalEvaluator(specified(frame, {"a": Beta("theta_a", 2.0), "c": 0.1}))
    at = engine.second_order(np.array([2.0, 1.0]))
    assert np.isfinite(at.hessian).all()
    assert at.logprob[0] == pytest.approx(-1800 / 2.0, rel=0.01)  # log P of a far tail: (V_a - V_b) / theta_a


def test_an_alternative_is_taken_out_with_its_scale() -> None:
    frame, x, available = problem(6, 20)
    fewer = specified(frame, {"a": 2.0, "b": Beta("theta_b", 0.5)}, b=0.8).without("b")
    rows = np.flatnonzero(frame.y != 1)
    available[:, 1] = False
    P = [integral(0.8 * x[n], available[n], np.array([2.0, 1, 1]), frame.y[n]) for n in rows]
    assert by_formula(fewer) == pytest.approx(-np.log(P).sum(), rel=1e-9)
    assert [p.name for p in fewer.params] == ["b"]


def test_scales_are_estimated() -> None:
    """Of errors with the scales 1, 1 and 2."""
    rng = np.random.default_rng(7)
    x = rng.normal(0, 2, (3000, 3))
    chosen = (x + rng.gumbel(size=(3000, 3)) * [1, 1, 2]).argmax(axis=1)
    columns = {f"x_{i}": x[:, j] for j, i in enumerate(NAMES)} | {f"av_{i}": 1 for i in NAMES}
    frame = pd.DataFrame({"y": chosen, **columns})
    results = cmt.estimate(specified(frame, {"c": Beta("theta_c", 1.0, lb=0.05)}))
    assert results.outcome.converged
    error = (results.params - pd.Series({"b": 1.0, "theta_c": 2.0})) / results.standard_errors()
    assert np.abs(error).max() < 3


FAULTS: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    ({"d": 1}, {}, ModelError, "scales names d; the alternatives are a, b, c"),
    ({"a": 0}, {}, ModelError, "scales of 'a': the scale must be positive, found 0"),
    ([1, 1], {}, ModelError, r"scales maps names of alternatives to scales, found \[1, 1\]"),
    ({}, {"nodes": 4}, ModelError, "nodes must be a whole number of at least 16, found 4"),
]


@pytest.mark.parametrize(("scales", "options", "error", "message"), FAULTS)
def test_faults_are_named(scales: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        specified(problem(1, 5)[0], scales, **options)

"""Random regret against the sum written out in NumPy, and against the linear logits that it contains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Beta
from tests import by_hand
from tests.conftest import MODES
from tests.engine.test_local import differences
from tests.models.test_mnl import by_formula

NAMES, ATTRIBUTES = ["a", "b", "c"], ["time", "cost"]


def log_likelihood(
    x: NDArray, available: NDArray, chosen: NDArray, beta: NDArray, mu: float, asc: float = 0.0
) -> float:
    """Of attributes (n, J, M), one situation and one pair of alternatives after the other."""
    llf = 0.0
    for x_n, a, y in zip(x, available, chosen, strict=True):
        regret = np.array([-asc, *[0.0] * (len(x_n) - 1)])
        for i in range(len(x_n)):
            for j in np.flatnonzero(a):
                if j != i:
                    regret[i] += (mu * np.logaddexp(0, beta / mu * (x_n[j] - x_n[i]))).sum()
        llf -= regret[y] + np.logaddexp.reduce(-regret[a != 0])
    return llf


def problem(seed: int, n: int = 10, size: float = 1.0) -> tuple[cmt.Dataset, NDArray, NDArray, NDArray]:
    rng = np.random.default_rng(seed)
    x, available, chosen = rng.normal(0, size, (n, 3, 2)), rng.random((n, 3)) < 0.7, rng.integers(0, 3, n)
    available[np.arange(n), chosen] = True
    columns = {f"{m}_{i}": x[:, j, k] for j, i in enumerate(NAMES) for k, m in enumerate(ATTRIBUTES)}
    frame = pd.DataFrame({"y": chosen, **columns, **{f"av_{i}": available[:, j] for j, i in enumerate(NAMES)}})
    return cmt.Dataset(frame, "y", {i: j for j, i in enumerate(NAMES)}), x, available, chosen


def regretted(ds: cmt.Dataset, beta: Any, mu: Any, availability: Any = None) -> dict[str, Any]:
    attributes = {i: {m: ds[f"{m}_{i}"] for m in ATTRIBUTES} for i in NAMES}
    return cmt.random_regret(attributes, dict(zip(ATTRIBUTES, beta, strict=True)), availability, mu)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), mu=st.floats(0.1, 10), size=st.sampled_from([0.1, 1.0, 300.0]))
def test_likelihood_is_that_by_hand(seed: int, mu: float, size: float) -> None:
    ds, x, available, chosen = problem(seed, size=size)
    beta = np.random.default_rng(seed + 1).normal(size=2)
    where = {i: ds[f"av_{i}"] for i in NAMES}
    V = regretted(ds, [Beta(m, value) for m, value in zip(ATTRIBUTES, beta, strict=True)], Beta("mu", mu), where)
    model = cmt.MNL(ds, V | {"a": V["a"] + Beta("asc", 0.4)}, where)
    assert by_formula(model) == pytest.approx(-log_likelihood(x, available, chosen, beta, mu, 0.4), rel=1e-10)


@pytest.mark.parametrize("theta", [[0.0, 0.0, 1.0], [0.5, -0.8, 2.0]], ids=["zero", "elsewhere"])
def test_derivatives_are_difference_quotients(theta: list[float]) -> None:
    ds, *_ = problem(4, 40)
    engine = LocalEvaluator(cmt.MNL(ds, regretted(ds, [Beta("time"), Beta("cost")], Beta("mu", 1.0, lb=0.01))))
    at = engine.second_order(np.array(theta))
    quotient = differences(lambda t: engine.value_and_grad(t)[1], np.array(theta))
    np.testing.assert_allclose(at.gradient, differences(engine.value, np.array(theta)), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(at.hessian, quotient, rtol=1e-6, atol=1e-8)


def test_huge_differences_leave_derivatives_finite() -> None:
    ds, *_ = problem(4, 10, size=1e6)
    engine = LocalEvaluator(cmt.MNL(ds, regretted(ds, [Beta("time"), Beta("cost")], 1.0)))
    assert np.isfinite(engine.second_order(np.array([1.0, -1.0])).hessian).all()


@pytest.mark.parametrize("mu", [0.2, 1.0, 5.0])
def test_two_alternatives_are_the_linear_logit(trips: pd.DataFrame, mu: float) -> None:
    ds = cmt.Dataset(trips, "mode", MODES)
    b = Beta("b_time", -0.13)
    V = cmt.random_regret({i: {"time": ds[f"t_{i}"]} for i in MODES}, {"time": b}, scale=mu)
    logit = cmt.MNL(ds, {i: b * ds[f"t_{i}"] for i in MODES})
    assert by_formula(cmt.MNL(ds, V)) == pytest.approx(by_formula(logit), rel=1e-13)


def test_a_large_scale_is_the_linear_logit() -> None:
    """mu log(1 + exp(z / mu)) -> mu log 2 + z / 2: the logit with coefficients J beta / 2."""
    ds, x, _, chosen = problem(9)
    beta = np.array([0.7, -0.4])
    llf, _, _ = by_hand.logit(x, np.ones((10, 3)), chosen, 3 * beta / 2)
    model = cmt.MNL(ds, regretted(ds, [Beta("time", 0.7), Beta("cost", -0.4)], 1e6))
    assert by_formula(model) == pytest.approx(-llf, rel=1e-5)


def test_regret_goes_into_other_models() -> None:
    ds, *_ = problem(3, 30)
    V = regretted(ds, [Beta("time"), Beta("cost")], 1.0)
    nested = cmt.NestedLogit(ds, V, nests=[cmt.Nest("ab", ["a", "b"], Beta("mu", 1.0, lb=1.0)), "c"])
    assert by_formula(nested) == pytest.approx(by_formula(cmt.MNL(ds, V)), rel=1e-12)


FAULTS: list[tuple[Any, Any, Any, Any, str]] = [
    ({"a": {"x": 1}}, {"x": 1}, None, 1, "Regret compares alternatives, found a"),
    ({"a": {"x": 1}, "b": {}}, {"x": 1}, None, 1, "The attributes of 'b' are none, the coefficients those of x"),
    ({"a": {"x": 1}, "b": {"x": 1}}, {"x": 1, "z": 1}, None, 1, "The attributes of 'a' are x, the .* of x, z"),
    ({"a": {"x": 1}, "b": {"x": 1}}, {"x": 1}, {"c": 1}, 1, "availability names c; attributes are given of a, b"),
    ({"a": {"x": 1}, "b": {"x": 1}}, {"x": 1}, None, 0, "scale of regret must be positive, found 0"),
]


@pytest.mark.parametrize(("attributes", "coefficients", "availability", "scale", "message"), FAULTS)
def test_what_has_no_regret(attributes: Any, coefficients: Any, availability: Any, scale: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        cmt.random_regret(attributes, coefficients, availability, scale)

"""Linear utilities taken apart: the same derivatives as by differentiating the whole likelihood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycmtensor as cmt
from pycmtensor.engine.likelihood import Differentiated
from pycmtensor.engine.linear import LinearUtilities, linear_form
from pycmtensor.engine.linear_logit import LinearLogit
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.expressions import Beta, Weight
from tests import by_hand

INTERPRETED = pytensor.compile.mode.Mode(linker="py", optimizer=None)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_linear_expression_equals_its_form(data: st.DataObject) -> None:
    """Expressions put together at random from the operations that keep them linear."""
    betas = [Beta(f"b{k}") for k in range(3)]
    x, values = pt.dtensor3("x"), np.arange(1.0, 5.0).reshape(1, 4, 1)
    expression = pt.as_tensor(betas[0])
    for _ in range(data.draw(st.integers(1, 8))):
        other = data.draw(st.sampled_from([*betas, 2.0, x, pt.exp(-x)]))
        scale = data.draw(st.sampled_from([3.0, x, x**2]))
        expression = data.draw(
            st.sampled_from(
                [expression + other, other - expression, expression * scale, scale * expression, -expression / scale]
            )
        )
    form = linear_form(expression, [b() for b in betas])
    assert form is not None
    theta = [0.3, -0.7, 1.1]
    for beta, value in zip(betas, theta, strict=True):
        beta.set_value(value)
    by_form = sum(coefficient * (1 if b is None else b) for b, coefficient in form.items())
    both = [
        e.eval({x: values}, mode=INTERPRETED, on_unused_input="ignore") for e in (pt.as_tensor(by_form), expression)
    ]
    first, second = np.broadcast_arrays(*both)
    np.testing.assert_allclose(first, second, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "nonlinear", [lambda a, b: a * b, lambda a, b: 1 / a, lambda a, b: pt.exp(a), lambda a, b: a**2]
)
def test_nonlinear_expressions_have_no_form(nonlinear: Callable[[Beta, Beta], Any]) -> None:
    a, b = Beta("a"), Beta("b")
    assert linear_form(pt.as_tensor(nonlinear(a, b)), [a(), b()]) is None


def many_parameters(individual: str | None) -> tuple[cmt.MNL, np.ndarray, np.ndarray, np.ndarray]:
    """Nine parameters, three alternatives, availability, a fixed parameter, weights; and the same as arrays."""
    rng = np.random.default_rng(3)
    n, K = 60, 9
    X = rng.normal(size=(n, 3, K))
    X[:, 0, 0] = X[:, 2, 1] = 1
    X[:, 1:, 0] = X[:, :2, 1] = 0
    available = np.ones((n, 3))
    available[::7, 2] = 0
    chosen = np.where(available[:, 2] == 0, 1, rng.integers(0, 3, n))
    frame = pd.DataFrame({f"x{j}_{k}": X[:, j, k] for j in range(3) for k in range(2, K)})
    frame["y"], frame["a2"], frame["person"], frame["w"] = chosen, available[:, 2], np.arange(n) // 4, 1.5
    ds = cmt.Dataset(frame, "y", {"a": 0, "b": 1, "c": 2}, individual=individual, weights="w")
    betas = [Beta(f"b{k}") for k in range(K)]
    fixed = Beta("fixed", 0.4, status=1)
    V = [sum((betas[k] * ds[f"x{j}_{k}"] for k in range(2, K)), start=fixed * ds["x0_2"] / 2) for j in range(3)]
    model = cmt.MNL(ds, {"a": V[0] + betas[0], "b": V[1], "c": betas[1] + V[2]}, {"c": ds["a2"]})
    return model, X, available, chosen


@pytest.mark.parametrize("way", [LinearLogit, LinearUtilities])
@pytest.mark.parametrize("individual", [None, "person"])
@pytest.mark.parametrize(("block", "cores"), [(None, 1), (7, 1), (7, 3)])
def test_derivatives_are_those_by_hand(
    monkeypatch: pytest.MonkeyPatch, way: type, individual: str | None, block: int | None, cores: int
) -> None:
    if way is LinearUtilities:
        monkeypatch.setattr(LinearLogit, "of", lambda *_: None)
    model, X, available, chosen = many_parameters(individual)
    engine = LocalEvaluator(model, block=block, cores=cores)
    assert type(engine.program.likelihood) is way
    theta = np.linspace(-0.5, 0.7, 9)
    at = engine.second_order(theta)
    llf, scores, hessian = by_hand.logit(X, available, chosen, theta)  # the fixed term is the same in all utilities
    assert at.value == pytest.approx(1.5 * llf, rel=1e-13)
    np.testing.assert_allclose(at.hessian, 1.5 * hessian, rtol=1e-10, atol=1e-12)
    by_individual = scores if individual is None else scores.reshape(15, 4, 9).sum(axis=1)
    np.testing.assert_allclose(at.scores, by_individual, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(at.gradient, 1.5 * scores.sum(axis=0), rtol=1e-10, atol=1e-12)
    for power in (1, 2):
        products = 1.5**power * by_individual.T @ by_individual
        np.testing.assert_allclose(at.individuals.outer_product(power), products, rtol=1e-10, atol=1e-12)


def test_two_ways_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    theta = np.linspace(-0.5, 0.7, 9)
    monkeypatch.setattr(LinearLogit, "of", lambda *_: None)
    through = LocalEvaluator(many_parameters(None)[0]).second_order(theta)
    monkeypatch.setattr(LinearUtilities, "FEWEST", 100)
    directly = LocalEvaluator(many_parameters(None)[0]).second_order(theta)
    for part in ("value", "gradient", "hessian", "scores", "logprob"):
        np.testing.assert_allclose(getattr(through, part), getattr(directly, part), rtol=1e-11, atol=1e-12)


def test_nonlinear_utilities_and_arrays_go_the_direct_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinearUtilities, "FEWEST", 1)
    ds = cmt.Dataset(pd.DataFrame({"y": [0, 1], "x": [1.0, 2.0]}), "y", {"a": 0, "b": 1})
    for utility in (pt.exp(Beta("b")) * ds["x"], Weight("w", 1, [0.5])[0] * ds["x"]):
        model = cmt.MNL(ds, {"a": utility, "b": 0})
        assert type(LocalEvaluator(model).program.likelihood) is Differentiated


def test_terms_that_need_much_more_memory_than_their_columns_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pycmtensor.engine.linear_logit.FEW_NUMBERS", 10)
    frame = pd.DataFrame({"y": [0, 1], "x": [1.0, 2.0], "z": [3.0, 5.0]})
    ds = cmt.Dataset(frame, "y", {"a": 0, "b": 1})
    powers = [Beta(f"b{k}") * ds["x"] ** k * ds["z"] for k in range(7)]
    for terms, way in ((powers[:3], LinearLogit), (powers, LinearUtilities)):  # times 2, of the columns x, z and y
        assert type(LocalEvaluator(cmt.MNL(ds, {"a": sum(terms), "b": 0})).program.likelihood) is way


def test_blocks_beyond_the_last_individual_add_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirteen panels in blocks of two on three cores, prepared one by one: the last two blocks are empty."""
    for at_once in ("NUMBERS_AT_ONCE", "SCORES_AT_ONCE"):
        monkeypatch.setattr(f"pycmtensor.engine.local.{at_once}", 1)
    model, X, available, chosen = many_parameters("person")
    own = np.arange(len(X)) < 52
    engine = LocalEvaluator(model, model.dataset.take(np.arange(13)), block=2, cores=3)
    theta = np.linspace(-0.5, 0.7, 9)
    llf, scores, hessian = by_hand.logit(X[own], available[own], chosen[own], theta)
    at = engine.second_order(theta)
    assert at.value == pytest.approx(1.5 * llf, rel=1e-13)
    np.testing.assert_allclose(at.hessian, 1.5 * hessian, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(at.scores, scores.reshape(13, 4, 9).sum(axis=1), rtol=1e-10, atol=1e-12)


def test_numbers_of_what_is_unavailable_need_not_be_finite() -> None:
    """Two people who choose between a and b, and one without b: the likelihood is that of the two."""
    frame = pd.DataFrame({"y": [0, 1, 0], "x": [1.0, 2.0, 0.0], "open": [1, 1, 0]})
    b = Beta("b")
    ds = cmt.Dataset(frame, "y", {"a": 0, "b": 1})
    engine = LocalEvaluator(cmt.MNL(ds, {"a": 0, "b": b / ds["x"]}, {"b": ds["open"]}))
    assert type(engine.program.likelihood) is LinearLogit
    at = engine.second_order(np.array([0.3]))
    x = np.array([1.0, 0.5])
    P = 1 / (1 + np.exp(-0.3 * x))
    assert at.value == pytest.approx(np.log(1 - P[0]) + np.log(P[1]), rel=1e-14)
    np.testing.assert_allclose(at.scores[:, 0], [-P[0], 0.5 * (1 - P[1]), 0], rtol=1e-14)
    assert at.hessian[0, 0] == pytest.approx(-(x**2 * P * (1 - P)).sum(), rel=1e-13)

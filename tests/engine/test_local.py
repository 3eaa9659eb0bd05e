"""The engine's derivatives against finite differences and a logit by hand; blocks change nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.expressions import Beta, Weight
from tests.conftest import MODES

THETA = np.array([-0.3, 0.2, -0.9, -0.4])


def differences(function: Callable[[NDArray], Any], theta: NDArray, step: float = 1e-5) -> NDArray:
    """Central differences of a function of theta, one row per element of theta."""
    ups = [(function(theta + step * e) - function(theta - step * e)) / (2 * step) for e in np.eye(len(theta))]
    return np.array(ups)


@pytest.fixture(scope="module")
def engine(swissmetro: cmt.MNL) -> LocalEvaluator:
    return LocalEvaluator(swissmetro)


def test_gradient_is_the_difference_quotient_of_the_value(engine: LocalEvaluator) -> None:
    value, gradient = engine.value_and_grad(THETA)
    assert value == engine.value(THETA)
    np.testing.assert_allclose(gradient, differences(engine.value, THETA), rtol=1e-7)


def test_hessian_is_the_difference_quotient_of_the_gradient(engine: LocalEvaluator) -> None:
    at = engine.second_order(THETA)
    quotient = differences(lambda theta: engine.value_and_grad(theta)[1], THETA)
    np.testing.assert_allclose(at.hessian, quotient, rtol=1e-6)
    np.testing.assert_allclose(at.hessian, at.hessian.T, rtol=1e-12)


def test_scores_add_up_to_the_gradient(engine: LocalEvaluator) -> None:
    at = engine.second_order(THETA)
    value, gradient = engine.value_and_grad(THETA)
    assert at.value == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(at.gradient, gradient, rtol=1e-11)
    assert at.scores.shape == (6768, 4)
    np.testing.assert_allclose(at.scores.sum(axis=0), gradient, rtol=1e-11)
    assert at.logprob.sum() == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize("block", [1000, 6768, 123])
def test_the_block_size_does_not_matter(
    swissmetro: cmt.MNL, engine: LocalEvaluator, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pycmtensor.engine.local.SCORES_AT_ONCE", 4 * 5000)  # of seven blocks five and, again, the last
    whole, blocked = engine.second_order(THETA), LocalEvaluator(swissmetro, block=block).second_order(THETA)
    assert blocked.value == pytest.approx(whole.value, rel=1e-12)
    np.testing.assert_allclose(blocked.gradient, whole.gradient, rtol=1e-11)
    np.testing.assert_allclose(blocked.hessian, whole.hessian, rtol=1e-11)
    np.testing.assert_allclose(blocked.scores, whole.scores, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(blocked.logprob, whole.logprob, rtol=1e-12)


def test_arrays_of_parameters_are_flat_in_theta(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", MODES)
    b, w = Beta("b", 0.1), Weight("w", (1, 2), value=[[0.2, -0.1]])
    model = cmt.MNL(ds, {"car": b * ds["t_car"] + w[0, 0], "bus": w[0, 1] * ds["t_bus"]})
    engine = LocalEvaluator(model)
    theta = np.array([0.1, 0.2, -0.1])
    assert engine.labels == ("b", "w[0, 0]", "w[0, 1]")
    V = 0.1 * trips.t_car + 0.2, -0.1 * trips.t_bus
    V_y = np.where(trips["mode"] == 1, V[0], V[1])
    assert engine.value(theta) == pytest.approx((V_y - np.logaddexp(*V)).sum(), rel=1e-13)
    np.testing.assert_allclose(engine.second_order(theta).gradient, differences(engine.value, theta), rtol=1e-6)


def test_sample_weights_multiply_sums_but_not_scores(trips: pd.DataFrame) -> None:
    trips["w"] = [1.0, 2, 3, 4, 5, 6]
    b = Beta("b")
    ds = cmt.Dataset(trips, "mode", MODES, weights="w")
    at = LocalEvaluator(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": 0})).second_order(np.array([0.01]))
    P = 1 / (1 + np.exp(-0.01 * trips.t_car))
    scores = trips.t_car * ((trips["mode"] == 1) - P)
    np.testing.assert_allclose(at.scores[:, 0], scores, rtol=1e-13)
    assert at.gradient[0] == pytest.approx((trips.w * scores).sum(), rel=1e-13)
    assert at.hessian[0, 0] == pytest.approx(-(trips.w * trips.t_car**2 * P * (1 - P)).sum(), rel=1e-13)


def test_fixed_parameters_keep_their_value_of_the_moment(ds: cmt.Dataset) -> None:
    b, c = Beta("b", 0.1), Beta("c", 0.5, status=1)
    model = cmt.MNL(ds, {"car": b * ds["t_car"] + c, "bus": 0})
    first = LocalEvaluator(model)
    c.set_value(-0.5)
    second = LocalEvaluator(model)
    assert first.labels == second.labels == ("b",)
    V = 0.1 * ds.array("t_car").ravel()
    chose_car = ds.array(ds.chosen).ravel() == 0
    for engine, constant in ((first, 0.5), (second, -0.5)):
        logP = np.where(chose_car, V + constant, 0) - np.logaddexp(V + constant, 0)
        assert engine.value(np.array([0.1])) == pytest.approx(logP.sum(), rel=1e-13)


@pytest.mark.parametrize("V", [1e4, -1e4])
def test_extreme_utilities_give_finite_derivatives(ds: cmt.Dataset, V: float) -> None:
    b = Beta("b")
    at = LocalEvaluator(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": 0})).second_order(np.array([V]))
    assert np.isfinite(at.value)
    assert np.isfinite(at.gradient).all()
    assert np.isfinite(at.hessian).all()
    assert np.isfinite(at.scores).all()


@pytest.mark.parametrize("V", [30.0, 50.0, 354.0, 356.0, 800.0, 1e5])
def test_second_derivatives_are_exact_for_small_probabilities(V: float) -> None:
    """One person chose what has the probability 1 / (1 + e^V): the gradient is -P and the Hessian -P (1 - P) of b."""
    ds = cmt.Dataset(pd.DataFrame({"y": [0], "x": [1.0]}), "y", {"a": 0, "b": 1})
    b = Beta("b")
    at = LocalEvaluator(cmt.MNL(ds, {"a": 0, "b": b * ds["x"]})).second_order(np.array([V]))
    q = np.exp(-V)  # of the other alternative
    assert at.value == pytest.approx(-V - np.log1p(q), rel=1e-14)
    assert at.gradient[0] == pytest.approx(-1 / (1 + q), rel=1e-14)
    assert at.hessian[0, 0] == pytest.approx(-q / (1 + q) ** 2, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("block", [None, 1000])
def test_probabilities_are_the_logit_by_hand(swissmetro: cmt.MNL, block: int | None) -> None:
    P = LocalEvaluator(swissmetro, block=block).probabilities(THETA)
    data = swissmetro.dataset
    V = np.stack([np.broadcast_to(v, (1, 6768)) for v in utilities(data, THETA)])
    e = np.where(swissmetro.available(), np.exp(V), 0)
    np.testing.assert_allclose(P, e / e.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(P.sum(axis=0), 1, rtol=1e-14)


def utilities(data: cmt.Dataset, theta: NDArray) -> list[NDArray]:
    """Of the example, (T, N) each."""
    column = {name: data.array(name)[..., 0] for name in data.columns if name.endswith(("TT", "COST", "CO"))}
    asc_train, asc_car, time, cost = theta
    return [
        asc_train + time * column["TRAIN_TT"] / 100 + cost * column["TRAIN_COST"] / 100,
        time * column["SM_TT"] / 100 + cost * column["SM_COST"] / 100,
        asc_car + time * column["CAR_TT"] / 100 + cost * column["CAR_CO"] / 100,
    ]


def test_probabilities_of_a_panel(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", MODES, individual="person")
    b = Beta("b")
    P = LocalEvaluator(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": 0})).probabilities(np.array([0.05]))
    assert P.shape == (2, 3, 3)
    truth = 1 / (1 + np.exp(-0.05 * ds.array("t_car")[..., 0]))
    np.testing.assert_allclose(P, [truth, 1 - truth], rtol=1e-13)


def test_any_number_of_cores_gives_the_same(swissmetro: cmt.MNL, engine: LocalEvaluator) -> None:
    whole = LocalEvaluator(swissmetro, cores=1).second_order(THETA)
    for cores in (2, 5):
        parts = LocalEvaluator(swissmetro, cores=cores)
        assert len(parts.parts) == cores
        at = parts.second_order(THETA)
        np.testing.assert_allclose(at.hessian, whole.hessian, rtol=1e-12)
        np.testing.assert_allclose(at.scores, whole.scores, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(parts.probabilities(THETA), engine.probabilities(THETA), rtol=1e-13)


def test_small_blocks_lose_no_digits() -> None:
    """Terms of very different size, one block each: the sum agrees with the exact one to the last digits."""
    n = 50_000
    x = 10.0 ** np.random.default_rng(1).uniform(-8, 4, n)
    ds = cmt.Dataset(pd.DataFrame({"y": np.zeros(n, int), "x": x}), "y", {"a": 0, "b": 1})
    model = cmt.MNL(ds, {"a": Beta("b") * ds["x"], "b": 0})
    truth = math.fsum(-np.log1p(np.exp(-0.001 * x)))
    for block in (1, 7, n):
        value = LocalEvaluator(model, block=block, cores=1).value(np.array([0.001]))
        assert value == pytest.approx(truth, rel=1e-15 * 20)


def test_scores_are_the_difference_quotients_of_the_individuals(swissmetro: cmt.MNL, engine: LocalEvaluator) -> None:
    first, second = engine.first_order(THETA), engine.second_order(THETA)
    np.testing.assert_allclose(first.scores, second.scores, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(first.gradient, second.gradient, rtol=1e-11)
    products = second.scores.T @ second.scores
    np.testing.assert_allclose(first.outer_product, products, rtol=1e-11)
    np.testing.assert_allclose(second.individuals.outer_product(2), products, rtol=1e-11)  # without weights
    assert first.value == pytest.approx(second.value, rel=1e-13)
    np.testing.assert_allclose(first.logprob, second.logprob, rtol=1e-12)
    quotient = differences(lambda theta: engine.first_order(theta).logprob, THETA)
    np.testing.assert_allclose(first.scores, quotient.T, rtol=1e-5, atol=1e-8)

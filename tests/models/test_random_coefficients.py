"""Random coefficients in every model: averages over draws by hand, and the models that are contained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Beta
from pycmtensor.models import ChoiceModel
from tests.engine.test_local import differences

NAMES = ("a", "b", "c", "d")
THETA = {"asc": 0.3, "m": -0.6, "s": 0.8, "mu": 1.7}


@pytest.fixture(scope="module")
def panel() -> cmt.LongDataset:
    """Twelve households who choose between four contracts one to three times; some contracts are missing."""
    rng = np.random.default_rng(2)
    situations = np.repeat(np.arange(12), rng.integers(1, 4, 12))
    n = len(situations)
    offered = rng.random((n, 4)) < 0.8
    chosen = rng.integers(0, 4, n)
    offered[np.arange(n), chosen] = True
    situation, alternative = np.nonzero(offered)
    rows = {"situation": situation, "alternative": np.array(NAMES)[alternative], "household": situations[situation]}
    frame = pd.DataFrame(rows | {"y": alternative == chosen[situation], "x": rng.normal(size=len(situation))})
    named = {"choice": "y", "alternative": "alternative", "situation": "situation", "individual": "household"}
    return cmt.Dataset.from_long(frame, **named, alternatives=NAMES)


def utilities(ds: cmt.LongDataset, random: bool = True) -> dict[str, Any]:
    """A normal coefficient of x, and a constant of a."""
    asc, m, s = Beta("asc", THETA["asc"]), Beta("m", THETA["m"]), Beta("s", THETA["s"])
    b = normal("b", m, s) if random else m
    return {name: (asc if name == "a" else 0) + b * ds["x", name] for name in NAMES}


def nested(ds: cmt.LongDataset, V: Any, scale: Any, **given: Any) -> ChoiceModel:
    return cmt.NestedLogit(ds, V, nests=[cmt.Nest("ab", ["a", "b"], scale), "c", "d"], **given)


def cross_nested(ds: cmt.LongDataset, V: Any, scale: Any, **given: Any) -> ChoiceModel:
    nests = [
        cmt.CrossNest("ab", {"a": 1, "b": 0.4}, scale),
        cmt.CrossNest("bcd", {"b": 0.6, "c": 1, "d": 1}, scale),
    ]
    return cmt.CrossNestedLogit(ds, V, nests=nests, **given)


#: Allocations (nests, J) of what the two make.
ALLOCATIONS = {
    nested: np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    cross_nested: np.array([[1, 0.4, 0, 0], [0, 0.6, 1, 1]]),
}


def by_hand(ds: cmt.Dataset, V: NDArray, allocations: NDArray, mu: float) -> NDArray:
    """Log-likelihood of each individual (N,): the average over draws of products, given V (J, T, N, R)."""
    available = ds.evaluate(ds.available())
    terms = (available * allocations[..., None, None, None] * np.exp(V)) ** mu  # (nests, J, T, N, R)
    sums = terms.sum(axis=1)
    upper = sums ** (1 / mu)
    P = (terms / np.where(sums > 0, sums, 1)[:, None] * (upper / upper.sum(axis=0))[:, None]).sum(axis=0)
    chosen, observed = ds.array(ds.chosen).astype(int), ds.array(ds.observed)
    P_y = np.take_along_axis(P, np.broadcast_to(chosen, P.shape[1:])[None], axis=0)[0]
    return np.log(np.where(observed != 0, P_y, 1.0).prod(axis=0).mean(axis=-1))


def theta(model: ChoiceModel, **other: float) -> NDArray:
    return np.array([(THETA | other)[label] for label in model.labels])


@pytest.mark.parametrize("make", [nested, cross_nested])
@pytest.mark.slow_cases("cross_nested", "nested")
def test_the_average_over_draws_by_hand(panel: cmt.LongDataset, make: Callable[..., ChoiceModel]) -> None:
    model = make(panel, utilities(panel), Beta("mu", 1.7), draws=cmt.Sampling(30, "halton", seed=4))
    (z,) = (array for symbol, array in zip(model.inputs, model.arrays(), strict=True) if str(symbol) == "b")
    constant = np.array([THETA["asc"], 0, 0, 0]).reshape(-1, 1, 1, 1)
    V = constant + (THETA["m"] + THETA["s"] * z) * panel.array("x")
    engine = LocalEvaluator(model)
    at = engine.second_order(theta(model))
    np.testing.assert_allclose(at.logprob, by_hand(panel, V, ALLOCATIONS[make], THETA["mu"]), rtol=1e-6)
    np.testing.assert_allclose(at.gradient, differences(engine.value, theta(model)), rtol=1e-5)


@pytest.mark.parametrize("make", [nested, cross_nested])
@pytest.mark.slow_cases("cross_nested", "nested")
def test_no_spread_is_the_model_without_draws(panel: cmt.LongDataset, make: Callable[..., ChoiceModel]) -> None:
    mixed = make(panel, utilities(panel), Beta("mu", 1.7), draws=8)
    fixed = make(panel, utilities(panel, random=False), Beta("mu", 1.7))
    at, truth = (
        LocalEvaluator(mixed).second_order(theta(mixed, s=0.0)),
        LocalEvaluator(fixed).second_order(theta(fixed)),
    )
    shared = [mixed.labels.index(label) for label in fixed.labels]
    assert at.value == pytest.approx(truth.value, rel=1e-14)
    np.testing.assert_allclose(at.gradient[shared], truth.gradient, rtol=1e-11)
    np.testing.assert_allclose(at.hessian[np.ix_(shared, shared)], truth.hessian, rtol=1e-10)


@pytest.mark.parametrize("make", [nested, cross_nested])
@pytest.mark.slow_cases("cross_nested")
def test_scales_of_one_are_the_mixed_logit(panel: cmt.LongDataset, make: Callable[..., ChoiceModel]) -> None:
    V = utilities(panel)
    model, logit = make(panel, V, 1.0, draws=16), cmt.MixedLogit(panel, V, draws=16)
    at, truth = LocalEvaluator(model).second_order(theta(model)), LocalEvaluator(logit).second_order(theta(logit))
    assert at.value == pytest.approx(truth.value, rel=1e-13)
    np.testing.assert_allclose(at.gradient, truth.gradient, rtol=1e-10)
    np.testing.assert_allclose(at.hessian, truth.hessian, rtol=1e-9)


def test_one_utility_of_the_mixed_logit_is_the_list(panel: cmt.LongDataset) -> None:
    V = panel.per_alternative({"a": Beta("asc", 0.3)}) + normal("b", Beta("m", -0.6), Beta("s", 0.8)) * panel["x"]
    at_once, each = cmt.MixedLogit(panel, V, draws=16), cmt.MixedLogit(panel, utilities(panel), draws=16)
    one, other = LocalEvaluator(at_once), LocalEvaluator(each)
    at, truth = one.second_order(theta(at_once)), other.second_order(theta(each))
    assert at.value == pytest.approx(truth.value, rel=1e-14)
    np.testing.assert_allclose(at.hessian, truth.hessian, rtol=1e-11)
    np.testing.assert_allclose(at.scores, truth.scores, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(one.probabilities(theta(at_once)), other.probabilities(theta(each)), rtol=1e-12)


@pytest.mark.parametrize("make", [nested, cross_nested])
@pytest.mark.slow_cases("cross_nested")
def test_draws_go_with_a_model_that_is_specified_anew(panel: cmt.LongDataset, make: Callable[..., ChoiceModel]) -> None:
    model = make(panel, utilities(panel), 1.5, draws=cmt.Sampling(10, "mlhs", seed=3))
    fixed = model.with_fixed({"asc": 0.3})
    assert model.without("d").sampling == fixed.sampling == model.sampling
    assert LocalEvaluator(fixed).value(theta(fixed)) == pytest.approx(
        LocalEvaluator(model).value(theta(model)), rel=1e-13
    )


@pytest.mark.parametrize("make", [nested, cross_nested])
def test_draws_and_coefficients_belong_together(panel: cmt.LongDataset, make: Callable[..., ChoiceModel]) -> None:
    with pytest.raises(ModelError, match="NestedLogit has random coefficients, Draws.'b'.*take: draws=500"):
        make(panel, utilities(panel), 1.0)
    with pytest.raises(ModelError, match="No utility of the .*NestedLogit holds draws"):
        make(panel, utilities(panel, random=False), 1.0, draws=500)

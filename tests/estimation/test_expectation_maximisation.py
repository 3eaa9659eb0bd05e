"""The EM algorithm against the second derivatives of logits by hand, and classes that are found again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.estimation.expectation_maximisation import CompleteData, are_alike
from pycmtensor.exceptions import InferenceError, OptimizerError
from pycmtensor.expressions import Beta
from tests import by_hand

SITUATIONS = 8
ALTERNATIVES = {"a": 0, "b": 1, "c": 2}

#: Tastes of the classes for x and z, and their shares; also of the first two by themselves.
TASTES = np.array([[-1.5, 0.6], [0.8, 1.6], [-0.3, -1.2]])
SHARES = {2: np.array([0.6, 0.4]), 3: np.array([0.45, 0.3, 0.25])}


def choices(C: int, N: int = 500, seed: int = 1) -> tuple[cmt.Dataset, NDArray, NDArray, NDArray]:
    """Simulated choices of N individuals in C classes: data, attributes (N T, J, K), choices (N T,), classes (N,)."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(C, N, p=SHARES[C])
    X = rng.normal(size=(N * SITUATIONS, 3, 2))
    person = np.repeat(np.arange(N), SITUATIONS)
    V = np.einsum("njk,nk->nj", X, TASTES[classes[person]])
    y = (V + rng.gumbel(size=V.shape)).argmax(axis=1)
    columns = {f"{x}_{name}": X[:, j, k] for k, x in enumerate("xz") for name, j in ALTERNATIVES.items()}
    frame = pd.DataFrame(columns | {"y": y, "who": person})
    return cmt.Dataset(frame, "y", ALTERNATIVES, individual="who"), X, y, classes


def latent(ds: cmt.Dataset, C: int, start: NDArray | None = None) -> cmt.LatentClass:
    """Classes of logits that differ in both tastes, with start values (C, 2)."""
    values = np.zeros((C, 2)) if start is None else start
    b = [{x: Beta(f"{x}_{c}", value) for x, value in zip("xz", values[c], strict=True)} for c in range(C)]
    classes = {
        f"class{c}": {name: sum(b[c][x] * ds[f"{x}_{name}"] for x in "xz") for name in ALTERNATIVES} for c in range(C)
    }
    return cmt.LatentClass(ds, classes)


@pytest.fixture(scope="module")
def found() -> tuple[cmt.Results, NDArray]:
    """Estimates of three classes from start values of 0, and the true classes (N,)."""
    ds, _, _, classes = choices(3)
    return cmt.estimate(latent(ds, 3)), classes


def test_the_hessian_of_the_complete_data_by_hand() -> None:
    """It is that of logits weighted with the probabilities of the classes, and of the logit of membership."""
    ds, X, y, _ = choices(2, N=20)
    model = latent(ds, 2)
    theta = np.array([-0.9, 0.3, 0.5, 1.2, -0.4])
    exact, complete = LocalEvaluator(model), LocalEvaluator(CompleteData(model))
    at, other = complete.second_order(theta), exact.second_order(theta)
    assert at.value == pytest.approx(other.value, rel=1e-14)
    np.testing.assert_allclose(at.gradient, other.gradient, rtol=1e-10)
    prior, joint = exact.membership(theta)
    h = np.exp(joint - np.log(np.exp(joint).sum(axis=1, keepdims=True)))
    expected = np.zeros((5, 5))
    for c in range(2):
        own = slice(2 * c, 2 * c + 2)
        for n in range(20):
            of_n = slice(n * SITUATIONS, (n + 1) * SITUATIONS)
            _, _, H = by_hand.logit(X[of_n], np.ones((SITUATIONS, 3)), y[of_n], theta[own])
            expected[own, own] += h[n, c] * H
    expected[4, 4] = -np.exp(prior).prod(axis=1).sum()
    np.testing.assert_allclose(at.hessian, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_three_classes_are_found_again_from_nothing(found: tuple[cmt.Results, NDArray]) -> None:
    results, classes = found
    assert str(results.outcome.ending) == "maximum"
    assert results.fit.method == "expectation-maximisation and trust-region"
    assert len(results.starts) == 30
    below = results.llf - results.starts.llf
    assert results.starts.converged[below < 1e-6].all()
    assert not results.starts.converged[(below > 0.05) & (below < 0.5)].any()  # on the way to the same maximum
    estimates = results.params.to_numpy()[:6].reshape(3, 2)
    errors = results.bse.to_numpy()[:6].reshape(3, 2)
    order = [int(np.abs(estimates - taste).sum(axis=1).argmin()) for taste in TASTES]
    assert sorted(order) == [0, 1, 2]
    assert np.abs((estimates[order] - TASTES) / errors[order]).max() < 3
    shares = results.class_shares()
    np.testing.assert_allclose(shares.to_numpy()[order], SHARES[3], atol=0.06)
    membership = results.membership()
    assert (membership.index == np.arange(500)).all()
    assert membership.index.name == "who"
    np.testing.assert_allclose(membership.sum(axis=1), 1, rtol=1e-12)
    # at the maximum, where the derivatives for the constants vanish, the averages agree
    np.testing.assert_allclose(membership.mean(), shares, atol=1e-6)
    assert (membership.to_numpy()[:, order].argmax(axis=1) == classes).mean() > 0.9


@pytest.mark.slow
def test_the_highest_maximum_does_not_depend_on_the_seed(found: tuple[cmt.Results, NDArray]) -> None:
    results, _ = found
    assert results.model is not None
    for seed in (1, 2, 3):
        again = cmt.estimate(results.model, starts=cmt.Starts(10, spread=0.2, seed=seed))
        assert again.llf == pytest.approx(results.llf, abs=1e-6)


@pytest.mark.slow
def test_start_values_that_differ_are_where_it_starts() -> None:
    ds, _, _, _ = choices(2, N=100)
    model = latent(ds, 2, start=TASTES[:2])
    assert not are_alike(LocalEvaluator(model), np.array([*TASTES[:2].ravel(), 0.0]))
    results = cmt.estimate(model)
    assert results.outcome.converged
    np.testing.assert_array_equal(results.fit.start, [*TASTES[:2].ravel(), 0.0])
    assert results.starts["start x_0"].tolist() == [-1.5]  # one start, this one
    assert np.abs((results.params.to_numpy()[:4] - TASTES[:2].ravel()) / results.bse.to_numpy()[:4]).max() < 3
    again = cmt.estimate(model, start=results)
    assert again.llf == pytest.approx(results.llf, abs=1e-8)
    assert len(again.history) == 1  # the maximum itself


@pytest.mark.slow
def test_classes_with_random_tastes_contain_those_without() -> None:
    ds, _, _, _ = choices(2, N=60)
    plain = latent(ds, 2)
    first, second = (model.utilities for model in plain.classes.values())
    deviation = normal("x", 0.0, Beta("sd", 0.3))
    V = {name: utility + deviation * ds[f"x_{name}"] for name, utility in first.items()}
    mixed = cmt.LatentClass(ds, {"class0": V, "class1": second}, draws=cmt.Sampling(40, seed=1))
    results = cmt.estimate(mixed)
    assert results.outcome.converged
    assert results.llf > cmt.estimate(plain).llf
    assert LocalEvaluator(mixed).value(results.fit.theta) == pytest.approx(results.llf, rel=1e-12)


@pytest.mark.slow
def test_other_methods_do_not_begin_between_classes(found: tuple[cmt.Results, NDArray]) -> None:
    """They begin where somebody knows which class is which, as constraints need that say something of one of them."""
    from pycmtensor.optimizers import Adam

    results, _ = found
    assert results.model is not None
    model, adam = results.model, cmt.Stochastic(Adam, lr=0.01, epochs=2, seed=1)
    for given in ({"method": adam}, {"constraints": "x_0 = x_1"}):
        with pytest.raises(OptimizerError, match="Classes are alike at the start values.*start=results"):
            cmt.estimate(model, **given)
    trained = cmt.estimate(model, method=adam, start={"x_0": -1.0, "x_1": 1.0})
    assert trained.llf > LocalEvaluator(model).value(np.zeros(8))
    value = round(float(results.params["x_0"]) + float(results.bse["x_0"]), 4)
    held = cmt.estimate(model, constraints=f"x_0 = {value}", start=results)
    assert held.params["x_0"] == pytest.approx(value, abs=1e-9)
    assert 0 < results.llf - held.llf < 1  # a likelihood ratio of 1 standard error is about 1 / 2


def test_only_classes_have_members(swissmetro_results: cmt.Results) -> None:
    with pytest.raises(InferenceError, match="A MNL has no classes"):
        swissmetro_results.membership()
    with pytest.raises(InferenceError, match="not at hand"):
        cmt.Results(swissmetro_results.fit).class_shares()


@pytest.mark.slow
@pytest.mark.parametrize(("C", "llf"), [(2, -4526.829029), (3, -4298.027528)])
def test_classes_of_tastes_for_electricity_contracts(C: int, llf: float) -> None:
    """Ten seeds lead to one maximum, and many more starts that are wider apart to none that is higher."""
    ds = cmt.Dataset.from_long(
        cmt.datasets.load("electricity"), choice="choice", alternative="alt", situation="chid", individual="id"
    )
    names = ("pf", "cl", "loc", "wk", "tod", "seas")
    model = cmt.LatentClass(ds, {f"class{c}": sum(Beta(f"{x}_{c}") * ds[x] for x in names) for c in range(C)})
    for seed in range(10):
        results = cmt.estimate(model, starts=cmt.Starts(30, spread=0.2, seed=seed))
        assert results.outcome.converged
        assert results.llf == pytest.approx(llf, abs=1e-6)
    wide = cmt.estimate(model, starts=cmt.Starts(100, spread=0.7, seed=99))
    assert wide.llf == pytest.approx(llf, abs=1e-6)

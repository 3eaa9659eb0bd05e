"""Nested and cross-nested logit against formulas in NumPy, published estimates, and the logit that they contain."""

from __future__ import annotations

from collections.abc import Callable
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
from tests.engine.test_local import differences

NAMES = ("a", "b", "c", "d", "e")


def problem(seed: int) -> tuple[cmt.Dataset, dict[str, Any], NDArray, NDArray]:
    """Twelve choices among five alternatives of which some are missing: data, utilities x_j b, V (N, J), available."""
    rng = np.random.default_rng(seed)
    x, available = rng.normal(size=(12, 5)), rng.random((12, 5)) < 0.6
    y = np.array([rng.integers(5) for _ in range(12)])
    available[np.arange(12), y] = True
    frame = pd.DataFrame({f"x_{n}": x[:, j] for j, n in enumerate(NAMES)} | {"y": y})
    for j, n in enumerate(NAMES):
        frame[f"av_{n}"] = available[:, j].astype(int)
    ds = cmt.Dataset(frame, "y", {n: j for j, n in enumerate(NAMES)})
    return ds, {n: ds[f"x_{n}"] for n in NAMES}, x, available


Tree = tuple[float, list]  # scale, members


def nested_by_hand(V: NDArray, available: NDArray, tree: Tree) -> NDArray:
    """P (J,) of one choice: every branch by its definition, exponentials as they stand."""

    def inclusive(member: Any) -> float:
        if isinstance(member, int):
            return float(np.exp(V[member])) if available[member] else 0.0  # exp(W)
        scale, members = member
        return float(sum(inclusive(m) ** scale for m in members) ** (1 / scale))

    P = np.zeros(5)

    def descend(tree: Tree, probability: float) -> None:
        scale, members = tree
        total = sum(inclusive(m) ** scale for m in members)
        for m in members:
            share = probability * inclusive(m) ** scale / total if total else 0.0
            if isinstance(m, int):
                P[m] = share
            else:
                descend(m, share)

    descend(tree, 1.0)
    return P


def evaluated(model: Any, data: cmt.Dataset, **values: float) -> tuple[NDArray, float]:
    """Probabilities (N, J) and the log-likelihood, at values by name."""
    engine = LocalEvaluator(model, data)
    theta = np.array([values[label] for label in engine.labels])
    return engine.probabilities(theta)[:, 0].T, engine.value(theta)


def written(kind: type, **nests: Any) -> Any:
    """A model of the first problem, to be evaluated on the others."""
    ds, x, _, _ = problem(0)
    b = Beta("b", 0.7)
    return kind(ds, {n: b * x[n] for n in NAMES}, {n: ds[f"av_{n}"] for n in NAMES}, **nests)


@pytest.fixture(scope="module")
def two_levels() -> cmt.NestedLogit:
    mu, nu = Beta("mu", 1.5), Beta("nu", 1.5)
    inner = cmt.Nest("inner", ["a", "b"], mu * nu)
    return written(cmt.NestedLogit, nests=[cmt.Nest("outer", [inner, "c"], mu), cmt.Nest("alone", ["d"], 1.5), "e"])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), b=st.floats(-2, 2), mu=st.floats(1, 3), nu=st.floats(1, 3))
def test_two_levels_of_nests_by_hand(two_levels: cmt.NestedLogit, seed: int, b: float, mu: float, nu: float) -> None:
    data, _, values, available = problem(seed)
    P, value = evaluated(two_levels, data, b=b, mu=mu, nu=nu)
    tree: Tree = (1.0, [(mu, [(mu * nu, [0, 1]), 2]), (1.5, [3]), 4])
    truth = np.array([nested_by_hand(b * V, a, tree) for V, a in zip(values, available, strict=True)])
    np.testing.assert_allclose(P, truth, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
    y = data.array(data.chosen)[0, :, 0].astype(int)
    assert value == pytest.approx(np.log(truth[np.arange(12), y]).sum(), rel=1e-10)


def test_the_form_without_normalisation_by_hand() -> None:
    nest = cmt.Nest("nest", ["a", "b", "c"], 2.0)
    model = written(cmt.NestedLogit, nests=[nest, "d", "e"], normalised=False)
    data, _, values, available = problem(3)
    e = np.where(available, np.exp(0.7 * values), 0)
    inside = e[:, :3].sum(axis=1)
    upper = np.where(inside > 0, inside**0.5, 0)
    total = upper + e[:, 3:].sum(axis=1)
    safe = np.where(inside > 0, inside, 1)
    truth = np.column_stack([e[:, :3] / safe[:, None] * (upper / total)[:, None], e[:, 3:] / total[:, None]])
    np.testing.assert_allclose(evaluated(model, data, b=0.7)[0], truth, rtol=1e-12, atol=1e-15)


@pytest.fixture(scope="module")
def crossed() -> cmt.CrossNestedLogit:
    alpha, mu = Beta("alpha", 0.5, lb=0, ub=1), Beta("mu", 1.5)
    nests = [
        cmt.CrossNest("first", {"a": alpha, "b": 0.25, "c": 1}, mu),
        cmt.CrossNest("second", {"a": None, "b": 0.75, "d": 1}, 2.0),
        cmt.CrossNest("third", {"e": 1}),
    ]
    return written(cmt.CrossNestedLogit, nests=nests)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), b=st.floats(-2, 2), alpha=st.floats(0, 1), mu=st.floats(1, 3))
def test_cross_nested_by_hand(crossed: cmt.CrossNestedLogit, seed: int, b: float, alpha: float, mu: float) -> None:
    data, _, values, available = problem(seed)
    allocation = np.array([[alpha, 0.25, 1, 0, 0], [1 - alpha, 0.75, 0, 1, 0], [0, 0, 0, 0, 1]])
    y = np.where(available, np.exp(b * values), 0)
    terms = (allocation[None] * y[:, None]) ** np.array([mu, 2.0, 1.0])[None, :, None]
    sums = terms.sum(axis=2)
    upper = np.where(sums > 0, sums ** (1 / np.array([mu, 2.0, 1.0])), 0)
    within = terms / np.where(sums > 0, sums, 1)[:, :, None]
    truth = (within * (upper / upper.sum(axis=1, keepdims=True))[:, :, None]).sum(axis=1)
    P, _ = evaluated(crossed, data, b=b, alpha=alpha, mu=mu)
    np.testing.assert_allclose(P, truth, rtol=1e-9, atol=1e-14)


def nested(ds: cmt.Dataset, V: Any, available: Any, scale: Any) -> cmt.NestedLogit:
    return cmt.NestedLogit(ds, V, available, nests=[cmt.Nest("old", ["train", "car"], scale), "sm"])


def cross_nested(ds: cmt.Dataset, V: Any, available: Any, scale: Any) -> cmt.CrossNestedLogit:
    nests = [
        cmt.CrossNest("old", {"train": 0.4, "car": 1}, scale),
        cmt.CrossNest("new", {"train": 0.6, "sm": 1}, scale),
    ]
    return cmt.CrossNestedLogit(ds, V, available, nests=nests)


@pytest.mark.parametrize("make", [nested, cross_nested])
def test_scales_of_one_are_the_logit(swissmetro: cmt.MNL, make: Callable) -> None:
    theta = np.array([-0.3, 0.2, -0.9, -0.4])
    model = make(swissmetro.dataset, swissmetro.utilities, swissmetro.availability, 1.0)
    at, logit = LocalEvaluator(model).second_order(theta), LocalEvaluator(swissmetro).second_order(theta)
    assert at.value == pytest.approx(logit.value, rel=1e-13)
    np.testing.assert_allclose(at.gradient, logit.gradient, rtol=1e-11)
    np.testing.assert_allclose(at.hessian, logit.hessian, rtol=1e-10)


@pytest.mark.parametrize("make", [nested, cross_nested])
def test_derivatives_are_difference_quotients(swissmetro: cmt.MNL, make: Callable) -> None:
    mu = Beta("mu", 1.5, lb=1.0)
    engine = LocalEvaluator(make(swissmetro.dataset, swissmetro.utilities, swissmetro.availability, mu))
    theta = np.array([-0.3, 0.2, -0.9, -0.4, 1.7])
    at = engine.second_order(theta)
    np.testing.assert_allclose(at.gradient, differences(engine.value, theta), rtol=1e-6)
    np.testing.assert_allclose(at.hessian, differences(lambda t: engine.value_and_grad(t)[1], theta), rtol=2e-6)


def test_extreme_utilities_are_finite(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", {"car": 1, "bus": 2, "tram": 3})
    b = Beta("b")
    V = {"car": b * ds["t_car"], "bus": b * ds["t_bus"], "tram": 0}
    model = cmt.NestedLogit(ds, V, {"tram": ds["has_bus"]}, nests=[cmt.Nest("public", ["bus", "tram"], 2.0), "car"])
    for scale in (1e4, -1e4):
        at = LocalEvaluator(model).second_order(np.array([scale]))
        assert np.isfinite([at.value, *at.gradient, *at.hessian.ravel()]).all()


def test_the_published_nested_logit(swissmetro: cmt.MNL) -> None:
    """Train and car together: Biogeme's published example of this specification."""
    mu = Beta("mu", 1.0, lb=1.0, ub=10.0)
    results = cmt.estimate(nested(swissmetro.dataset, swissmetro.utilities, swissmetro.availability, mu))
    assert f"{results.llf:.6f}" == "-5236.900014"
    published = {"ASC_TRAIN": -0.511948, "ASC_CAR": -0.167156, "B_TIME": -0.898664, "B_COST": -0.856665, "mu": 2.05407}
    np.testing.assert_allclose(results.params, list(published.values()), atol=6e-6)
    inverse = Beta("lambda", 1.0, lb=0.1, ub=1.0)
    other = cmt.estimate(nested(swissmetro.dataset, swissmetro.utilities, swissmetro.availability, 1 / inverse))
    assert other.llf == pytest.approx(results.llf, abs=1e-8)
    assert other.params["lambda"] == pytest.approx(0.48684, abs=5e-6)
    assert results.delta(1 / mu).std_err == pytest.approx(other.bse["lambda"], rel=1e-4)


@pytest.mark.slow
def test_the_published_cross_nested_logit(swissmetro: cmt.MNL) -> None:
    """Biogeme's published example: train belongs to the existing and to the public modes."""
    alpha, existing, public = (
        Beta("alpha", 0.5, lb=0, ub=1),
        Beta("mu_existing", 1.0, lb=1),
        Beta("mu_public", 1.0, lb=1),
    )
    nests = [
        cmt.CrossNest("existing", {"train": alpha, "car": 1}, existing),
        cmt.CrossNest("public", {"train": None, "sm": 1}, public),
    ]
    model = cmt.CrossNestedLogit(swissmetro.dataset, swissmetro.utilities, swissmetro.availability, nests=nests)
    results = cmt.estimate(model)
    assert f"{results.llf:.3f}" == "-5214.049"
    assert results.outcome.converged


def test_a_nest_without_an_alternative(swissmetro: cmt.MNL) -> None:
    """Without car, the nest of train and car is train alone, and the model a logit."""
    mu = Beta("mu", 1.5, lb=1.0, status=1)
    model = nested(swissmetro.dataset, swissmetro.utilities, swissmetro.availability, mu)
    fewer = model.without("car")
    logit = swissmetro.without("car")
    theta = np.array([-0.3, -0.9, -0.4])
    assert LocalEvaluator(fewer).value(theta) == pytest.approx(LocalEvaluator(logit).value(theta), rel=1e-13)
    crossed = cross_nested(swissmetro.dataset, swissmetro.utilities, swissmetro.availability, 1.0).without("sm")
    assert LocalEvaluator(crossed).value(np.zeros(4)) < 0


@pytest.mark.parametrize(
    ("nests", "message"),
    [
        ([cmt.Nest("old", ["train", "car"])], "No nest holds sm. Name it in nests by itself"),
        ([cmt.Nest("old", ["train", "car"]), "sm", "car"], "The nests overlap: car is in more than one. Use Cross"),
        ([cmt.Nest("old", ["train", "bike"]), "sm", "car"], "The nests name bike; the alternatives are train, sm, car"),
    ],
)
def test_nests_that_do_not_fit(swissmetro: cmt.MNL, nests: list, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        cmt.NestedLogit(swissmetro.dataset, swissmetro.utilities, swissmetro.availability, nests=nests)


@pytest.mark.parametrize(
    ("allocations", "message"),
    [
        (({"train": 0.5, "car": 1}, {"train": 0.4, "sm": 1}), "allocations of 'train' do not add up to 1"),
        (({"train": 0.5, "car": 1}, {"train": Beta("x", 0.5, 0, 1), "sm": 1}), "do not add up to 1 by construction"),
        (({"train": None, "car": 1}, {"train": None, "sm": 1}), "'train' has 2 allocations that are None"),
        (({"train": 1, "car": 1}, {"bike": 1, "sm": 1}), "The nests name bike"),
        (({"train": 1, "car": 1}, {"car": 0}), "No nest holds 'sm'"),
    ],
)
def test_allocations_that_do_not_fit(swissmetro: cmt.MNL, allocations: tuple, message: str) -> None:
    nests = [cmt.CrossNest(name, parts) for name, parts in zip(("one", "two"), allocations, strict=True)]
    with pytest.raises(ModelError, match=message):
        cmt.CrossNestedLogit(swissmetro.dataset, swissmetro.utilities, swissmetro.availability, nests=nests)


def test_what_is_no_nest() -> None:
    with pytest.raises(ModelError, match="members is a list of at least one name or nest, found 'train'"):
        cmt.Nest("old", "train")
    with pytest.raises(ModelError, match="the scale must be positive, found -1"):
        cmt.Nest("old", ["train"], -1)
    with pytest.raises(ModelError, match=r"allocation of 'train' must lie in \[0, 1\], found 1.5"):
        cmt.CrossNest("old", {"train": 1.5})
    with pytest.raises(ModelError, match=r"found a parameter with the bounds \[-inf, inf\]"):
        cmt.CrossNest("old", {"train": Beta("alpha", 0.5)})
    with pytest.raises(ModelError, match="allocations maps names of alternatives to parts, found"):
        cmt.CrossNest("old", ["train"])  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="CrossNest 'old': the scale must be one number, found Vector"):
        cmt.CrossNest("old", {"train": 1}, cmt.Weight("mu", 2, value=[1.0, 2.0]))
    with pytest.raises(ModelError, match="allocation of 'train' must be one number, found Vector"):
        cmt.CrossNest("old", {"train": 1 / cmt.Weight("alpha", 2, value=[1.0, 2.0])})


def test_nests_come_in_a_list_of_their_kind(swissmetro: cmt.MNL) -> None:
    ds, V, old = swissmetro.dataset, swissmetro.utilities, cmt.Nest("old", ["train", "car", "sm"])
    with pytest.raises(ModelError, match="nests is a list of nests and of names that stand alone, found Nest"):
        cmt.NestedLogit(ds, V, nests=old)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="nests is a list of CrossNest, found Nest"):
        cmt.CrossNestedLogit(ds, V, nests=[old])  # type: ignore[list-item]
    with pytest.raises(ModelError, match="nests is a list of CrossNest, found 'sm'"):
        cmt.CrossNestedLogit(ds, V, nests=[cmt.CrossNest("old", {"train": 1, "car": 1}), "sm"])  # type: ignore[list-item]

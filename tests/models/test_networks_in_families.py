"""Networks inside nested, mixed and latent class logits: the classical model where they are 0, and more beyond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.expressions import Beta
from pycmtensor.models import Model
from pycmtensor.optimizers import Adam
from tests.engine.test_local import differences

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def ds() -> cmt.Dataset:
    """Sixty people who choose three times between three alternatives; what they like depends on their age in a bow."""
    rng = np.random.default_rng(1)
    n, who = 180, np.repeat(np.arange(60), 3)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["x_a", "x_b", "x_c"])
    frame = frame.assign(who=who, age=rng.uniform(-2, 2, 60)[who], open_c=(rng.random(n) < 0.8).astype(float))
    U = np.stack([frame.age**2, frame.x_b, frame.x_c - 9 * (frame.open_c == 0)]) + rng.gumbel(size=(3, n))
    frame["y"] = U.argmax(axis=0)
    return cmt.Dataset(frame, "y", {name: j for j, name in enumerate(NAMES)}, individual="who")


def utilities(ds: cmt.Dataset, number: int = 1, taste: Any = None) -> dict[str, Any]:
    taste = Beta(f"b{number}", 0.4 * number) if taste is None else taste
    asc = Beta(f"asc{number}", 0.3 * (-1) ** number)
    return {name: taste * ds[f"x_{name}"] + (asc if name == "a" else 0) for name in NAMES}


def with_network(ds: cmt.Dataset, V: dict[str, Any], wanted: bool) -> dict[str, Any]:
    """The utilities, with a network of the age and of x_b in that of a."""
    if not wanted:
        return V
    r = cmt.Network("r", [ds["age"], ds["x_b"]], data=ds, hidden=3, activation="tanh", seed=1)
    return V | {"a": V["a"] + r()}


def nested(ds: cmt.Dataset, network: bool) -> Model:
    V = with_network(ds, utilities(ds), network)
    return cmt.NestedLogit(ds, V, {"c": ds["open_c"]}, nests=[cmt.Nest("bc", ["b", "c"], Beta("mu", 1.3, lb=1.0)), "a"])


def mixed(ds: cmt.Dataset, network: bool) -> Model:
    taste = normal("taste", Beta("mean", 0.5), Beta("sd", 0.8))
    return cmt.MixedLogit(ds, with_network(ds, utilities(ds, taste=taste), network), {"c": ds["open_c"]}, draws=20)


def mixed_taste(ds: cmt.Dataset, network: bool) -> Model:
    """The network is the mean of a random taste, beside a constant."""
    mean = Beta("mean", 0.5)
    if network:
        mean = mean + cmt.Network("m", [ds["age"]], data=ds, hidden=3, activation="tanh", seed=1)()
    taste = normal("taste", mean, Beta("sd", 0.8))
    return cmt.MixedLogit(ds, utilities(ds, taste=taste), {"c": ds["open_c"]}, draws=20)


def classes(ds: cmt.Dataset, network: bool) -> Model:
    V = {"first": with_network(ds, utilities(ds, 1), network), "second": utilities(ds, 2)}
    return cmt.LatentClass(ds, V, {"c": ds["open_c"]})


def membership(ds: cmt.Dataset, network: bool) -> Model:
    """The network says who belongs to the second class, beside a constant."""
    W = Beta("W", 0.2)
    if network:
        W = W + cmt.Network("w", [ds["age"]], data=ds, hidden=3, activation="tanh", seed=1)()
    V = {"first": utilities(ds, 1), "second": utilities(ds, 2)}
    return cmt.LatentClass(ds, V, {"c": ds["open_c"]}, membership={"second": W})


FAMILIES = [nested, mixed, mixed_taste, classes, membership]


@pytest.mark.parametrize("make", FAMILIES)
@pytest.mark.slow_cases("nested", "mixed_taste", "classes", "membership")
def test_networks_in_every_family(ds: cmt.Dataset, make: Callable[[cmt.Dataset, bool], Model]) -> None:
    classical, model = LocalEvaluator(make(ds, False)), LocalEvaluator(make(ds, True))
    start = np.concatenate([p.get_value().ravel() for p in model.program.free])
    places = [model.labels.index(label) for label in classical.labels]
    value, gradient = classical.value_and_grad(start[places])
    found, found_gradient = model.value_and_grad(start)
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(found_gradient[places], gradient, rtol=1e-12, atol=1e-12 * np.abs(gradient).max())

    theta = start + np.random.default_rng(2).normal(size=len(start)) / 5
    _, slope = model.value_and_grad(theta)
    np.testing.assert_allclose(slope, differences(model.value, theta), rtol=1e-6, atol=1e-5)

    trained = cmt.estimate(model.model, method=cmt.Stochastic(Adam, lr=0.02, batch_size=20, epochs=15))
    assert trained.history.llf.iloc[0] == pytest.approx(value, rel=1e-12)
    assert trained.llf > value + 3
    weights = [k for k, label in enumerate(model.labels) if k not in places]
    assert np.abs(trained.fit.theta - start)[weights].max() > 0.05

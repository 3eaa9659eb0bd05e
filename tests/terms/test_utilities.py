"""Coefficients and scales of segments against the logit by hand, and the models that they contain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import DatasetError, ModelError
from pycmtensor.expressions import Beta
from tests import by_hand
from tests.engine.test_local import differences

RNG = np.random.default_rng(6)
X, Y, PURPOSE = RNG.normal(size=(60, 3, 2)), RNG.integers(0, 3, 60), RNG.integers(1, 4, 60)
ALTERNATIVES = {"a": 0, "b": 1, "c": 2}


def frame(purpose: NDArray = PURPOSE) -> pd.DataFrame:
    columns = {f"{x}_{name}": X[:, j, k] for k, x in enumerate("xz") for name, j in ALTERNATIVES.items()}
    return pd.DataFrame(columns | {"y": Y, "purpose": purpose})


@pytest.fixture(scope="module")
def ds() -> cmt.Dataset:
    return cmt.Dataset(frame(), "y", ALTERNATIVES)


def utilities(ds: cmt.Dataset, b: Any = None) -> dict[str, Any]:
    b, c = Beta("b", 0.8) if b is None else b, Beta("c", -0.5)
    return {name: b * ds[f"x_{name}"] + c * ds[f"z_{name}"] for name in ALTERNATIVES}


def value(theta: NDArray, scale: NDArray) -> float:
    """Log-likelihood of logits whose utilities X theta are multiplied with a scale in each choice (N,)."""
    return by_hand.logit(scale[:, None, None] * X, np.ones((60, 3)), Y, theta)[0]


def test_the_heteroscedastic_logit_by_hand(ds: cmt.Dataset) -> None:
    mu = cmt.by_segment(ds["purpose"], {1: 1.0, 2: Beta("mu_2", 1.5, lb=0.01), 3: Beta("mu_3", 0.7, lb=0.01)})
    engine = LocalEvaluator(cmt.MNL(ds, cmt.scaled(utilities(ds), mu)))
    assert engine.labels == ("mu_2", "mu_3", "b", "c")
    theta = np.array([1.5, 0.7, 0.8, -0.5])

    def by_loops(theta: NDArray) -> float:
        return value(theta[2:], np.array([1.0, theta[0], theta[1]])[PURPOSE - 1])

    at = engine.second_order(theta)
    assert at.value == pytest.approx(by_loops(theta), rel=1e-13)
    np.testing.assert_allclose(at.gradient, differences(by_loops, theta), rtol=1e-6)


def test_coefficients_of_segments_by_hand(ds: cmt.Dataset) -> None:
    b = cmt.by_segment(ds["purpose"], {2: Beta("b_2", 1.1), 3: 0.25}, otherwise=Beta("b", 0.8))
    engine = LocalEvaluator(cmt.MNL(ds, utilities(ds, b)))
    of_each = np.array([0.8, 1.1, 0.25])[PURPOSE - 1]
    merged = np.stack([of_each[:, None] * X[..., 0], X[..., 1]], axis=2)
    llf, _, _ = by_hand.logit(merged, np.ones((60, 3)), Y, np.array([1.0, -0.5]))
    at = dict(zip(("b_2", "b", "c"), (1.1, 0.8, -0.5), strict=True))
    assert engine.value(np.array([at[label] for label in engine.labels])) == pytest.approx(llf, rel=1e-13)


def nested(ds: cmt.Dataset, V: Any) -> Any:
    return cmt.NestedLogit(ds, V, nests=[cmt.Nest("ab", ["a", "b"], 2.0), "c"])


@pytest.mark.parametrize("make", [cmt.MNL, nested])
def test_a_scale_of_one_is_the_model(ds: cmt.Dataset, make: Callable) -> None:
    V, mu = utilities(ds), Beta("mu", 1.0, status=1)
    one = cmt.by_segment(ds["purpose"], {1: 1.0, 2: mu}, otherwise=1)
    at, truth = (LocalEvaluator(make(ds, U)).second_order(np.array([0.8, -0.5])) for U in (cmt.scaled(V, one), V))
    assert at.value == pytest.approx(truth.value, rel=1e-14)
    np.testing.assert_allclose(at.gradient, truth.gradient, rtol=1e-12)
    np.testing.assert_allclose(at.hessian, truth.hessian, rtol=1e-12)


def test_one_utility_and_classes_are_scaled_too(modechoice: cmt.LongDataset, ds: cmt.Dataset) -> None:
    cost, mu = Beta("cost", -0.02), cmt.by_segment(modechoice["psize"] > 1, {0: 1.0, 1: Beta("mu", 2.0)})
    each = {name: cost * modechoice["gc", name] for name in modechoice.alternatives}
    of_one = cmt.by_segment(modechoice["psize", "car"] > 1, {0: 1.0, 1: Beta("mu", 2.0)})
    models = cmt.MNL(modechoice, cmt.scaled(cost * modechoice["gc"], mu)), cmt.MNL(modechoice, cmt.scaled(each, of_one))
    values = [LocalEvaluator(m).value(np.array([{"cost": -0.02, "mu": 2.0}[k] for k in m.labels])) for m in models]
    assert values[0] == pytest.approx(values[1], rel=1e-13)
    classes = cmt.scaled({"one": utilities(ds)}, 2.0)
    assert LocalEvaluator(cmt.LatentClass(ds, classes)).value(np.array([0.8, -0.5])) == pytest.approx(
        value(np.array([0.8, -0.5]), np.full(60, 2.0)), rel=1e-13
    )


def test_values_that_nobody_named(ds: cmt.Dataset) -> None:
    mu = cmt.by_segment(ds["purpose"], {1: 1.0, 2: Beta("mu", 1.5)})
    with pytest.raises(DatasetError, match=r"gives 'purpose' no expression for the value.s. 3 .*rows.*otherwise="):
        cmt.MNL(ds, cmt.scaled(utilities(ds), mu))
    two = cmt.Dataset(frame(np.where(PURPOSE == 3, 1, PURPOSE)), "y", ALTERNATIVES)
    model = cmt.MNL(two, cmt.scaled(utilities(two), cmt.by_segment(two["purpose"], {1: 1.0, 2: Beta("mu", 1.5)})))
    with pytest.raises(DatasetError, match="no expression for the value.s. 3"):
        model.check(ds)
    with pytest.raises(DatasetError, match="no expression for the value.s. 3"):
        cmt.LatentClass(ds, {"x": utilities(ds), "y": dict.fromkeys("abc", 0)}, membership={"y": mu})


def test_what_is_no_segment(ds: cmt.Dataset) -> None:
    with pytest.raises(ModelError, match="takes a column of a data set, such as .*, found 'purpose'"):
        cmt.by_segment("purpose", {1: 1.0})
    for given in ({}, {"work": 1.0}, [1, 2]):
        with pytest.raises(ModelError, match="maps values of 'purpose', which are numbers, to expressions, found"):
            cmt.by_segment(ds["purpose"], given)  # type: ignore[arg-type]

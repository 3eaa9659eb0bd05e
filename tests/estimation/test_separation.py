"""Separation is told from non-identification and from a maximum, against a linear programme on all differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine import evaluator_of
from pycmtensor.estimation.separation import separation
from pycmtensor.exceptions import IdentificationError, NotConvergedWarning
from pycmtensor.expressions import Beta

METHODS = ["trust-region", "newton", "bfgs", "lbfgs", "bhhh"]
MODES = {"a": 1, "b": 2, "c": 3}
K = 3


@pytest.fixture(scope="module")
def logit() -> cmt.MNL:
    """Three alternatives with attributes of their own, and no constants; its data are replaced in the tests."""
    frame = pd.DataFrame({"y": [1, 2, 3] * 4, **{f"{m}{k}": 1.0 for m in MODES for k in range(K)}})
    ds = cmt.Dataset(frame, "y", MODES)
    b = [Beta(f"b{k}") for k in range(K)]
    return cmt.MNL(ds, {m: sum(b[k] * ds[f"{m}{k}"] for k in range(K)) for m in MODES})


def differences(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Attributes of the chosen alternative less those of each, (N J, K), from (N, J, K)."""
    return (X[np.arange(len(y)), y][:, None] - X).reshape(-1, K)


def decided_at_most(D: np.ndarray) -> int:
    """Rows of differences that some d with D d >= 0 makes positive: all of them at once, as such d can be added."""
    N = len(D)
    found = linprog(
        np.concatenate([np.zeros(K), -np.ones(N)]),
        A_ub=np.hstack([-D, np.eye(N)]),
        b_ub=np.zeros(N),
        bounds=[(None, None)] * K + [(0, 1)] * N,
    )
    return round(-found.fun)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), noise=st.sampled_from([0.0, 0.3, 3.0]))
@example(seed=0, noise=0.0)
def test_the_verdict_is_that_of_all_differences(logit: cmt.MNL, seed: int, noise: float) -> None:
    """Whole numbers as attributes: ties and quasi-separation are frequent."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 3, (12, 3, K)).astype(float)
    y = (X @ rng.normal(size=K) + noise * rng.gumbel(size=(12, 3))).argmax(axis=1)
    columns = {f"{m}{k}": X[:, j, k] for j, m in enumerate(MODES) for k in range(K)}
    evaluator = evaluator_of(logit).on(cmt.Dataset(pd.DataFrame({"y": y + 1, **columns}), "y", MODES))
    nowhere, zero = np.full(K, np.inf), np.zeros(K)
    found = separation(evaluator, evaluator.first_order(zero), zero, (-nowhere, nowhere), np.zeros((0, K)))
    D = differences(X, y)
    at_most = decided_at_most(D)
    assert (found is not None) == (at_most > 0)
    if found is not None:
        gains = D @ found.directions[0]
        assert gains.min() > -1e-7 * np.abs(gains).max()
        rows = (D @ found.directions.T).reshape(12, 3, -1)
        np.testing.assert_array_equal(found.individuals, (rows > 1e-7 * np.abs(rows).max()).any(axis=(1, 2)))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def sided(n: int) -> cmt.MNL:
    """Everybody with x > 0 chooses b: x tells all choices, and the constant none."""
    x = rng().normal(size=n)
    ds = cmt.Dataset(pd.DataFrame({"x": x, "y": np.where(x > 0, 2, 1)}), "y", {"a": 1, "b": 2})
    return cmt.MNL(ds, {"a": 0, "b": Beta("c") + Beta("b_x") * ds["x"]})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [10, 1000])
def test_choices_that_a_column_tells(n: int, method: str) -> None:
    with pytest.warns(NotConvergedWarning, match=rf"along b_x\. .*choices of {n:,} of {n:,} individuals"):
        results = cmt.estimate(sided(n), method=method)
    assert results.outcome.ending == "separation"


def frame() -> pd.DataFrame:
    """Hundred persons with three choices each between a and b; nobody chooses c."""
    r = rng()
    data = {"x": r.normal(size=300), "inc": r.normal(size=300), "y": r.integers(1, 3, 300)}
    return pd.DataFrame(data | {"w": r.uniform(0.5, 2, 300), "who": np.repeat(np.arange(100), 3), "one": 1})


def utilities(ds: cmt.Dataset) -> dict[str, Any]:
    c = Beta("asc_c") + Beta("inc_c") * ds["inc"]
    return {"a": Beta("b_x") * ds["x"], "b": Beta("asc_b")(), "c": c}


def nested(ds: cmt.Dataset) -> cmt.NestedLogit:
    return cmt.NestedLogit(ds, utilities(ds), nests=["a", cmt.Nest("bc", ["b", "c"], Beta("mu", 1.2, lb=1))])


def mixed(ds: cmt.Dataset) -> cmt.MixedLogit:
    taste = normal("taste", Beta("mean"), Beta("sd", 0.5))
    return cmt.MixedLogit(ds, utilities(ds) | {"a": taste * ds["x"]}, draws=20)


def in_classes(ds: cmt.Dataset) -> cmt.LatentClass:
    other = {"a": Beta("d_x") * ds["x"], "b": Beta("d_b"), "c": Beta("d_c")}
    return cmt.LatentClass(ds, {"one": utilities(ds), "two": other})


FAMILIES: dict[str, Any] = {
    "logit": lambda: cmt.MNL(ds := cmt.Dataset(frame(), "y", MODES), utilities(ds)),
    "weights": lambda: cmt.MNL(ds := cmt.Dataset(frame(), "y", MODES, weights="w"), utilities(ds)),
    "panel": lambda: cmt.MNL(ds := cmt.Dataset(frame(), "y", MODES, individual="who"), utilities(ds)),
    "nested": lambda: nested(cmt.Dataset(frame(), "y", MODES)),
    "mixed": lambda: mixed(cmt.Dataset(frame(), "y", MODES, individual="who")),
    "classes": lambda: in_classes(cmt.Dataset(frame(), "y", MODES, individual="who")),
}


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.slow_cases("classes")
def test_an_alternative_that_nobody_chooses_with_a_covariate(family: str) -> None:
    with pytest.warns(NotConvergedWarning, match=r"along -(asc|d)_c\b.*nobody chooses c"):
        results = cmt.estimate(FAMILIES[family]())
    assert results.outcome.ending == "separation"


@pytest.mark.parametrize("method", METHODS)
def test_everybody_chooses_the_same(method: str) -> None:
    ds = cmt.Dataset(frame(), "one", MODES)
    with pytest.warns(NotConvergedWarning, match=r"along -asc_b; -asc_c\.|along -asc_c; -asc_b\.|along -asc_[bc]\."):
        results = cmt.estimate(cmt.MNL(ds, utilities(ds)), method=method)
    assert results.outcome.ending == "separation"


def test_columns_that_differ_by_rounding_are_not_identified() -> None:
    """Independent noise of 1e-8 tells no choice."""
    data = frame()
    data["near"] = data.x + 1e-8 * data.inc
    ds = cmt.Dataset(data, "y", {"a": 1, "b": 2})
    V = {"a": Beta("b1") * ds["x"] + Beta("b2") * ds["near"], "b": Beta("asc_b")}
    with pytest.raises(IdentificationError, match=r"hardly changes.*\n  (b1 - b2|b2 - b1)\n"):
        cmt.estimate(cmt.MNL(ds, V))


@pytest.mark.parametrize(("x", "truth"), [(1.5, "separation"), (0.0, "unidentified")])
def test_one_row(x: float, truth: str) -> None:
    ds = cmt.Dataset(pd.DataFrame({"x": [x], "y": [1]}), "y", {"a": 1, "b": 2})
    model = cmt.MNL(ds, {"a": Beta("b") * ds["x"], "b": 0})
    if truth == "separation":
        with pytest.warns(NotConvergedWarning, match=r"along b\. .*choices of 1 of 1 individuals"):
            cmt.estimate(model)
    else:
        with pytest.raises(IdentificationError, match=r"stays the same along:\n  b\n"):
            cmt.estimate(model)


def test_bounds_and_constraints_can_make_a_maximum() -> None:
    model = sided(100)
    bounded = cmt.MNL(model.dataset, {"a": 0, "b": Beta("c") + Beta("b_x", ub=5) * model.dataset["x"]})
    assert cmt.estimate(bounded).outcome.ending == "maximum at a bound"
    assert cmt.estimate(model, constraints="b_x <= 5").outcome.converged


def test_thresholds_and_a_dummy_that_tells_the_highest_category() -> None:
    r = rng()
    d = (r.random(200) < 0.2).astype(float)
    data = pd.DataFrame({"d": d, "x": r.normal(size=200), "y": np.where(d == 1, 3, r.integers(1, 4, 200))})
    ds = cmt.Dataset(data, "y", MODES)
    model = cmt.OrderedLogit(ds, Beta("b_x") * ds["x"] + Beta("b_d") * ds["d"])
    with pytest.warns(NotConvergedWarning, match=rf"along b_d\. .*choices of {int(d.sum())} of 200 individuals"):
        cmt.estimate(model)

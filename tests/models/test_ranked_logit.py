"""Rankings against the product of choices in NumPy, and against the logit that they contain."""

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
from pycmtensor.exceptions import DatasetError, InferenceError, ModelError
from pycmtensor.expressions import Beta
from tests.engine.test_local import differences
from tests.models.test_mnl import by_formula

NAMES = ["a", "b", "c", "d"]


def rankings(seed: int, n: int = 12, best_worst: bool = False) -> tuple[pd.DataFrame, NDArray, NDArray, NDArray]:
    """A table of attributes x, availability and ranks, each (n, J) too; rankings end at any place."""
    rng = np.random.default_rng(seed)
    x, available = rng.normal(0, 2, (n, 4)), rng.random((n, 4)) < 0.7
    available[np.arange(n), rng.integers(0, 4, n)] = True
    ranks = np.zeros((n, 4), dtype=int)
    for row in range(n):
        order = rng.permutation(np.flatnonzero(available[row]))
        if best_worst:
            ranks[row, order[-1]] = -int(rng.random() < 0.8)
            ranks[row, order[0]] = 1
        else:
            ranked = order[: rng.integers(1, len(order) + 1)]
            ranks[row, ranked] = np.arange(len(ranked)) + 1
    tables = {"x": x, "av": available.astype(int), "r": ranks}
    columns = {f"{kind}_{name}": table[:, j] for kind, table in tables.items() for j, name in enumerate(NAMES)}
    return pd.DataFrame({"y": (ranks == 1).argmax(axis=1), "who": np.arange(n) // 3, **columns}), x, available, ranks


def ranked(frame: pd.DataFrame, b: float = 0.0, individual: str | None = None, **options: Any) -> cmt.RankedLogit:
    ds = cmt.Dataset(frame, "y", {name: j for j, name in enumerate(NAMES)}, individual=individual)
    taste, asc = Beta("b", b), Beta("asc", 0.3)
    V = {name: taste * ds[f"x_{name}"] + (asc if name == "a" else 0) for name in NAMES}
    ranks = {name: ds[f"r_{name}"] for name in NAMES}
    return cmt.RankedLogit(ds, V, {name: ds[f"av_{name}"] for name in NAMES}, ranks=ranks, **options)


def log_choice(V: NDArray, left: list[int], chosen: int) -> float:
    return float(V[chosen] - np.log(np.exp(V[left]).sum()))


def by_hand(V: NDArray, available: NDArray, ranks: NDArray, best_worst: bool = False) -> float:
    """Log-likelihood of utilities (n, J), one choice after the other."""
    total = 0.0
    for v, a, r in zip(V, available, ranks, strict=True):
        left = np.flatnonzero(a).tolist()
        for k in [1, -1] if best_worst else range(1, r.max() + 1):
            if k in r:
                chosen = r.tolist().index(k)
                total += log_choice(-v if k == -1 else v, left, chosen)
                left.remove(chosen)
    return total


@pytest.mark.parametrize("best_worst", [False, True])
@pytest.mark.parametrize("individual", [None, "who"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), b=st.floats(-3, 3))
def test_likelihood_is_that_by_hand(best_worst: bool, individual: str | None, seed: int, b: float) -> None:
    frame, x, available, ranks = rankings(seed, best_worst=best_worst)
    frame = frame.drop(index=0)  # a shorter panel, which is padded
    model = ranked(frame, b, individual, best_worst=best_worst)
    of = available[1:], ranks[1:], best_worst
    assert by_formula(model) == pytest.approx(-by_hand((b * x + [0.3, 0, 0, 0])[1:], *of), rel=1e-10)
    assert model.llnull() == pytest.approx(by_hand(0 * x[1:], *of), rel=1e-12)


@pytest.mark.parametrize("best_worst", [False, True])
def test_derivatives_are_difference_quotients(best_worst: bool) -> None:
    engine = LocalEvaluator(ranked(rankings(3, 30, best_worst)[0], best_worst=best_worst))
    theta = np.array([-0.4, 0.2])
    at = engine.second_order(theta)
    np.testing.assert_allclose(at.gradient, differences(engine.value, theta), rtol=1e-7)
    np.testing.assert_allclose(at.hessian, differences(lambda t: engine.value_and_grad(t)[1], theta), rtol=1e-7)


def test_first_ranks_alone_are_the_logit() -> None:
    frame, _, _, ranks = rankings(5)
    frame[[f"r_{name}" for name in NAMES]] = ranks == 1
    model = ranked(frame, 0.7)
    logit = cmt.MNL(model.dataset, model.utilities, model.availability)
    assert by_formula(model) == pytest.approx(by_formula(logit), rel=1e-14)
    assert model.llnull() == pytest.approx(logit.llnull(), rel=1e-14)


def test_a_ranking_of_two_is_the_logit(trips: pd.DataFrame) -> None:
    frame = trips.assign(r_car=trips["mode"], r_bus=3 - trips["mode"])
    ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2})
    b = Beta("b", -0.1)
    V = {"car": b * ds["t_car"], "bus": b * ds["t_bus"]}
    model = cmt.RankedLogit(ds, V, ranks={"car": ds["r_car"], "bus": ds["r_bus"]})
    assert by_formula(model) == pytest.approx(by_formula(cmt.MNL(ds, V)), rel=1e-14)


def test_rankings_of_long_data() -> None:
    _, x, available, ranks = rankings(8)
    trip, j = np.nonzero(available)
    long = pd.DataFrame({"trip": trip, "mode": j, "x": x[trip, j], "r": ranks[trip, j], "y": ranks[trip, j] == 1})
    codes = {name: j for j, name in enumerate(NAMES)}
    ds = cmt.Dataset.from_long(long, choice="y", alternative="mode", situation="trip", alternatives=codes)
    b = Beta("b", 0.6)
    V, columns = {name: b * ds["x", name] for name in NAMES}, {name: ds["r", name] for name in NAMES}
    model = cmt.RankedLogit(ds, V, ranks=columns)
    assert by_formula(model) == pytest.approx(-by_hand(0.6 * x, available, ranks))
    with pytest.raises(ModelError, match="Without rows of an alternative, .* Make the model with wide data"):
        model.without("b")


def test_an_alternative_is_taken_out_of_rankings() -> None:
    """The ranks below it move up: what is left is a ranking of the others."""
    frame, x, available, ranks = rankings(11, 30)
    model = ranked(frame, 0.5).without("b")
    kept, others = ranks[:, 1] != 1, [0, 2, 3]
    closed = np.where(ranks > np.where(ranks[:, 1] > 0, ranks[:, 1], 9)[:, None], ranks - 1, ranks)
    V = 0.5 * x + [0.3, 0, 0, 0]
    expected = by_hand(V[kept][:, others], available[kept][:, others], closed[kept][:, others])
    assert by_formula(model) == pytest.approx(-expected, rel=1e-12)
    assert by_formula(ranked(frame, 0.5).with_fixed({"asc": 0.3})) == pytest.approx(by_formula(ranked(frame, 0.5)))


def test_answers_are_of_the_first_choice() -> None:
    frame, x, available, ranks = rankings(2, 60)
    results = cmt.estimate(ranked(frame))
    V = results.params["b"] * x + results.params["asc"] * np.array([1, 0, 0, 0])
    odds = np.exp(V) * available
    np.testing.assert_allclose(results.predict().probabilities, odds / odds.sum(axis=1, keepdims=True), rtol=1e-10)
    assert results.llf == pytest.approx(by_hand(V, available, ranks), rel=1e-10)
    with pytest.raises(InferenceError, match="Constants alone .* the likelihood is of rankings"):
        cmt.analysis.fit_measures.llconstants(results)


FAULTS: list[tuple[dict[str, list[float]], bool, str]] = [
    ({"r_a": [2, 1], "r_b": [1, 2]}, False, "The chosen alternative must have rank 1; row 0"),
    ({"r_a": [1, 1], "r_b": [3, 0], "r_c": [0, 2]}, False, "without gaps and ties; row 0"),
    ({"r_a": [1, 1], "r_b": [2, 2], "r_c": [2, 2]}, False, "without gaps and ties; 2 rows, the first at 0, 1"),
    ({"r_a": [1, 1], "r_b": [1.5, 0]}, False, "Ranks must be whole numbers of at least 0; row 0"),
    ({"r_a": [1, 1], "r_d": [0, 2]}, False, "Ranked alternatives must be available; row 1"),
    ({"r_a": [1, 1], "r_b": [0, 2]}, True, "Ranks must be -1, 0 or 1; row 1"),
    ({"r_a": [1, 1], "r_b": [-1, 0], "r_c": [-1, 0]}, True, "at most one the worst .-1.; row 0"),
    ({"r_a": [1, 1], "r_b": [np.nan, 2]}, False, "'r_b' holds 1 missing"),
]


@pytest.mark.parametrize(("ranks", "best_worst", "message"), FAULTS)
def test_rankings_that_are_none(ranks: dict[str, list[float]], best_worst: bool, message: str) -> None:
    columns = {f"{kind}_{name}": [float(kind == "av")] * 2 for kind in ("x", "av", "r") for name in NAMES}
    frame = pd.DataFrame({"y": [0, 0], **columns, "av_d": [1, 0], **ranks})
    with pytest.raises(DatasetError, match=message):
        ranked(frame, best_worst=best_worst)


def test_ranks_are_columns_by_alternative() -> None:
    model = ranked(rankings(1)[0])
    for wrong, message in (
        ({}, "ranks maps names of alternatives to columns"),
        ({"a": Beta("r")}, "ranks maps names of alternatives to columns"),
        ({"e": 1}, "ranks names 'e', which is no alternative"),
    ):
        with pytest.raises(ModelError, match=message):
            cmt.RankedLogit(model.dataset, model.utilities, ranks=wrong)

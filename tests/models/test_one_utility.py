"""One utility for all alternatives of long data: the same likelihood as a utility for each, whatever the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycmtensor as cmt
from pycmtensor.engine.likelihood import Differentiated
from pycmtensor.engine.linear import LinearUtilities
from pycmtensor.engine.linear_logit import LinearLogit
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import DatasetError, ModelError, OptimizerError
from pycmtensor.expressions import Beta, Weight
from pycmtensor.optimizers import SGD
from tests import by_hand
from tests.models.test_mnl import by_formula

LONG = {"choice": "y", "alternative": "mode", "situation": "trip"}


def long_frame(rng: np.random.Generator, n: int, J: int, K: int) -> tuple[pd.DataFrame, Any, Any, Any]:
    """A table with random rows left out, and what it is made of: attributes (n, J, K), availability, choices."""
    X = rng.normal(0, 1, (n, J, K))
    available = rng.random((n, J)) < 0.7
    chosen = rng.integers(0, J, n)
    available[np.arange(n), chosen] = True
    trip, mode = np.nonzero(available)
    attributes = {f"x{k}": X[trip, mode, k] for k in range(K)}
    frame = pd.DataFrame({"trip": trip, "mode": mode, "y": mode == chosen[trip], **attributes})
    return frame, X, available, chosen


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_likelihood_is_that_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    theta = rng.normal(0, 1, 2)
    frame, X, available, chosen = long_frame(rng, 12, 4, 2)
    frame = frame.sample(frac=1, random_state=seed).sort_values("trip", kind="stable")
    ds = cmt.Dataset.from_long(frame, **LONG, alternatives={f"alt{j}": j for j in range(4)})
    model = cmt.MNL(ds, Beta("b0", theta[0]) * ds["x0"] + Beta("b1", theta[1]) * ds["x1"])
    llf, _, _ = by_hand.logit(X, available, chosen, theta)
    assert by_formula(model) == pytest.approx(-llf, rel=1e-12)
    assert model.llnull() == pytest.approx(-np.log(available.sum(axis=1)).sum(), rel=1e-14)
    np.testing.assert_array_equal(model.available()[:, 0], available.T)


@pytest.mark.parametrize("way", [LinearLogit, LinearUtilities, Differentiated])
@pytest.mark.parametrize("block", [None, 7])
def test_derivatives_are_those_by_hand(monkeypatch: pytest.MonkeyPatch, way: type, block: int | None) -> None:
    monkeypatch.setattr(LinearUtilities, "FEWEST", 99 if way is Differentiated else 1)
    if way is not LinearLogit:
        monkeypatch.setattr(LinearLogit, "of", lambda *_: None)
    frame, X, available, chosen = long_frame(np.random.default_rng(5), 40, 3, 2)
    ds = cmt.Dataset.from_long(frame, **LONG, alternatives={"a": 0, "b": 1, "c": 2})
    asc, b0, b1 = Beta("asc"), Beta("b0"), Beta("b1")
    model = cmt.MNL(ds, ds.per_alternative({"b": asc}) + b0 * ds["x0"] + b1 * ds["x1"])
    theta = np.array([0.3, -0.4, 0.9])
    constant = np.zeros((40, 3, 1))
    constant[:, 1] = 1
    llf, scores, hessian = by_hand.logit(np.concatenate([constant, X], axis=2), available, chosen, theta)
    engine = LocalEvaluator(model, block=block)
    assert type(engine.program.likelihood) is way
    second, first = engine.second_order(theta), engine.first_order(theta)
    assert second.value == pytest.approx(llf, rel=1e-13)
    np.testing.assert_allclose(second.hessian, hessian, rtol=1e-11)
    np.testing.assert_allclose(second.scores, scores, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(first.scores, scores, rtol=1e-11, atol=1e-14)
    assert engine.value_and_grad(theta)[0] == pytest.approx(llf, rel=1e-13)


def test_both_ways_to_write_utilities_agree(modechoice: cmt.LongDataset, modechoice_results: cmt.Results) -> None:
    ds = modechoice
    air, train, bus, gc, ttme, income = map(Beta, ["air", "train", "bus", "gc", "ttme", "income_air"])
    generic = {name: gc * ds["gc", name] + ttme * ds["ttme", name] for name in ds.alternatives}
    V = {
        "air": air + generic["air"] + income * ds["hinc", "air"],
        "train": train + generic["train"],
        "bus": bus + generic["bus"],
        "car": generic["car"],
    }
    results = cmt.estimate(cmt.MNL(ds, V))
    assert results.llf == pytest.approx(modechoice_results.llf, rel=1e-14)
    np.testing.assert_allclose(results.cov_params("robust"), modechoice_results.cov_params("robust"), rtol=1e-9)


def test_probabilities_add_up_over_what_is_available() -> None:
    frame, X, available, _ = long_frame(np.random.default_rng(4), 20, 3, 1)
    ds = cmt.Dataset.from_long(frame, **LONG, alternatives={"a": 0, "b": 1, "c": 2})
    P = LocalEvaluator(cmt.MNL(ds, Beta("b") * ds["x0"])).probabilities(np.array([0.8]))
    odds = np.where(available, np.exp(0.8 * X[..., 0]), 0.0)
    np.testing.assert_allclose(P[:, 0].T, odds / odds.sum(axis=1, keepdims=True), rtol=1e-13)


def test_a_vector_of_constants(modechoice: cmt.LongDataset, modechoice_results: cmt.Results) -> None:
    """The log-likelihood is the same with the constants of all four modes, of which one is not identified."""
    ds, values = modechoice, modechoice_results.params
    asc = Weight("asc", 4, value=[values["air"], values["train"], values["bus"], 0.0])
    gc, ttme, income = (Beta(name, values[name]) for name in ("gc", "ttme", "income_air"))
    V = ds.per_alternative(asc) + gc * ds["gc"] + ttme * ds["ttme"] + ds.per_alternative({"air": income}) * ds["hinc"]
    model = cmt.MNL(ds, V)
    assert by_formula(model) == pytest.approx(-modechoice_results.llf, rel=1e-13)


def test_a_panel_is_trained_in_batches_as_with_a_utility_for_each() -> None:
    rng = np.random.default_rng(3)
    frame, _, _, _ = long_frame(rng, 60, 3, 2)
    frame["who"] = frame.trip % 25
    ds = cmt.Dataset.from_long(frame, **LONG, individual="who", alternatives={"a": 0, "b": 1, "c": 2})
    b0, b1 = Beta("b0"), Beta("b1")
    at_once = cmt.MNL(ds, b0 * ds["x0"] + b1 * ds["x1"])
    each = cmt.MNL(ds, {name: b0 * ds["x0", name] + b1 * ds["x1", name] for name in "abc"})
    method = cmt.Stochastic(SGD, lr=0.1, batch_size=7, epochs=3, seed=2)
    first, second = (cmt.estimate(model, method=method).params for model in (at_once, each))
    np.testing.assert_allclose(first, second, rtol=1e-12)


def test_availability_that_is_given_holds_in_addition() -> None:
    frame, X, available, chosen = long_frame(np.random.default_rng(8), 30, 3, 1)
    frame["open"] = (frame.x0 < 0.5) | frame.y
    is_open = available & ((X[..., 0] < 0.5) | (np.arange(3) == chosen[:, None]))
    ds = cmt.Dataset.from_long(frame, **LONG, alternatives={"a": 0, "b": 1, "c": 2})
    b = Beta("b", 0.7)
    expected, _, _ = by_hand.logit(X, is_open, chosen, np.array([0.7]))
    at_once = cmt.MNL(ds, b * ds["x0"], ds["open"])
    each = cmt.MNL(ds, {n: b * ds["x0", n] for n in "abc"}, {n: ds["open", n] for n in "abc"})
    for model in (at_once, each, each.with_fixed({}), at_once.with_fixed({})):
        assert by_formula(model) == pytest.approx(-expected, rel=1e-12)
        np.testing.assert_array_equal(model.available()[:, 0], is_open.T)


def test_rows_that_are_not_there_leave_derivatives_finite() -> None:
    """Where an alternative has no row, log(x) is that of another row and not log(0), whose derivative is infinite."""
    frame = pd.DataFrame({"trip": [1, 1, 2, 2, 2], "mode": list("abcab"), "y": [1, 0, 0, 1, 0], "x": [1.0, 2, 3, 1, 3]})
    ds = cmt.Dataset.from_long(frame, **LONG)
    value, gradient = LocalEvaluator(cmt.MNL(ds, Beta("b") * pt.log(ds["x"]))).value_and_grad(np.zeros(1))
    assert value == pytest.approx(-np.log(2) - np.log(3), rel=1e-14)
    assert gradient[0] == pytest.approx(-np.log(2) / 2 - 2 * np.log(3) / 3, rel=1e-14)


def test_a_utility_that_is_not_finite_is_found() -> None:
    frame = pd.DataFrame({"trip": [1, 1, 2, 2], "mode": list("abab"), "y": [1, 0, 0, 1], "x": [1.0, 2, 0, 1]})
    ds = cmt.Dataset.from_long(frame, **LONG)
    with pytest.raises(OptimizerError, match="The utility of 'all alternatives' is not finite in row 3"):
        cmt.estimate(cmt.MNL(ds, Beta("b", 1.0) * pt.log(ds["x"])))


def test_an_alternative_is_taken_out_of_utilities_one_by_one() -> None:
    frame, _, _, _ = long_frame(np.random.default_rng(6), 60, 3, 1)
    ds = cmt.Dataset.from_long(frame, **LONG, alternatives={"a": 0, "b": 1, "c": 2})
    b = Beta("b")
    model = cmt.MNL(ds, {n: Beta(f"asc_{n}") + b * ds["x0", n] if n != "c" else b * ds["x0", n] for n in "abc"})
    fewer = model.without("a")
    assert [p.name for p in fewer.params] == ["b", "asc_b"]
    left = frame[~frame.trip.isin(frame.trip[(frame["mode"] == 0) & frame.y]) & (frame["mode"] != 0)]
    rest = cmt.Dataset.from_long(left, **LONG, alternatives={"b": 1, "c": 2})
    direct = cmt.MNL(rest, {"b": Beta("asc_b") + b * rest["x0", "b"], "c": b * rest["x0", "c"]})
    assert by_formula(fewer) == pytest.approx(by_formula(direct), rel=1e-14)


def test_a_fixed_parameter(modechoice: cmt.LongDataset) -> None:
    ds = modechoice
    gc, ttme = Beta("gc"), Beta("ttme")
    model = cmt.MNL(ds, gc * ds["gc"] + ttme * ds["ttme"])
    alone = cmt.estimate(cmt.MNL(ds, gc * ds["gc"] + Beta("ttme", -0.01, status=1) * ds["ttme"]))
    fixed = cmt.estimate(model.with_fixed({"ttme": -0.01}))
    assert fixed.params.to_dict() == alone.params.to_dict()


class Uniform(cmt.ChoiceModel):
    """A model that has not learned of utilities in one array."""


FAULTS: list[tuple[Any, str]] = [
    (lambda ds, b: cmt.MNL(ds, b * ds["time", "car"]), "must map names of alternatives to expressions, or be one"),
    (lambda ds, b: cmt.MNL(ds, b * ds["time"][:1]), "must have the 2 alternatives on its first axis"),
    (
        lambda ds, b: cmt.MNL(ds, {"car": b * ds["time"], "bus": 0}),
        r"'car' must be a scalar or have the axes \(T, N, R",
    ),
    (lambda ds, b: cmt.MNL(ds, b * ds["time"], {"car": 1}), "availability is one expression with the axes"),
    (lambda ds, b: cmt.MNL(ds, b * ds["time"], b * ds["time"]), "it must be data"),
    (lambda ds, b: cmt.MNL(ds, b * ds["time"] * pt.dtensor4("z")), "The utility depends on 'z'"),
    (lambda ds, b: cmt.MNL(ds, 2 * ds["time"]), "No utility holds a parameter"),
    (lambda ds, b: cmt.MNL(ds, b * ds["time"]).without("car"), "cannot be taken out of one utility"),
    (lambda ds, b: Uniform(ds, b * ds["time"]), "Uniform takes a utility for each alternative, found one for all"),
]


@pytest.fixture
def two() -> cmt.LongDataset:
    frame = pd.DataFrame({"trip": [1, 1, 2, 2], "mode": ["car", "bus"] * 2, "y": [1, 0, 0, 1], "time": [1.0, 2, 3, 4]})
    return cmt.Dataset.from_long(frame, **LONG)


@pytest.mark.parametrize(("specify", "message"), FAULTS)
def test_faults_of_a_specification_are_named(two: cmt.LongDataset, specify: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        specify(two, Beta("b"))


def test_data_in_the_other_format_do_not_fit(two: cmt.LongDataset) -> None:
    model = cmt.MNL(two, Beta("b") * two["time"])
    wide = cmt.Dataset(pd.DataFrame({"y": [1, 2], "time": [1.0, 2]}), "y", {"car": 1, "bus": 2})
    with pytest.raises(DatasetError, match="made for long data, the data set is wide"):
        cmt.estimate(model, wide)


def test_the_chosen_alternative_must_be_available(two: cmt.LongDataset) -> None:
    with pytest.raises(DatasetError, match="'car' is chosen where it is unavailable .row 0"):
        cmt.MNL(two, Beta("b") * two["time"], two["time"] > 1)

"""Simulated logits by sums over draws: the same derivatives as by differentiating the whole likelihood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytensor.graph.traversal import graph_inputs

import pycmtensor as cmt
from pycmtensor.coefficients import correlated, lognormal, normal, triangular, uniform
from pycmtensor.engine.likelihood import Differentiated
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.separation import separate
from pycmtensor.engine.simulated import SimulatedLogit
from pycmtensor.engine.simulated_factors import SimulatedFactors
from pycmtensor.expressions import Beta, Weight
from pycmtensor.terms.draws import Draws
from tests.engine.test_linear import INTERPRETED
from tests.engine.whole import same_as_whole

THREE = {"train": 1, "car": 2, "bike": 3}


def frame(rows: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    columns: dict[str, Any] = {
        f"{what}_{name}": rng.uniform(0.2, 2, rows) for what in ("time", "cost") for name in THREE
    }
    columns |= {"mode": rng.integers(1, 4, rows), "age": rng.uniform(0, 1, rows), "person": rng.integers(0, 7, rows)}
    return pd.DataFrame(columns).assign(open_train=lambda f: (f["mode"] == 1) | (rng.uniform(size=rows) < 0.6))


def normals(ds: cmt.Dataset) -> dict[str, Any]:
    time, cost = normal("time", Beta("m", -0.5), Beta("s", 0.7)), Beta("cost", -0.3)
    return {name: time * ds[f"time_{name}"] + cost * ds[f"cost_{name}"] for name in THREE}


def sized(ds: cmt.Dataset) -> dict[str, Any]:
    """The train has the logarithm of a size, which is 0 where the train is unavailable."""
    V, size = normals(ds), pt.log(ds["open_train"] * ds["age"])
    return V | {"train": V["train"] + size}


def shared_draws(ds: cmt.Dataset) -> dict[str, Any]:
    """Error components and correlated tastes, of which several parameters multiply the same draws."""
    b, _ = correlated({"time": Beta("m_time", -0.5), "cost": Beta("m_cost", 0.2)})
    nest = Beta("s_nest", 0.4) * Draws("nest")
    V = {name: b["time"] * ds[f"time_{name}"] + b["cost"] * ds[f"cost_{name}"] + nest for name in ("train", "car")}
    return V | {"bike": Beta("asc") + ds["age"] - 0.5}


def nonlinear(ds: cmt.Dataset) -> dict[str, Any]:
    """Lognormal, product of two random terms, a parameter in two coefficients, a fixed one, a scale by segment."""
    time, wtp, shift = (
        lognormal("time", Beta("m", -0.5), Beta("s", 0.7), sign=-1),
        Beta("w", 0.4),
        Beta("f", 0.3, status=1),
    )
    scale = 1 + Beta("mu") * pt.gt(ds["age"], 0.5)
    V = {name: time * (ds[f"time_{name}"] + wtp * ds[f"cost_{name}"]) + shift * wtp**2 for name in ("train", "car")}
    spread = triangular("bike", wtp, Beta("t", 0.5)) + uniform("more", 0.0, Beta("u", 0.2))
    return {name: scale * v for name, v in (V | {"bike": spread * ds["time_bike"] / 2}).items()}


def within(ds: cmt.Dataset) -> dict[str, Any]:
    """Draws that an individual keeps, and others in every situation."""
    time = Beta("m", -0.5) + Beta("s", 0.7) * Draws("time") + Beta("w", 0.4) * Draws("more", within=True)
    again = lognormal("again", Beta("l", -1.0), Beta("t", 0.3), within=True)
    return {name: time * ds[f"time_{name}"] - again * ds[f"cost_{name}"] for name in THREE}


def cost_space(ds: cmt.Dataset) -> dict[str, Any]:
    """Willingness to pay space without a random coefficient of its own second derivatives of 0."""
    scale, wtp = Beta("scale", 0.7), normal("wtp", Beta("m", 0.3), Beta("s", 0.2))
    return {name: -scale * (ds[f"cost_{name}"] + wtp * ds[f"time_{name}"]) for name in THREE}


@pytest.mark.parametrize(
    ("utilities", "individual"),
    [
        (normals, "person"),
        (shared_draws, "person"),
        (nonlinear, "person"),
        (cost_space, None),
        (sized, None),
        (within, "person"),
        *(
            pytest.param(utilities, individual, marks=pytest.mark.slow)
            for utilities, individual in (
                (normals, None),
                (shared_draws, None),
                (nonlinear, None),
                (cost_space, "person"),
                (sized, "person"),
            )
        ),
    ],
)
@pytest.mark.slow_cases("nonlinear-person", "shared_draws-person", "cost_space-None", "within-person")
def test_derivatives_are_those_of_the_whole(
    utilities: Callable[[cmt.Dataset], dict[str, Any]], individual: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> cmt.MixedLogit:
        ds = cmt.Dataset(frame(), "mode", THREE, individual=individual)
        return cmt.MixedLogit(ds, utilities(ds), {"train": ds["open_train"]}, draws=64)

    same_as_whole(make, SimulatedLogit, 5, monkeypatch)


def test_data_of_an_unavailable_base_mean_nothing() -> None:
    """Also when they are infinite, in the last alternative, which the others are compared with."""
    ds = cmt.Dataset(frame(), "mode", {"car": 2, "bike": 3, "train": 1})
    at = []
    for size in (pt.log(ds["open_train"]), 0.0):
        V = normals(ds)
        model = cmt.MixedLogit(ds, V | {"train": V["train"] + size}, {"train": ds["open_train"]}, draws=16)
        engine = LocalEvaluator(model)
        assert isinstance(engine.program.likelihood, SimulatedLogit)
        at.append(engine.second_order(np.array([-0.5, 0.7, -0.3])))
    np.testing.assert_allclose(at[0].logprob, at[1].logprob, rtol=1e-13)
    np.testing.assert_allclose(at[0].hessian, at[1].hessian, rtol=1e-12)


def test_utilities_far_apart() -> None:
    """Of a choice with the probability exp(-2e4) at any draw, all numbers are finite; of a certain one, they are 0."""
    sure = pd.DataFrame({"mode": [2, 1], "x": [1e4, 1e4]})
    ds = cmt.Dataset(sure, "mode", {"a": 1, "b": 2})
    b = normal("b", Beta("m", 1.0), Beta("s", 0.01))
    engine = LocalEvaluator(cmt.MixedLogit(ds, {"a": b * ds["x"], "b": -b * ds["x"]}, draws=16))
    assert isinstance(engine.program.likelihood, SimulatedLogit)
    at = engine.second_order(np.array([1.0, 0.01]))
    assert np.isfinite([at.value, *at.gradient, *at.hessian.ravel()]).all()
    assert at.logprob[0] < -600
    np.testing.assert_array_equal(at.scores[1], 0)
    assert at.logprob[1] == 0


@pytest.mark.parametrize(
    ("utility", "kind"),
    [
        (lambda ds: normal("b", Beta("m"), Beta("s")) * ds["age"] ** Beta("power", 1.0), SimulatedFactors),
        (lambda ds: normal("b", Beta("m"), Beta("s")) * ds["age"] + pt.sum(Weight("w", (2,))()), Differentiated),
    ],
    ids=["no such sum", "a vector of weights"],
)
def test_others_get_another_program(utility: Callable[[cmt.Dataset], Any], kind: type) -> None:
    ds = cmt.Dataset(frame(), "mode", THREE, individual="person")
    model = cmt.MixedLogit(ds, {"train": utility(ds), "car": 0, "bike": 0}, draws=4)
    assert type(LocalEvaluator(model).program.likelihood) is kind


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_sum_of_products_is_separated(data: st.DataObject) -> None:
    """Expressions put together at random from coefficients and data."""
    ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2], "x": [1.5, 2.5], "y": [-1.0, 3.0]}), "mode", {"a": 1, "b": 2})
    betas = [Beta("b0", 0.3), Beta("b1", -0.7)]
    atoms = [*betas, ds["x"], ds["y"], 2.0, pt.exp(betas[0]), 1 + ds["x"] ** 2]
    expression = pt.as_tensor(data.draw(st.sampled_from(atoms)))
    for _ in range(data.draw(st.integers(1, 6))):
        other, factor = data.draw(st.sampled_from(atoms)), data.draw(st.sampled_from(atoms))
        results = [expression + other, other - expression, expression * factor, -expression / factor]
        expression = data.draw(st.sampled_from(results))
    form = separate(expression)
    assert form is not None
    for coefficient in form:
        assert not any(hasattr(v.tag, "column") for v in graph_inputs([] if coefficient is None else [coefficient]))
    again = sum(x if coefficient is None else coefficient * x for coefficient, x in form.items())
    given_ = {ds["x"]: np.array([[[1.5], [2.5]]]), ds["y"]: np.array([[[-1.0], [3.0]]])}
    both = [pt.as_tensor(e).eval(given_, mode=INTERPRETED, on_unused_input="ignore") for e in (again, expression)]
    first, second = np.broadcast_arrays(*both)
    np.testing.assert_allclose(first, second, rtol=1e-12, atol=1e-12)

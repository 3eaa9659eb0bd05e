"""Optimal prices: those of logits in closed form, and those that no neighbour beats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import lambertw

import pycmtensor as cmt
from pycmtensor.coefficients import lognormal


def sales(seed: int = 0, n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"p_{name}": rng.uniform(1, 6, n) for name in ("tea", "milk")})
    V = np.column_stack([1.5 - 0.8 * frame.p_tea, 1.0 - 0.8 * frame.p_milk, np.zeros(n)])
    return frame.assign(bought=1 + (V + rng.gumbel(size=V.shape)).argmax(axis=1))


def value(found: Any, when: str) -> float:
    return float(found.value["estimate"][when])


ALTERNATIVES = {"tea": 1, "milk": 2, "nothing": 3}


@pytest.fixture(scope="module")
def logit() -> cmt.Results:
    ds, b = cmt.Dataset(sales(), "bought", ALTERNATIVES), cmt.Beta("b_price", -0.5)
    V = {name: cmt.Beta(f"asc_{name}") + b * ds[f"p_{name}"] for name in ("tea", "milk")}
    return cmt.estimate(cmt.MNL(ds, V | {"nothing": 0}))


def closed_form(params: pd.Series, costs: dict[str, float]) -> np.ndarray:
    """Equal margins (1 + W(sum_j exp(a_j + b c_j - 1))) / -b of a seller of several products (Li & Huh 2011)."""
    b = params["b_price"]
    attraction = sum(np.exp(params[f"asc_{name}"] + b * cost - 1) for name, cost in costs.items())
    margin = (1 + float(lambertw(attraction).real)) / -b
    return np.array([cost + margin for cost in costs.values()])


def test_prices_of_a_logit_in_closed_form(logit: cmt.Results) -> None:
    costs = {"tea": 0.7, "milk": 1.2}
    found = cmt.pricing(logit, {"tea": "p_tea", "milk": "p_milk"}, "profit", costs=costs)
    optimal = closed_form(logit.params, costs)
    assert np.allclose(found.table["estimate"], optimal, rtol=1e-6)
    margin = optimal[0] - 0.7
    profit = margin - 1 / -logit.params["b_price"]  # at the optimum, margin = 1 / (-b (1 - P)) and profit = margin P
    assert value(found, "optimal") == pytest.approx(profit, rel=1e-6)
    assert value(found, "optimal") > value(found, "now")
    assert np.allclose(found.shares.sum(), 1)


def test_errors_are_those_of_the_closed_form(logit: cmt.Results) -> None:
    """The derivatives of the closed form by differences, through the covariance of the estimates."""
    costs = {"tea": 0.0, "milk": 0.0}
    slopes = []
    for name in logit.params.index:
        move = pd.Series(np.where(logit.params.index == name, 1e-6, 0.0), logit.params.index)
        slopes.append((closed_form(logit.params + move, costs) - closed_form(logit.params - move, costs)) / 2e-6)
    J = np.array(slopes).T
    errors = np.sqrt(np.diag(J @ logit.cov_params("robust").to_numpy() @ J.T))
    found = cmt.pricing(logit, {"tea": "p_tea", "milk": "p_milk"}, kind="robust")
    assert np.allclose(found.table["std_err"], errors, rtol=1e-4)


def test_long_data_are_the_same(logit: cmt.Results) -> None:
    ds = cmt.Dataset(sales().assign(p_nothing=0.0), "bought", ALTERNATIVES)
    frame = ds.to_long({"price": {name: f"p_{name}" for name in ALTERNATIVES}})
    long = cmt.Dataset.from_long(frame, choice="bought", alternative="alternative", situation="situation")
    constants = long.per_alternative({name: cmt.Beta(f"asc_{name}") for name in ("tea", "milk")})
    results = cmt.estimate(cmt.MNL(long, constants + cmt.Beta("b_price", -0.5) * long["price"]))
    found = cmt.pricing(results, {"tea": "price", "milk": "price"})
    wide = cmt.pricing(logit, {"tea": "p_tea", "milk": "p_milk"})
    assert np.allclose(found.table, wide.table, rtol=1e-5)


def test_no_neighbour_of_random_tastes_is_better() -> None:
    ds = cmt.Dataset(sales(1), "bought", ALTERNATIVES)
    b = lognormal("b_price", cmt.Beta("location", -0.3), cmt.Beta("sd", 0.4), sign=-1)
    V = {name: cmt.Beta(f"asc_{name}", 1.0) + b * ds[f"p_{name}"] for name in ("tea", "milk")}
    results = cmt.estimate(cmt.MixedLogit(ds, V | {"nothing": 0}, draws=32), start={"sd": 0.4})
    best = cmt.pricing(results, {"tea": "p_tea"}, bounds={"tea": (0.5, 8.0)})
    [price] = best.table["estimate"]

    def revenue(p: float) -> float:
        return p * float(results.predict(sales(1).assign(p_tea=p)).shares["tea"])

    assert value(best, "optimal") == pytest.approx(revenue(price), rel=1e-9)
    assert all(
        revenue(p) <= revenue(price) * (1 + 1e-12) for p in [*np.linspace(0.5, 8, 16), 0.99 * price, 1.01 * price]
    )


def test_bounds_and_extrapolation_are_said(logit: cmt.Results) -> None:
    held = cmt.pricing(logit, {"tea": "p_tea"}, bounds={"tea": (7.0, 9.0)})
    assert held.table["estimate"]["tea"] == 7.0
    assert held.table["std_err"].isna().all()
    assert "At a bound: tea." in held.note
    assert "Beyond the prices in the data: tea (observed 1" in str(held)
    share = cmt.pricing(logit, {"tea": "p_tea"}, "share", bounds={"tea": (2.0, 3.0)})
    assert share.table["estimate"]["tea"] == 2.0
    assert value(share, "optimal") == pytest.approx(share.shares["optimal"]["tea"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prices": {}}, "prices is empty"),
        ({"prices": {"wine": "p_tea"}}, "the alternatives are tea, milk, nothing"),
        ({"prices": {"tea": "p_milk"}}, "in the utility of 'tea' alone, it is in that of milk"),
        ({"prices": {"tea": "p_wine"}}, "p_wine"),
        ({"objective": "happiness"}, "must be 'revenue', 'profit' or 'share'"),
        ({"objective": "profit"}, "needs costs"),
        ({"costs": {"tea": 1.0}}, "costs matter for the objective 'profit'"),
        ({"objective": "profit", "costs": {"milk": 1.0}}, "costs names milk"),
        ({"objective": "share"}, "Give bounds"),
        ({"bounds": {"tea": (3, 2)}}, "must rise"),
        ({"bounds": {"tea": 3}}, r"must be \(lowest, highest\)"),
    ],
)
def test_faults_are_named(logit: cmt.Results, change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"prices": {"tea": "p_tea"}} | change
    with pytest.raises(cmt.PyCMTensorError, match=message):
        cmt.pricing(logit, **given)


def test_utilities_that_rise_with_prices_have_no_optimum() -> None:
    ds = cmt.Dataset(sales(), "bought", ALTERNATIVES)
    V = {"tea": cmt.Beta("b", 0.5, lb=0.1) * ds["p_tea"], "milk": 0, "nothing": 0}
    found = cmt.pricing(cmt.estimate(cmt.MNL(ds, V)), {"tea": "p_tea"})
    assert "At a bound: tea." in found.note

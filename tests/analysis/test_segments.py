"""Answers by segments, against the same questions about the rows of each segment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    people, T = 60, 3
    table = pd.DataFrame(
        {
            "id": np.repeat(np.arange(people), T),
            "purpose": rng.choice(["work", "shop", "visit"], people * T),
            "cost_a": rng.uniform(1, 5, people * T),
            "cost_b": rng.uniform(1, 5, people * T),
            "time_a": rng.uniform(10, 50, people * T),
            "time_b": rng.uniform(10, 50, people * T),
        }
    )
    V = -0.8 * (table.cost_a - table.cost_b) - 0.08 * (table.time_a - table.time_b) + 0.3
    return table.assign(mode=np.where(V + rng.logistic(size=len(table)) > 0, 1, 2))


def utilities(ds: cmt.Dataset, b_time: Any) -> dict[str, Any]:
    b_cost, asc = cmt.Beta("b_cost", -0.5), cmt.Beta("asc")
    return {
        "a": asc + b_cost * ds["cost_a"] + b_time * ds["time_a"],
        "b": b_cost * ds["cost_b"] + b_time * ds["time_b"],
    }


@pytest.fixture(scope="module")
def logit() -> cmt.Results:
    ds = cmt.Dataset(frame(), choice="mode", alternatives={"a": 1, "b": 2}, individual="id")
    return cmt.estimate(cmt.MNL(ds, utilities(ds, cmt.Beta("b_time"))))


def test_questions_are_those_about_the_rows_of_each_segment(logit: cmt.Results) -> None:
    by, table = logit.by("purpose"), frame()
    assert list(by) == ["all", "shop", "visit", "work"]
    for value in by:
        rows = table if value == "all" else table[table["purpose"] == value]
        predicted = logit.predict(rows).table
        assert np.allclose(by.shares().loc[value], predicted, rtol=1e-9)
        there = logit.elasticities("cost_a", data=rows).table
        assert np.allclose(by.elasticities("cost_a").loc[value], there, rtol=1e-9)
        effects = logit.marginal_effects("cost_a", data=rows).table
        assert np.allclose(by.marginal_effects("cost_a").loc[value], effects, rtol=1e-9)
        gain = cmt.scenario(logit, rows, {"cost_a": lambda cost: 0.8 * cost}, cost="b_cost").surplus
        assert gain is not None
        assert np.allclose(by.welfare({"cost_a": lambda cost: 0.8 * cost}, "b_cost").loc[value], gain, rtol=1e-9)


def test_one_table(logit: cmt.Results) -> None:
    by = logit.by("purpose")
    table = by.table(elasticities="cost_a", wtp=("b_time", "b_cost"))
    assert list(table.columns) == ["all", "shop", "visit", "work"]
    assert np.allclose(table.loc["share"].sum(), 1)
    assert np.allclose(table.loc["wtp"], logit.params["b_time"] / logit.params["b_cost"])
    assert table.loc[("elasticity", "a, a"), "work"] == pytest.approx(
        by.elasticities("cost_a").loc[("work", "a", "a"), "estimate"]
    )
    assert "purpose" in str(by)


def test_covariances_are_those_of_the_whole_sample(logit: cmt.Results) -> None:
    part, bootstrap = logit.by("purpose")["work"], cmt.Bootstrap(20, seed=1)
    assert part.cov_params("robust").equals(logit.cov_params("robust"))
    assert part.cov_params("cluster", groups="id").equals(logit.cov_params("cluster", groups="id"))
    assert part.cov_params(bootstrap).equals(logit.cov_params(bootstrap))


@pytest.mark.slow
def test_random_tastes_keep_their_draws() -> None:
    ds = cmt.Dataset(frame(), choice="mode", alternatives={"a": 1, "b": 2}, individual="id")
    b_time = normal("time", cmt.Beta("b_time", -0.08), cmt.Beta("sd_time", 0.05))
    results = cmt.estimate(cmt.MixedLogit(ds, utilities(ds, b_time), draws=32), start={"sd_time": 0.05})
    shares = results.by("purpose").shares()["estimate"].unstack("purpose")
    weights = frame()["purpose"].value_counts(normalize=True)
    assert np.allclose(shares[weights.index] @ weights, shares["all"], rtol=1e-12)


def test_faults_are_named(logit: cmt.Results) -> None:
    with pytest.raises(cmt.PyCMTensorError, match="no column 'income'|income"):
        logit.by("income")
    with pytest.raises(cmt.PyCMTensorError, match="No segment of 'purpose' is 'leisure'; they are all, shop"):
        logit.by("purpose")["leisure"]
    with pytest.raises(cmt.PyCMTensorError, match="180 truths"):
        cmt.Dataset(frame(), "mode", {"a": 1, "b": 2}).where(np.zeros(180, bool))

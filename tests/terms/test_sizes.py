"""Sizes of zones against the logit of their elements, and against a likelihood by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.exceptions import DatasetError, ModelError
from tests import by_hand

ZONES = ("old", "new", "far")


def wide(rows: int = 200) -> pd.DataFrame:
    """Trips to three zones with jobs, shops and a cost."""
    rng = np.random.default_rng(4)
    data = pd.DataFrame({f"{x}_{z}": rng.uniform(0, 5, rows) for x in ("jobs", "shops", "cost") for z in ZONES})
    V = np.column_stack([np.log(data[f"jobs_{z}"] + 2 * data[f"shops_{z}"]) - data[f"cost_{z}"] for z in ZONES])
    data["zone"] = (V + rng.gumbel(size=V.shape)).argmax(axis=1) + 1
    return data


CODES = {zone: j for j, zone in enumerate(ZONES, start=1)}


def model(ds: cmt.Dataset, there: dict[str, Any] | None = None) -> cmt.MNL:
    b, gamma = cmt.Beta("b_cost"), cmt.Beta("gamma")
    V = {
        z: cmt.size({"jobs": ds[f"jobs_{z}"], "shops": ds[f"shops_{z}"]}, {"shops": gamma}) + b * ds[f"cost_{z}"]
        for z in ZONES
    }
    return cmt.MNL(ds, V, there)


def test_estimates_are_where_the_score_by_hand_is_0() -> None:
    data = wide()
    results = cmt.estimate(model(cmt.Dataset(data, "zone", CODES)))
    jobs, shops, cost = (data[[f"{x}_{z}" for z in ZONES]].to_numpy() for x in ("jobs", "shops", "cost"))
    b, gamma = results.params["b_cost"], results.params["gamma"]
    size = jobs + np.exp(gamma) * shops
    V, y = np.log(size) + b * cost, data.zone.to_numpy() - 1
    logP = V - np.log(np.exp(V).sum(axis=1, keepdims=True))
    assert results.llf == pytest.approx(logP[np.arange(len(y)), y].sum(), rel=1e-12)
    for x in (cost, np.exp(gamma) * shops / size):  # dV / d parameter
        score = x[np.arange(len(y)), y] - (np.exp(logP) * x).sum(axis=1)
        assert abs(score.sum()) < 1e-6
    assert abs(gamma - np.log(2)) < 3 * results.bse["gamma"]


def test_a_zone_is_as_attractive_as_its_elements_together() -> None:
    """Choices of 1 + 3 elements that are alike: the zone's probability is the sum of theirs."""
    frame = pd.DataFrame({"zone": [1, 2], "one": 1.0, "three": 3.0, "x": [0.2, 0.7]})
    ds = cmt.Dataset(frame, "zone", {"a": 1, "b": 2})
    b = cmt.Beta("b", 0.5)
    zones = cmt.MNL(ds, {"a": cmt.size({"n": ds["one"]}) + b * ds["x"], "b": cmt.size({"n": ds["three"]})})
    X = np.zeros((2, 4, 1))
    X[:, 0, 0] = frame.x
    V = X @ np.array([0.5])
    P = np.exp(V) / np.exp(V).sum(axis=1, keepdims=True)
    truth = np.log([P[0, 0], P[1, 1:].sum()]).sum()
    assert cmt.engine.evaluator_of(zones).value(np.array([0.5])) == pytest.approx(truth, rel=1e-12)
    llf, _, _ = by_hand.logit(X, np.ones((2, 4)), np.array([0, 1]), np.array([0.5]))
    assert truth == pytest.approx(llf + np.log(3), rel=1e-12)


def test_one_utility_for_all_zones_of_long_data() -> None:
    data = wide()
    rows = [
        {"trip": n, "zone": z, "chosen": int(row.zone == CODES[z])}
        | {x: row[f"{x}_{z}"] for x in ("jobs", "shops", "cost")}
        for n, row in data.iterrows()
        for z in ZONES
    ]
    ds = cmt.Dataset.from_long(pd.DataFrame(rows), choice="chosen", alternative="zone", situation="trip")
    utility = cmt.size({"jobs": ds["jobs"], "shops": ds["shops"]}) + cmt.Beta("b_cost") * ds["cost"]
    results, truth = cmt.estimate(cmt.MNL(ds, utility)), cmt.estimate(model(cmt.Dataset(data, "zone", CODES)))
    assert results.llf == pytest.approx(truth.llf, rel=1e-10)
    np.testing.assert_allclose(results.params[["size_shops", "b_cost"]], truth.params[["gamma", "b_cost"]], rtol=1e-6)


def test_sizes_are_positive_where_available() -> None:
    data = wide()
    data.loc[[3, 8], ["jobs_far", "shops_far"]] = 0.0
    data["there"] = (np.arange(len(data)) != 3).astype(int) * (np.arange(len(data)) != 8)
    data.loc[[3, 8], "zone"] = 1
    ds = cmt.Dataset(data, "zone", CODES)
    with pytest.raises(DatasetError, match=r"size of 'far' from jobs, shops is 0 where .*2 rows, the first at 3, 8"):
        model(ds)
    without = cmt.estimate(model(ds, {"far": ds["there"]}))
    assert np.isfinite(without.bse).all()
    assert (without.predict().probabilities.loc[[3, 8], "far"] == 0).all()
    data.loc[5, "jobs_old"] = -1.0
    with pytest.raises(DatasetError, match=r"size of 'old' from jobs, shops is negative .*row 4"):
        model(cmt.Dataset(data.drop([3, 8]).reset_index(drop=True), "zone", CODES))


def test_faults_are_named() -> None:
    ds = cmt.Dataset(wide(), "zone", CODES)
    with pytest.raises(ModelError, match="size maps names of measures to columns"):
        cmt.size({})
    with pytest.raises(ModelError, match="size maps names of measures to columns"):
        cmt.size({"jobs": 3.0})
    with pytest.raises(ModelError, match=r"needs weights of shops, found parks\. The weight of .jobs. is 1"):
        cmt.size({"jobs": ds["jobs_old"], "shops": ds["shops_old"]}, {"parks": cmt.Beta("g")})

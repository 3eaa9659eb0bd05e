"""Catalogues of specifications, against estimating each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt


@pytest.fixture(scope="module")
def ds() -> cmt.Dataset:
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 20, (400, 2))
    y = np.where(-2 * np.log(x[:, 0] / x[:, 1]) + 0.5 + rng.logistic(size=400) > 0, 1, 2)
    frame = pd.DataFrame({"y": y, "t_a": x[:, 0], "t_b": x[:, 1], "l_a": np.log(x[:, 0]), "l_b": np.log(x[:, 1])})
    return cmt.Dataset(frame, "y", {"a": 1, "b": 2})


def model(ds: cmt.Dataset, time: str, constant: str) -> cmt.MNL:
    b, asc = cmt.Beta("b_time"), cmt.Beta("asc") if constant == "with" else 0
    return cmt.MNL(ds, {"a": asc + b * ds[f"{time}_a"], "b": b * ds[f"{time}_b"]})


CATALOGUE: dict[str, Any] = {"time": {"linear": "t", "log": "l"}, "constant": ["with", "without"]}


@pytest.fixture(scope="module")
def found(ds: cmt.Dataset) -> Any:
    return cmt.specifications(lambda time, constant: model(ds, time, constant), CATALOGUE, folds=3, seed=1)


@pytest.mark.slow
def test_each_is_as_by_itself(ds: cmt.Dataset, found: Any) -> None:
    assert set(found.table.index) == {(t, c) for t in ("linear", "log") for c in ("with", "without")}
    for time, constant in found.table.index:
        results = cmt.estimate(model(ds, CATALOGUE["time"][time], constant))
        row = found.table.loc[(time, constant)]
        assert row["llf"] == pytest.approx(results.llf, rel=1e-12)
        assert row["k"] == len(results.params)
        assert (row["aic"], row["bic"]) == pytest.approx((results.aic, results.bic), rel=1e-12)
        assert row["llf_left_out"] == pytest.approx(results.cross_validate(3, 1).llf, rel=1e-9)


def test_the_order_and_the_front(found: Any) -> None:
    table = found.table
    assert table["llf_left_out"].is_monotonic_decreasing
    assert found.best.llf == table["llf"].iloc[0]
    assert table.index[0][0] == "log"  # by which the choices were made
    for own, row in table.iterrows():
        others = table.drop(index=own)
        better = others[(others["k"] <= row["k"]) & (others["llf"] > row["llf"])]
        assert row["pareto"] == better.empty
    assert "looks better than it is" in str(found)


def test_tests_of_nested_and_other_combinations(found: Any) -> None:
    nested = found.test(("log", "without"), ("log", "with"))
    few, many = found.results[("log", "without")], found.results[("log", "with")]
    assert nested.statistic == pytest.approx(2 * (many.llf - few.llf))
    other = found.test(("linear", "with"), ("log", "with"))
    expected = cmt.vuong(found.results[("linear", "with")], found.results[("log", "with")], schwarz=True)
    assert other.statistic == expected.statistic
    with pytest.raises(cmt.PyCMTensorError, match="no combination"):
        found.test(("square", "with"), ("log", "with"))


def test_what_cannot_be_estimated_is_said(ds: cmt.Dataset) -> None:
    found = cmt.specifications(lambda time: model(ds, time, "with"), {"time": ["t", "z"]}, folds=0)
    assert list(found.failed) == [("z",)]
    assert "z_a" in found.failed[("z",)]
    assert "llf_left_out" not in found.table
    faults: list[tuple[Any, Any, str]] = [
        (lambda time: model(ds, time, "with"), {}, "catalogue is empty"),
        (lambda time: model(ds, time, "with"), {"time": []}, "has no answers"),
        (lambda time: model(ds, time, "with"), {"time": ["z"]}, "no combination could be estimated"),
        (lambda time: 3, {"time": ["t"]}, "build must give a model, found int"),
    ]
    for build, catalogue, message in faults:
        with pytest.raises(cmt.PyCMTensorError, match=message):
            cmt.specifications(build, catalogue, folds=0)

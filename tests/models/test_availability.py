"""Availability is 0 or 1 wherever it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from pytensor.graph.basic import Variable

import pycmtensor as cmt
from pycmtensor.exceptions import DatasetError

FRAME = pd.DataFrame({"y": [1, 2, 3, 1], "x": [0.5, 1, 2, 0], "av": [1.0, 1, 0.5, 1], "ok": [1, 1, 1, 0]})
CODES = {"a": 1, "b": 2, "c": 3}
DS = cmt.Dataset(FRAME, "y", CODES)
LONG = cmt.Dataset.from_long(
    pd.DataFrame(
        {"s": [0, 0, 1, 1], "j": ["a", "b"] * 2, "y": [1, 0, 0, 1], "av": [1, 1, 2.0, 1], "x": [1.0, 2, 3, 5]}
    ),
    choice="y",
    alternative="j",
    situation="s",
)


def V() -> dict[str, Any]:
    return {"a": cmt.Beta("b") * DS["x"], "b": cmt.Beta("c"), "c": 0}


FAMILIES: list[Callable[[Any], Any]] = [
    lambda where: cmt.MNL(DS, V(), where),
    lambda where: cmt.NestedLogit(DS, V(), where, nests=["a", cmt.Nest("n", ["b", "c"], 1.5)]),
    lambda where: cmt.LatentClass(DS, {"one": V(), "two": {"a": 0, "b": 0, "c": cmt.Beta("d")}}, where),
    lambda where: cmt.HeteroscedasticLogit(DS, V(), where, scales={"a": 2}),
    lambda where: DS.describe(where),
]


@pytest.mark.parametrize("make", FAMILIES)
@pytest.mark.parametrize(
    ("where", "message"),
    [
        (lambda: DS["av"], r"found 0.5 \(row 2\)"),
        (lambda: 1 - 2 * DS["ok"], r"found -1 \(3 rows, the first at 0, 1, 2\)"),
        (lambda: pt.log(DS["ok"] - 1), r"found nan|found -inf"),
        (lambda: np.nan, r"found nan \(4 rows"),
        (lambda: -1, "found -1"),
        (lambda: 0.5, "found 0.5"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_other_numbers_are_refused(make: Callable[[Any], Any], where: Callable[[], Any], message: str) -> None:
    with pytest.raises(DatasetError, match=f"availability of 'b' must be 0 or 1.*({message})"):
        make({"b": where()})


@pytest.mark.parametrize("where", [lambda: DS["ok"], lambda: True, lambda: pt.gt(DS["ok"], 0), lambda: 1.0])
def test_zeros_ones_and_truths_are_taken(where: Callable[[], Any]) -> None:
    model = cmt.MNL(DS, V(), {"b": where()})
    expected = [1, 1, 1, 0] if isinstance(where(), Variable) else [1, 1, 1, 1]
    assert model.available()[1, 0].tolist() == [bool(one) for one in expected]


def test_one_expression_for_all_alternatives_of_long_data() -> None:
    V = LONG.per_alternative({"a": cmt.Beta("c")}) + cmt.Beta("b") * LONG["x"]
    with pytest.raises(DatasetError, match=r"The availability must be 0 or 1.*found 2 \(row 3\)"):  # of the chosen one
        cmt.MNL(LONG, V, LONG["av"])


def test_other_data_and_scenarios_are_asked_too() -> None:
    results = cmt.estimate(cmt.MNL(DS, V(), {"b": DS["ok"]}))
    with pytest.raises(DatasetError, match=r"availability of 'b' must be 0 or 1.*found 0.7 \(4 rows"):
        cmt.scenario(results, None, {"ok": 0.7})
    with pytest.raises(DatasetError, match="availability of 'b' must be 0 or 1"):
        results.predict(FRAME.assign(ok=3))
    with pytest.raises(DatasetError, match=r"availability 'av' must be 0 or 1, found 0.5 \(row 2\)"):
        DS.to_long({"z": dict.fromkeys(CODES, "x")}, {"b": "av"})

"""Calibration against counts by hand, and pictures against their tables."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from examples import swissmetro_mnl
from pycmtensor.exceptions import InferenceError


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    plt.close("all")


def test_bins_are_counts_by_hand() -> None:
    """Six trips of three persons of weights 1 to 3, of which two lack the bus."""
    frame = pd.DataFrame(
        {
            "y": [1, 2, 2, 1, 1, 2],
            "x": [2.0, 0.1, -1.0, 0.3, 3.0, -3.0],
            "bus": [1, 1, 1, 0, 1, 1],
            "who": [7, 7, 7, 3, 3, 5],
            "w": [1.0, 1, 1, 2, 2, 3],
        }
    )
    ds = cmt.Dataset(frame, "y", {"car": 1, "bus": 2}, individual="who", weights="w")
    model = cmt.MNL(ds, {"car": cmt.Beta("b") * ds["x"], "bus": 0}, {"bus": ds["bus"]})
    results = cmt.estimate(model)
    P = np.where(frame.bus == 1, 1 / (1 + np.exp(-results.params["b"] * frame.x)), 1.0)
    rows = [(name, p, y, w) for p, y, w in zip(P, frame.y == 1, frame.w, strict=True) for name in ("car", "all")]
    there = frame.bus == 1
    rows += [
        (name, 1 - p, y, w)
        for p, y, w in zip(P[there], frame.y[there] == 2, frame.w[there], strict=True)
        for name in ("bus", "all")
    ]
    pairs = pd.DataFrame(rows, columns=["alternative", "P", "y", "w"])
    pairs["bin"] = pd.cut(pairs.P, [0, 0.25, 0.5, 0.75, 1 + 1e-9], right=False, labels=False)
    table = results.calibration(bins=4)
    expected = pairs.assign(P=pairs.P * pairs.w, y=pairs.y * pairs.w).groupby(["alternative", "bin"])[["P", "y", "w"]]
    for alternative in ("all", "car", "bus"):
        own = table.loc[alternative]
        by_hand = expected.sum().loc[alternative]
        np.testing.assert_allclose(own["weight"], by_hand.w)
        np.testing.assert_allclose(own["predicted"], by_hand.P / by_hand.w)
        np.testing.assert_allclose(own["observed"], by_hand.y / by_hand.w)
        assert [interval.left * 4 for interval in own.index] == by_hand.index.to_list()


def test_a_logit_with_constants_is_calibrated_on_the_whole(swissmetro_results: cmt.Results) -> None:
    """First-order conditions of constants: predicted and observed shares are the same (train, car, and so sm)."""
    table = swissmetro_results.calibration(bins=1)
    np.testing.assert_allclose(table["predicted"], table["observed"], atol=1e-6)


def test_the_picture_shows_the_table(swissmetro_results: cmt.Results) -> None:
    test = swissmetro_mnl.ds.take(np.arange(1000))
    table, ax = swissmetro_results.calibration(test).loc["sm"], swissmetro_results.plot_calibration(test, "sm")
    np.testing.assert_allclose(np.asarray(ax.collections[0].get_offsets()), table[["predicted", "observed"]])
    assert ax.get_xlabel() == "predicted probability (sm)"


def test_faults_are_named(swissmetro_results: cmt.Results) -> None:
    with pytest.raises(InferenceError, match="no alternative 'bus' here. Ask for one of all, train, sm, car"):
        swissmetro_results.plot_calibration(alternative="bus")
    with pytest.raises(InferenceError, match="bins must be a whole number of at least 1, found 0"):
        swissmetro_results.calibration(bins=0)
    ds = cmt.Dataset(pd.DataFrame({"y": [1, 2]}), "y", {"a": 1, "b": 2})
    results = cmt.estimate(cmt.MNL(ds, {"a": cmt.Beta("asc"), "b": 0}))
    with pytest.raises(InferenceError, match="no choice column"):
        results.calibration(pd.DataFrame({"trip": [1, 2]}))

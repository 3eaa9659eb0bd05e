"""Measures of fit against counts, closed forms and estimations by other ways."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from examples import swissmetro_mnl
from pycmtensor.expressions import Beta
from tests.conftest import MODES


def test_hits_are_counted(swissmetro_results: cmt.Results) -> None:
    P = swissmetro_results.predict().probabilities.to_numpy()
    observed = swissmetro_mnl.frame.CHOICE.to_numpy() - 1
    counts = swissmetro_results.confusion()
    np.testing.assert_array_equal(counts, pd.crosstab(observed, P.argmax(axis=1)).reindex(columns=range(3)).fillna(0))
    assert swissmetro_results.hit_rate == pytest.approx((observed == P.argmax(axis=1)).mean())


def test_shares_by_segment(swissmetro_results: cmt.Results) -> None:
    frame, P = swissmetro_mnl.frame, swissmetro_results.predict().probabilities
    found = swissmetro_results.shares_by("LUGGAGE")
    assert found.index.names == ["LUGGAGE", "alternative"]
    blocks = found.to_numpy().reshape(4, 3, 5)
    for block, value in zip(blocks, (None, 0, 1, 3), strict=True):
        rows = np.ones(len(frame), bool) if value is None else np.equal(frame.LUGGAGE, value)
        observed = frame.CHOICE[rows].value_counts(normalize=True)[[1, 2, 3]]
        np.testing.assert_allclose(block[:, 0], observed, rtol=1e-12)
        np.testing.assert_allclose(block[:, 1], P[rows].mean(), rtol=1e-10)
    np.testing.assert_allclose(blocks[0, :, 1:], swissmetro_results.predict().table, rtol=1e-9)


def test_constants_alone_where_all_is_available(trips: pd.DataFrame) -> None:
    trips["w"] = [1.0, 2, 3, 4, 5, 6]
    ds = cmt.Dataset(trips, "mode", MODES, weights="w")
    results = cmt.estimate(cmt.MNL(ds, {"car": Beta("b") * ds["t_car"] / 10, "bus": Beta("asc")()}))
    car, bus = 1 + 4 + 5, 2 + 3 + 6
    assert results.llconstants == pytest.approx(car * np.log(car / 21) + bus * np.log(bus / 21), rel=1e-12)
    assert results.rho2_constants == pytest.approx(1 - results.llf / results.llconstants)


def test_constants_alone_are_a_logit(swissmetro_results: cmt.Results) -> None:
    """With alternatives that are not always available, against the estimation of that model."""
    ds, model = swissmetro_mnl.ds, swissmetro_mnl.model
    constants = cmt.MNL(ds, {"train": Beta("train")(), "sm": 0, "car": Beta("car")()}, model.availability)
    assert swissmetro_results.llconstants == pytest.approx(cmt.estimate(constants).llf, abs=1e-6)


def test_an_alternative_that_nobody_chooses() -> None:
    frame = pd.DataFrame({"mode": [1, 1, 1, 2], "t": [1.0, 2, 3, 2]})
    ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2, "tram": 3})
    results = cmt.estimate(cmt.MNL(ds, {"car": Beta("b") * ds["t"], "bus": 0, "tram": -1}))
    assert results.llconstants == pytest.approx(3 * np.log(0.75) + np.log(0.25))


@pytest.mark.slow
def test_folds_predict_each_other() -> None:
    ds = swissmetro_mnl.ds.like(swissmetro_mnl.frame.iloc[::25])
    model = cmt.MNL(ds, swissmetro_mnl.model.utilities, swissmetro_mnl.model.availability)
    results = cmt.estimate(model)
    found = results.cross_validate(folds=3, seed=4)
    values = []
    for train, test in ds.folds(3, 4):
        P = cmt.estimate(model, train).predict(test).probabilities.to_numpy()
        values.append(np.log(P[np.arange(len(P)), test.chosen_alternatives[0]]))
    each = np.concatenate(values)
    np.testing.assert_allclose(found.table["llf left out"], [value.sum() for value in values], rtol=1e-6)
    assert found.llf == pytest.approx(each.sum(), rel=1e-6)
    assert found.std_err == pytest.approx(np.sqrt(len(each)) * each.std(ddof=1), rel=1e-5)
    assert found.upper - found.lower == pytest.approx(2 * 1.959963984540054 * found.std_err)
    assert found.table["llnull"].sum() == pytest.approx(results.llnull, rel=1e-12)
    assert found.llf < results.llf
    assert found.table["converged"].all()
    assert found.table["individuals"].sum() == ds.n_individuals

"""Predictions against the probabilities of the engine, formulas by hand, and what must not change them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import pycmtensor as cmt
from examples import swissmetro_mnl
from pycmtensor.exceptions import DatasetError, InferenceError
from pycmtensor.expressions import Beta
from pycmtensor.terms.draws import Draws
from tests.analysis.problems import attributes, engine_of, probabilities_at_draws
from tests.conftest import MODES
from tests.engine.test_local import differences


def test_the_data_of_the_estimation(swissmetro_results: cmt.Results) -> None:
    r = swissmetro_results
    found = r.predict(swissmetro_mnl.frame)
    P = engine_of(r).probabilities(r.fit.theta)[:, 0].T
    np.testing.assert_array_equal(found.probabilities, P)
    np.testing.assert_array_equal(r.predict().probabilities, P)
    assert found.llf == pytest.approx(r.llf, rel=1e-13)
    assert list(found.probabilities.columns) == ["train", "sm", "car"]
    assert found.probabilities.index.equals(swissmetro_mnl.frame.index)
    np.testing.assert_array_equal(found.choices, np.array(["train", "sm", "car"])[P.argmax(axis=1)])
    np.testing.assert_allclose(found.shares, P.mean(axis=0), rtol=1e-12)
    observed = swissmetro_mnl.frame.CHOICE.value_counts(normalize=True)[[1, 2, 3]]
    np.testing.assert_allclose(found.shares, observed, rtol=1e-7)  # the first-order condition of the constants


def test_standard_errors_of_shares_by_finite_differences(swissmetro_results: cmt.Results) -> None:
    r = swissmetro_results
    G = differences(lambda theta: engine_of(r).probabilities(theta).mean(axis=(1, 2)), r.fit.theta).T
    table = r.predict(kind="robust").table
    expected = np.sqrt(np.diag(G @ r.cov_params("robust").to_numpy() @ G.T))
    np.testing.assert_allclose(table.std_err, expected, rtol=1e-6)
    np.testing.assert_allclose(table.upper - table.estimate, 1.959963984540054 * expected, rtol=1e-6)


def test_rows_in_another_order_and_alone(swissmetro_results: cmt.Results) -> None:
    rows = swissmetro_mnl.frame.sample(500, random_state=1)
    all_rows = swissmetro_results.predict().probabilities
    shuffled = swissmetro_results.predict(rows).probabilities
    np.testing.assert_allclose(shuffled, all_rows.loc[rows.index], rtol=1e-12)
    alone = swissmetro_results.predict(rows.tail(1)).probabilities
    np.testing.assert_allclose(alone, all_rows.loc[rows.index[-1:]], rtol=1e-12)


def test_frames_without_choices_and_of_other_kinds(swissmetro_results: cmt.Results, tmp_path: Path) -> None:
    rows = swissmetro_mnl.frame.head(50)
    expected = swissmetro_results.predict(rows)
    path = tmp_path / "rows.csv"
    rows.to_csv(path)
    for given in (rows.drop(columns="CHOICE"), pl.DataFrame(rows.to_dict("list")), path, swissmetro_mnl.ds.like(rows)):
        found = swissmetro_results.predict(given)
        np.testing.assert_allclose(found.probabilities, expected.probabilities, rtol=1e-13)
        assert (found.llf is None) == (isinstance(given, pd.DataFrame))


def test_unavailable_alternatives_have_no_probability_however_good(trips: pd.DataFrame, ds: cmt.Dataset) -> None:
    b = Beta("b", -0.1)
    results = cmt.estimate(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": b * ds["t_bus"]}, {"bus": ds["has_bus"]}))
    better = trips.assign(t_bus=-1e6, has_bus=0).drop(columns="mode")
    np.testing.assert_array_equal(results.predict(better).probabilities, [[1.0, 0.0]] * 6)


def test_weights_count_situations(trips: pd.DataFrame) -> None:
    trips["w"] = [1.0, 2, 3, 4, 5, 6]
    ds = cmt.Dataset(trips, "mode", MODES, weights="w")
    results = cmt.estimate(cmt.MNL(ds, {"car": Beta("b") * ds["t_car"], "bus": Beta("asc")()}))
    found = results.predict()
    np.testing.assert_allclose(found.shares, np.average(found.probabilities, axis=0, weights=trips.w), rtol=1e-12)
    assert found.llf == pytest.approx(results.llf, rel=1e-13)


def test_long_data(modechoice_results: cmt.Results) -> None:
    frame = cmt.datasets.load("modechoice")
    all_rows = modechoice_results.predict().probabilities
    assert all_rows.index.name == "individual"
    np.testing.assert_allclose(all_rows.sum(axis=1), 1, rtol=1e-12)
    part = frame[frame.individual.isin([7, 3]) & (frame["mode"] != 2)].sort_values("individual", ascending=False)
    found = modechoice_results.predict(part.drop(columns="choice")).probabilities
    others = all_rows.loc[[7, 3]].assign(train=0.0)  # independence from irrelevant alternatives
    np.testing.assert_allclose(found, others.div(others.sum(axis=1), axis=0), rtol=1e-12)
    assert found.index.tolist() == [7, 3]


def test_a_panel_averages_over_draws(mixed: cmt.Results, panel: pd.DataFrame) -> None:
    found, ds = mixed.predict(), engine_of(mixed).dataset
    P = probabilities_at_draws(mixed, *attributes(ds)).mean(axis=-1)
    np.testing.assert_allclose(found.probabilities, ds.of_situations(P).T, rtol=1e-6)
    assert found.probabilities.index.equals(panel.index)
    first = panel.who == 104
    np.testing.assert_allclose(found.probabilities[first], P[:, : first.sum(), 4].T, rtol=1e-6)
    assert found.llf == pytest.approx(mixed.llf, rel=1e-12)


def test_probabilities_given_what_was_chosen(mixed: cmt.Results, panel: pd.DataFrame) -> None:
    ds = engine_of(mixed).dataset
    P = probabilities_at_draws(mixed, *attributes(ds))
    chosen = np.take_along_axis(P, ds.chosen_alternatives[None, ..., None], axis=0)[0]
    L = np.where(ds.array(ds.observed) != 0, chosen, 1.0).prod(axis=0)
    given = (P * (L / L.sum(axis=-1, keepdims=True))).sum(axis=-1)
    found = mixed.predict(conditional=True)
    np.testing.assert_allclose(found.probabilities, ds.of_situations(given).T, rtol=1e-6)
    assert found.llf is None
    new = panel[panel.who.isin([111, 103])].iloc[::-1].drop(columns="mode")
    again = mixed.predict(new, conditional=True).probabilities
    np.testing.assert_allclose(again, found.probabilities.loc[new.index], rtol=1e-12)
    shares = found.table
    assert (shares.std_err > 0).all()
    with pytest.raises(DatasetError, match=r"1 individual\(s\) of 'who' were not in .* the first 999"):
        mixed.predict(new.assign(who=[999] + [103] * (len(new) - 1)), conditional=True)


def test_what_conditional_needs(swissmetro_results: cmt.Results, trips: pd.DataFrame) -> None:
    with pytest.raises(InferenceError, match="Multinomial logit has no random coefficients"):
        swissmetro_results.predict(conditional=True)
    ds = cmt.Dataset(trips, "mode", MODES)
    V = {"car": Beta("b") * ds["t_car"] + 0.1 * Draws("error", within=True), "bus": 0}
    anew = cmt.estimate(cmt.MixedLogit(ds, V, draws=8))
    with pytest.raises(InferenceError, match="error: drawn anew in each choice situation"):
        anew.predict(conditional=True)


def test_new_individuals_of_a_panel(mixed: cmt.Results, panel: pd.DataFrame) -> None:
    found = mixed.predict(panel.head(2).assign(who=[1, 1]).drop(columns="mode"))
    assert found.probabilities.shape == (2, 3)


def test_faults_in_new_data(swissmetro_results: cmt.Results) -> None:
    rows = swissmetro_mnl.frame.head(5)
    with pytest.raises(DatasetError, match="no column 'TRAIN_TT'. Did you mean"):
        swissmetro_results.predict(rows.drop(columns="TRAIN_TT"))
    with pytest.raises(DatasetError, match="'SM_TT' holds 5 missing"):
        swissmetro_results.predict(rows.assign(SM_TT=np.nan))
    gone = rows.assign(SM_AV=[1, 1, 0, 1, 1], TRAIN_OPEN=0, CAR_OPEN=0).drop(columns="CHOICE")
    with pytest.raises(DatasetError, match="No alternative is available in row 2"):
        swissmetro_results.predict(gone)
    with pytest.raises(DatasetError, match="is chosen where it is unavailable"):
        swissmetro_results.predict(rows.assign(SM_AV=0))
    unfitted = cmt.Results(swissmetro_results.fit)
    with pytest.raises(cmt.PyCMTensorError, match="The model and the data, which predictions need, are not at hand"):
        unfitted.predict()


def test_samples_of_alternatives_are_no_choice_set(modechoice: cmt.LongDataset) -> None:
    sample = modechoice.sample_alternatives(3, seed=1)
    results = cmt.estimate(cmt.MNL(sample, Beta("b") * sample["gc"]))
    with pytest.raises(InferenceError, match="Predictions need all alternatives"):
        results.predict()


def test_what_needs_choices_says_so(trips: pd.DataFrame, ds: cmt.Dataset) -> None:
    new = ds.like(trips.drop(columns="mode"))
    model = cmt.MNL(ds, {"car": Beta("b") * ds["t_car"], "bus": 0})
    assert not new.choices_known
    assert not new.take(np.array([0, 2])).choices_known
    long = cmt.Dataset.from_long(
        pd.DataFrame({"trip": [1, 1, 2, 2], "mode": ["car", "bus"] * 2}),
        choice=None,
        alternative="mode",
        situation="trip",
    )
    for ask in (
        lambda: cmt.estimate(model, new),
        lambda: new.describe(),
        lambda: new.to_long({}),
        lambda: new.chosen_alternatives,
        lambda: long.to_wide(),
        lambda: long.sample_alternatives(2),
        lambda: cmt.MNL(new, {"car": Beta("b") * new["t_car"], "bus": 0}),
    ):
        with pytest.raises(DatasetError, match="cannot be told: the data set has no choice column"):
            ask()


def test_errors_beside_an_estimate_at_a_bound_are_those_with_it_fixed_there(trips: pd.DataFrame) -> None:
    """Shares, elasticities and scenarios with b at its bound 0.01, and with b fixed at 0.01."""
    ds = cmt.Dataset(trips, "mode", MODES)

    def estimated(b: cmt.Beta) -> cmt.Results:
        return cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc") + b * ds["t_bus"], "bus": b * ds["t_car"]}))

    bounded, fixed = estimated(cmt.Beta("b", -1.0, ub=-0.01)), estimated(cmt.Beta("b", -0.01, status=1))
    assert bounded.outcome.ending == "maximum at a bound"
    change = {"t_car": lambda time: 1.5 * time}
    for answer in (
        lambda r: r.predict(),
        lambda r: r.elasticities("t_car"),
        lambda r: cmt.scenario(r, None, change),
    ):
        found, truth = answer(bounded), answer(fixed)
        tables = [a.shares if hasattr(a, "surplus") else a.table for a in (found, truth)]
        np.testing.assert_allclose(tables[0].astype(float), tables[1].astype(float), rtol=1e-6, atol=1e-12)
        assert tables[0]["std_err"].notna().all()
        assert "Standard errors take b as known, at a bound." in str(found)

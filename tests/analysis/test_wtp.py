"""Willingness to pay against formulas by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pycmtensor as cmt
from examples import swissmetro_mnl
from pycmtensor.coefficients import lognormal, normal
from pycmtensor.exceptions import InferenceError, ModelError
from pycmtensor.expressions import Beta
from tests.analysis.problems import ALTERNATIVES, attributes, engine_of, probabilities_at_draws
from tests.engine.test_local import differences


def test_the_value_of_time_of_swissmetro(swissmetro_results: cmt.Results) -> None:
    """Var(t / c) = V_tt / c^2 - 2 t V_tc / c^3 + t^2 V_cc / c^4, by name, by symbol and by column."""
    r, ds = swissmetro_results, swissmetro_mnl.ds
    t, c = r.params[["B_TIME", "B_COST"]]
    V = r.cov_params("robust").loc[["B_TIME", "B_COST"], ["B_TIME", "B_COST"]].to_numpy()
    std_err = np.sqrt(V[0, 0] / c**2 - 2 * t * V[0, 1] / c**3 + t**2 * V[1, 1] / c**4)
    half = stats.norm.ppf(0.95) * std_err
    truth = [t / c, std_err, t / c - half, t / c + half]
    for numerator, denominator in (
        ("B_TIME", "B_COST"),
        (swissmetro_mnl.b_time, swissmetro_mnl.b_cost),
        (swissmetro_mnl.b_time, "B_COST"),
        (ds["TRAIN_TT"], ds["TRAIN_COST"]),
        (ds["CAR_TT"], ds["CAR_CO"]),
    ):
        found = r.wtp(numerator, denominator, alpha=0.1, kind="robust")
        np.testing.assert_allclose(found.table.to_numpy()[0], truth, rtol=1e-10)
        assert found.distribution is None
    assert (found.name, found.unit) == ("CAR_TT / CAR_CO", "CHF per minutes")
    assert "CAR_TT / CAR_CO CHF per minutes" in str(found)


def test_willingness_to_pay_space_is_the_same_model(swissmetro_results: cmt.Results) -> None:
    """V = b_cost (cost + wtp time) has the maximum of V = b_cost cost + b_time time, at wtp = b_time / b_cost."""
    model = swissmetro_mnl.model
    ds, asc = model.dataset, {"train": Beta("ASC_TRAIN"), "sm": 0, "car": Beta("ASC_CAR")}
    b_cost, wtp = Beta("B_COST", -1.0), Beta("wtp", 1.0)
    columns = {"train": ("TRAIN_COST", "TRAIN_TT"), "sm": ("SM_COST", "SM_TT"), "car": ("CAR_CO", "CAR_TT")}
    V = {name: asc[name] + b_cost * (ds[cost] + wtp * ds[time]) / 100 for name, (cost, time) in columns.items()}
    results = cmt.estimate(cmt.MNL(ds, V, model.availability))
    found = swissmetro_results.wtp("B_TIME", "B_COST", kind="robust").table.iloc[0]
    assert results.llf == pytest.approx(swissmetro_results.llf, rel=1e-12)
    assert results.params["wtp"] == pytest.approx(found["estimate"], rel=1e-6)
    assert results.standard_errors("robust")["wtp"] == pytest.approx(found["std_err"], rel=1e-5)


def test_columns_know_how_they_were_scaled(trips: pd.DataFrame) -> None:
    trips = trips.assign(cost=[2.0, 3, 1, 5, 4, 2], paid=[1, 1, 0, 1, 1, 0])
    trips = pd.concat([trips] * 3, ignore_index=True).assign(
        mode=[1, 2, 2, 1, 1, 2, 2, 1, 2, 1, 2, 1, 1, 2, 1, 2, 1, 2]
    )
    ds = cmt.Dataset(trips, "mode", {"car": 1, "bus": 2})
    V = {"car": Beta("asc")(), "bus": Beta("t") * ds["t_bus"] / 60 + Beta("c") * ds["paid"] * ds["cost"]}
    results = cmt.estimate(cmt.MNL(ds, V))
    found = results.wtp(ds["t_bus"], ds["cost"])
    assert found.estimate == pytest.approx(results.params["t"] / 60 / results.params["c"], rel=1e-12)
    assert found.note == "Without 33.33% of choice situations and draws, where the denominator is 0."
    assert found.unit == ""


def test_quantiles_of_draws_of_the_estimates(swissmetro_results: cmt.Results) -> None:
    found = swissmetro_results.wtp("B_TIME", "B_COST", method="krinsky-robb")
    simulated = swissmetro_results.krinsky_robb("B_TIME / B_COST")
    assert found.table[["estimate", "lower", "upper"]].to_numpy()[0].tolist() == [
        simulated.estimate,
        simulated.lower,
        simulated.upper,
    ]


def test_ratios_that_vary_with_data(trips: pd.DataFrame) -> None:
    """A value of time that depends on the trip: the mean over choice situations with its error by differences."""
    trips["w"] = [1.0, 2, 3, 4, 5, 6]
    ds = cmt.Dataset(trips, "mode", {"car": 1, "bus": 2}, weights="w")
    time, far, cost = Beta("time"), Beta("far"), Beta("cost", -1.0)
    each = time + far * ds["t_car"] / 10
    V = {"car": each * ds["t_car"] / 10 + cost * ds["has_bus"], "bus": each * ds["t_bus"] / 10}
    results = cmt.estimate(cmt.MNL(ds, V))
    found = results.wtp(each, cost)

    def values(theta: np.ndarray) -> np.ndarray:
        b = dict(zip(results.params.index, theta, strict=True))
        return ((b["time"] + b["far"] * trips.t_car / 10) / b["cost"]).to_numpy()

    ratios, theta = values(results.fit.theta), results.fit.theta
    assert found.estimate == pytest.approx(np.average(ratios, weights=trips.w), rel=1e-12)
    G = differences(lambda t: np.average(values(t), weights=trips.w), theta, step=1e-6)
    assert found.table.std_err.item() == pytest.approx(np.sqrt(G @ results.cov_params() @ G), rel=1e-6)
    assert found.distribution is not None
    variance = np.average((ratios - found.estimate) ** 2, weights=trips.w)
    assert found.distribution["sd"] == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert found.distribution["share negative"] == pytest.approx(trips.w[ratios < 0].sum() / 21)


def test_ratios_of_random_coefficients(panel: pd.DataFrame) -> None:
    ds = cmt.Dataset(panel, "mode", {"car": 1, "bus": 2, "tram": 3}, individual="who")
    time, cost = normal("time", Beta("m", -1.0), Beta("s", 0.5)), lognormal("cost", Beta("k", -0.5), 0.2, sign=-1)
    V = {name: time * ds[f"t_{name}"] + cost * ds[f"c_{name}"] for name in ALTERNATIVES}
    results = cmt.estimate(cmt.MixedLogit(ds, V, {"tram": ds["has_tram"]}, draws=cmt.Sampling(64, seed=1)))
    model, b = engine_of(results).model, results.params
    z = dict(zip([d.name for d in model.draws], model.arrays()[-2:], strict=True))
    situations = ds.array(ds.observed).sum(axis=0)  # (N, 1)

    def ratios(theta: np.ndarray) -> np.ndarray:
        at = dict(zip(b.index, theta, strict=True))
        return (at["m"] + at["s"] * z["time"][0]) / -np.exp(at["k"] + 0.2 * z["cost"][0])

    def mean(theta: np.ndarray) -> float:
        return float((ratios(theta) * situations).sum() / (situations.sum() * 64))

    found = results.wtp(time, cost)
    assert found.distribution is not None
    assert found.estimate == pytest.approx(mean(results.fit.theta), rel=1e-6)
    assert found.distribution["mean"] == pytest.approx(found.estimate, rel=1e-6)
    negative = ((ratios(results.fit.theta) < 0) * situations).sum() / (situations.sum() * 64)
    assert found.distribution["share negative"] == pytest.approx(negative, abs=1e-12)
    G = differences(mean, results.fit.theta, step=1e-6)
    assert found.table.std_err.item() == pytest.approx(np.sqrt(G @ results.cov_params() @ G), rel=1e-5)
    by_column = results.wtp(ds["t_bus"], ds["c_bus"])
    assert by_column.distribution is not None
    np.testing.assert_allclose(by_column.distribution, found.distribution, rtol=1e-9)
    reverse = results.wtp(cost, time)
    assert "The denominator has both signs" in reverse.note


def test_what_individuals_are_willing_to_pay_given_their_choices(mixed: cmt.Results) -> None:
    """Draws of the ratio weighted with the likelihood of the individual's choices; the coefficient is named."""
    ds, b = engine_of(mixed).dataset, mixed.params
    P = probabilities_at_draws(mixed, *attributes(ds))
    chosen = np.take_along_axis(P, ds.chosen_alternatives[None, ..., None], axis=0)[0]
    L = np.where(ds.array(ds.observed) != 0, chosen, 1.0).prod(axis=0)
    w = L / L.sum(axis=-1, keepdims=True)
    ratio = (b["b_time"] + b["sd_time"] * engine_of(mixed).model.arrays()[-1][0]) / b["b_cost"]
    mean = (w * ratio).sum(axis=-1)
    found = mixed.wtp("time", "b_cost", alpha=0.2)
    each = found.by_individual
    assert each.index.name == "who"
    assert each.index.tolist() == list(range(100, 130))
    np.testing.assert_allclose(each["mean"], mean, rtol=1e-6)
    an_hour = mixed.wtp("60 * time", "b_cost").by_individual["mean"]
    np.testing.assert_allclose(an_hour, 60 * mean, rtol=1e-6)
    np.testing.assert_allclose(each["sd"], np.sqrt((w * (ratio - mean[:, None]) ** 2).sum(axis=-1)), rtol=1e-5)
    for name, share in (("lower", 0.1), ("median", 0.5), ("upper", 0.9)):
        quantile = [np.quantile(ratio[n], share, weights=w[n], method="inverted_cdf") for n in range(30)]
        np.testing.assert_allclose(each[name], quantile, rtol=1e-6)
    assert found.estimate == pytest.approx(b["b_time"] / b["b_cost"], rel=0.02)  # 64 draws of a mean


def test_individuals_who_differ_in_characteristics(panel: pd.DataFrame) -> None:
    """An interaction with what changes between situations: their mean and sd, without padding."""
    ds = cmt.Dataset(panel, "mode", {"car": 1, "bus": 2, "tram": 3}, individual="who")
    time, far, cost = Beta("time", -1.0), Beta("far"), Beta("cost", -1.0)
    each = time + far * ds["t_car"]
    V = {name: each * ds[f"t_{name}"] + cost * ds[f"c_{name}"] for name in ALTERNATIVES}
    results = cmt.estimate(cmt.MNL(ds, V, {"tram": ds["has_tram"]}))
    b = results.params
    ratio = (b["time"] + b["far"] * panel.t_car) / b["cost"]
    found = results.wtp(each, cost).by_individual
    by_person = ratio.groupby(panel.who)
    np.testing.assert_allclose(found["mean"], by_person.mean().loc[found.index], rtol=1e-10)
    np.testing.assert_allclose(found["sd"], by_person.std(ddof=0).loc[found.index], rtol=1e-8)
    smallest = by_person.min().loc[found.index]
    np.testing.assert_allclose(found["lower"], smallest, rtol=1e-10)  # of three or four situations
    with pytest.raises(InferenceError, match=r"time / cost is one number, .*the same for everybody"):
        _ = results.wtp("time", "cost").by_individual


def test_what_is_no_willingness_to_pay(mixed: cmt.Results, swissmetro_results: cmt.Results) -> None:
    ds = swissmetro_mnl.ds
    r = swissmetro_results
    for ask, error, message in (
        (lambda: r.wtp("B_TMIE", "B_COST"), ModelError, "'B_TMIE' names 'B_TMIE'.* Did you mean B_TIME"),
        (lambda: r.wtp("B_TIME", "B_COST", method="bootstrap"), InferenceError, "delta, krinsky-robb, found 'boot"),
        (lambda: r.wtp(ds["TRAIN_OPEN"], "B_COST"), InferenceError, "'TRAIN_OPEN' is in no utility"),
        (lambda: r.wtp(ds["AGE"], "B_COST"), ModelError, "does not use a column 'AGE'"),
        (lambda: r.wtp(ds["AGE"] * swissmetro_mnl.b_time, "B_COST"), ModelError, "column 'AGE', which the model does"),
        (lambda: r.wtp(ds["CAR_TT"], "B_COST", method="krinsky-robb"), InferenceError, "method='delta'"),
        (lambda: mixed.wtp("60 * tme", "b_cost"), ModelError, r"'60 \* tme' names 'tme'.* Did you mean time"),
        (lambda: mixed.wtp("60 * time", "b_cots"), ModelError, "'b_cots' names 'b_cots'.* Did you mean b_cost"),
        (lambda: mixed.wtp(normal("other", Beta("b_time"), 1.0), "b_cost"), ModelError, "draws 'other'"),
        (lambda: r.wtp("B_TIME", ds["TRAIN_OPEN"] * 0 * swissmetro_mnl.b_cost), InferenceError, "denominator is 0 in"),
    ):
        with pytest.raises(error, match=message):
            ask()

"""Scenarios against published numbers, formulas by hand and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.coefficients import lognormal
from pycmtensor.exceptions import DatasetError, InferenceError, ModelError
from pycmtensor.expressions import Beta
from tests.analysis.problems import ALTERNATIVES, engine_of
from tests.engine.test_local import differences


@pytest.fixture(scope="module")
def canada() -> cmt.Results:
    """Business trips between Toronto and Montreal by train, air or car: the example of R's mlogit (vignette c3.rum)."""
    frame = cmt.datasets.load("modecanada")
    frame = frame[frame.noalt == 4]
    by_bus = frame.case[(frame.alt == "bus") & (frame.choice == 1)]
    frame = frame[~frame.case.isin(by_bus) & (frame.alt != "bus")]
    frame = frame.assign(time=frame.ivt + frame.ovt)
    names = ["train", "air", "car"]
    ds = cmt.Dataset.from_long(
        frame, choice="choice", alternative="alt", situation="case", alternatives=names, individual=None
    )
    V = (
        ds.per_alternative({name: Beta(f"asc_{name}") for name in ("train", "air")})
        + Beta("cost") * ds["cost"]
        + Beta("freq") * ds["freq"]
        + ds.per_alternative({name: Beta(f"income_{name}") for name in ("train", "air")}) * ds["income"]
        + ds.per_alternative({name: Beta(f"time_{name}") for name in names}) * ds["time"]
    )
    return cmt.estimate(cmt.MNL(ds, V))


def test_faster_trains_between_toronto_and_montreal(canada: cmt.Results) -> None:
    """mlogit prints a log-likelihood of -1951.3, and 4.6971 and 3.8998 for mean and median of the gain."""
    assert canada.nobs == 2769
    assert canada.llf == pytest.approx(-1951.343731, abs=1e-6)
    found = cmt.scenario(canada, None, {("time", "train"): lambda time: 0.8 * time}, cost="cost")
    assert found.surplus is not None
    assert found.gains is not None
    assert found.surplus.estimate.item() == pytest.approx(4.6971, abs=5e-5)
    assert found.gains.scenario.median() == pytest.approx(3.8998, abs=5e-5)
    assert found.gains.scenario.mean() == pytest.approx(found.surplus.estimate.item(), rel=1e-12)

    def gain(theta: NDArray) -> NDArray:
        b = dict(zip(canada.params.index, theta, strict=True))
        ds = engine_of(canada).dataset
        cost, freq, income, time = (ds.array(x)[:, 0, :, 0] for x in ("cost", "freq", "income", "time"))
        of = {x: np.array([[b.get(f"{x}_{name}", 0)] for name in ds.alternatives]) for x in ("asc", "income", "time")}
        V = of["asc"] + b["cost"] * cost + b["freq"] * freq + of["income"] * income + of["time"] * time
        faster = V + of["time"] * time * [[-0.2], [0], [0]]
        logsums = [np.log(np.exp(v).sum(axis=0)) for v in (V, faster)]
        return np.atleast_1d((logsums[1] - logsums[0]).mean() / -b["cost"])

    G = differences(gain, canada.fit.theta, step=1e-6).T
    std_err = np.sqrt(G @ canada.cov_params().to_numpy() @ G.T)
    assert found.surplus.std_err.item() == pytest.approx(std_err.item(), rel=1e-5)


def test_shares_and_their_changes_by_finite_differences(canada: cmt.Results) -> None:
    engine = engine_of(canada)
    after = engine.on(engine.dataset.with_columns({("cost", "air"): lambda x: 1.5 * x}))
    found = cmt.scenario(canada, None, {("cost", "air"): lambda x: 1.5 * x})

    def answers(theta: NDArray) -> NDArray:
        S0, S1 = (e.probabilities(theta).mean(axis=(1, 2)) for e in (engine, after))
        change = S1 - S0
        return np.concatenate([S0, S1, change, change[[0, 2]] / -change[1]])

    values = answers(canada.fit.theta)
    G = differences(answers, canada.fit.theta, step=1e-6).T
    std_err = np.sqrt(np.diag(G @ canada.cov_params("robust").to_numpy() @ G.T))
    table = cmt.scenario(canada, None, {("cost", "air"): lambda x: 1.5 * x}, kind="robust").table
    np.testing.assert_allclose(table.estimate, values, rtol=1e-9)
    np.testing.assert_allclose(table.std_err, std_err, rtol=1e-4)
    assert found.diversion.index.get_level_values("alternative").tolist() == ["train", "car"]
    assert found.diversion.estimate.sum() == pytest.approx(1.0)
    assert found.surplus is None


def test_no_change_changes_nothing(mixed: cmt.Results) -> None:
    same = cmt.scenario(mixed, None, {"none": {}, "same": {"t_bus": lambda t: 1.0 * t}}, cost="b_cost")
    assert (same.changes == 0).all(axis=None)
    assert same.surplus is not None
    assert (same.surplus == 0).all(axis=None)
    assert same.diversion.empty


@pytest.mark.slow
def test_random_money_of_a_panel_by_hand(panel: pd.DataFrame) -> None:
    """The average over draws of the change of the log sum over the coefficient of cost of the same draw."""
    panel = panel.assign(w=(panel.who % 3).astype(float) + 1)
    ds = cmt.Dataset(panel, "mode", {"car": 1, "bus": 2, "tram": 3}, individual="who", weights="w")
    time, cost = Beta("b_time"), lognormal("cost", Beta("m", -0.5), Beta("s", 0.3), sign=-1)
    V = {name: time * ds[f"t_{name}"] + cost * ds[f"c_{name}"] for name in ALTERNATIVES}
    results = cmt.estimate(cmt.MixedLogit(ds, V, {"tram": ds["has_tram"]}, draws=cmt.Sampling(32, seed=1)))
    b = results.params
    (z,) = engine_of(results).model.arrays()[-1:]
    taste = -np.exp(b["m"] + b["s"] * z)

    def logsum(t_bus: NDArray, has_tram: NDArray) -> NDArray:
        times = {"car": ds.array("t_car"), "bus": t_bus, "tram": ds.array("t_tram")}
        e = {name: np.exp(b["b_time"] * times[name] + taste * ds.array(f"c_{name}")) for name in ALTERNATIVES}
        return np.log(e["car"] + e["bus"] + has_tram * e["tram"])

    before = logsum(ds.array("t_bus"), ds.array("has_tram"))
    gains = ((logsum(ds.array("t_bus") / 2, 0 * ds.array("has_tram")) - before) / -taste).mean(axis=-1)
    by_row = ds.of_situations(gains)
    changes = {"t_bus": lambda t: t / 2, "has_tram": 0}
    found = cmt.scenario(results, None, changes, cost=cost, segment="who")
    assert found.gains is not None
    assert found.surplus is not None
    np.testing.assert_allclose(found.gains.scenario, by_row, rtol=1e-5, atol=1e-7)
    total = found.surplus.loc[("scenario", "all"), "estimate"]
    assert total == pytest.approx(np.average(by_row, weights=panel.w), rel=1e-5)
    one = found.surplus.loc[("scenario", 103), "estimate"]
    assert one == pytest.approx(by_row[panel.who == 103].mean(), rel=1e-5)
    assert found.shares.loc[("scenario", "all", "tram"), "estimate"] == 0
    assert list(panel.columns) == list(engine_of(results).dataset.columns)


def nested(ds: cmt.Dataset, V: Any) -> cmt.NestedLogit:
    return cmt.NestedLogit(ds, V, {"tram": ds["has_tram"]}, nests=[cmt.Nest("public", ["bus", "tram"], 1.6), "car"])


def crossed(ds: cmt.Dataset, V: Any) -> cmt.CrossNestedLogit:
    nests = [cmt.CrossNest("public", {"bus": 0.7, "tram": 1}, 1.6), cmt.CrossNest("road", {"car": 1, "bus": 0.3}, 1.2)]
    return cmt.CrossNestedLogit(ds, V, {"tram": ds["has_tram"]}, nests=nests)


def nested_by_hand(e: NDArray) -> NDArray:
    return np.log(e[0] + (e[1] ** 1.6 + e[2] ** 1.6) ** (1 / 1.6))


def crossed_by_hand(e: NDArray) -> NDArray:
    public, road = (0.7 * e[1]) ** 1.6 + e[2] ** 1.6, e[0] ** 1.2 + (0.3 * e[1]) ** 1.2
    return np.log(public ** (1 / 1.6) + road ** (1 / 1.2))


@pytest.mark.parametrize(("make", "logsum"), [(nested, nested_by_hand), (crossed, crossed_by_hand)])
@pytest.mark.slow_cases("crossed-crossed_by_hand")
def test_generating_functions_by_hand(panel: pd.DataFrame, make: Any, logsum: Any) -> None:
    """Consumer surplus, and Roy's identity: its derivative with the cost of all who choose j is minus the share."""
    ds = cmt.Dataset(panel, "mode", {"car": 1, "bus": 2, "tram": 3})
    time, cost = Beta("b_time"), Beta("b_cost")
    results = cmt.estimate(make(ds, {n: time * ds[f"t_{n}"] + cost * ds[f"c_{n}"] for n in ALTERNATIVES}))
    b = results.params

    def value(frame: pd.DataFrame) -> NDArray:
        e = np.exp([b["b_time"] * frame[f"t_{n}"] + b["b_cost"] * frame[f"c_{n}"] for n in ALTERNATIVES])
        e[2] *= frame.has_tram
        return logsum(e) / -b["b_cost"]

    step = 1e-5
    changes = {"fare": {"c_bus": lambda c: c + 1}, "no tram": {"has_tram": 0}, "step": {"c_car": lambda c: c + step}}
    found = cmt.scenario(results, None, changes, cost=ds["c_car"])
    assert found.gains is not None
    truth = value(panel.assign(c_bus=panel.c_bus + 1)) - value(panel)
    np.testing.assert_allclose(found.gains["fare"], truth, rtol=1e-9)
    np.testing.assert_allclose(found.gains["no tram"], value(panel.assign(has_tram=0)) - value(panel), atol=1e-12)
    P = results.predict().probabilities
    np.testing.assert_allclose(found.gains["step"] / step, -P["car"], rtol=1e-4)


def test_independence_diverts_in_proportion_to_shares() -> None:
    ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 5 + [2] * 3 + [3] * 2, "fare": 1.0}), "mode", {"a": 1, "b": 2, "c": 3})
    V = {"a": Beta("a") + Beta("b", -1.0, status=1) * ds["fare"], "b": Beta("asc_b")(), "c": 0}
    found = cmt.scenario(cmt.estimate(cmt.MNL(ds, V)), None, {"fare": 2})
    assert found.diversion.estimate.round(10).tolist() == [0.6, 0.4]


def test_what_a_scenario_needs(canada: cmt.Results, mixed: cmt.Results, panel: pd.DataFrame) -> None:
    for ask, error, message in (
        (lambda: cmt.scenario(mixed, None, {"t_bs": 1}), DatasetError, "no column 't_bs'. Did you mean 't_bus'"),
        (lambda: cmt.scenario(mixed, None, {"before": {"t_bus": 1}}), InferenceError, "another name"),
        (lambda: cmt.scenario(mixed, None, {"t_bus": 1}, cost="b_cots"), ModelError, "Did you mean b_cost"),
        (lambda: cmt.scenario(mixed, None, {"t_bus": 1}, cost="-b_cost"), InferenceError, "not negative at 100.00%"),
        (lambda: cmt.scenario(canada, None, {"mode": 1}), DatasetError, "no column 'mode'"),
        (
            lambda: cmt.scenario(canada, None, {}, cost=engine_of(canada).dataset["cost"]),
            InferenceError,
            r"in the utilities of all.*ds\['cost', 'name of the alternative'\]",
        ),
        (lambda: cmt.scenario(mixed, panel.assign(t_bus=np.nan), {"t_car": 1}), DatasetError, "'t_bus' holds 117 miss"),
    ):
        with pytest.raises(error, match=message):
            ask()
    older = engine_of(mixed).dataset
    b = Beta("b", -0.3)
    V = {n: b * older[f"c_{n}"] for n in ALTERNATIVES}
    nests: list[cmt.Nest | str] = [cmt.Nest("public", ["bus", "tram"], 1.2), "car"]
    model = cmt.NestedLogit(older, V, {"tram": older["has_tram"]}, nests=nests, normalised=False)
    with pytest.raises(ModelError, match="no maximisation of utility. Use normalised=True"):
        cmt.scenario(cmt.estimate(model), None, {}, cost="b")


def test_the_cost_of_one_alternative_in_long_data(canada: cmt.Results) -> None:
    ds = engine_of(canada).dataset
    assert isinstance(ds, cmt.LongDataset)
    changes = {("time", "train"): lambda time: 0.8 * time}
    by_column = cmt.scenario(canada, None, changes, cost=ds["cost", "air"]).surplus
    by_name = cmt.scenario(canada, None, changes, cost="cost").surplus
    assert by_column is not None
    assert by_name is not None
    np.testing.assert_allclose(by_column, by_name, rtol=1e-10)

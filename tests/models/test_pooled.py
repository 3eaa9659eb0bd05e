"""Pooled models against one data set with all rows, and against their parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine import evaluator_of
from pycmtensor.exceptions import DatasetError, InferenceError, ModelError, NotConvergedWarning, OptimizerError

MODES = {"car": 1, "bus": 2, "tram": 3}


def revealed() -> pd.DataFrame:
    """Eighty weighted trips."""
    return _choices(80, 1.0, 1)


def stated() -> pd.DataFrame:
    """A hundred answers with more noise, whose columns have other names."""
    return _choices(100, 0.5, 2).rename(columns={"mode": "answer"} | {f"t_{m}": f"time_{m}" for m in MODES})


def _choices(rows: int, scale: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({f"t_{m}": rng.uniform(0, 3, rows) for m in MODES})
    V = scale * np.column_stack([-data[f"t_{m}"] for m in MODES]) + scale * np.array([0.5, 0, 0])
    data["mode"] = (V + rng.gumbel(size=V.shape)).argmax(axis=1) + 1
    data["w"], data["town"] = rng.uniform(0.5, 2, rows), rng.integers(0, 12, rows)
    return data


@pytest.fixture(scope="module")
def model() -> cmt.Model:
    """The same tastes in both, a constant of bus of its own in each, and a scale of the stated choices."""
    rp = cmt.Dataset(revealed(), "mode", MODES, weights="w")
    sp = cmt.Dataset(stated(), "answer", MODES, weights="w")
    b, asc = cmt.Beta("b"), cmt.Beta("asc_car")
    bus_rp, bus_sp, mu = cmt.Beta("bus_rp"), cmt.Beta("bus_sp"), cmt.Beta("mu", 1.0, lb=0.01)
    V_rp = {"car": asc + b * rp["t_car"], "bus": bus_rp + b * rp["t_bus"], "tram": b * rp["t_tram"]}
    V_sp = {"car": asc + b * sp["time_car"], "bus": bus_sp + b * sp["time_bus"], "tram": b * sp["time_tram"]}
    return cmt.pooled({"rp": cmt.MNL(rp, V_rp), "sp": cmt.MNL(sp, V_sp)}, scales={"sp": mu})


@pytest.fixture(scope="module")
def stacked() -> cmt.MNL:
    """One frame with all rows, and utilities that know which are stated."""
    names = {"answer": "mode"} | {f"time_{m}": f"t_{m}" for m in MODES}
    frame = pd.concat([revealed().assign(sp=0.0), stated().rename(columns=names).assign(sp=1.0)], ignore_index=True)
    ds = cmt.Dataset(frame, "mode", MODES, weights="w")
    b, asc = cmt.Beta("b"), cmt.Beta("asc_car")
    bus_rp, bus_sp, mu = cmt.Beta("bus_rp"), cmt.Beta("bus_sp"), cmt.Beta("mu", 1.0, lb=0.01)
    bus = bus_rp * (1 - ds["sp"]) + bus_sp * ds["sp"]
    V = {"car": asc + b * ds["t_car"], "bus": bus + b * ds["t_bus"], "tram": b * ds["t_tram"]}
    return cmt.MNL(ds, {m: (1 + (mu - 1) * ds["sp"]) * utility for m, utility in V.items()})


@pytest.fixture(scope="module")
def pair(model: cmt.Model, stacked: cmt.MNL) -> tuple[cmt.Results, cmt.Results]:
    return cmt.estimate(model), cmt.estimate(stacked)


def close(found: Any, truth: Any) -> None:
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(truth, float), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_replicates_of_a_part_are_those_of_the_whole(pair: tuple[cmt.Results, cmt.Results]) -> None:
    found, _ = pair
    bootstrap = cmt.Bootstrap(10, seed=1)
    assert found.part("rp").cov_params(bootstrap).equals(found.cov_params(bootstrap))


def test_estimates_and_fit(pair: tuple[cmt.Results, cmt.Results]) -> None:
    found, truth = pair
    assert list(found.params.index) == list(truth.params.index)
    close(found.params, truth.params)
    close([found.llf, found.llnull, found.nobs], [truth.llf, truth.llnull, truth.nobs])


@pytest.mark.parametrize("kind", ["classical", "robust", "bhhh", "jackknife", cmt.Bootstrap(5)])
def test_covariances(pair: tuple[cmt.Results, cmt.Results], kind: Any) -> None:
    close(*(results.cov_params(kind) for results in pair))


def test_clusters_reach_over_parts(pair: tuple[cmt.Results, cmt.Results]) -> None:
    close(*(results.cov_params("cluster", groups="town") for results in pair))


@pytest.mark.parametrize("method", ["newton", "bfgs", "lbfgs", "bhhh"])
def test_every_method(model: cmt.Model, pair: tuple[cmt.Results, cmt.Results], method: str) -> None:
    assert cmt.estimate(model, method=method).llf == pytest.approx(pair[1].llf, abs=1e-7)


def test_tests_and_intervals(pair: tuple[cmt.Results, cmt.Results], model: cmt.Model, stacked: cmt.MNL) -> None:
    close(*(results.wald("mu = 1").statistic for results in pair))
    close(*(results.conf_int(kind="profile") for results in pair))
    restricted = [cmt.estimate(one, constraints="mu = 1") for one in (model, stacked)]
    close(*(cmt.likelihood_ratio(*both).statistic for both in zip(restricted, pair, strict=True)))
    close(*(cmt.estimate(one, starts=3).llf for one in (model, stacked)))
    assert cmt.identification(model).rank == cmt.identification(stacked).rank == 5


def test_parts_answer_with_errors_of_the_whole(pair: tuple[cmt.Results, cmt.Results], stacked: cmt.MNL) -> None:
    found, truth = pair
    rows = np.arange(80), np.arange(80, 180)
    for name, individuals in zip(("rp", "sp"), rows, strict=True):
        part = found.part(name)
        close(part.predict().table, truth.predict(stacked.dataset.take(individuals)).table)
    close(found.part("rp").elasticities("t_bus").table, _elasticities(truth, stacked.dataset.take(rows[0])))
    new = revealed().assign(t_bus=0.1)
    assert found.part("rp").predict(new).shares["bus"] > found.part("rp").predict().shares["bus"]
    with pytest.raises(InferenceError, match="Pooled model is no choice among alternatives.*results.part"):
        found.predict()


def _elasticities(results: cmt.Results, ds: cmt.Dataset) -> Any:
    return results.elasticities("t_bus", data=ds).table


def test_a_scale_is_positive_and_tested_against_1(pair: tuple[cmt.Results, cmt.Results], model: cmt.Model) -> None:
    found = pair[0]
    t = (found.params["mu"] - 1) / found.bse["mu"]
    assert f"{t:.2f} (vs 1)" in str(found.summary())
    with pytest.raises(ModelError, match=r"scale of the utilities must be positive, found -1 \(mu = -1\)"):
        cmt.pooled({"rp": _alone(), "sp": _alone()}, scales={"sp": cmt.Beta("mu", -1.0)})


def _alone() -> cmt.MNL:
    rp = cmt.Dataset(revealed(), "mode", MODES)
    return cmt.MNL(rp, {m: SHARED * rp[f"t_{m}"] for m in MODES})


SHARED = cmt.Beta("b")


def test_files(pair: tuple[cmt.Results, cmt.Results], model: cmt.Model, tmp_path: Path) -> None:
    again = cmt.Results.load(pair[0].save(tmp_path / "pooled.cmt"), model)
    close(again.cov_params("robust"), pair[0].cov_params("robust"))
    close(again.part("sp").predict().table, pair[0].part("sp").predict().table)
    assert "Pooled model" in str(again.summary())


@pytest.mark.slow
def test_other_kinds_of_models_in_a_part() -> None:
    """A panel with random tastes beside a logit: the sum of their log-likelihoods."""
    frame = _choices(60, 1.0, 3)
    frame["who"] = np.repeat(np.arange(20), 3)
    panel, trips = cmt.Dataset(frame, "mode", MODES, individual="who"), cmt.Dataset(revealed(), "mode", MODES)
    b, sd = cmt.Beta("b"), cmt.Beta("sd", 0.5)
    taste = normal("taste", b, sd)
    mixed = cmt.MixedLogit(panel, {m: taste * panel[f"t_{m}"] for m in MODES}, draws=16)
    logit = cmt.MNL(trips, {m: b * trips[f"t_{m}"] for m in MODES})
    both = evaluator_of(cmt.pooled({"panel": mixed, "trips": logit}))
    theta = np.array([-0.7, 0.4])
    assert both.value(theta) == pytest.approx(evaluator_of(mixed).value(theta) + evaluator_of(logit).value(theta[:1]))
    results = cmt.estimate(cmt.pooled({"panel": mixed, "trips": logit}))
    assert results.outcome.converged
    assert results.simulation_noise(2).table.notna().all().all()
    assert np.isfinite(results.part("panel").conditional_estimates().means).all().all()


def test_separation_names_the_part() -> None:
    frame = revealed()
    b_told = cmt.Beta("b_told")
    frame["told"] = (frame["mode"] == 1) * (np.arange(80) % 3 == 0) * 1.0
    rp, sp = cmt.Dataset(frame, "mode", MODES), cmt.Dataset(stated(), "answer", MODES)
    b = cmt.Beta("b")
    V = {m: b * rp[f"t_{m}"] + (b_told * rp["told"] if m == "car" else 0) for m in MODES}
    model = cmt.pooled({"rp": cmt.MNL(rp, V), "sp": cmt.MNL(sp, {m: b * sp[f"time_{m}"] for m in MODES})})
    with pytest.warns(NotConvergedWarning, match=r"along b_told\. .* rows, the first at .* of rp"):
        cmt.estimate(model)


def test_faults_are_named(model: cmt.Model) -> None:
    rp = cmt.Dataset(revealed(), "mode", MODES)
    b, c = cmt.Beta("b"), cmt.Beta("c")
    one, other = (cmt.MNL(rp, {m: beta * rp[f"t_{m}"] for m in MODES}) for beta in (b, c))
    mu = cmt.Beta("mu", 1.0)
    faults: list[tuple[Any, str]] = [
        (lambda: cmt.pooled({"a": one}), "two models or more, found 1"),
        (lambda: cmt.pooled(cast(Any, [one, other])), "takes a dict of names and models, found list"),
        (lambda: cmt.pooled({"a": one, "b": cast(Any, rp)}), "'b' is no model but Dataset"),
        (lambda: cmt.pooled({"a": one, "b": other}), "'a' shares no parameter with another part"),
        (lambda: cmt.pooled({"a": one, "b": one}, scales={"c": mu}), "the scale 'c' is of no choice model"),
        (lambda: cmt.pooled({"a": one, "b": one}, scales={"a": mu, "b": mu}), "one must be 1"),
    ]
    for specify, message in faults:
        with pytest.raises(ModelError, match=message):
            specify()
    with pytest.raises(DatasetError, match="needs the data of rp, sp"):
        cmt.estimate(model, data=rp)
    with pytest.raises(DatasetError, match=r"Ask a part: data.parts\['rp'\]"):
        model.dataset["t_car"]
    with pytest.raises(OptimizerError, match="trains no model on batches"):
        cmt.estimate(model, method=cmt.Stochastic(cmt.optimizers.Adam, epochs=1))

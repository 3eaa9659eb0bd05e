"""Choices drawn from a model: their frequencies are its probabilities, and their estimates its parameters."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.exceptions import InferenceError

MODES = {"car": 10, "bus": 20, "tram": 30}


def frame(rows: int = 60) -> pd.DataFrame:
    """Persons with three choices each; the tram is not always there."""
    rng = np.random.default_rng(11)
    data = pd.DataFrame({f"t_{m}": rng.uniform(0, 2, rows) for m in MODES})
    data["who"], data["there"] = np.repeat(np.arange(rows // 3), 3)[::-1] + 5, (np.arange(rows) % 4 != 0).astype(int)
    V = -np.column_stack([data[f"t_{m}"] for m in MODES]) + rng.gumbel(size=(rows, 3))
    data["mode"] = np.array([10, 20, 30])[np.where(data.there == 0, V[:, :2].argmax(axis=1), V.argmax(axis=1))]
    return data.set_index(np.arange(rows) + 100)


@pytest.fixture(scope="module")
def logit() -> cmt.Results:
    ds = cmt.Dataset(frame(), "mode", MODES)
    b = cmt.Beta("b")
    return cmt.estimate(cmt.MNL(ds, {m: b * ds[f"t_{m}"] for m in MODES}, {"tram": ds["there"]}))


@pytest.fixture(scope="module")
def mixed() -> cmt.Results:
    """Tastes for the car that differ widely, in a panel; at values that are given, not estimated."""
    ds = cmt.Dataset(frame(), "mode", MODES, individual="who")
    taste = normal("car", cmt.Beta("mean", 0.5, status=1), cmt.Beta("sd", 2.0, status=1))
    V = {"car": taste + cmt.Beta("b") * ds["t_car"], "bus": 0, "tram": 0}
    return cmt.estimate(cmt.MixedLogit(ds, V, {"tram": ds["there"]}, draws=500))


def counts(simulated: pd.DataFrame) -> np.ndarray:
    """Times that each alternative is chosen in each situation, (S, J)."""
    by_row = simulated.groupby([simulated.index, "mode"]).size().unstack(fill_value=0)
    return by_row.reindex(columns=list(MODES.values()), fill_value=0).to_numpy()


def chi_squared(found: np.ndarray, P: np.ndarray) -> float:
    """p value of frequencies in independent rows."""
    expected = found.sum(axis=1, keepdims=True) * P
    there = P > 0
    assert (found[~there] == 0).all()
    statistic = ((found - expected)[there] ** 2 / expected[there]).sum()
    return float(stats.chi2.sf(statistic, (there.sum(axis=1) - 1).sum()))


def test_frequencies_of_a_logit(logit: cmt.Results) -> None:
    simulated = logit.simulate(n=400, seed=3)
    assert list(simulated.columns) == ["replication", "mode"]
    assert simulated.index[:60].tolist() == frame().index.tolist()
    assert chi_squared(counts(simulated), logit.predict().probabilities.to_numpy()) > 0.01
    pd.testing.assert_frame_equal(simulated, logit.simulate(n=400, seed=3))
    assert not simulated["mode"].equals(logit.simulate(n=400, seed=4)["mode"])


def test_estimates_of_simulated_choices_are_the_parameters(logit: cmt.Results) -> None:
    many = pd.concat([frame()] * 40, ignore_index=True)
    ds = cmt.Dataset(many, "mode", MODES)
    simulated = many.assign(mode=logit.simulate(ds, seed=5)["mode"].to_numpy())
    again = cmt.estimate(logit.model, data=ds.like(simulated))  # type: ignore[arg-type]
    assert abs(again.params["b"] - logit.params["b"]) < 3 * again.bse["b"]


def test_a_person_keeps_the_taste_in_all_situations(mixed: cmt.Results) -> None:
    """The probability that one takes the car in two situations is the integral of the product, not the product."""
    simulated = mixed.simulate(n=3000, seed=1)
    assert list(simulated.columns) == ["replication", "who", "mode"]
    data, b = frame(), mixed.params["b"]
    first, second = data.index[data.who == 7][:2]
    z, w = np.polynomial.hermite_e.hermegauss(60)
    V = 0.5 + 2.0 * z[:, None] + b * data.loc[[first, second], "t_car"].to_numpy()
    P = np.exp(V) / (np.exp(V) + 1 + data.loc[[first, second], "there"].to_numpy())
    both = (w / w.sum()) @ P.prod(axis=1)
    car = simulated["mode"].eq(10)
    found = (car.loc[first].to_numpy() & car.loc[second].to_numpy()).mean()
    assert abs(found - both) < 4 * np.sqrt(both * (1 - both) / 3000)
    assert both > 1.1 * np.prod((w / w.sum()) @ P)


@pytest.mark.slow
def test_choices_given_the_choices(mixed: cmt.Results) -> None:
    simulated = mixed.simulate(n=1500, seed=2, conditional=True)
    P = mixed.predict(conditional=True).probabilities.to_numpy()
    found = counts(simulated) / 1500
    assert np.abs(found - P).max() < 4.5 * 0.5 / np.sqrt(1500)
    assert np.abs(found - mixed.predict().probabilities.to_numpy()).max() > 0.1
    with pytest.raises(InferenceError, match="Leave data out"):
        mixed.simulate(frame(), conditional=True)


def test_latent_classes() -> None:
    """A person is of one class: those who always take the car, and those who never do."""
    ds = cmt.Dataset(frame(), "mode", MODES, individual="who")
    asc, share = cmt.Beta("asc", 4.0, status=1), cmt.Beta("share", 0.3)
    drivers, others = {"car": asc, "bus": 0, "tram": 0}, {"car": -asc, "bus": 0, "tram": 0}
    model = cmt.LatentClass(ds, {"drivers": drivers, "others": others}, membership={"drivers": share})
    results = cmt.estimate(model)
    simulated = results.simulate(n=500, seed=0)
    cars = simulated["mode"].eq(10).groupby([simulated["replication"], simulated["who"]]).mean()
    assert cars.isin([0.0, 1.0]).mean() > 0.8  # independent choices would all agree in less than half of the persons
    found, truth = counts(simulated).mean(axis=0) / 500, results.predict().probabilities.mean().to_numpy()
    np.testing.assert_allclose(found, truth, atol=0.02)


def test_parts_have_the_draws_of_the_whole(mixed: cmt.Results, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some persons at a time give the same probabilities."""
    whole = counts(mixed.simulate(n=600, seed=1)).sum(axis=0) / 36_000
    monkeypatch.setattr(sys.modules["pycmtensor.analysis.simulate"], "NUMBERS_AT_ONCE", 40_000)
    parts = mixed.simulate(n=600, seed=1)
    assert parts.index[:60].tolist() == frame().index.tolist()
    np.testing.assert_allclose(counts(parts).sum(axis=0) / 36_000, whole, atol=0.02)


def test_faults_are_named(logit: cmt.Results) -> None:
    with pytest.raises(InferenceError, match=r"simulate: n .*found 0"):
        logit.simulate(n=0)
    data = pd.DataFrame({"y": [1, 2, 1], "r1": [1, 2, 1], "r2": [2, 1, 2], "x": [1.0, 2, 3]})
    ds = cmt.Dataset(data, "y", {"a": 1, "b": 2})
    ranks = {"a": ds["r1"], "b": ds["r2"]}
    model = cmt.RankedLogit(ds, {"a": cmt.Beta("b") * ds["x"], "b": 0}, ranks=ranks)
    with pytest.raises(InferenceError, match="Rankings cannot be drawn yet"):
        cmt.estimate(model).simulate()

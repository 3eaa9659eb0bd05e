"""Generalised multinomial logit: against the exact integral over the scale, likelihoods by hand and its limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine import evaluator_of
from pycmtensor.exceptions import ModelError

MODES = {"car": 1, "bus": 2, "tram": 3}
ATTRIBUTES = ["pf", "cl", "loc", "wk", "tod", "seas"]

#: The maximum of the exact likelihood of the scaled logit on the electricity panel.
EXACT = dict(zip(ATTRIBUTES, [-0.74881, -0.10964, 1.55991, 1.10840, -6.96195, -7.23288], strict=True)) | {
    "tau": 0.77432
}


def frame(persons: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    data = pd.DataFrame({f"x_{m}": rng.normal(size=2 * persons) for m in MODES})
    return data.assign(who=np.repeat(np.arange(persons), 2), mode=rng.integers(1, 4, 2 * persons))


@pytest.fixture(scope="module")
def ds() -> cmt.Dataset:
    return cmt.Dataset(frame(), "mode", MODES, individual="who")


def model(ds: cmt.Dataset, random: bool = True, **options: Any) -> cmt.GMNL:
    b = normal("b", cmt.Beta("m", 0.8), cmt.Beta("s", 0.6)) if random else cmt.Beta("m", 0.8)
    V = {m: b * ds[f"x_{m}"] for m in MODES}
    unscaled = {"bus": cmt.Beta("asc", 0.3)}
    given: dict[str, Any] = {"tau": cmt.Beta("tau", 0.7), "gamma": 0.0, "unscaled": unscaled, "draws": 64}
    return cmt.GMNL(ds, V, **(given | options))


@pytest.mark.parametrize("gamma", [0.0, 0.4, 1.0])
def test_likelihood_by_hand(ds: cmt.Dataset, gamma: float) -> None:
    m = model(ds, gamma=gamma)
    z = dict(zip([d.name for d in m.draws], m.arrays()[-len(m.draws) :], strict=True))
    sigma = np.exp(-(0.7**2) / 2 + 0.7 * z["scale"][0])  # (N, R)
    b = sigma * 0.8 + (gamma + sigma * (1 - gamma)) * 0.6 * z["b"][0]
    data = frame()
    x = data[[f"x_{m}" for m in MODES]].to_numpy().reshape(-1, 2, 3)
    V = b[:, None, None] * x[..., None] + np.array([0, 0.3, 0])[:, None]
    P = np.exp(V) / np.exp(V).sum(axis=2, keepdims=True)
    chosen = data["mode"].to_numpy().reshape(-1, 2) - 1
    L = np.take_along_axis(P, chosen[:, :, None, None], axis=2)[:, :, 0].prod(axis=1).mean(axis=-1)
    at = {"m": 0.8, "s": 0.6, "tau": 0.7, "asc": 0.3}
    evaluator, theta = evaluator_of(m), np.array([at[label] for label in m.labels])
    assert evaluator.value(theta) == pytest.approx(np.log(L).sum(), rel=1e-6)
    slopes = [(evaluator.value(theta + h) - evaluator.value(theta - h)) / 2e-5 for h in 1e-5 * np.eye(len(theta))]
    np.testing.assert_allclose(evaluator.value_and_grad(theta)[1], slopes, rtol=1e-5, atol=1e-5)


def test_without_tau_it_is_the_mixed_logit_and_the_logit(ds: cmt.Dataset) -> None:
    at = {"m": 0.5, "s": 0.9, "asc": 0.2}
    for random, kind in ((True, cmt.MixedLogit), (False, cmt.MNL)):
        m = model(ds, random, tau=0.0)
        b = normal("b", cmt.Beta("m"), cmt.Beta("s")) if random else cmt.Beta("m")
        V = {mode: b * ds[f"x_{mode}"] + (cmt.Beta("asc") if mode == "bus" else 0.0) for mode in ("car", "bus", "tram")}
        given: dict[str, Any] = {"draws": 64} if random else {}
        other: Any = kind(ds, V, **given)
        values = [evaluator_of(one).value(np.array([at[label] for label in one.labels])) for one in (m, other)]
        assert values[0] == pytest.approx(values[1], rel=1e-3 if random else 1e-12)  # other numbers of the same draws


def electricity(draws: int) -> cmt.GMNL:
    data = cmt.datasets.load("electricity")
    names = {str(i): i for i in sorted(data["alt"].unique())}
    ds = cmt.Dataset.from_long(
        data, choice="choice", alternative="alt", situation="chid", individual="id", alternatives=names
    )
    V = sum((cmt.Beta(x, EXACT[x]) * ds[x] for x in ATTRIBUTES), start=0.0)
    return cmt.GMNL(ds, V, tau=cmt.Beta("tau", EXACT["tau"]), draws=draws)


def test_scaled_logit_of_the_electricity_panel() -> None:
    m = electricity(1000)
    found = evaluator_of(m).value(np.array([EXACT[label] for label in m.labels]))
    assert found == pytest.approx(-4863.194562, abs=0.3)


@pytest.mark.slow
def test_estimates_of_the_electricity_panel() -> None:
    results = cmt.estimate(electricity(1000))
    assert results.llf == pytest.approx(-4863.194562, abs=0.05)
    np.testing.assert_allclose(results.params, [EXACT[label] for label in results.params.index], rtol=0.01)


def test_answers(ds: cmt.Dataset) -> None:
    results = cmt.estimate(model(ds, random=False))
    assert results.predict().shares.sum() == pytest.approx(1)
    assert results.conditional_estimates().summary.loc["scale", "mean"] == pytest.approx(1, abs=0.05)
    assert results.elasticities("x_car").matrix.notna().all().all()


def test_faults_are_named(ds: cmt.Dataset) -> None:
    with pytest.raises(ModelError, match="called 'scale'"):
        cmt.GMNL(ds, {"car": normal("scale", 0.0, cmt.Beta("s")), "bus": 0, "tram": 0}, tau=0.5)
    with pytest.raises(ModelError, match="gamma must be one number"):
        model(ds, gamma=ds["x_car"])
    with pytest.raises(ModelError, match="found \\['plane'\\]"):
        model(ds, unscaled={"plane": 1.0})

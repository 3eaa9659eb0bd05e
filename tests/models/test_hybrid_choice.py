"""Hybrid choice: against the exact integral over the latent variable, and the mixed logit without answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit, ndtr

import pycmtensor as cmt
from pycmtensor.engine import evaluator_of
from pycmtensor.exceptions import DatasetError, ModelError
from pycmtensor.kernels import normal as normal_density


def frame(N: int = 1500, seed: int = 3) -> pd.DataFrame:
    """Choices between yes and no, an attitude that rises with income, and two answers in three categories."""
    rng = np.random.default_rng(seed)
    income, x = rng.normal(size=N), rng.normal(size=N)
    attitude = 0.5 * income + rng.normal(size=N)
    says_yes = 0.3 - 0.8 * x + attitude + rng.logistic(size=N) > 0
    answers = [loading * attitude + rng.normal(size=N) for loading in (1.0, 0.7)]
    data = pd.DataFrame({"choice": np.where(says_yes, 1, 2), "x": x, "income": income})
    for k, answer in enumerate(answers, start=1):
        data[f"i{k}"] = 1 + (answer > -0.8).astype(int) + (answer > 0.9)
    data.loc[::10, "i2"] = -1
    return data.assign(amount=answers[1] + 0.1)


def model(data: pd.DataFrame, draws: int = 1000, link: str = "probit", **options: Any) -> cmt.HybridChoice:
    ds = cmt.Dataset(data, "choice", {"yes": 1, "no": 2}, **options)
    attitude = cmt.coefficients.normal("attitude", cmt.Beta("g") * ds["income"], 1.0)
    means = {"i1": attitude, "i2": cmt.Beta("loading", 1.0) * attitude}
    indicators = [
        cmt.OrderedIndicator(ds[name], mean, categories=(1, 2, 3), missing=(-1,), link=link)
        for name, mean in means.items()
    ]
    V = {"yes": cmt.Beta("asc") + cmt.Beta("b_x") * ds["x"] + cmt.Beta("b_att", 0.1) * attitude, "no": 0}
    return cmt.HybridChoice(ds, V, indicators=indicators, draws=draws)


def exact(theta: dict[str, float], data: pd.DataFrame, nodes: int = 120, cdf: Any = ndtr) -> float:
    """The log-likelihood by Gauss-Hermite quadrature over the attitude's disturbance."""
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    attitude = theta["g"] * data["income"].to_numpy()[:, None] + z
    yes = expit(theta["asc"] + theta["b_x"] * data["x"].to_numpy()[:, None] + theta["b_att"] * attitude)
    P = np.where(data["choice"].to_numpy()[:, None] == 1, yes, 1 - yes)
    for name, loading in (("i1", 1.0), ("i2", theta["loading"])):
        ends = np.array([-np.inf, theta[f"{name}_1"], theta[f"{name}_2"], np.inf])
        k = data[name].to_numpy()
        of_answer = cdf(ends[np.maximum(k, 1)][:, None] - loading * attitude)
        of_answer = of_answer - cdf(ends[np.maximum(k, 1) - 1][:, None] - loading * attitude)
        P = P * np.where(k[:, None] < 0, 1.0, of_answer)
    return float(np.log(P @ (w / w.sum())).sum())


@pytest.fixture(scope="module")
def results() -> cmt.Results:
    return cmt.estimate(model(frame()))


@pytest.mark.slow
def test_simulated_likelihood_and_estimates_are_those_of_the_exact_integral(results: cmt.Results) -> None:
    assert results.outcome.converged
    data, names = frame(), list(results.params.index)
    assert results.llf == pytest.approx(exact(dict(zip(names, results.params, strict=True)), data), abs=0.02)
    best = minimize(
        lambda theta: -exact(dict(zip(names, theta, strict=True)), data, 40),
        results.params.to_numpy(),
        method="BFGS",
        options={"gtol": 1e-3},
    )
    np.testing.assert_allclose(results.params, best.x, atol=1e-3)


def test_logit_answers_and_gradients() -> None:
    data = frame(200)
    m = model(data, 2**13, link="logit")
    evaluator = evaluator_of(m)
    theta = np.linspace(-0.2, 0.3, len(m.labels)) + np.array([p.get_value() for p in m.free])
    at = dict(zip(evaluator.labels, theta, strict=True))
    assert evaluator.value(theta) == pytest.approx(exact(at, data, cdf=expit), abs=0.02)
    slopes = [(evaluator.value(theta + h) - evaluator.value(theta - h)) / 2e-5 for h in 1e-5 * np.eye(len(theta))]
    np.testing.assert_allclose(evaluator.value_and_grad(theta)[1], slopes, rtol=1e-5, atol=1e-5)


def test_without_answers_it_is_the_mixed_logit() -> None:
    ds = cmt.Dataset(frame(100), "choice", {"yes": 1, "no": 2})
    taste = cmt.coefficients.normal("taste", cmt.Beta("m", 0.2), cmt.Beta("s", 0.5))
    V = {"yes": taste * ds["x"], "no": 0}
    hybrid, mixed = cmt.HybridChoice(ds, V, indicators=[], draws=50), cmt.MixedLogit(ds, V, draws=50)
    theta = np.array([0.3, 0.7])
    assert evaluator_of(hybrid).value(theta) == pytest.approx(evaluator_of(mixed).value(theta), rel=1e-12)
    assert hybrid.llnull() == mixed.llnull()


def test_a_continuous_answer_has_a_closed_form() -> None:
    """Without a choice that depends on it: a linear regression whose variance adds that of the latent variable."""
    data = frame(300)
    ds = cmt.Dataset(data, "choice", {"yes": 1, "no": 2})
    latent = cmt.coefficients.normal("latent", cmt.Beta("g", 0.4) * ds["income"], 0.6)
    answer = cmt.ContinuousIndicator(ds["amount"], cmt.Beta("a", 0.2) + latent, sd=0.9)
    m = cmt.HybridChoice(ds, {"yes": cmt.Beta("asc", 0.3), "no": 0}, indicators=[answer], draws=2**14)
    found = evaluator_of(m)
    theta = np.array([p.get_value() for p in m.free])
    mean = 0.2 + 0.4 * data["income"].to_numpy()
    density = normal_density(data["amount"].to_numpy(), mean, float(np.hypot(0.6, 0.9))).eval().sum()
    yes = (data["choice"] == 1).mean()
    choices = 300 * (yes * np.log(expit(0.3)) + (1 - yes) * np.log(expit(-0.3)))
    assert found.value(theta) == pytest.approx(density + choices, abs=0.02)


@pytest.mark.slow
def test_predictions_leave_answers_out_and_conditional_estimates_use_them(results: cmt.Results) -> None:
    data, p = frame(), results.params
    z, w = np.polynomial.hermite_e.hermegauss(60)
    attitude = p["g"] * data["income"].to_numpy()[:, None] + z
    yes = expit(p["asc"] + p["b_x"] * data["x"].to_numpy()[:, None] + p["b_att"] * attitude) @ (w / w.sum())
    assert results.predict().shares["yes"] == pytest.approx(yes.mean(), abs=1e-4)
    without = data.drop(columns=["i1", "i2"]).head(20)
    np.testing.assert_allclose(results.predict(without).probabilities["yes"], yes[:20], atol=3e-3)
    effect = results.marginal_effects("x").table["estimate"].iloc[0]
    up, down = (
        expit(p["asc"] + p["b_x"] * (data["x"].to_numpy()[:, None] + h) + p["b_att"] * attitude) @ (w / w.sum())
        for h in (1e-4, -1e-4)
    )
    assert effect == pytest.approx((up - down).mean() / 2e-4, abs=1e-4)
    means = results.conditional_estimates().means["attitude"]
    residual = means - p["g"] * data["income"].to_numpy()
    assert residual[data["i1"] == 3].mean() > 0.4 > -0.4 > residual[data["i1"] == 1].mean()


def test_what_results_answer(results: cmt.Results, tmp_path: Path) -> None:
    assert np.isfinite(results.cov_params("robust")).all().all()
    again = cmt.Results.load(results.save(tmp_path / "hybrid.cmt"), results.model)
    assert again.llf == results.llf
    assert "Hybrid choice" in results.to_html(tmp_path / "hybrid.html").read_text()
    assert np.isnan(results.fit.llnull)


def test_symmetric_thresholds_and_panels() -> None:
    """Persons answer once: the answers of a panel count as those of one row each."""
    data = frame(60)
    twice = pd.concat([data.assign(who=data.index), data.assign(who=data.index, choice=1)])
    m = model(twice, 64, individual="who")
    theta = np.array([p.get_value() for p in m.free]) + 0.1
    once = model(data, 64)
    yes = cmt.MixedLogit(m.dataset, m.utilities, draws=64)
    assert m.draws[0].name == once.draws[0].name == yes.draws[0].name
    at = dict(zip(m.labels, theta, strict=True))
    z = m.arrays()[-1][0]
    attitude = at["g"] * data["income"].to_numpy()[:, None] + z
    p = expit(at["asc"] + at["b_x"] * data["x"].to_numpy()[:, None] + at["b_att"] * attitude)
    P = p * np.where(data["choice"].to_numpy()[:, None] == 1, p, 1 - p)
    for name, loading in (("i1", 1.0), ("i2", at["loading"])):
        ends, k = np.array([-np.inf, at[f"{name}_1"], at[f"{name}_2"], np.inf]), data[name].to_numpy()[:, None]
        of_answer = ndtr(ends[np.maximum(k, 1)] - loading * attitude) - ndtr(
            ends[np.maximum(k, 1) - 1] - loading * attitude
        )
        P = P * np.where(k < 0, 1.0, of_answer)
    assert evaluator_of(m).value(theta) == pytest.approx(np.log(P.mean(axis=1)).sum(), rel=1e-6)
    ds = cmt.Dataset(data, "choice", {"yes": 1, "no": 2})
    answer = cmt.OrderedIndicator(ds["i1"], 0.0, categories=(1, 2, 3, 4), thresholds="symmetric", missing=(-1,))
    assert [float(tau.eval()) for tau in answer.taus] == [-1.0, 0.0, 1.0]


def ordered(ds: cmt.Dataset, **options: Any) -> Any:
    return cmt.OrderedIndicator(ds["i1"], cmt.Beta("m") * ds["x"], **({"categories": (1, 2, 3)} | options))


FAULTS: list[tuple[Any, type[Exception], str]] = [
    (lambda ds: ordered(ds, link="cloglog"), ModelError, "link must be one of"),
    (lambda ds: ordered(ds, categories=(1, 1)), ModelError, "two different codes"),
    (lambda ds: ordered(ds, thresholds="even"), ModelError, "'free', 'symmetric' or a list"),
    (lambda ds: ordered(ds, thresholds=[0.0]), ModelError, "need 2 thresholds, found 1"),
    (lambda ds: ordered(ds, thresholds=[1.0, 0.0]), ModelError, "threshold 2 minus threshold 1 must be positive"),
    (lambda ds: ordered(ds, scale=-1.0), ModelError, "the scale must be positive"),
    (lambda ds: ordered(ds, categories=(1, 2)), DatasetError, "i1 is 3, which is none of the categories 1, 2"),
    (lambda ds: cmt.ContinuousIndicator(ds["i1"], 0.0, sd=0.0), ModelError, "sd must be positive"),
    (lambda ds: "i1", ModelError, "indicators are a list of OrderedIndicator and ContinuousIndicator, found str"),
]


@pytest.mark.parametrize(("make", "error", "message"), FAULTS)
def test_faults_are_named(make: Any, error: type[Exception], message: str) -> None:
    ds = cmt.Dataset(frame(50), "choice", {"yes": 1, "no": 2})
    taste = cmt.coefficients.normal("taste", 0.0, cmt.Beta("s", 0.5))
    with pytest.raises(error, match=message):
        cmt.HybridChoice(ds, {"yes": taste, "no": 0}, indicators=[make(ds)], draws=10)


def test_answers_that_change_within_an_individual() -> None:
    with pytest.raises(DatasetError, match="changes within an individual"):
        model(frame(60).assign(who=np.arange(60) // 2), 10, individual="who")

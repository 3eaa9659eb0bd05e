"""MDCEV: against likelihoods by hand, integrals of its density, maximisers of utility, and estimates of Biogeme."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from scipy.optimize import minimize
from scipy.special import gammaln

import pycmtensor as cmt
from pycmtensor.analysis.demand import Demand
from pycmtensor.coefficients import normal
from pycmtensor.engine import evaluator_of
from pycmtensor.engine.quantity import Demands, Observed
from pycmtensor.exceptions import DatasetError, InferenceError, ModelError
from pycmtensor.terms.draws import Sampling, values_of

GOODS = ("a", "b", "c")
GAMMA, ALPHA, PRICE = np.array([1.5, 0.7, 3.0]), np.array([0.3, -0.4, 0.6]), np.array([1.0, 2.0, 0.8])
THETA = {"c_b": 0.3, "c_c": -0.5, "b_z": 0.6, "s": 0.8}


def marginal(profile: str, V: Any, x: Any, outside: bool = False) -> Any:
    """W_k of `pycmtensor.kernels.mdcev` as its docstring has them, (N, 3)."""
    alpha = 0 * ALPHA if profile == "gamma" else np.abs(ALPHA)
    price = np.ones(3) if profile == "non-monotonic" else PRICE
    if profile == "non-monotonic":
        return 0.2 + np.exp(V) * (x / GAMMA + 1) ** (alpha - 1)
    with np.errstate(divide="ignore"):
        if profile == "translated":
            log_amount, level = np.log(x + GAMMA), np.log(alpha)
        else:
            log_amount, level = np.log1p(x / GAMMA), 0.0
        if outside:
            log_amount[:, 0] = np.log(x[:, 0])
    return V + level + (alpha - 1) * log_amount - np.log(price)


def by_hand(profile: str, V: Any, x: Any, s: float, outside: bool = False) -> Any:
    """Log-density of expenditures (N,), the slopes f by finite differences of W."""
    W, h = marginal(profile, V, x, outside), 1e-6
    price = np.ones(3) if profile == "non-monotonic" else PRICE
    f = -(marginal(profile, V, x + h, outside) - marginal(profile, V, np.maximum(x - h, 0), outside)) / price
    f = f / (x + h - np.maximum(x - h, 0))
    on = x > 0
    M = on.sum(axis=1)
    log_det = np.where(on, np.log(f), 0).sum(axis=1) + np.log(np.where(on, 1 / f, 0).sum(axis=1))
    of_consumed = np.where(on, W / s, 0).sum(axis=1) - M * np.log(np.exp(W / s).sum(axis=1))
    return gammaln(M) - (M - 1) * np.log(s) + log_det + of_consumed


def frame(N: int = 40, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.exponential(2.0, (N, 3)) * (rng.random((N, 3)) < 0.7)
    x[:, 0] = np.where(x.sum(axis=1) == 0, 1.0, x[:, 0])
    z = rng.normal(size=(N, 3))
    columns = {f"x_{g}": x[:, k] for k, g in enumerate(GOODS)} | {f"z_{g}": z[:, k] for k, g in enumerate(GOODS)}
    return pd.DataFrame(columns | {"who": np.arange(N) // 2})


def model(ds: cmt.Dataset, profile: str = "gamma", **options: Any) -> cmt.MDCEV:
    b = cmt.Beta("b_z", THETA["b_z"])
    V = {"a": b * ds["z_a"], "b": cmt.Beta("c_b", THETA["c_b"]) + b * ds["z_b"]}
    V["c"] = cmt.Beta("c_c", THETA["c_c"]) + b * ds["z_c"]
    given: dict[str, Any] = {
        "amounts": {g: ds[f"x_{g}"] for g in GOODS},
        "gammas": dict(zip(GOODS, GAMMA, strict=True)),
    }
    if profile != "gamma":
        given |= {"alphas": dict(zip(GOODS, np.abs(ALPHA), strict=True)), "profile": profile}
    if profile == "non-monotonic":
        given["linear"] = dict.fromkeys(GOODS, 0.2)
    else:
        given["prices"] = dict(zip(GOODS, PRICE, strict=True))
    given["scale"] = cmt.Beta("s", THETA["s"], lb=0.01)
    if options.get("outside"):
        given["gammas"] = {g: gamma for g, gamma in given["gammas"].items() if g != "a"}
    return cmt.MDCEV(ds, V, **(given | options))


def V_of(data: pd.DataFrame) -> Any:
    return np.array([0, THETA["c_b"], THETA["c_c"]]) + THETA["b_z"] * data[[f"z_{g}" for g in GOODS]].to_numpy()


def theta_of(m: cmt.Model) -> Any:
    return np.array([p.get_value() for p in m.free])


CASES = [(profile, False) for profile in ("gamma", "generalised", "translated", "non-monotonic")]


@pytest.mark.parametrize(("profile", "outside"), [*CASES, ("gamma", True), ("generalised", True)])
def test_likelihood_by_hand(profile: str, outside: bool) -> None:
    data = frame()
    data["x_a"] += 0.5 * outside
    m = model(cmt.Dataset(data), profile, outside="a" if outside else None)
    truth = by_hand(profile, V_of(data), data[[f"x_{g}" for g in GOODS]].to_numpy(), THETA["s"], outside)
    evaluator, theta = evaluator_of(m), theta_of(m)
    np.testing.assert_allclose(evaluator.individuals_at(theta).numbers[1], truth, rtol=2e-6, atol=2e-6)
    slopes = [(evaluator.value(theta + h) - evaluator.value(theta - h)) / 2e-5 for h in 1e-5 * np.eye(len(theta))]
    np.testing.assert_allclose(evaluator.value_and_grad(theta)[1], slopes, rtol=1e-6, atol=1e-6)


def test_with_one_good_consumed_it_is_a_logit() -> None:
    data = frame()
    chosen = data[[f"x_{g}" for g in GOODS]].to_numpy().argmax(axis=1)
    data[[f"x_{g}" for g in GOODS]] = 2.0 * np.eye(3)[chosen]
    data["chosen"] = chosen
    ds = cmt.Dataset(data, "chosen", {g: k for k, g in enumerate(GOODS)})
    m = model(ds)
    V = {
        g: (u - np.log1p(2.0 / GAMMA[k]) * pt.eq(ds["chosen"], k) - np.log(PRICE[k])) / m.scale
        for k, (g, u) in enumerate(m.utilities.items())
    }
    logit = evaluator_of(cmt.MNL(ds, V))
    at = dict(zip(evaluator_of(m).labels, theta_of(m), strict=True))
    found = logit.value(np.array([at[label] for label in logit.labels]))
    assert evaluator_of(m).value(theta_of(m)) == pytest.approx(found, rel=1e-10)


def everything_that_can_happen(E: float, nodes: int = 80) -> tuple[pd.DataFrame, Any]:
    """Quantities of three goods that cost E, and the measure of each: corners, edges and the inside of a triangle."""
    t, w = np.polynomial.legendre.leggauss(nodes)
    t, w = E * (t + 1) / 2, E * w / 2
    spent, measure = [*(E * np.eye(3))], [1.0] * 3
    for i, j in ((0, 1), (0, 2), (1, 2)):
        edge = np.zeros((nodes, 3))
        edge[:, i], edge[:, j] = t, E - t
        spent, measure = [*spent, *edge], [*measure, *w]
    for own, weight in zip(t, w, strict=True):
        rest = E - own
        spent += [np.array([own, share * rest / E, rest - share * rest / E]) for share in t]
        measure += list(weight * w * rest / E)
    columns = {f"x_{g}": np.array(spent)[:, k] / PRICE[k] for k, g in enumerate(GOODS)}
    return pd.DataFrame(columns | {"z_a": 0.4, "z_b": -0.3, "z_c": 0.1}), np.array(measure)


@pytest.mark.parametrize("profile", ["gamma", "generalised"])
def test_density_integrates_to_one_and_forecasts_are_its_means(profile: str) -> None:
    data, measure = everything_that_can_happen(5.0)
    m = model(cmt.Dataset(data), profile)
    P = measure * np.exp(evaluator_of(m).individuals_at(theta_of(m)).numbers[1])
    assert P.sum() == pytest.approx(1, abs=1e-6)
    x = data[[f"x_{g}" for g in GOODS]].to_numpy()
    forecast = m.forecast(Sampling(2**14))
    found = evaluator_of(forecast, cmt.Dataset(data.iloc[:1])).by_situation(Demands(), theta_of(m))[:, 0, 0]
    np.testing.assert_allclose(found[:3], P @ x, rtol=2e-3)
    np.testing.assert_allclose(found[3:], P @ (x > 0), rtol=2e-3)


@pytest.mark.parametrize("profile", ["gamma", "generalised", "translated", "non-monotonic"])
def test_forecasts_maximise_utility(profile: str) -> None:
    data = frame(6)
    ds = cmt.Dataset(data)
    m = model(ds, profile)
    forecast = m.forecast(Sampling(1, seed=3))
    found = evaluator_of(forecast, ds).by_situation(Demands(), theta_of(m))[:3, 0].T
    u = np.stack(values_of(forecast.draws, Sampling(1, seed=3), 6, 1))[:, 0, :, 0].T
    errors, V = -THETA["s"] * np.log(-np.log(u)), V_of(data)
    price = np.ones(3) if profile == "non-monotonic" else PRICE
    alpha = np.full(3, 1e-9) if profile == "gamma" else np.abs(ALPHA)
    budget = data[[f"x_{g}" for g in GOODS]].to_numpy() @ price
    np.testing.assert_allclose(found @ price, budget, rtol=1e-9)

    def utility(x: Any, n: int) -> float:
        if profile == "translated":
            return float((np.exp(V[n] + errors[n]) * (x + GAMMA) ** alpha).sum())
        amount = GAMMA / alpha * ((x / GAMMA + 1) ** alpha - 1)
        if profile == "non-monotonic":
            return float((np.exp(V[n]) * amount + (0.2 + errors[n]) * x).sum())
        return float((np.exp(V[n] + errors[n]) * amount).sum())

    for n in range(6):
        best = max(
            -minimize(
                lambda x, n=n: -utility(np.maximum(x, 0), n),
                start,
                bounds=[(0, None)] * 3,
                constraints={"type": "eq", "fun": lambda x, n=n: x @ price - budget[n]},
                method="SLSQP",
                options={"ftol": 1e-12},
            ).fun
            for start in (found[n], budget[n] / 3 / price)
        )
        assert utility(found[n], n) >= best - 1e-6 * abs(best)


@pytest.fixture(scope="module")
def results() -> cmt.Results:
    data = frame(150)
    data["price_b"] = np.random.default_rng(2).uniform(1.5, 2.5, 150)
    ds = cmt.Dataset(data)
    return cmt.estimate(model(ds, prices={"a": 1.0, "b": ds["price_b"], "c": 0.8}))


@pytest.mark.slow
def test_elasticities_are_finite_differences_with_the_budget_held(results: cmt.Results) -> None:
    ds, m = results.data, results.model
    assert ds is not None
    assert isinstance(m, cmt.MDCEV)
    evaluator, theta = evaluator_of(m.forecast(Sampling(500))), results.fit.theta
    before = evaluator.by_situation(Demands(), theta)[:3, 0].sum(axis=1)
    step = 1e-4
    moved = evaluator.on(ds.with_columns({"price_b": lambda old: (1 + step) * old}))
    after = moved.by_situation(Demands(beside=Observed(ds)), theta)[:3, 0].sum(axis=1)
    found = results.elasticities("price_b")
    np.testing.assert_allclose(found.matrix.iloc[0], (after / before - 1) / step, rtol=2e-2, atol=1e-4)
    arc = results.elasticities("price_b", change=0.01).matrix
    np.testing.assert_allclose(arc, results.elasticities("price_b").matrix, rtol=0.05, atol=1e-3)
    assert results.elasticities("price_b").table["std_err"].notna().all()


@pytest.mark.slow
def test_intervals_of_forecasts_by_finite_differences(results: cmt.Results) -> None:
    m, theta = results.model, results.fit.theta
    assert isinstance(m, cmt.MDCEV)
    evaluator = evaluator_of(m.forecast(Sampling(500)))
    h = 1e-5 * np.eye(len(theta))
    means = [[evaluator.by_situation(Demands(), theta + s * k)[:3, 0].mean(axis=1) for s in (1, -1)] for k in h]
    G = np.array([(up - down) / 2e-5 for up, down in means]).T
    std_err = np.sqrt(np.diag(G @ results.cov_params().to_numpy() @ G.T))
    found = results.predict()
    np.testing.assert_allclose(found.table["std_err"], std_err, rtol=2e-2)
    assert "150 situations" in str(found)


def test_estimates_are_those_of_scipy(results: cmt.Results) -> None:
    assert results.outcome.converged
    data = frame(150)
    price_b = np.random.default_rng(2).uniform(1.5, 2.5, 150)
    x, z = (data[[f"{c}_{g}" for g in GOODS]].to_numpy() for c in "xz")
    price = np.column_stack([np.ones(150), price_b, np.full(150, 0.8)])
    on, M = x > 0, (x > 0).sum(axis=1)

    def loglike(theta: Any) -> float:
        c_b, c_c, b, s = theta
        W = (np.array([0, c_b, c_c]) + b * z - np.log1p(x / GAMMA) - np.log(price)) / s
        inverse = price * (x + GAMMA)
        det = -(on * np.log(inverse)).sum(axis=1) + np.log((on * inverse).sum(axis=1))
        own = (on * W).sum(axis=1) - M * np.log(np.exp(W).sum(axis=1))
        return float((gammaln(M) - (M - 1) * np.log(s) + det + own).sum())

    start = [results.params[name] for name in ("c_b", "c_c", "b_z", "s")]
    best = minimize(lambda theta: -loglike(theta), start, method="BFGS", options={"gtol": 1e-6})
    assert results.llf == pytest.approx(-best.fun, abs=1e-7)
    np.testing.assert_allclose(start, best.x, rtol=1e-4)


def test_gammas_with_a_bound_near_zero_are_identified() -> None:
    """Near 0 the likelihood bends a million times as much, which says nothing of its bends at the maximum."""
    ds = cmt.Dataset(frame(150))
    gammas = {g: cmt.Beta(f"gamma_{g}", 50.0, lb=1e-5) for g in GOODS}
    amounts = {g: 100.0 * ds[f"x_{g}"] for g in GOODS}
    assert cmt.estimate(model(ds, gammas=gammas, amounts=amounts)).outcome.converged


def test_random_coefficients_of_panels_are_averaged_outside_the_product() -> None:
    data = frame(20)
    ds = cmt.Dataset(data, individual="who")
    taste = normal("taste", cmt.Beta("c_b", 0.3), cmt.Beta("sd", 0.7))
    V = {"a": 0, "b": taste, "c": cmt.Beta("c_c", -0.5)}
    m = cmt.MDCEV(
        ds,
        V,
        amounts={g: ds[f"x_{g}"] for g in GOODS},
        gammas=dict(zip(GOODS, GAMMA, strict=True)),
        prices=dict(zip(GOODS, PRICE, strict=True)),
        scale=0.8,
        draws=32,
    )
    z = m.arrays()[-1][0]
    x = data[[f"x_{g}" for g in GOODS]].to_numpy()
    at_draws = []
    for r in range(32):
        V_r = np.column_stack([np.zeros(20), 0.3 + 0.7 * np.repeat(z[:, r], 2), np.full(20, -0.5)])
        at_draws.append(by_hand("gamma", V_r, x, 0.8).reshape(-1, 2).sum(axis=1))
    truth = np.log(np.exp(np.array(at_draws)).mean(axis=0))
    at = {"c_b": 0.3, "sd": 0.7, "c_c": -0.5}
    evaluator = evaluator_of(m)
    found = evaluator.individuals_at(np.array([at[label] for label in evaluator.labels])).numbers[1]
    np.testing.assert_allclose(found, truth, rtol=1e-5, atol=1e-5)


def test_what_results_answer(results: cmt.Results, tmp_path: Path) -> None:
    for kind in ("robust", "bhhh", cmt.Bootstrap(5)):
        assert np.isfinite(results.cov_params(kind)).all().all()
    assert results.conf_int(kind="profile").notna().all().all()
    again = cmt.Results.load(results.save(tmp_path / "goods.cmt"), results.model)
    pd.testing.assert_frame_equal(again.predict().table, results.predict().table)
    assert "MDCEV" in results.to_html(tmp_path / "goods.html").read_text()
    with pytest.raises(InferenceError, match="no choice among alternatives.*predictions of quantities"):
        cmt.scenario(results, None, {"z_a": 0})
    with pytest.raises(InferenceError, match="Leave conditional out"):
        results.predict(conditional=True)


@pytest.mark.slow
def test_forecasts_of_data_without_quantities() -> None:
    data = frame(30).assign(money=10.0)
    ds = cmt.Dataset(data)
    results = cmt.estimate(model(ds, budget=ds["money"]))
    found = results.predict(data.drop(columns=[f"x_{g}" for g in GOODS]).head(3))
    assert isinstance(found, Demand)
    np.testing.assert_allclose(found.quantities.to_numpy() @ PRICE, 10.0, rtol=1e-9)
    total = (results.elasticities("money").matrix.iloc[0] * results.predict().table["estimate"] * PRICE).sum()
    assert total == pytest.approx(10.0, rel=1e-6)  # Engel aggregation: what is bought for more money costs as much


@pytest.mark.slow
def test_estimates_of_biogeme() -> None:
    """Its example data, `mdcev.csv` of its wheel; their log-likelihood leaves the sum of w log (M - 1)! out."""
    path = os.environ.get("PYCMTENSOR_MDCEV_CSV")
    if path is None:
        pytest.skip("PYCMTENSOR_MDCEV_CSV names no file: mdcev.csv of Biogeme's wheel")
    data = pd.read_csv(path)
    data["w"] = data["weight"] * 1.7718243289995812
    goods = {"shopping": "t1", "socializing": "t2", "recreation": "t3", "personal": "t4"}
    hours = data[list(goods.values())] / 60
    data[list(goods.values())] = hours
    ds = cmt.Dataset(data, weights="w")
    columns = {
        "shopping": ["metro", "male", "age15_40", "spousepr", "employed"],
        "socializing": ["hhsize", "male", "age41_60", "bachigher", "Sunday"],
        "recreation": ["hhsize", "male", "age15_40", "spousepr"],
        "personal": ["age41_60", "bachigher", "white", "Sunday"],
    }
    V = {
        good: sum(
            (cmt.Beta(f"{c}_{good}") * ds[c] for c in names),
            start=cmt.Beta(f"cte_{good}", status=int(good == "personal")) + 0.0,
        )
        for good, names in columns.items()
    }
    amounts = {good: ds[t] for good, t in goods.items()}
    gammas = {good: cmt.Beta(f"gamma_{good}", 1.0, lb=1e-4) for good in goods}
    results = cmt.estimate(cmt.MDCEV(ds, V, amounts=amounts, gammas=gammas, scale=cmt.Beta("scale", 1.0, lb=1e-4)))
    constant = (data["w"] * gammaln((hours > 0).sum(axis=1))).sum()
    assert results.llf - constant == pytest.approx(-16989.224475, abs=2e-4)
    assert 1 / results.params["scale"] == pytest.approx(3.8314, rel=1e-3)


FAULTS: list[tuple[Any, type[Exception], str]] = [
    (lambda ds: model(ds, gammas={"a": 1.0, "b": 1.0}), ModelError, "gammas names nothing for c"),
    (
        lambda ds: model(ds, gammas={"a": 1.0, "b": -1.0, "c": 1.0}),
        ModelError,
        "gammas of 'b' must be positive, found -1",
    ),
    (lambda ds: model(ds, "generalised", alphas=dict.fromkeys(GOODS, 1.5)), ModelError, "alphas of 'a' must be in"),
    (lambda ds: model(ds, scale=0.0), ModelError, "scale of the errors must be positive"),
    (lambda ds: model(ds, outside="d"), ModelError, "outside names 'd'; the goods are a, b, c"),
    (lambda ds: model(ds, outside="a", gammas=dict.fromkeys(GOODS, 1.0)), ModelError, "'a' has no gamma"),
    (lambda ds: model(ds, profile="beta"), ModelError, "profile must be one of"),
    (lambda ds: model(ds, linear={"a": 1.0}), ModelError, "linear belongs to the profile"),
    (lambda ds: model(ds, outside="c", gammas={"a": 1, "b": 1}), DatasetError, "outside good 'c'.* is not consumed"),
    (lambda ds: model(ds, prices={"a": 0.0 * ds["z_a"]}), DatasetError, "price of 'a' is not positive"),
    (lambda ds: model(ds, amounts={g: -1.0 * ds[f"x_{g}"] for g in GOODS}), DatasetError, "'a' is negative"),
    (lambda ds: model(ds, amounts={g: 0.0 * ds[f"x_{g}"] for g in GOODS}), DatasetError, "Nothing is consumed"),
    (
        lambda ds: model(ds, amounts={g: cmt.Beta(f"q_{g}") * ds[f"x_{g}"] for g in GOODS}),
        ModelError,
        "they must be data",
    ),
    (lambda ds: cmt.MDCEV(ds, {"a": 0}, amounts={}, gammas={}), ModelError, "two goods or more"),
]


@pytest.mark.parametrize(("specify", "error", "message"), FAULTS)
def test_faults_are_named(specify: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        specify(cmt.Dataset(frame()))

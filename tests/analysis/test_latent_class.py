"""PostEstimation of latent class models: averages over classes, before and after choices are seen, by hand."""

from __future__ import annotations

import numpy as np
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.exceptions import InferenceError
from pycmtensor.expressions import Beta
from tests.analysis.problems import ALTERNATIVES, attributes, engine_of, panel_frame
from tests.engine.test_local import differences


@pytest.fixture(scope="module")
def results() -> cmt.Results:
    ds = cmt.Dataset(panel_frame(), "mode", {name: j for j, name in enumerate(ALTERNATIVES, 1)}, individual="who")
    b_cost, slow, fast = Beta("b_cost", -1.0), Beta("slow", -0.3), Beta("fast", -2.5)
    V = {
        which: {name: b * ds[f"t_{name}"] + b_cost * ds[f"c_{name}"] for name in ALTERNATIVES}
        for which, b in (("slow", slow), ("fast", fast))
    }
    return cmt.estimate(cmt.LatentClass(ds, V, {"tram": ds["has_tram"]}))


def by_hand(results: cmt.Results) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares (C,), utilities exponentiated and available (C, J, T, N), probabilities of the same shape."""
    b, (time, cost, tram) = results.params, attributes(engine_of(results).dataset)
    W = np.exp([0.0, b["class_fast"]])
    e = np.exp(np.stack([b[which] * time + b["b_cost"] * cost for which in ("slow", "fast")]))
    e[:, 2] *= tram
    return W / W.sum(), e, e / e.sum(axis=1, keepdims=True)


def posterior(results: cmt.Results) -> np.ndarray:
    """Class probabilities given the choices, (C, N)."""
    shares, _, P = by_hand(results)
    ds = engine_of(results).dataset
    chosen, observed = ds.array(ds.chosen)[..., 0].astype(int), ds.array(ds.observed)[..., 0]
    P_y = np.take_along_axis(P, chosen[None, None], axis=1)[:, 0]
    joint = shares[:, None] * np.prod(P_y**observed, axis=1)
    return joint / joint.sum(axis=0)


def test_probabilities_are_averages_over_classes(results: cmt.Results) -> None:
    shares, _, P = by_hand(results)
    expected = np.einsum("c,cjtn->jtn", shares, P)
    np.testing.assert_allclose(engine_of(results).probabilities(results.fit.theta), expected, rtol=1e-10)


def test_choices_tell_the_class(results: cmt.Results) -> None:
    ds = engine_of(results).dataset
    np.testing.assert_allclose(results.membership()[["slow", "fast"]], posterior(results).T, rtol=1e-9)
    _, _, P = by_hand(results)
    expected = np.einsum("cn,cjtn->jtn", posterior(results), P)
    found = results.predict(conditional=True).probabilities
    for j, name in enumerate(ALTERNATIVES):
        np.testing.assert_allclose(found[name], ds.of_situations(expected[j]), rtol=1e-9)


@pytest.mark.slow
def test_draws_and_classes_are_mixed_together() -> None:
    """One class with draws is the mixed logit, also given choices."""
    ds = cmt.Dataset(panel_frame(), "mode", {name: j for j, name in enumerate(ALTERNATIVES, 1)}, individual="who")
    b = normal("b_time", Beta("m", -1.5), Beta("s", 1.0))
    V = {name: b * ds[f"t_{name}"] - ds[f"c_{name}"] for name in ALTERNATIVES}
    mixed = cmt.estimate(cmt.MixedLogit(ds, V, draws=64))
    latent = cmt.estimate(cmt.LatentClass(ds, {"all": V}, draws=64))
    first, second = (r.predict(conditional=True).probabilities for r in (mixed, latent))
    np.testing.assert_allclose(first, second, rtol=1e-7)


def tastes_of_classes() -> dict[str, tuple[Beta, Beta]]:
    """Coefficients of time and cost."""
    starts = {"slow": (-0.5, -0.6), "fast": (-2.5, -1.4)}
    return {which: (Beta(f"t_{which}", t), Beta(f"c_{which}", c)) for which, (t, c) in starts.items()}


@pytest.fixture(scope="module")
def two_costs() -> cmt.Results:
    """Classes that differ in the coefficient of cost, and in who belongs to them."""
    frame = panel_frame()
    frame["income"] = frame.groupby("who").c_car.transform("mean")
    ds = cmt.Dataset(frame, "mode", {name: j for j, name in enumerate(ALTERNATIVES, 1)}, individual="who")
    V = {
        which: {n: time * ds[f"t_{n}"] + cost * ds[f"c_{n}"] for n in ALTERNATIVES}
        for which, (time, cost) in tastes_of_classes().items()
    }
    member = Beta("class_fast") + Beta("rich", 0.5, status=1) * ds["income"]
    return cmt.estimate(cmt.LatentClass(ds, V, {"tram": ds["has_tram"]}, membership={"fast": member}))


def money(results: cmt.Results, theta: np.ndarray, less: float, income: float = 1.0) -> np.ndarray:
    """sum_c pi_nc log sum_j exp V_jnc / -b_cost,c with the fare of the bus times ``less``, (T, N)."""
    b, ds = dict(zip(results.params.index, theta, strict=True)), engine_of(results).dataset
    time, cost, tram = attributes(ds)
    cost[1] *= less
    W = np.stack([0 * ds.array("income")[0, :, 0], b["class_fast"] + 0.5 * income * ds.array("income")[0, :, 0]])
    shares = np.exp(W) / np.exp(W).sum(axis=0)
    total = np.zeros(tram.shape)
    for c, which in enumerate(("slow", "fast")):
        e = np.exp(b[f"t_{which}"] * time + b[f"c_{which}"] * cost)
        e[2] *= tram
        total += shares[c] * np.log(e.sum(axis=0)) / -b[f"c_{which}"]
    return total


def test_every_class_has_its_own_money(two_costs: cmt.Results) -> None:
    r, ds = two_costs, engine_of(two_costs).dataset
    by_name = {"fast": "c_fast", "slow": "c_slow"}

    def gains(theta: np.ndarray) -> np.ndarray:
        return ds.of_situations(money(r, theta, 0.5) - money(r, theta, 1.0))

    G = differences(lambda theta: gains(theta).mean(), r.fit.theta, step=1e-6)
    std_err = np.sqrt(G @ r.cov_params().to_numpy() @ G)
    for cost in (by_name, ds["c_tram"]):
        found = cmt.scenario(r, None, {"c_bus": lambda c: 0.5 * c}, cost=cost)
        assert found.gains is not None
        assert found.surplus is not None
        np.testing.assert_allclose(found.gains["scenario"], gains(r.fit.theta), rtol=1e-9)
        assert found.surplus["estimate"].item() == pytest.approx(gains(r.fit.theta).mean(), rel=1e-9)
        assert found.surplus["std_err"].item() == pytest.approx(std_err, rel=1e-5)


def test_the_classes_of_surplus_are_those_of_before(two_costs: cmt.Results) -> None:
    """Who gets richer does not gain by that: levels of utility of different classes cannot be compared."""
    r, by_name = two_costs, {"fast": "c_fast", "slow": "c_slow"}
    found = cmt.scenario(r, None, {"income": lambda income: 2 * income}, cost=by_name)
    assert found.surplus is not None
    assert found.surplus["estimate"].item() == 0
    assert (found.changes["estimate"] != 0).all()


def test_willingness_to_pay_of_classes_and_of_individuals(two_costs: cmt.Results) -> None:
    """The ratio of each class, their mean with shares by income, and that of individuals with posterior shares."""
    r, ds = two_costs, engine_of(two_costs).dataset
    income = ds.array("income")[0, :, 0]
    situations = ds.array(ds.observed)[..., 0].sum(axis=0)

    def values(theta: np.ndarray) -> np.ndarray:
        b = dict(zip(r.params.index, theta, strict=True))
        each = np.array([b["t_slow"] / b["c_slow"], b["t_fast"] / b["c_fast"]])
        pi = 1 / (1 + np.exp(-b["class_fast"] - 0.5 * income))
        mean = np.average((1 - pi) * each[0] + pi * each[1], weights=situations)
        return np.array([mean, *each])

    G = differences(values, r.fit.theta, step=1e-6)
    std_err = np.sqrt(np.diag(G.T @ r.cov_params().to_numpy() @ G))
    estimates, h = values(r.fit.theta), r.membership()[["slow", "fast"]].to_numpy()
    mean = h @ estimates[1:]
    sd = np.sqrt((h * (estimates[1:] - mean[:, None]) ** 2).sum(axis=1))
    low = np.argsort(estimates[1:])
    median = np.where(h[:, low[0]] >= 0.5, estimates[1:].min(), estimates[1:].max())
    by_name = {"slow": "t_slow", "fast": "t_fast"}, {"fast": "c_fast", "slow": "c_slow"}
    for numerator, denominator in (by_name, (ds["t_bus"], ds["c_bus"])):
        found = r.wtp(numerator, denominator)
        np.testing.assert_allclose(found.table["estimate"], estimates, rtol=1e-9)
        np.testing.assert_allclose(found.table["std_err"], std_err, rtol=1e-5)
        assert found.distribution is not None
        assert found.distribution["mean"] == pytest.approx(estimates[0], rel=1e-9)
        individuals = found.by_individual
        assert individuals.index.tolist() == r.membership().index.tolist()
        np.testing.assert_allclose(individuals["mean"], mean, rtol=1e-8)
        np.testing.assert_allclose(individuals["sd"], sd, rtol=1e-7)
        np.testing.assert_allclose(individuals["median"], median, rtol=1e-9)
    assert found.table.index.tolist() == ["t_bus / c_bus", *(f"t_bus / c_bus in class {c}" for c in ("slow", "fast"))]
    assert r.wtp("t_fast", "c_fast").estimate == pytest.approx(estimates[2], rel=1e-12)


def test_what_is_no_money_of_classes(two_costs: cmt.Results, mixed: cmt.Results) -> None:
    changes = {"c_bus": 1.0}
    with pytest.raises(InferenceError, match="'t_bus' has a marginal utility in each class, slow, fast. Give a coeff"):
        two_costs.tastes({"time": engine_of(two_costs).dataset["t_bus"]})
    for results, cost, message in (
        (two_costs, {"fast": "c_fast"}, "given of fast, the classes are slow, fast. Give one for each"),
        (two_costs, {"fast": "c_fast", "slow": "-c_slow"}, "cost, -c_slow, is not negative at 100.00%"),
        (two_costs, engine_of(two_costs).dataset["has_tram"], "'has_tram' is in no utility of class 'slow'"),
        (mixed, {"fast": "b_cost", "slow": "b_cost"}, "Mixed logit has no classes"),
    ):
        with pytest.raises(InferenceError, match=message):
            cmt.scenario(results, None, changes, cost=cost)


@pytest.mark.slow
def test_elasticities_of_long_data_by_differences() -> None:
    """The columns of classes that are written one by one, and of classes with one utility for all alternatives."""
    frame = panel_frame().assign(trip=lambda f: np.arange(len(f)))
    wide = cmt.Dataset(frame, "mode", {name: j for j, name in enumerate(ALTERNATIVES, 1)}, individual="who")
    varying = {x: {name: f"{x}_{name}" for name in ALTERNATIVES} for x in "tc"}
    long = wide.to_long(varying)
    options = {"choice": "mode", "alternative": "alternative", "situation": "situation", "individual": "who"}
    ds = cmt.Dataset.from_long(long, **options, alternatives=list(ALTERNATIVES))
    by_one = {name: -2.5 * ds["t", name] - ds["c", name] for name in ALTERNATIVES}
    model = cmt.LatentClass(ds, {"at once": Beta("t", -0.5) * ds["t"] - ds["c"], "by one": by_one})
    results = cmt.estimate(model, method=cmt.Stochastic(cmt.optimizers.Adam, epochs=1))
    found = results.marginal_effects("t").table["estimate"]
    engine, observed = engine_of(results), ds.array(ds.observed)[..., 0]
    up, down = (
        engine.on(ds.with_columns({("t", "bus"): lambda t, h=h: t + h})).probabilities(results.fit.theta)
        for h in (1e-5, -1e-5)
    )
    slopes = (observed * (up - down)).sum(axis=(1, 2)) / ds.nobs / 2e-5
    np.testing.assert_allclose(found["bus"], slopes, rtol=1e-6)
    assert list(found.index.get_level_values(0).unique()) == list(ALTERNATIVES)


def test_the_surplus_is_the_average_of_those_of_the_classes(results: cmt.Results) -> None:
    shares, e, _ = by_hand(results)
    ds, b = engine_of(results).dataset, results.params
    _, cost, _ = attributes(ds)
    cheaper = e.copy()
    cheaper[:, 1] *= np.exp(-0.5 * b["b_cost"] * cost[1])
    gain = np.log(cheaper.sum(axis=1)) - np.log(e.sum(axis=1))
    expected = ds.of_situations(np.einsum("c,ctn->tn", shares, gain) / -b["b_cost"]).mean()
    found = cmt.scenario(results, None, {"half": {"c_bus": lambda c: 0.5 * c}}, cost="b_cost")
    assert found.surplus is not None
    assert found.surplus["estimate"]["half"] == pytest.approx(expected, rel=1e-9)

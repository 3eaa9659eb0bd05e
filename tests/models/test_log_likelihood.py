"""Log-likelihoods as one expression: against the ready models, and against likelihoods by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from scipy import stats

import pycmtensor as cmt
from pycmtensor import kernels
from pycmtensor.coefficients import normal
from pycmtensor.engine import evaluator_of
from pycmtensor.exceptions import DatasetError, ModelError, NotConvergedWarning
from pycmtensor.kernels import Node
from pycmtensor.terms.draws import Draws

MODES = {"car": 1, "bus": 2, "tram": 3}


def frame(rows: int = 90) -> pd.DataFrame:
    """Thirty persons with three choices each among three modes, and what they rate and spend."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame({f"t_{m}": rng.uniform(0, 2, rows) for m in MODES})
    data["there"], data["who"] = (rng.random(rows) < 0.8).astype(int), np.repeat(np.arange(rows // 3), 3)
    V = np.column_stack([-data[f"t_{m}"] for m in MODES]) + rng.gumbel(size=(rows, 3))
    V[data.there == 0, 2] = -np.inf
    data["mode"] = V.argmax(axis=1) + 1
    data["trips"] = rng.poisson(np.exp(0.5 + 0.3 * data.t_car))
    return data


@pytest.fixture(scope="module")
def ds() -> cmt.Dataset:
    return cmt.Dataset(frame(), "mode", MODES, individual="who")


def utilities(ds: cmt.Dataset, b: Any) -> list[Any]:
    return [b * ds["t_car"] + cmt.Beta("asc_car"), b * ds["t_bus"], b * ds["t_tram"]]


def choice(ds: cmt.Dataset) -> tuple[list[Any], Any]:
    """Availability and the number of the chosen alternative."""
    return [None, None, ds["there"]], ds.chosen


def ready(ds: cmt.Dataset, kind: str) -> cmt.Model:
    V, there = dict(zip(MODES, utilities(ds, cmt.Beta("b")), strict=True)), {"tram": ds["there"]}
    if kind == "mixed logit":
        taste = normal("taste", cmt.Beta("b"), cmt.Beta("sd", 0.5))
        return cmt.MixedLogit(ds, dict(zip(MODES, utilities(ds, taste), strict=True)), there, draws=16)
    if kind == "nested":
        return cmt.NestedLogit(ds, V, there, nests=["car", cmt.Nest("public", ["bus", "tram"], cmt.Beta("mu", 1.3))])
    if kind == "ordered":
        thresholds = [cmt.Beta("low", -1.0), cmt.Beta("high", 1.0)]
        return cmt.OrderedLogit(ds, cmt.Beta("b") * ds["t_car"], thresholds=thresholds)
    return cmt.MNL(ds, V, there)


def written(ds: cmt.Dataset, kind: str) -> cmt.LogLikelihood:
    V = utilities(ds, cmt.Beta("b"))
    if kind == "mixed logit":
        V = utilities(ds, normal("taste", cmt.Beta("b"), cmt.Beta("sd", 0.5)))
        return cmt.LogLikelihood(ds, kernels.logit(V, *choice(ds)), draws=16)
    if kind == "nested":
        root = Node((0, Node((1, 2), cmt.Beta("mu", 1.3)())), pt.as_tensor(1.0))
        return cmt.LogLikelihood(ds, kernels.nested_logit(V, *choice(ds), root))
    if kind == "ordered":
        latent, thresholds = cmt.Beta("b") * ds["t_car"], [cmt.Beta("low", -1.0)(), cmt.Beta("high", 1.0)()]
        return cmt.LogLikelihood(ds, kernels.ordered(latent, thresholds, ds.chosen, "logit"))
    return cmt.LogLikelihood(ds, kernels.logit(V, *choice(ds)))


@pytest.mark.parametrize("kind", ["logit", "mixed logit", "nested", "ordered"])
def test_what_a_kernel_returns_is_the_ready_model(ds: cmt.Dataset, kind: str) -> None:
    """The same numbers to 1e-9, from the same fast program."""
    model, other = ready(ds, kind), written(ds, kind)
    evaluators = evaluator_of(model), evaluator_of(other)
    programs = [type(evaluator.program.likelihood) for evaluator in evaluators]  # type: ignore[attr-defined]
    assert programs[0] is programs[1]
    if "logit" in kind:
        assert programs[1].__name__ != "Differentiated"
    truth, found = cmt.estimate(model), cmt.estimate(other)
    np.testing.assert_allclose(found.params[truth.params.index], truth.params, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.bse[truth.params.index], truth.bse, rtol=1e-9)
    assert found.llf == pytest.approx(truth.llf, rel=1e-12)


@pytest.fixture(scope="module")
def counts() -> cmt.LogLikelihood:
    """Poisson counts with an effect of each person, of data without choices."""
    ds = cmt.Dataset(frame().drop(columns="mode"), individual="who")
    log_mean = cmt.Beta("constant", 0.5) + cmt.Beta("b") * ds["t_car"] + cmt.Beta("sd", 0.3) * Draws("person")
    y = ds["trips"]
    expression = y * log_mean - pt.exp(log_mean) - pt.gammaln(y + 1)
    return cmt.LogLikelihood(ds, expression, draws=64, name="Poisson with effects of persons")


@pytest.fixture(scope="module")
def results(counts: cmt.LogLikelihood) -> cmt.Results:
    return cmt.estimate(counts)


def test_rows_are_multiplied_inside_the_average_over_draws(counts: cmt.LogLikelihood) -> None:
    data, theta = frame(), np.array([0.4, 0.2, 0.5])
    z = counts.arrays()[-1][0]  # (N, R)
    mean = np.exp(0.4 + 0.2 * data.t_car.to_numpy().reshape(-1, 3, 1) + 0.5 * z[:, None])
    L = stats.poisson.pmf(data.trips.to_numpy().reshape(-1, 3, 1), mean).prod(axis=1).mean(axis=1)
    found = evaluator_of(counts).individuals_at(theta).numbers[1]
    np.testing.assert_allclose(found, np.log(L), rtol=1e-7)  # draws have the precision of 32 bits


def test_one_number_for_each_individual(counts: cmt.LogLikelihood) -> None:
    """The same likelihood, of individuals, with the axes (N, R)."""
    of_persons = cmt.LogLikelihood(counts.dataset, pt.sum(counts.expression, axis=0), draws=64)
    theta = np.array([0.4, 0.2, 0.5])
    assert evaluator_of(of_persons).value(theta) == pytest.approx(evaluator_of(counts).value(theta), rel=1e-12)


@pytest.mark.slow
def test_what_needs_a_likelihood_only(results: cmt.Results, tmp_path: Path) -> None:
    assert results.outcome.converged
    assert results.conf_int(kind="profile").loc["b", "lower"] < results.params["b"]
    alone = results.model.with_draws(128)  # type: ignore[union-attr]
    assert alone.dataset.n_individuals == 30
    for kind in ("robust", "bhhh", "jackknife", cmt.Bootstrap(10)):
        covariance = results.cov_params(kind)
        assert np.isfinite(covariance.loc[["constant", "b"], ["constant", "b"]]).all().all()
        assert covariance["sd"].isna().all()  # counts that do not depend on the person: at its bound of 0
    assert results.simulation_noise(3).table.loc[["constant", "b"]].notna().all().all()
    restricted = cmt.estimate(results.model, constraints="b = 0")  # type: ignore[arg-type]
    assert cmt.likelihood_ratio(restricted, results).statistic == pytest.approx(2 * (results.llf - restricted.llf))
    again = cmt.Results.load(results.save(tmp_path / "counts.cmt"), results.model)
    assert again.wald("b = 0").statistic == results.wald("b = 0").statistic
    assert "Poisson with effects" in results.to_html(tmp_path / "counts.html").read_text()


def test_answers_without_choices(results: cmt.Results) -> None:
    data = results.data
    assert data is not None
    assert repr(data) == "Dataset(90 rows of 30 individuals)"
    assert "trips" in str(data.describe())
    assert "Alternatives" not in str(data.describe())
    held_out = results.cross_validate(3)
    assert held_out.table["llf left out"].sum() == pytest.approx(held_out.llf)
    assert np.isnan(held_out.rho2)
    assert "rho-squared" not in str(held_out)
    assert len(data.take(np.arange(5))) == 15
    assert data.like(frame().drop(columns="mode")).n_individuals == 30


@pytest.mark.parametrize("method", ["newton", "bfgs", "lbfgs", "bhhh"])
def test_every_method(counts: cmt.LogLikelihood, results: cmt.Results, method: str) -> None:
    assert cmt.estimate(counts, method=method).llf == pytest.approx(results.llf, abs=1e-6)


def test_densities_are_those_of_scipy() -> None:
    y, mean, sd = np.array([0.3, 1.0, 2.5]), np.array([0.5, -0.2, 1.0]), 0.7
    found = kernels.normal(y, mean, sd).eval()
    np.testing.assert_allclose(found, stats.norm.logpdf(y, mean, sd), rtol=1e-12)
    found = kernels.lognormal(y, mean, sd).eval()
    np.testing.assert_allclose(found, stats.lognorm.logpdf(y, sd, scale=np.exp(mean)), rtol=1e-12)
    found = kernels.tobit(np.array([0.0, 1.0, 2.5]), mean, sd).eval()
    truth = [stats.norm.logcdf(0, mean[0], sd), *stats.norm.logpdf(y[1:], mean[1:], sd)]
    np.testing.assert_allclose(found, truth, rtol=1e-12)
    counted, mean = np.array([0.0, 3.0, 40.0]), np.array([0.5, 2.0, 1e3])
    for alpha in (0.5, 2.0):
        found = kernels.negative_binomial(counted, mean, alpha).eval()
        truth = stats.nbinom.logpmf(counted, 1 / alpha, 1 / (1 + alpha * mean))
        np.testing.assert_allclose(found, truth, rtol=1e-10)
    near_poisson = kernels.negative_binomial(counted[:2], mean[:2], 1e-6).eval()
    np.testing.assert_allclose(near_poisson, stats.poisson.logpmf(counted[:2], mean[:2]), rtol=1e-5)


def test_a_regression_with_a_closed_form() -> None:
    """Least squares: the maximum of a normal likelihood."""
    data = frame()
    ds = cmt.Dataset(data)
    y = data.t_bus + 2 * data.t_car
    data["y"] = y
    ds = cmt.Dataset(data)
    mean = cmt.Beta("a") + cmt.Beta("b") * ds["t_car"]
    results = cmt.estimate(cmt.LogLikelihood(ds, kernels.normal(ds["y"], mean, cmt.Beta("sd", 1.0, lb=0.01))))
    slope = np.polyfit(data.t_car, y, 1)
    residuals = y - np.polyval(slope, data.t_car)
    truth = [slope[1], slope[0], np.sqrt(np.mean(residuals**2))]
    np.testing.assert_allclose(results.params, truth, rtol=1e-8)


FAULTS: list[tuple[Any, type[Exception], str]] = [
    (lambda ds: cmt.LogLikelihood(ds, 3.0), ModelError, r"one number for each row.*found 3\.0"),
    (lambda ds: cmt.LogLikelihood(ds, cmt.Beta("b")()), ModelError, "one number for each row.*found Scalar"),
    (lambda ds: cmt.LogLikelihood(ds, cmt.Beta("b") * 1.0 + 0 * ds["t_car"].sum()), ModelError, "one number for each"),
    (lambda ds: cmt.LogLikelihood(ds, -1.0 * ds["t_car"]), ModelError, "holds a parameter that is free"),
    (lambda ds: cmt.LogLikelihood(ds, Draws("z") * cmt.Beta("b") * ds["t_car"]), ModelError, "draws=500"),
    (lambda ds: cmt.LogLikelihood(ds, cmt.Beta("b") * ds["t_car"], draws=9), ModelError, "holds draws"),
    (
        lambda ds: cast(Any, cmt.LogLikelihood)(frame(), cmt.Beta("b") * ds["t_car"]),
        ModelError,
        "is a Dataset, found DataFrame",
    ),
    (lambda ds: cmt.MNL(cmt.Dataset(frame()), {"car": cmt.Beta("b"), "bus": 0}), ModelError, "of which the data set"),
    (lambda ds: cmt.Dataset(frame(), "mode"), DatasetError, "alternatives must map"),
    (lambda ds: cmt.Dataset(frame()).chosen_alternatives, DatasetError, "no choice column"),
]


@pytest.mark.parametrize(("specify", "error", "message"), FAULTS)
def test_faults_are_named(ds: cmt.Dataset, specify: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        specify(ds)


def test_separation_in_data_without_choices() -> None:
    """Counts that are all 0 where a dummy is 1: its coefficient falls without end."""
    data = pd.DataFrame({"y": [1.0, 2.0, 3.0, 0.0, 0.0], "d": [0.0, 0.0, 0.0, 1.0, 1.0]})
    ds = cmt.Dataset(data)
    log_mean = cmt.Beta("a") + cmt.Beta("b") * ds["d"]
    with pytest.warns(NotConvergedWarning, match=r"along -b\. .*2 of 5 individuals.* 2 rows, the first at 3, 4"):
        cmt.estimate(cmt.LogLikelihood(ds, ds["y"] * log_mean - pt.exp(log_mean)))

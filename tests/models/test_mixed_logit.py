"""The mixed logit against averages written out in NumPy, exact integrals, and the logit that it contains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from examples import swissmetro_mnl
from pycmtensor.coefficients import correlated, lognormal, normal
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import ModelError, OptimizerError
from pycmtensor.expressions import Beta
from pycmtensor.terms.draws import Draws
from tests.conftest import MODES
from tests.engine.test_local import differences

#: By numerical integration, B_TIME normal: cross-section, and a panel in which each person keeps the same taste.
NAMES = ("B_TIME", "B_TIME_S", "B_COST", "ASC_TRAIN", "ASC_CAR")
CROSS_SECTION = dict(zip(NAMES, (-2.259848, 1.657638, -1.285583, -0.401868, 0.137068), strict=True))
PANEL = dict(zip(NAMES, (-3.221579, 3.652117, -1.660349, -0.575243, 0.281902), strict=True))


def by_hand(model: cmt.MixedLogit, V: dict[str, NDArray]) -> NDArray:
    """Log-likelihood of each individual (N,): the average of products, as it is defined; V are arrays (T, N, R)."""
    ds = model.dataset
    e = np.exp(np.stack(np.broadcast_arrays(*V.values())))
    P = e * model.available()[..., None] / (e * model.available()[..., None]).sum(axis=0)
    chosen, observed = ds.array(ds.chosen).astype(int), ds.array(ds.observed)
    P_y = np.take_along_axis(P, np.broadcast_to(chosen, P.shape[1:])[None], axis=0)[0]
    return np.log(np.where(observed != 0, P_y, 1.0).prod(axis=0).mean(axis=-1))


@pytest.mark.parametrize("individual", [None, "person"])
@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("kind", ["sobol", "mlhs"])
def test_the_average_over_draws_by_hand(trips: pd.DataFrame, individual: str | None, within: bool, kind: str) -> None:
    ds = cmt.Dataset(trips, "mode", MODES, individual=individual)
    asc, mean, sd = Beta("asc"), Beta("mean"), Beta("sd")
    z, cost = Draws("time", within=within), lognormal("cost", -3.0, 0.5)
    V = {
        "car": asc + (mean + sd * z) * ds["t_car"] / 10 - cost,
        "bus": (mean + sd * z) * ds["t_bus"] / 10,
    }
    model = cmt.MixedLogit(ds, V, {"bus": ds["has_bus"]}, draws=cmt.Sampling(40, kind, seed=3))
    engine = LocalEvaluator(model)
    theta = dict(zip(engine.labels, np.zeros(3), strict=True)) | {"asc": 0.2, "mean": -0.4, "sd": 0.3}
    numbers = dict(zip([str(v) for v in model.inputs], model.arrays(), strict=True))
    taste = -0.4 + 0.3 * numbers["time"]
    values = {
        "car": 0.2 + taste * ds.array("t_car") / 10 - np.exp(-3 + 0.5 * numbers["cost"]),
        "bus": taste * ds.array("t_bus") / 10,
    }
    at = engine.second_order(np.array([theta[label] for label in engine.labels]))
    np.testing.assert_allclose(at.logprob, by_hand(model, values), rtol=1e-6)
    assert numbers["time"].shape == (ds.n_situations if within else 1, ds.n_individuals, 40)


def test_derivatives_are_difference_quotients(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", MODES, individual="person")
    b, _ = correlated({"time": Beta("m_time", -0.5), "one": Beta("m_one", 0.2)})
    V = {"car": b["one"] + b["time"] * ds["t_car"] / 10, "bus": b["time"] * ds["t_bus"] / 10}
    engine = LocalEvaluator(cmt.MixedLogit(ds, V, draws=50))
    theta = np.linspace(-0.5, 0.7, 5)
    at = engine.second_order(theta)
    np.testing.assert_allclose(at.gradient, differences(engine.value, theta), rtol=1e-6)
    np.testing.assert_allclose(at.hessian, differences(lambda t: engine.value_and_grad(t)[1], theta), rtol=1e-6)


def mixed(ds: cmt.Dataset, draws: int | cmt.Sampling, within: bool = False) -> cmt.MixedLogit:
    """The Swissmetro logit of the example with a normal coefficient of time."""
    mean, sd, cost = Beta("B_TIME", -1.0), Beta("B_TIME_S", 1.0), Beta("B_COST")
    asc_train, asc_car = Beta("ASC_TRAIN"), Beta("ASC_CAR")
    time = normal("time", mean, sd, within)
    V = {
        "train": asc_train + time * ds["TRAIN_TT"] / 100 + cost * ds["TRAIN_COST"] / 100,
        "sm": time * ds["SM_TT"] / 100 + cost * ds["SM_COST"] / 100,
        "car": asc_car + time * ds["CAR_TT"] / 100 + cost * ds["CAR_CO"] / 100,
    }
    return cmt.MixedLogit(ds, V, {"train": ds["TRAIN_OPEN"], "car": ds["CAR_OPEN"]}, draws=draws)


@pytest.fixture(scope="module")
def cross_section() -> cmt.MixedLogit:
    return mixed(swissmetro_mnl.ds, 1000)


def test_no_spread_is_the_logit(cross_section: cmt.MixedLogit, swissmetro: cmt.MNL) -> None:
    values = {"B_TIME": -0.9, "B_TIME_S": 0.0, "B_COST": -0.4, "ASC_TRAIN": -0.3, "ASC_CAR": 0.2}
    engine, logit = LocalEvaluator(cross_section), LocalEvaluator(swissmetro)
    value, gradient = engine.value_and_grad(np.array([values[label] for label in engine.labels]))
    truth, slope = logit.value_and_grad(np.array([values[label] for label in logit.labels]))
    assert value == pytest.approx(truth, rel=1e-12)
    shared = [engine.labels.index(label) for label in logit.labels]
    np.testing.assert_allclose(gradient[shared], slope, rtol=1e-9)


def test_the_exact_integral_of_the_cross_section(cross_section: cmt.MixedLogit) -> None:
    """The exact estimates are within a hundredth of the simulated maximum, by a Newton step from them."""
    engine = LocalEvaluator(cross_section)
    theta = np.array([CROSS_SECTION[label] for label in engine.labels])
    at = engine.second_order(theta)
    assert at.value == pytest.approx(-5214.893053, abs=0.3)
    step = np.linalg.solve(at.hessian, -at.gradient)
    assert np.abs(step / theta).max() < 0.01


def test_the_exact_integral_of_the_panel() -> None:
    """A product of nine probabilities needs more draws: its logarithm varies by 1.5 with 1,000."""
    panel = cmt.Dataset(swissmetro_mnl.frame, "CHOICE", {"train": 1, "sm": 2, "car": 3}, individual="ID")
    engine = LocalEvaluator(mixed(panel, 2000))
    theta = np.array([PANEL[label] for label in engine.labels])
    assert engine.value(theta) == pytest.approx(-4359.412773, abs=2.0)


def test_the_mixed_logit_is_estimated() -> None:
    results = cmt.estimate(mixed(swissmetro_mnl.ds, 2000), method="newton")
    assert results.outcome.converged
    assert results.llf == pytest.approx(-5214.893053, abs=0.3)
    estimates = results.params.to_dict() | {"B_TIME_S": abs(results.params["B_TIME_S"])}
    for label, truth in CROSS_SECTION.items():
        assert estimates[label] == pytest.approx(truth, rel=0.02)


@pytest.mark.slow
def test_electricity_contracts_with_six_random_tastes() -> None:
    """Train's panel of 361 households: the log-likelihood of six independent normals with 600 draws.

    At a maximum the population mean of a normal taste is the average of the conditional means; draws leave a difference
    within two standard errors of a mean of 361 tastes.
    """
    ds = cmt.Dataset.from_long(
        cmt.datasets.load("electricity"), choice="choice", alternative="alt", situation="chid", individual="id"
    )
    tastes = {x: normal(x, Beta(f"m_{x}", 0.0), Beta(f"sd_{x}", 0.1)) for x in ("pf", "cl", "loc", "wk", "tod", "seas")}
    V = {name: sum(taste * ds[x, name] for x, taste in tastes.items()) for name in ds.alternatives}
    results = cmt.estimate(cmt.MixedLogit(ds, V, draws=600))
    assert results.outcome.converged
    assert -3905 < results.llf < -3885
    found = results.conditional_estimates().summary
    off = (found["mean of means"] - found["mean"]) / found["sd"]
    assert off.abs().max() < 2 / np.sqrt(361)


def test_probabilities_average_over_draws(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", MODES)
    z = Draws("z")
    model = cmt.MixedLogit(ds, {"car": Beta("m", 0.1) + Beta("s", 2.0) * z, "bus": 0}, draws=64)
    engine = LocalEvaluator(model)
    numbers = model.arrays()[-1]
    P = engine.probabilities(np.array([0.1, 2.0]))
    np.testing.assert_allclose(P[0], (1 / (1 + np.exp(-0.1 - 2 * numbers))).mean(axis=-1), rtol=1e-6)
    np.testing.assert_allclose(P.sum(axis=0), 1, rtol=1e-12)


def test_blocks_and_cores_change_nothing(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(pd.concat([trips] * 20), "mode", MODES)
    model = cmt.MixedLogit(ds, {"car": normal("b", Beta("m"), Beta("s")) * ds["t_car"] / 10, "bus": 0}, draws=32)
    theta = np.array([0.1, 0.5])
    whole = LocalEvaluator(model, block=120, cores=1).second_order(theta)
    for block, cores in ((1, 1), (7, 2), (None, 2)):
        at = LocalEvaluator(model, block=block, cores=cores).second_order(theta)
        assert at.value == pytest.approx(whole.value, rel=1e-12)
        np.testing.assert_allclose(at.hessian, whole.hessian, rtol=1e-10)


def test_training_sees_the_same_likelihood(trips: pd.DataFrame) -> None:
    from pycmtensor.optimizers import Adam

    ds = cmt.Dataset(pd.concat([trips] * 10), "mode", MODES)
    model = cmt.MixedLogit(ds, {"car": normal("b", Beta("m"), Beta("s", 0.5)) * ds["t_car"] / 10, "bus": 0}, draws=32)
    trained = cmt.estimate(model, method=cmt.Stochastic(Adam, lr=0.05, batch_size=10, epochs=3, seed=1))
    assert trained.llf == pytest.approx(LocalEvaluator(model).value(trained.fit.theta), rel=1e-12)
    assert trained.llf > LocalEvaluator(model).value(np.array([0.0, 0.5]))


def test_what_is_no_mixed_logit(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", MODES)
    with pytest.raises(ModelError, match="No utility of the MixedLogit holds draws"):
        cmt.MixedLogit(ds, {"car": Beta("b") * ds["t_car"], "bus": 0})
    with pytest.raises(ModelError, match="MNL has random coefficients, .*MNL has no draws.* MixedLogit, .*take draws"):
        cmt.MNL(ds, {"car": normal("b", Beta("m"), 1.0) * ds["t_car"], "bus": 0})
    with pytest.raises(ModelError, match="OrderedLogit has no draws. .*by_segment.*LatentClass"):
        cmt.OrderedLogit(ds, normal("b", Beta("m"), 1.0) * ds["t_car"])


def test_the_utility_that_is_not_finite_is_named_with_draws_too() -> None:
    ds = cmt.Dataset(pd.DataFrame({"y": [1, 2, 1], "x": [1.0, 0, 2]}), "y", {"a": 1, "b": 2})
    taste = normal("taste", Beta("m", 1.0), Beta("sd", 1.0))
    with pytest.raises(OptimizerError, match="The utility of 'a' is not finite in row 1"):
        cmt.estimate(cmt.MixedLogit(ds, {"a": taste * pt.log(ds["x"]), "b": 0}, draws=10))

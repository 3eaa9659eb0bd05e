"""Standard deviations: their sign means nothing, and 0 is no place to start."""

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import lognormal, normal


def panel(sd: float, seed: int = 0, N: int = 150, T: int = 6) -> cmt.Dataset:
    """Choices between two alternatives with a random taste for a difference x."""
    rng = np.random.default_rng(seed)
    taste = np.repeat(-1.0 + sd * rng.normal(size=N), T)
    x = rng.normal(size=N * T)
    y = np.where(taste * x + rng.logistic(size=N * T) > 0, 1, 2)
    frame = pd.DataFrame({"id": np.repeat(np.arange(N), T), "x": x, "y": y})
    return cmt.Dataset(frame, choice="y", alternatives={"a": 1, "b": 2}, individual="id")


@pytest.fixture(scope="module")
def mixed() -> cmt.MixedLogit:
    ds = panel(1.5)
    taste = normal("taste", cmt.Beta("mean"), cmt.Beta("sd"))
    return cmt.MixedLogit(ds, {"a": taste * ds["x"], "b": 0}, draws=64)


@pytest.mark.parametrize("method", ["trust-region", "newton", "bfgs", "lbfgs", "bhhh"])
def test_the_sign_of_a_start_value_changes_nothing(mixed: cmt.MixedLogit, method: str) -> None:
    plus, minus = (cmt.estimate(mixed, method=method, start={"sd": sign * 0.7}) for sign in (1, -1))
    assert plus.outcome.converged
    assert plus.params["sd"] > 0
    assert np.array_equal(plus.params, minus.params) or np.isclose(plus.llf, minus.llf, rtol=1e-9)
    assert np.allclose(plus.params, minus.params, rtol=1e-4)


def test_a_start_at_0_leads_to_the_same_maximum(mixed: cmt.MixedLogit) -> None:
    zero, other = cmt.estimate(mixed), cmt.estimate(mixed, start={"mean": -1.0, "sd": 1.5})
    assert zero.fit.start[1] > 0
    assert mixed.params[1].get_value() == 0  # the user's parameter keeps its value
    assert np.isclose(zero.llf, other.llf, rtol=1e-9)


def test_start_values_do_not_depend_on_units(mixed: cmt.MixedLogit) -> None:
    """A column in hundredths makes start values of the deviation a hundred times as large."""
    ds = mixed.dataset
    taste = normal("taste", cmt.Beta("mean"), cmt.Beta("sd"))
    hundredths = cmt.MixedLogit(ds, {"a": taste * (ds["x"] / 100), "b": 0}, draws=64)
    start, other = cmt.estimate(mixed).fit.start, cmt.estimate(hundredths).fit.start
    assert np.isclose(other[1], 100 * start[1], rtol=1e-6)


@pytest.mark.slow
def test_no_spread_ends_at_0() -> None:
    ds = panel(0.0, seed=2)
    found = []
    for seed in range(4):
        taste = normal("taste", cmt.Beta("mean"), cmt.Beta("sd", 0.3))
        model = cmt.MixedLogit(ds, {"a": taste * ds["x"], "b": 0}, draws=cmt.Sampling(64, seed=seed, antithetic=True))
        found.append(cmt.estimate(model))
    b = cmt.Beta("b")
    logit = cmt.estimate(cmt.MNL(ds, {"a": b * ds["x"], "b": 0}))
    for results in found:  # mirrored draws make the likelihood of one deviation even: 0 is its maximum, or a minimum
        assert results.outcome.converged
        assert results.params["sd"] >= 0
        assert results.llf >= logit.llf - 1e-6


def test_bounds_of_the_user_stay(mixed: cmt.MixedLogit) -> None:
    ds = mixed.dataset
    taste = normal("taste", cmt.Beta("mean"), cmt.Beta("sd", -0.5, ub=-0.01))
    negative = cmt.estimate(cmt.MixedLogit(ds, {"a": taste * ds["x"], "b": 0}, draws=64))
    assert negative.params["sd"] < -1
    assert negative.fit.bounds[0][1] == -np.inf


def test_means_and_lognormal_locations_keep_their_sign(mixed: cmt.MixedLogit) -> None:
    ds = mixed.dataset
    taste = lognormal("taste", cmt.Beta("location"), cmt.Beta("sd", -0.5), sign=-1)
    model = cmt.MixedLogit(ds, {"a": taste * ds["x"], "b": 0}, draws=64)
    assert [p.name for p in model.deviations()] == ["sd"]
    results = cmt.estimate(model)
    assert results.params["location"] < 0 < results.params["sd"]


def test_several_starts_say_how_many_agree(mixed: cmt.MixedLogit) -> None:
    results = cmt.estimate(mixed, starts=4)
    agreed = int((results.starts["llf"] >= results.starts["llf"].max() - 0.01).sum())
    assert f"{agreed} of 4 starts" in results.outcome.evidence
    assert f"{agreed} of 4 starts" in " ".join(str(results.summary()).split())

"""The noise of draws against estimates of models that are made with these draws from the beginning."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.exceptions import InferenceError, ModelError
from pycmtensor.expressions import Beta
from tests.inference.conftest import Survey


@pytest.fixture(scope="module")
def panel() -> cmt.Dataset:
    """200 people whose taste for x is normal, in four situations."""
    rng = np.random.default_rng(2)
    who = np.repeat(np.arange(200), 4)
    x = rng.normal(size=(800, 3))
    taste = (-1 + 0.8 * rng.normal(size=200))[who]
    y = (taste[:, None] * x + rng.gumbel(size=x.shape)).argmax(axis=1)
    frame = pd.DataFrame({"y": y, "who": who} | {name: x[:, j] for j, name in enumerate("abc")})
    return cmt.Dataset(frame, "y", {"a": 0, "b": 1, "c": 2}, individual="who")


def mixed(ds: cmt.Dataset, draws: int | cmt.Sampling) -> cmt.MixedLogit:
    taste, asc = normal("taste", Beta("mean"), Beta("sd", 0.5)), Beta("asc")
    return cmt.MixedLogit(ds, {n: taste * ds[n] + (asc if n == "a" else 0) for n in "abc"}, draws=draws)


@pytest.fixture(scope="module")
def few(panel: cmt.Dataset) -> cmt.Results:
    return cmt.estimate(mixed(panel, cmt.Sampling(8, seed=3)))


@pytest.mark.slow
def test_the_estimates_are_those_of_models_with_the_other_draws(panel: cmt.Dataset, few: cmt.Results) -> None:
    noise = few.simulation_noise()
    assert noise.others == (cmt.Sampling(16, seed=3), cmt.Sampling(8, seed=4))
    for i, sampling in enumerate(noise.others):
        truth = cmt.estimate(mixed(panel, sampling), start=few)
        np.testing.assert_allclose(noise.theta_others[i], truth.params, rtol=1e-3)
        assert noise.llf_others[i] == pytest.approx(truth.llf, abs=1e-6)
    shifts = (noise.theta_others - few.params.to_numpy()) / few.bse.to_numpy()
    np.testing.assert_allclose(noise.shifts, shifts)
    assert list(noise.table.index) == ["mean", "sd", "asc"]
    np.testing.assert_allclose(noise.table["shift, 8 draws of seed 4"], shifts[1])
    moved = np.abs(shifts).max(axis=0) > 0.2
    assert moved.any()
    names = ", ".join(np.array(["mean", "sd", "asc"])[moved])
    assert f"Other draws move {names} by more than 0.2 standard errors: estimate with more draws" in str(noise)


@pytest.mark.slow
def test_many_draws_are_quiet(panel: cmt.Dataset) -> None:
    noise = cmt.estimate(mixed(panel, 256)).simulation_noise(draws=300, seed=9)
    assert noise.others == (cmt.Sampling(300), cmt.Sampling(256, seed=9))
    assert noise.is_small
    assert "No estimate moves by more than 0.2 standard errors: the draws are enough." in str(noise)


def test_a_constraint_holds_with_other_draws_too(panel: cmt.Dataset, few: cmt.Results) -> None:
    assert few.model is not None
    held = cmt.estimate(few.model, constraints="mean = -1")
    noise = held.simulation_noise()
    np.testing.assert_allclose(noise.theta_others[:, 0], -1, rtol=1e-12)
    assert np.isnan(noise.shifts[:, 0]).all()
    assert np.isfinite(noise.shifts[:, 1:]).all()


def test_what_has_no_noise(panel: cmt.Dataset, few: cmt.Results, full: cmt.Results, survey: Survey) -> None:
    with pytest.raises(InferenceError, match="A MNL without random coefficients has no draws"):
        full.simulation_noise()
    with pytest.raises(ModelError, match="The MNL has no draws to be changed"):
        survey.model("B_TIME").with_draws(10)
    with pytest.raises(InferenceError, match="not at hand"):
        cmt.Results(few.fit).simulation_noise()
    with pytest.raises(ModelError, match="number must be a whole number of at least 1, found 0"):
        few.simulation_noise(draws=0)

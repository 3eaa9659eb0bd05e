"""The logit of the Swissmetro survey against published values and against a logit written out in NumPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.optimizers import Adam
from tests import by_hand

#: Estimates, standard errors, robust standard errors: Biogeme's published example of this specification.
PUBLISHED = pd.DataFrame(
    {
        "value": [-0.701187, -0.154633, -1.277859, -1.083790],
        "std_err": [0.054874, 0.043235, 0.056883, 0.051830],
        "robust": [0.082562, 0.058163, 0.104254, 0.068225],
    },
    index=["ASC_TRAIN", "ASC_CAR", "B_TIME", "B_COST"],
)


@pytest.fixture(scope="module")
def arrays() -> tuple[NDArray, NDArray, NDArray]:
    """Attributes, availability and choices straight from the file, without a Dataset."""
    frame = cmt.datasets.load("swissmetro")
    frame = frame[frame.PURPOSE.isin([1, 3]) & (frame.CHOICE != 0)]
    X = np.zeros((len(frame), 3, 4))
    X[:, 0, 0] = X[:, 2, 1] = 1
    X[:, :, 2] = frame[["TRAIN_TT", "SM_TT", "CAR_TT"]] / 100
    X[:, :, 3] = frame[["TRAIN_CO", "SM_CO", "CAR_CO"]] / 100
    X[frame.GA == 1, :2, 3] = 0
    available = frame[["TRAIN_AV", "SM_AV", "CAR_AV"]].to_numpy()
    return X, available, frame.CHOICE.to_numpy() - 1


def test_log_likelihoods_are_the_published_ones(swissmetro_results: cmt.Results) -> None:
    assert swissmetro_results.nobs == 6768
    assert f"{swissmetro_results.llnull:.6f}" == "-6964.662979"
    assert f"{swissmetro_results.llf:.6f}" == "-5331.252007"


def test_standard_errors_are_the_published_ones(swissmetro_results: cmt.Results) -> None:
    assert swissmetro_results.bse.round(6).to_dict() == PUBLISHED.std_err.to_dict()
    assert swissmetro_results.standard_errors("robust").round(6).to_dict() == PUBLISHED.robust.to_dict()


def test_estimates_are_the_published_ones_to_the_accuracy_of_those(swissmetro_results: cmt.Results) -> None:
    """The published estimates end 2e-5 standard errors before the maximum: their sixth digit is not the maximum's."""
    estimates = swissmetro_results.params
    assert (estimates - PUBLISHED.value).abs().max() < 1.5e-6
    assert ((estimates - PUBLISHED.value) / PUBLISHED.std_err).abs().max() < 2.5e-5


def test_everything_equals_a_logit_written_out_in_numpy(
    swissmetro_results: cmt.Results, arrays: tuple[NDArray, NDArray, NDArray]
) -> None:
    theta, llf, scores, hessian = by_hand.newton(*arrays)
    bread = np.linalg.inv(-hessian)
    np.testing.assert_allclose(swissmetro_results.params, theta, rtol=1e-9)
    assert swissmetro_results.llf == pytest.approx(llf, rel=1e-13)
    np.testing.assert_allclose(swissmetro_results.cov_params(), bread, rtol=1e-8)
    np.testing.assert_allclose(swissmetro_results.cov_params("robust"), bread @ scores.T @ scores @ bread, rtol=1e-8)
    np.testing.assert_allclose(swissmetro_results.cov_params("bhhh"), np.linalg.inv(scores.T @ scores), rtol=1e-8)


def test_a_second_estimation_gives_the_same_bits(swissmetro: cmt.MNL, swissmetro_results: cmt.Results) -> None:
    again = cmt.estimate(swissmetro)
    assert again.params.to_list() == swissmetro_results.params.to_list()


def test_adam_on_the_full_batch_comes_within_a_hundredth(swissmetro: cmt.MNL, swissmetro_results: cmt.Results) -> None:
    adam = cmt.estimate(swissmetro, method=cmt.Stochastic(Adam, lr=0.05, epochs=200, tolerance=0))
    assert 0 <= swissmetro_results.llf - adam.llf < 0.01


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_adam_on_mini_batches_comes_within_three(
    swissmetro: cmt.MNL, swissmetro_results: cmt.Results, seed: int
) -> None:
    method = cmt.Stochastic(Adam, lr=0.005, batch_size=256, epochs=60, seed=seed)
    adam = cmt.estimate(swissmetro, method=method)
    assert 0 <= swissmetro_results.llf - adam.llf < 3.0
    assert adam.history.llf.iloc[-1] > swissmetro_results.llf - 3.0  # the last epoch too, not only the best
    assert not adam.outcome.converged


def test_a_panel_by_traveller_changes_only_the_robust_errors(swissmetro_results: cmt.Results) -> None:
    frame = cmt.datasets.load("swissmetro")
    frame = frame[frame.PURPOSE.isin([1, 3]) & (frame.CHOICE != 0)].sample(frac=1, random_state=1)
    panel = cmt.Dataset(frame, "CHOICE", {"train": 1, "sm": 2, "car": 3}, individual="ID")
    asc_train, asc_car, b_time, b_cost = map(cmt.Beta, PUBLISHED.index)
    paid = panel["GA"] < 1
    V = {
        "train": asc_train + b_time * panel["TRAIN_TT"] / 100 + b_cost * panel["TRAIN_CO"] * paid / 100,
        "sm": b_time * panel["SM_TT"] / 100 + b_cost * panel["SM_CO"] * paid / 100,
        "car": asc_car + b_time * panel["CAR_TT"] / 100 + b_cost * panel["CAR_CO"] / 100,
    }
    results = cmt.estimate(cmt.MNL(panel, V, {"train": panel["TRAIN_AV"], "car": panel["CAR_AV"]}))
    assert results.n_individuals == frame.ID.nunique() < results.nobs
    assert results.llf == pytest.approx(swissmetro_results.llf, rel=1e-12)
    np.testing.assert_allclose(results.params, swissmetro_results.params, rtol=1e-7)
    np.testing.assert_allclose(results.bse, swissmetro_results.bse, rtol=1e-7)
    assert (results.standard_errors("robust") > 1.2 * swissmetro_results.standard_errors("robust")).all()

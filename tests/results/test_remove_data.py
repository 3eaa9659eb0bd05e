"""Results without data: the same numbers, in a pickle whose size does not grow with the sample."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import pycmtensor as cmt
from pycmtensor.exceptions import InferenceError


@pytest.fixture(scope="module")
def small(swissmetro_results: cmt.Results) -> cmt.Results:
    return pickle.loads(pickle.dumps(swissmetro_results.remove_data()))


@pytest.mark.parametrize("kind", ["classical", "robust", "bhhh"])
def test_estimates_and_errors_are_the_same_after_a_pickle(
    small: cmt.Results, swissmetro_results: cmt.Results, kind: str
) -> None:
    assert small.params.equals(swissmetro_results.params)
    np.testing.assert_array_equal(small.cov_params(kind), swissmetro_results.cov_params(kind))
    assert small.llf == swissmetro_results.llf
    assert small.provenance == swissmetro_results.provenance
    assert str(small.wald("B_TIME = B_COST", kind=kind)) == str(swissmetro_results.wald("B_TIME = B_COST", kind=kind))


def test_a_pickle_holds_one_number_for_each_individual_at_most(swissmetro_results: cmt.Results) -> None:
    """The sample weights: 8 bytes for each of 6,768 choices; everything else is a few matrices (4, 4) and text."""
    small = len(pickle.dumps(swissmetro_results.remove_data()))
    assert small < 8 * swissmetro_results.nobs + 20_000
    assert len(pickle.dumps(swissmetro_results)) > 10 * small


def test_what_needs_individuals_says_so(small: cmt.Results, tmp_path: Path) -> None:
    for ask in (
        lambda: small.standard_errors("cluster", groups=np.arange(6768)),
        lambda: small.save(tmp_path / "small.cmt"),
        lambda: small.predict(),
        lambda: small.conf_int(kind="profile"),
    ):
        with pytest.raises(InferenceError):
            ask()
    assert list(tmp_path.iterdir()) == []


def test_the_results_themselves_stay_as_they_are(swissmetro_results: cmt.Results) -> None:
    swissmetro_results.remove_data()
    assert swissmetro_results.predict().shares.sum() == pytest.approx(1)
    assert swissmetro_results.fit.scores.shape == (6768, 4)

"""Samples of alternatives: what is drawn, with which correction, and that estimates are those of all alternatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.dataset.sampling import draw_uniform, draw_weighted
from pycmtensor.exceptions import DatasetError
from pycmtensor.expressions import Beta, Weight
from pycmtensor.optimizers import SGD

LONG = {"choice": "chosen", "alternative": "zone", "situation": "trip"}
J, N = 40, 3000
TRUTH = np.array([1.0, -0.7])


@pytest.fixture(scope="module")
def zones() -> cmt.LongDataset:
    """3,000 choices among 40 zones, of which each traveller can reach 30 to 40; large zones are taken more often."""
    rng = np.random.default_rng(11)
    size, distance = np.repeat(rng.normal(0, 1, J)[None], N, axis=0), rng.exponential(1, (N, J))
    is_there = np.arange(J) < rng.integers(30, J + 1, N)[:, None]
    U = TRUTH[0] * size + TRUTH[1] * distance + rng.gumbel(size=(N, J))
    chosen = np.where(is_there, U, -np.inf).argmax(axis=1)
    trip, zone = np.nonzero(is_there)
    frame = pd.DataFrame(
        {
            "trip": trip,
            "zone": zone,
            "chosen": zone == chosen[trip],
            "size": size[trip, zone],
            "distance": distance[trip, zone],
            "draw": np.exp(0.8 * size[trip, zone]),
        }
    )
    return cmt.Dataset.from_long(frame, **LONG)


def estimates(ds: cmt.LongDataset, *terms: str) -> cmt.Results:
    V = Beta("size") * ds["size"] + Beta("distance") * ds["distance"]
    return cmt.estimate(cmt.MNL(ds, sum((ds[term] for term in terms), V)))


def test_uniform_samples_give_the_estimates(zones: cmt.LongDataset) -> None:
    results = estimates(zones.sample_alternatives(8, seed=1))
    assert (np.abs(results.params - TRUTH) < 3 * results.bse).all()
    assert (results.bse > estimates(zones).bse).all()


def test_weighted_samples_give_the_estimates_with_the_correction_only(zones: cmt.LongDataset) -> None:
    sample = zones.sample_alternatives(8, seed=2, weights="draw")
    results = estimates(sample, "correction")
    assert (np.abs(results.params - TRUTH) < 3 * results.bse).all()
    without = estimates(sample)
    assert abs(without.params["size"] - TRUTH[0]) > 6 * without.bse["size"]


def test_a_sample_of_all_is_the_whole(zones: cmt.LongDataset) -> None:
    sample = zones.sample_alternatives(J)
    assert sample.n_alternatives == J
    assert estimates(sample, "correction").llf == pytest.approx(estimates(zones).llf, rel=1e-12)


def test_a_sample_holds_the_chosen_and_others(zones: cmt.LongDataset) -> None:
    sample = zones.sample_alternatives(5, seed=3)
    assert sample.array("size").shape == (5, 1, N, 1)
    assert sample.array(sample.available()).all()
    assert not sample.array("correction").any()
    np.testing.assert_array_equal(sample.chosen_alternatives, zones.chosen_alternatives)
    again, other = zones.sample_alternatives(5, seed=3), zones.sample_alternatives(5, seed=4)
    np.testing.assert_array_equal(again.array("distance"), sample.array("distance"))
    assert (other.array("distance") != sample.array("distance")).any()


def test_every_other_alternative_is_as_likely() -> None:
    """Of 4 others 2 are drawn: each is in half of the samples."""
    situation = np.repeat(np.arange(40_000), 5)
    is_chosen = np.tile(np.arange(5) == 2, 40_000)
    rows = draw_uniform(situation, is_chosen, 3, np.random.default_rng(0))
    times = np.bincount(rows % 5) / 40_000
    assert times[2] == 1
    np.testing.assert_allclose(times[[0, 1, 3, 4]], 0.5, atol=4 * 0.5 / 200)


def test_draws_follow_their_weights_and_the_correction_counts_them() -> None:
    n, q = 40_000, np.array([0.5, 0.3, 0.2])
    situation, is_chosen = np.repeat(np.arange(n), 3), np.tile([True, False, False], n)
    rows, correction = draw_weighted(situation, is_chosen, np.tile(10 * q, n), 3, np.random.default_rng(0))
    k = np.round(np.exp(correction) * q[rows % 3])  # - log(q / k) = log k - log q
    np.testing.assert_allclose(correction, -np.log(q[rows % 3] / k), rtol=1e-12)
    assert (np.bincount(rows // 3, weights=k) == 3).all()  # the chosen one and two draws
    times = np.bincount(rows % 3, weights=k) / n
    np.testing.assert_allclose(times, [1 + 2 * 0.5, 2 * 0.3, 2 * 0.2], atol=4 * np.sqrt(2 * 0.25 / n))


def test_coefficients_are_those_of_the_alternative_on_each_place(zones: cmt.LongDataset) -> None:
    sample = zones.sample_alternatives(6, seed=5)
    codes = np.arange(J, dtype=float)
    expected = np.sort(sample.array("zone"), axis=0)
    np.testing.assert_array_equal(sample.evaluate(sample.per_alternative(codes)), expected)
    some = sample.evaluate(sample.per_alternative({"7": 2.0, "30": -1.0}))
    np.testing.assert_array_equal(some, 2.0 * (expected == 7) - 1.0 * (expected == 30))


def test_constants_of_a_sample_are_estimated(zones: cmt.LongDataset) -> None:
    """Two zones get a constant that the truth does not have."""
    sample = zones.sample_alternatives(6, seed=6)
    V = Beta("size") * sample["size"] + Beta("distance") * sample["distance"]
    results = cmt.estimate(cmt.MNL(sample, V + sample.per_alternative({"3": Beta("three"), "4": Beta("four")})))
    assert (np.abs(results.params - [*TRUTH, 0, 0]) < 3 * results.bse).all()


def test_parts_of_a_sample_are_samples_of_the_same_size(zones: cmt.LongDataset) -> None:
    sample = zones.sample_alternatives(6, seed=7)
    b, asc = Beta("b"), Weight("asc", J, value=np.zeros(J))
    model = cmt.MNL(sample, b * sample["size"] + sample.per_alternative(asc))
    method = cmt.Stochastic(SGD, lr=0.1, epochs=2, batch_size=500, validation=0.2)
    assert np.isfinite(cmt.estimate(model, method=method).llf)
    with pytest.raises(DatasetError, match="samples of 6 alternatives, those of the data set hold 5"):
        cmt.estimate(model, zones.sample_alternatives(5))


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda ds: ds.sample_alternatives(41), "n must be a whole number from 2 to 40.*found 41"),
        (lambda ds: ds.sample_alternatives(1), "n must be a whole number from 2 to 40.*found 1"),
        (lambda ds: ds.sample_alternatives(5, weights="size"), "must be above 0.*'size' are not in"),
        (lambda ds: ds.sample_alternatives(5, weights="siz"), "Did you mean 'size'"),
        (lambda ds: ds.sample_alternatives(5).sample_alternatives(3), "are a sample already"),
        (lambda ds: ds.sample_alternatives(5)["size", "3"], "has no column of one alternative"),
    ],
)
def test_faults_are_named(zones: cmt.LongDataset, use: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        use(zones)


def test_the_column_of_the_correction_must_be_free() -> None:
    frame = pd.DataFrame({"trip": [1, 1], "zone": [1, 2], "chosen": [1, 0], "correction": [0, 0]})
    with pytest.raises(DatasetError, match="has a column 'correction' already"):
        cmt.Dataset.from_long(frame, **LONG).sample_alternatives(2)

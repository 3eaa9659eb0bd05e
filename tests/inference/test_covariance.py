"""Covariances against closed forms; the Swissmetro test holds them against published values."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.exceptions import PyCMTensorError
from pycmtensor.inference import COVARIANCES, ClusterRobust, Robust, covariance
from pycmtensor.inference.covariance import Summed
from tests.conftest import MODES


def test_weights_enter_as_sampling_weights() -> None:
    """Shares only: p = weighted share, information sum(w) p q, scores y - p, all by hand."""
    y, w = np.array([1, 1, 0, 1, 0]), np.array([1.0, 2.0, 0.5, 1.0, 3.0])
    ds = cmt.Dataset(pd.DataFrame({"y": y, "w": w}), "y", {"a": 1, "b": 0}, weights="w")
    results = cmt.estimate(cmt.MNL(ds, {"a": cmt.Beta("asc")(), "b": 0}))
    p = (w * y).sum() / w.sum()
    information, scores = w.sum() * p * (1 - p), y - p
    assert results.params["asc"] == pytest.approx(np.log(p / (1 - p)), abs=1e-7 * results.bse["asc"])
    assert results.cov_params("classical").iloc[0, 0] == pytest.approx(1 / information, rel=1e-7)
    assert results.cov_params("bhhh").iloc[0, 0] == pytest.approx(1 / (w * scores**2).sum(), rel=1e-7)
    assert results.cov_params("robust").iloc[0, 0] == pytest.approx(
        ((w * scores) ** 2).sum() / information**2, rel=1e-7
    )


def test_an_estimate_at_a_bound_has_no_standard_error(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", MODES)

    def results(ub: float | None) -> cmt.Results:
        asc, b = cmt.Beta("asc"), cmt.Beta("b", -1.0, ub=ub)
        return cmt.estimate(cmt.MNL(ds, {"car": asc + b * ds["t_bus"], "bus": b * ds["t_car"]}))

    free, bounded = results(None), results(0.0)
    assert free.params["b"] > 0
    assert bounded.params["b"] == 0
    assert bounded.bse.isna().to_dict() == {"asc": False, "b": True}
    assert bounded.bse["asc"] == pytest.approx(np.sqrt(1 / (6 * 0.25)), rel=1e-9)  # b = 0 leaves shares of 1/2
    assert "b at a bound" in bounded.outcome.reason


def test_every_kind_is_positive_definite(swissmetro_results: cmt.Results) -> None:
    for kind in (name for name, of_name in COVARIANCES.items() if not of_name.grouped):
        assert (np.linalg.eigvalsh(swissmetro_results.cov_params(kind)) > 0).all()


def test_units_of_the_data_do_not_matter(trips: pd.DataFrame) -> None:
    errors = []
    for factor in (1e-9, 1.0, 1e9):
        scaled = trips.assign(t_car=trips.t_car * factor, t_bus=trips.t_bus * factor)
        ds = cmt.Dataset(scaled, "mode", MODES)
        b, asc = cmt.Beta("b"), cmt.Beta("asc")
        results = cmt.estimate(cmt.MNL(ds, {"car": asc + b * ds["t_car"], "bus": b * ds["t_bus"]}))
        errors.append([results.bse["asc"], results.bse["b"] * factor, results.llf])
    np.testing.assert_allclose(errors, np.tile(errors[1], (3, 1)), rtol=1e-6)


def test_an_unknown_kind_lists_the_known(swissmetro_results: cmt.Results) -> None:
    with pytest.raises(PyCMTensorError, match="bhhh, cluster, bootstrap, jackknife; found 'HC3'"):
        swissmetro_results.cov_params("HC3")


def test_far_from_a_maximum_there_are_no_errors(swissmetro_results: cmt.Results) -> None:
    outcome = dataclasses.replace(swissmetro_results.outcome, near_maximum=False)
    assert np.isnan(covariance(dataclasses.replace(swissmetro_results.fit, outcome=outcome))).all()


def test_a_kind_of_ones_own_overrides_the_meat(swissmetro_results: cmt.Results) -> None:
    """White's covariance with the factor N / (N - K), which is proportional to it."""

    class SmallSample(Robust):
        def meat(self, at: Summed) -> Any:
            N, K = len(at.weights), len(at.hessian)
            return N / (N - K) * super().meat(at)

    N = swissmetro_results.n_individuals
    own, robust = (swissmetro_results.cov_params(kind) for kind in (SmallSample(), "robust"))
    np.testing.assert_allclose(own, N / (N - 4) * robust, rtol=1e-12)
    own_errors = swissmetro_results.wald("B_TIME = 0", kind=SmallSample()).statistic
    assert own_errors == pytest.approx(
        swissmetro_results.wald("B_TIME = 0", "robust").statistic * (N - 4) / N, rel=1e-12
    )


def test_every_kind_is_its_bread_and_meat(swissmetro_results: cmt.Results) -> None:
    """B M B with B = (-H)^-1 and M of scores, by matrices."""
    fit = swissmetro_results.fit
    B, s, w = np.linalg.inv(-fit.hessian), fit.scores, fit.weights[:, None]
    groups = np.arange(len(s)) % 50
    sums = np.stack([(w * s)[groups == g].sum(axis=0) for g in range(50)])
    truths: list[tuple[Any, Any]] = [
        ("classical", B),
        ("robust", B @ ((w * s).T @ (w * s)) @ B),
        ("bhhh", np.linalg.inv(s.T @ (w * s))),
        (ClusterRobust(groups), 50 / 49 * B @ (sums.T @ sums) @ B),
    ]
    for kind, truth in truths:
        np.testing.assert_allclose(swissmetro_results.cov_params(kind), truth, rtol=1e-8)

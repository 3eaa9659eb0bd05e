"""Bootstrap, jackknife and clusters against closed forms and against estimates from every sample in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.exceptions import DatasetError, InferenceError, PyCMTensorError, ResamplingWarning
from pycmtensor.inference import ClusterRobust, resampling

Y = np.repeat([1, 0], [36, 24])
HOUSEHOLD = np.arange(60) // 3


@pytest.fixture(scope="module")
def shares() -> cmt.Results:
    """One constant and nothing else: the estimate is the logarithm of the odds."""
    ds = cmt.Dataset(pd.DataFrame({"y": Y, "household": HOUSEHOLD}), "y", {"a": 1, "b": 0})
    return cmt.estimate(cmt.MNL(ds, {"a": cmt.Beta("asc")(), "b": 0}))


def log_odds(weights: NDArray) -> float:
    return float(np.log((weights * Y).sum() / (weights * (1 - Y)).sum()))


def samples(number: int, seed: int, size: int = 60) -> list[NDArray]:
    """How often each individual is in each sample."""
    rng = np.random.default_rng(seed)
    return [np.bincount(rng.integers(size, size=size), minlength=size) for _ in range(number)]


def test_bootstrap_estimates_are_those_of_the_samples(shares: cmt.Results) -> None:
    replicates = shares.bootstrap(100, seed=3)
    truth = np.array([log_odds(weights) for weights in samples(100, 3)])
    way = np.abs(truth - shares.params["asc"])
    assert (np.abs(replicates.params["asc"] - truth) <= 0.01 * way + 1e-9).all()
    assert shares.standard_errors(cmt.Bootstrap(100, seed=3))["asc"] == pytest.approx(truth.std(ddof=1), rel=0.01)
    interval = replicates.conf_int(0.1).loc["asc"]
    np.testing.assert_allclose(interval, np.quantile(truth, [0.05, 0.95]), atol=0.01 * shares.bse["asc"])


def test_more_replicates_begin_with_the_same_ones(shares: cmt.Results) -> None:
    few, many = shares.bootstrap(5, seed=3), shares.bootstrap(100, seed=3)
    np.testing.assert_allclose(few.theta, many.theta[:5], rtol=1e-12)


def test_groups_are_drawn_as_a_whole(shares: cmt.Results) -> None:
    replicates = shares.bootstrap(20, seed=1, groups="household")
    truth = [log_odds(drawn[HOUSEHOLD]) for drawn in samples(20, 1, 20)]
    np.testing.assert_allclose(replicates.params["asc"], truth, atol=0.02 * shares.bse["asc"])


@pytest.mark.parametrize("groups", [None, "household"])
def test_jackknife_estimates_are_those_without_each_in_turn(shares: cmt.Results, groups: str | None) -> None:
    labels = np.arange(60) if groups is None else HOUSEHOLD
    truth = np.array([log_odds(labels != g) for g in np.unique(labels)])
    replicates = shares.jackknife(groups)
    G = len(truth)
    np.testing.assert_allclose(
        replicates.params["asc"] - shares.params["asc"], truth - shares.params["asc"], rtol=0.01, atol=1e-4
    )
    variance = (G - 1) / G * ((truth - truth.mean()) ** 2).sum()
    assert shares.cov_params("jackknife", groups=groups).iloc[0, 0] == pytest.approx(variance, rel=0.01)


def test_clusters_by_hand(shares: cmt.Results) -> None:
    p = 0.6
    scores = pd.Series(Y - p).groupby(HOUSEHOLD).sum()
    variance = 20 / 19 * (scores**2).sum() / (60 * p * (1 - p)) ** 2
    assert shares.cov_params("cluster", groups="household").iloc[0, 0] == pytest.approx(variance, rel=1e-7)
    assert shares.standard_errors(ClusterRobust(HOUSEHOLD))["asc"] == pytest.approx(np.sqrt(variance), rel=1e-7)
    for names in (HOUSEHOLD * 7 + 1, HOUSEHOLD.astype(str)):
        assert shares.cov_params(ClusterRobust(names)).iloc[0, 0] == pytest.approx(variance, rel=1e-7)
    every = shares.cov_params(ClusterRobust(np.arange(60)))
    pd.testing.assert_frame_equal(every, 60 / 59 * shares.cov_params("robust"))


def test_a_kind_with_settings_goes_wherever_a_kind_goes(shares: cmt.Results) -> None:
    kind = ClusterRobust("household")
    se = shares.standard_errors(kind)["asc"]
    assert shares.delta("2 * asc", kind=kind).std_err == pytest.approx(2 * se)
    assert shares.conf_int(kind=kind).loc["asc", "upper"] == pytest.approx(shares.params["asc"] + 1.959964 * se)
    assert shares.wald("asc = 0", kind=kind).statistic == pytest.approx((shares.params["asc"] / se) ** 2)
    assert "cluster" in str(shares.wald("asc = 0", kind=kind))


def test_sample_weights_are_kept_in_every_sample() -> None:
    w = np.linspace(0.5, 1.5, 60)
    ds = cmt.Dataset(pd.DataFrame({"y": Y, "w": w}), "y", {"a": 1, "b": 0}, weights="w")
    results = cmt.estimate(cmt.MNL(ds, {"a": cmt.Beta("asc")(), "b": 0}))
    truth = np.array([log_odds(w * weights) for weights in samples(30, 0)])
    way = np.abs(truth - results.params["asc"])
    assert (np.abs(results.bootstrap(30).params["asc"] - truth) <= 0.01 * way + 1e-9).all()


def test_samples_are_held_by_bounds_too() -> None:
    ds = cmt.Dataset(pd.DataFrame({"y": Y, "x": np.tile([1.0, 2.0], 30)}), "y", {"a": 1, "b": 0})
    asc, b = cmt.Beta("asc", ub=0.5), cmt.Beta("b")
    results = cmt.estimate(cmt.MNL(ds, {"a": asc + b * (ds["x"] - 1.5), "b": 0}))
    replicates = results.bootstrap(200)
    truth = [min(0.5, log_odds(weights)) for weights in samples(200, 0)]
    held = np.array(truth) == 0.5
    assert 20 < held.sum() < 180
    assert (replicates.params["asc"][held & (replicates.params["asc"] > 0.45)] <= 0.5).all()
    assert (replicates.params["asc"] <= 0.5).all()


def test_samples_without_a_maximum_are_left_out_and_said() -> None:
    """Three of forty choose b: one sample in twenty has none of them."""
    ds = cmt.Dataset(pd.DataFrame({"y": np.repeat([1, 0], [37, 3])}), "y", {"a": 1, "b": 0})
    results = cmt.estimate(cmt.MNL(ds, {"a": cmt.Beta("asc")(), "b": 0}))
    without = sum(weights[37:].sum() == 0 for weights in samples(100, 0, 40))
    assert without > 0
    with pytest.warns(ResamplingWarning, match=f"{without} of 100 bootstrap samples have no maximum"):
        replicates = results.bootstrap(100)
    assert replicates.without_maximum == without
    assert len(replicates.params) == 100 - without


@pytest.mark.filterwarnings("ignore::pycmtensor.exceptions.ResamplingWarning")
def test_one_estimate_is_no_spread() -> None:
    """Without either individual, all others choose the same."""
    ds = cmt.Dataset(pd.DataFrame({"y": [1, 0]}), "y", {"a": 1, "b": 0})
    results = cmt.estimate(cmt.MNL(ds, {"a": cmt.Beta("asc")(), "b": 0}))
    with pytest.raises(PyCMTensorError, match="0 of 2 jackknife samples have a maximum of the likelihood"):
        results.jackknife()


def test_an_interrupted_bootstrap_uses_what_it_has(shares: cmt.Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "WEIGHTS_AT_ONCE", 600)
    usual, runs = resampling._some, 0

    def interrupted(*args: Any) -> NDArray:
        nonlocal runs
        runs += 1
        if runs == 3:
            raise KeyboardInterrupt
        return usual(*args)

    monkeypatch.setattr(resampling, "_some", interrupted)
    with pytest.warns(ResamplingWarning, match="Interrupted after 20 of 50 replicates"):
        replicates = shares.bootstrap(50, seed=77)
    assert len(replicates.theta) == 20


def test_the_swissmetro_bootstrap_is_within_a_twentieth_of_the_robust_errors(swissmetro_results: cmt.Results) -> None:
    ratio = swissmetro_results.standard_errors(cmt.Bootstrap(1000)) / swissmetro_results.standard_errors("robust")
    assert (ratio - 1).abs().max() < 0.05


def test_bad_input(shares: cmt.Results, trips: pd.DataFrame) -> None:
    with pytest.raises(
        PyCMTensorError, match="groups go with the kinds cluster, bootstrap, jackknife, found kind='rob"
    ):
        shares.cov_params("robust", groups="household")
    with pytest.raises(PyCMTensorError, match="Write kind='cluster', groups='column'"):
        shares.cov_params("cluster")
    with pytest.raises(PyCMTensorError, match="one label for each of the 60 individuals, found an array of shape"):
        shares.cov_params("cluster", groups=[1, 2])
    with pytest.raises(DatasetError, match="There is no column 'city'|city"):
        shares.cov_params("cluster", groups="city")
    with pytest.raises(PyCMTensorError, match="at least two groups, found one"):
        shares.cov_params("cluster", groups=np.zeros(60))
    for kind in ("bootstrap", "jackknife"):
        with pytest.raises(PyCMTensorError, match=f"The {kind} needs at least two groups, found one"):
            shares.cov_params(kind, groups=np.zeros(60))
    for nothing in (None, np.nan):
        with pytest.raises(PyCMTensorError, match=r"no label for 1 individual\(s\), the first at position 7"):
            shares.cov_params("cluster", groups=[*range(7), nothing, *range(52)])
    with pytest.raises(PyCMTensorError, match="groups go with the kinds .* found kind='profile'"):
        shares.conf_int(kind="profile", groups="household")
    with pytest.raises(PyCMTensorError, match=r"or kind=ClusterRobust\('column'\)"):
        shares.delta("exp(asc)", kind="cluster")
    with pytest.raises(InferenceError, match="replicates must be a whole number of at least 2, found 1"):
        shares.bootstrap(1)
    with pytest.raises(PyCMTensorError, match="Percentile intervals need bootstrap"):
        shares.jackknife().conf_int()
    alone = cmt.Results(shares.fit)
    with pytest.raises(PyCMTensorError, match="which bootstrap need, are not at hand. Give the model to Results.load"):
        alone.bootstrap()
    panel = cmt.Dataset(trips, "mode", {"car": 1, "bus": 2}, individual="person")
    with pytest.raises(DatasetError, match="'purpose' changes within an individual of 'person' at row 2"):
        panel.groups("purpose")

"""Stochastic estimation: what it reports, when it stops, and what it refuses."""

from __future__ import annotations

import functools
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.engine.training import Training
from pycmtensor.exceptions import OptimizerError
from pycmtensor.optimizers import SGD, Adam
from pycmtensor.optimizers.schedules import Exponential, ReduceOnPlateau
from tests.conftest import MODES


@pytest.fixture(scope="module")
def shares() -> cmt.MNL:
    """Thirty choices of a and ten of b: the maximum is at asc = log(3)."""
    frame = pd.DataFrame({"y": [1] * 30 + [2] * 10})
    ds = cmt.Dataset(frame, "y", {"a": 1, "b": 2})
    return cmt.MNL(ds, {"a": cmt.Beta("asc")(), "b": 0})


def test_it_converges_only_where_the_gradient_of_the_sample_vanishes(shares: cmt.MNL) -> None:
    results = cmt.estimate(shares, method=cmt.Stochastic(SGD, lr=2.0, epochs=500, tolerance=1e-10))
    assert results.outcome.converged
    assert results.params["asc"] == pytest.approx(np.log(3), rel=1e-8)
    assert results.history.epoch.iloc[-1] < 500
    assert results.bse["asc"] == pytest.approx(np.sqrt(1 / (40 * 0.75 * 0.25)), rel=1e-6)


def test_small_steps_are_not_convergence(shares: cmt.MNL) -> None:
    results = cmt.estimate(shares, method=cmt.Stochastic(SGD, lr=1e-9, epochs=10))
    assert not results.outcome.converged
    assert results.bse.isna().all()
    assert "Standard errors would mean nothing here" in results.outcome.remedy
    assert "NOT CONVERGED" in " ".join(str(results.summary()).split())


def test_near_the_maximum_standard_errors_are_reported(shares: cmt.MNL) -> None:
    results = cmt.estimate(shares, method=cmt.Stochastic(SGD, lr=2.0, epochs=12, tolerance=0))
    assert not results.outcome.converged
    assert 0 < abs(results.params["asc"] - np.log(3)) < 0.1 * results.bse["asc"]


def test_results_start_a_second_order_method(shares: cmt.MNL) -> None:
    rough = cmt.estimate(shares, method=cmt.Stochastic(SGD, lr=1.0, epochs=3))
    polished = cmt.estimate(shares, start=rough)
    assert polished.fit.start[0] == rough.params["asc"]
    assert polished.params["asc"] == pytest.approx(np.log(3), rel=1e-9)


def test_the_best_point_is_reported_not_the_last(shares: cmt.MNL) -> None:
    """Adam at this rate swings around the maximum: the log-likelihood goes up and down."""
    results = cmt.estimate(shares, method=cmt.Stochastic(Adam, lr=0.7, epochs=20, tolerance=0))
    assert results.llf == results.history.llf.max()
    assert results.llf > results.history.llf.iloc[-1]


def test_a_seed_repeats_a_run_bit_for_bit(swissmetro: cmt.MNL) -> None:
    first, again, other = (
        cmt.estimate(swissmetro, method=cmt.Stochastic(Adam, lr=0.01, batch_size=500, epochs=2, seed=s)).params
        for s in (4, 4, 5)
    )
    assert first.to_list() == again.to_list()
    assert (first != other).all()


def test_bounds_hold_in_training(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips, "mode", MODES)
    b = cmt.Beta("b", 0.0, ub=0.0)
    model = cmt.MNL(ds, {"car": b * ds["t_bus"], "bus": b * ds["t_car"]})  # swapped: the maximum has b > 0
    method = cmt.Stochastic(SGD, lr=0.01, epochs=20)
    results = cmt.estimate(model, method=method)
    assert results.params["b"] == 0.0
    assert results.outcome.converged
    assert results.bse.isna().all()


def test_divergence_is_an_outcome_not_an_estimate(trips: pd.DataFrame) -> None:
    """With b^9 in a utility, one step at this rate takes the utilities beyond what float64 holds."""
    ds = cmt.Dataset(trips, "mode", MODES)
    b = cmt.Beta("b", 0.0)
    model = cmt.MNL(ds, {"car": (b + b**9 * 1e30) * ds["t_car"], "bus": 0})
    results = cmt.estimate(model, method=cmt.Stochastic(SGD, lr=1e36, epochs=30))
    assert np.isfinite(results.params["b"])
    assert np.isfinite(results.llf)
    assert not results.outcome.converged
    assert "no longer finite at epoch 1: lower the learning rate" in results.outcome.reason


def test_a_rate_that_only_does_harm_is_said(shares: cmt.MNL) -> None:
    results = cmt.estimate(shares, method=cmt.Stochastic(SGD, lr=1e5, epochs=31))
    assert results.params["asc"] == 0.0
    assert "the log-likelihood fell to" in results.outcome.reason
    assert "lower the learning rate" in results.outcome.reason


def test_an_interrupted_run_reports_its_best_point(swissmetro: cmt.MNL, monkeypatch: pytest.MonkeyPatch) -> None:
    run, calls = Training.run, []

    def interrupted(self: Training, *args: Any) -> Any:
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return run(self, *args)

    monkeypatch.setattr(Training, "run", interrupted)
    results = cmt.estimate(swissmetro, method=cmt.Stochastic(Adam, lr=0.01, batch_size=500, epochs=100))
    assert "interrupted after epoch" in results.outcome.reason
    assert not results.outcome.converged
    assert results.llf == pytest.approx(results.history.llf.max(), rel=1e-12)
    assert results.llf > results.history.llf.iloc[0]


def test_options_of_the_optimizer_pass_through(shares: cmt.MNL) -> None:
    plain = cmt.estimate(shares, method=cmt.Stochastic(SGD, lr=1.0, epochs=1))
    clip = functools.partial(SGD, clip_value=1e-3)
    clipped = cmt.estimate(shares, method=cmt.Stochastic(clip, lr=1.0, epochs=1))
    assert clipped.params["asc"] == pytest.approx(1e-3, rel=1e-12)
    assert plain.params["asc"] == pytest.approx(0.25, rel=1e-12)  # mean of 30 (1 - 1/2) - 10 / 2
    assert clipped.fit.method.startswith("Stochastic(SGD, lr=1,")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, found 0"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, found 0"),
        ({"lr": -0.1}, "lr must be a finite number in"),
        ({"lr": float("nan")}, "lr must be a finite number"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"tolerance": -1}, "tolerance must be a finite number"),
        ({"optimizer": Adam([cmt.Beta("b")])}, "without parentheses behind Adam"),
        ({"optimizer": "adam"}, "must be a class such as Adam"),
    ],
)
def test_faults_of_the_method_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError, match=message):
        cmt.Stochastic(**{"optimizer": Adam, **arguments})


def test_a_batch_larger_than_the_data_is_an_error(shares: cmt.MNL) -> None:
    with pytest.raises(OptimizerError, match="batch_size=41 is more than the 40 individuals"):
        cmt.estimate(shares, method=cmt.Stochastic(Adam, batch_size=41))


def test_unknown_keywords_are_errors() -> None:
    with pytest.raises(TypeError, match="momentum"):
        cmt.Stochastic(Adam, momentum=0.9)  # type: ignore[call-arg]


def test_validation_sets_individuals_aside_and_reports_their_best_epoch(swissmetro: cmt.MNL) -> None:
    method = cmt.Stochastic(Adam, lr=0.05, batch_size=500, epochs=15, seed=2, validation=0.25)
    results = cmt.estimate(swissmetro, method=method)
    assert results.nobs == 6768 - 1692
    history = results.history
    best = history.iloc[int(np.argmax(history.validation))]
    assert f"Reported is epoch {int(best.epoch)}, best in validation" in results.outcome.reason
    assert results.llf == pytest.approx(best.llf, rel=1e-12)
    held_out = np.sort(np.random.default_rng(2).permutation(6768)[:1692])
    aside = cmt.estimate(swissmetro, swissmetro.dataset.take(held_out), start=results, method=STAY)
    assert aside.llf == pytest.approx(best.validation, rel=1e-12)


STAY = cmt.Stochastic(SGD, lr=0, epochs=1)  #: evaluates the start values and goes nowhere


def test_patience_stops_when_the_validation_no_longer_improves(shares: cmt.MNL) -> None:
    """The validation data have the opposite shares: every step away from the start is a loss there."""
    ds = cmt.Dataset(pd.DataFrame({"y": [1] * 10 + [2] * 30}), "y", {"a": 1, "b": 2})
    method = cmt.Stochastic(SGD, lr=0.1, epochs=100, validation=ds, patience=4)
    results = cmt.estimate(shares, method=method)
    assert results.history.epoch.iloc[-1] == 4
    assert results.params["asc"] == 0.0
    assert "did not improve for 4 epochs" in results.outcome.reason


def test_a_panel_is_split_by_individual() -> None:
    frame = cmt.datasets.load("swissmetro").query("CHOICE != 0").head(900)
    ds = cmt.Dataset(frame, "CHOICE", {"train": 1, "sm": 2, "car": 3}, individual="ID")
    part = ds.take(np.array([0, 5, 7]))
    assert part.n_individuals == 3
    taken = frame[frame.ID.isin(frame.ID.unique()[[0, 5, 7]])]
    assert sorted(part.array("TRAIN_TT")[part.array(part.observed) == 1]) == sorted(taken.TRAIN_TT)


def test_schedules_replace_the_rate(shares: cmt.MNL) -> None:
    """SGD with rates 1, 1/2, 1/4: three steps by hand."""
    results = cmt.estimate(shares, method=cmt.Stochastic(SGD, schedule=Exponential(1.0, 0.5), epochs=3, tolerance=0))
    asc = 0.0
    for rate in (1.0, 0.5, 0.25):
        asc += rate * (0.75 - 1 / (1 + np.exp(-asc)))
    assert results.params["asc"] == pytest.approx(asc, rel=1e-12)
    assert "Exponential" in results.fit.method


def test_a_plateau_lowers_the_rate_and_is_left_as_it_was(shares: cmt.MNL) -> None:
    """At rate 20 the shares are overshot back and forth; falling rates end at the maximum."""
    plateau = ReduceOnPlateau(20.0, factor=0.5, patience=1)
    falling = cmt.estimate(shares, method=cmt.Stochastic(SGD, schedule=plateau, epochs=50, tolerance=0))
    steady = cmt.estimate(shares, method=cmt.Stochastic(SGD, lr=20.0, epochs=50, tolerance=0))
    assert abs(falling.params["asc"] - np.log(3)) < 1e-6 < abs(steady.params["asc"] - np.log(3))
    assert float(plateau.lr.get_value()) == 20.0


def test_averages_are_what_is_reported(shares: cmt.MNL) -> None:
    averaging = functools.partial(SGD, average="mean")
    results = cmt.estimate(shares, method=cmt.Stochastic(averaging, lr=1.0, epochs=3, tolerance=0))
    asc, seen = 0.0, []
    for _ in range(3):
        asc += 0.75 - 1 / (1 + np.exp(-asc))
        seen.append(asc)
    assert results.params["asc"] == pytest.approx(np.mean(seen), rel=1e-12)


def test_the_average_begins_at_the_start(shares: cmt.MNL) -> None:
    averaging = functools.partial(SGD, average="mean")
    method = cmt.Stochastic(averaging, lr=0.0, epochs=1, tolerance=0)
    results = cmt.estimate(shares, method=method, start={"asc": np.log(3)})
    assert results.history["llf"][0] == pytest.approx(cmt.estimate(shares).llf, rel=1e-12)


def test_a_time_limit_stops_a_run(swissmetro: cmt.MNL, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock on which half a second passes whenever somebody looks."""
    clock = count(0.0, 0.5)
    monkeypatch.setattr("pycmtensor.estimation.run.perf_counter", lambda: next(clock))
    method = cmt.Stochastic(Adam, lr=1e-4, batch_size=50, epochs=10**7, time_limit=3.0)
    results = cmt.estimate(swissmetro, method=method)
    assert "time limit of 3 s was reached after epoch" in results.outcome.reason
    assert results.history.epoch.iloc[-1] > 0  # what was reached is looked at, though no evaluation was due
    assert results.llf > results.history.llf.iloc[0]


def test_polish_ends_at_the_maximum(swissmetro: cmt.MNL, swissmetro_results: cmt.Results) -> None:
    method = cmt.Stochastic(Adam, lr=0.01, batch_size=256, epochs=10, polish=True)
    results = cmt.estimate(swissmetro, method=method)
    assert results.outcome.converged
    np.testing.assert_allclose(results.params, swissmetro_results.params, rtol=1e-8)
    np.testing.assert_allclose(results.bse, swissmetro_results.bse, rtol=1e-8)
    assert list(results.history.columns[:1]) == ["epoch"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": 0.1, "schedule": Exponential(1.0, 0.5)}, "lr or schedule, not both"),
        ({"patience": 3}, "patience needs validation data"),
        ({"validation": 1.5}, r"validation must be a finite number in \(0, 1\), found 1.5. Or give a Dataset"),
        ({"time_limit": 0}, r"time_limit must be a finite number in \(0, inf\)"),
    ],
)
def test_options_that_exclude_each_other(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError, match=message):
        cmt.Stochastic(Adam, **arguments)


def test_nothing_left_on_one_side_is_an_error(shares: cmt.MNL) -> None:
    with pytest.raises(OptimizerError, match="sets 0 of 40 individuals aside"):
        cmt.estimate(shares, method=cmt.Stochastic(Adam, validation=0.001))


def test_polish_and_validation_exclude_each_other_without_networks(shares: cmt.MNL) -> None:
    with pytest.raises(OptimizerError, match="choose one of them"):
        cmt.estimate(shares, method=cmt.Stochastic(Adam, validation=0.2, polish=True))

"""Several seeds against runs by themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine.training import Training
from pycmtensor.exceptions import CheckpointError, OptimizerError
from pycmtensor.models import Model
from pycmtensor.optimizers import SGD, Adam
from pycmtensor.results.seeds import _is_alike
from tests.estimation.killed_runs import Killed
from tests.models.test_neural import three


@pytest.mark.slow
def test_seeds_in_one_program_are_runs_of_their_own() -> None:
    """Three seeds end after different epochs, by patience, with the numbers of separate runs."""
    ds, *_ = three(11)
    train, validation = ds.split(0.7, seed=1)
    b = cmt.Beta("b", 0.7)

    def make(seed: int) -> Model:
        r = cmt.Network("r", [train["z"]], ["alt0"], data=train, hidden=4, dropout=0.2, seed=seed)
        return cmt.LMNL(train, {f"alt{j}": b * train[f"x{j}"] for j in range(3)}, network=r)

    method = cmt.Stochastic(Adam, lr=0.05, batch_size=10, epochs=30, validation=validation, patience=2, polish=True)
    runs = cmt.estimate_seeds(make, validation, method, seeds=[3, 4, 6])
    assert runs.together
    alone = {seed: cmt.estimate(make(seed), method=replace(method, seed=seed)) for seed in runs.results}
    for seed, own in alone.items():
        found = runs.results[seed]
        np.testing.assert_allclose(found.params, own.params, rtol=1e-10)
        np.testing.assert_allclose(found.bse, own.bse, rtol=1e-8)
        np.testing.assert_allclose(found.history, own.history, rtol=1e-10)
        assert found.outcome == own.outcome
    assert len({len(own.history) for own in alone.values()}) > 1
    table = cmt.compare_held_out({str(seed): own for seed, own in alone.items()}, validation)
    np.testing.assert_allclose(runs.table, table, rtol=1e-10)
    figures = runs.spread_of(lambda results: results.params[["b"]])
    assert figures.loc["b", "std"] == pytest.approx(np.std([own.params["b"] for own in alone.values()], ddof=1))


@pytest.mark.slow
def test_seeds_whose_models_or_data_differ_are_trained_one_after_the_other() -> None:
    ds, utilities, *_ = three(11)
    seen: list[int] = []

    def make(seed: int) -> Model:
        seen.append(seed)
        r = cmt.Network("r", [ds["z"]], ["alt0"], data=ds, hidden=2, seed=seed, activation="relu" if seed else "tanh")
        return cmt.LMNL(ds, utilities, network=r)

    method = cmt.Stochastic(Adam, lr=0.05, batch_size=20, epochs=3)
    runs = cmt.estimate_seeds(make, ds, method, seeds=[0, 5])
    assert not runs.together
    assert seen == [0, 5]
    own = [results.llf / ds.nobs for results in runs.results.values()]
    np.testing.assert_allclose(runs.table["log-likelihood per choice"], own, rtol=1e-12)
    assert own[0] != own[1]
    assert runs.spread.loc["std", "log-likelihood per choice"] == pytest.approx(abs(own[0] - own[1]) / np.sqrt(2))
    shared = cmt.Stochastic(SGD, lr=0.05, epochs=2, validation=0.2)
    of_shares = cmt.estimate_seeds(lambda seed: cmt.MNL(ds, utilities), ds, shared, seeds=2)
    assert not of_shares.together
    for one in of_shares.results.values():
        assert one.nobs == 32
    with pytest.raises(OptimizerError, match="a spread needs two different seeds"):
        cmt.estimate_seeds(make, ds, method, seeds=[3])
    with pytest.raises(OptimizerError, match=r"takes a Stochastic"):
        cmt.estimate_seeds(make, ds, "newton")  # type: ignore[arg-type]


def test_interrupted_seeds_report_their_best_points(monkeypatch: pytest.MonkeyPatch) -> None:
    ds, utilities, *_ = three(11)
    run_together, calls = Training.run_together, []

    def interrupted(self: Training, *args: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run_together(self, *args)

    monkeypatch.setattr(Training, "run_together", interrupted)
    method = cmt.Stochastic(SGD, lr=1e-3, batch_size=20, epochs=500)
    runs = cmt.estimate_seeds(lambda seed: cmt.MNL(ds, utilities), ds, method, seeds=2)
    for results in runs.results.values():
        last = results.history.epoch.iloc[-1]  # how many epochs a call makes depends on the machine
        assert 0 < last < 500
        assert f"interrupted after epoch {last}." in results.outcome.reason
        assert results.llf == pytest.approx(results.history.llf.max(), rel=1e-12)


@pytest.mark.parametrize("difference", ["value", "bound", "name", "data", "draws"])
def test_models_that_differ_in_more_than_start_values_are_not_alike(difference: str) -> None:
    ds, *_ = three(11)

    def make(other: str = "") -> Model:
        own = ds.take(np.arange(40)) if other == "data" else ds
        fixed = cmt.Beta("fixed", 2.0 if other == "value" else 1.0, status=1)
        sd = cmt.Beta("sd", 0.5 if other else 1.0, lb=0.0 if other == "bound" else None)
        taste = normal("c" if other == "name" else "b", cmt.Beta("mean"), sd)
        V = {"alt0": taste * own["x0"], "alt1": fixed * own["x1"], "alt2": 0}
        return cmt.MixedLogit(own, V, draws=5 if other == "draws" else 4)

    assert _is_alike(make(), make("start"))
    assert not _is_alike(make(), make(difference))


@pytest.mark.parametrize("together", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.slow_cases("True")
def test_seeds_that_are_killed_go_on_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, together: bool
) -> None:
    """Every process computes one call of the program more than the one before."""
    ds, utilities, *_ = three(11)
    share = None if together else 0.2  # which each seed draws anew
    run = "run_together" if together else "run"
    train, calls = getattr(Training, run), [0]

    def killed(self: Training, *args: Any) -> Any:
        calls[0] += 1
        if calls[0] > 1:
            raise Killed
        return train(self, *args)

    def runs(checkpoint: Path | None, seeds: int = 2) -> cmt.SeedRuns:
        method = cmt.Stochastic(
            SGD, lr=0.01, batch_size=20, epochs=3, validation=share, tolerance=0, checkpoint=checkpoint
        )
        return cmt.estimate_seeds(lambda seed: cmt.MNL(ds, utilities), ds, method, seeds=seeds)

    whole, file, done = runs(None), tmp_path / "seeds.cmt", None
    monkeypatch.setattr(Training, run, killed)
    for _ in range(20):
        calls[0] = 0
        try:
            done = runs(file)
            break
        except Killed:
            assert list(tmp_path.iterdir())
    assert done is not None
    for seed, results in whole.results.items():
        assert results.fit.theta.tobytes() == done.results[seed].fit.theta.tobytes()
        assert results.history.equals(done.results[seed].history)
    monkeypatch.setattr(Training, run, train)
    if together:
        with pytest.raises(CheckpointError, match="belongs to another run: its seed is '0, 1', here it is '0, 1, 2'"):
            runs(file, seeds=3)
    else:
        assert {f.name for f in tmp_path.iterdir()} >= {"seeds.cmt.seed0", "seeds.cmt.seed1"}

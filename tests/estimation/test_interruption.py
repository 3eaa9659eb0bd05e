"""Ctrl-C and SIGTERM at every evaluation: a run ends with its best point and says so, and goes on where it is kept."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pycmtensor as cmt
from pycmtensor.exceptions import NotConvergedWarning
from pycmtensor.host.interruption import interruptible, stop_if_asked
from pycmtensor.inference import resampling
from tests.estimation.killed_runs import Evaluations, Known, bits
from tests.estimation.test_recorded import RUNS

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(scope="module")
def known() -> dict[str, cmt.Model]:
    return Known()


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> Iterator[Evaluations]:
    """With a look whether handlers are afterwards what they were."""
    before = [signal.getsignal(number) for number in SIGNALS]
    yield Evaluations(monkeypatch)
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize(
    ("name", "options"),
    [pytest.param(*run, id=str(run), marks=[] if run[0] == "logit" else [pytest.mark.slow]) for run in RUNS],
)
def test_a_signal_at_any_evaluation_ends_with_the_best_point_and_the_run_goes_on(
    known: dict[str, cmt.Model], tmp_path: Path, evaluations: Evaluations, name: str, options: dict[str, Any]
) -> None:
    """A run ends with a point no worse than its start and says so; the next call ends as if there was no signal."""
    model, file = known[name], tmp_path / "run.cmt"
    whole, number = evaluations.of(lambda: cmt.estimate(model, **options))
    assert whole is not None
    endings = []
    for k in range(1, number + 1, 1 if number < 20 else number // 9):
        evaluations.signals = {k: [SIGNALS[k % 2]]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)
            stopped, _ = evaluations.of(lambda: cmt.estimate(model, **options, checkpoint=file))
        evaluations.signals = {}
        assert stopped is not None
        endings.append(stopped.outcome.ending)
        if stopped.outcome.ending == "interrupted":
            assert not stopped.outcome.converged
            assert stopped.llf >= stopped.history.llf[0] - 1e-9
            assert "interrupted after" in stopped.outcome.reason
        else:
            assert bits(stopped) == bits(whole)  # what was left needed no further step
        assert bits(cmt.estimate(model, **options, checkpoint=file)) == bits(whole)
        file.unlink()
    assert "interrupted" in endings


def test_an_interrupted_search_from_many_starts_tells_how_many(
    known: dict[str, cmt.Model], evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pycmtensor.estimation.starts.STARTS_PER_CORE", 1)
    monkeypatch.setattr("pycmtensor.estimation.starts.usable_cores", lambda: 2)
    evaluations.signals = {4: [signal.SIGINT]}  # the Hessian for the draws of starts, and two groups of two
    with pytest.warns(NotConvergedWarning, match="interrupted after 6 of 9 starts; a maximum is"):
        results = cmt.estimate(known["logit"], starts=9)
    evaluations.signals = {}
    assert len(results.starts) == 6
    assert results.llf == pytest.approx(results.starts.llf.max(), abs=1e-6)


def test_the_second_signal_stops_at_once(known: dict[str, cmt.Model], tmp_path: Path, evaluations: Evaluations) -> None:
    file = tmp_path / "run.cmt"
    evaluations.signals = {2: [signal.SIGINT, signal.SIGINT]}
    with pytest.raises(KeyboardInterrupt):
        cmt.estimate(known["logit"], checkpoint=file)
    evaluations.signals = {2: [signal.SIGTERM], 3: [signal.SIGINT]}  # while the derivatives at the end are computed
    with pytest.raises(KeyboardInterrupt):
        evaluations.of(lambda: cmt.estimate(known["logit"], method="lbfgs"))
    evaluations.signals = {}
    assert [f.name for f in tmp_path.iterdir()] == ["run.cmt"]
    assert bits(cmt.estimate(known["logit"], checkpoint=file)) == bits(cmt.estimate(known["logit"]))


#: What is asked of results with a checkpoint; without its end it means nothing.
ASKED: list[Callable[..., Any]] = [
    lambda r, **o: r.conf_int(kind="profile", **o),
    lambda r, **o: r.cross_validate(folds=3, **o).table,
    lambda r, **o: r.jackknife(np.arange(1000) % 7, **o).theta,
]


@pytest.mark.parametrize("ask", ASKED)
def test_what_means_nothing_without_its_end_is_interrupted_and_goes_on(
    known: dict[str, cmt.Model], tmp_path: Path, evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch, ask: Any
) -> None:
    """No interval or fold comes from an estimation that was cut off."""
    monkeypatch.setattr(resampling, "WEIGHTS_AT_ONCE", 1)
    results, file = cmt.estimate(known["logit"]), tmp_path / "run.cmt"
    fresh = cmt.Results(results.fit, results.model, results.data, results.evaluator)
    whole, number = evaluations.of(lambda: ask(fresh))
    for k in range(1, number - 1, max(1, number // 6)):
        evaluations.signals = {k: [signal.SIGINT]}
        with pytest.raises(KeyboardInterrupt):
            evaluations.of(lambda: ask(fresh, checkpoint=file))
        evaluations.signals = {}
        assert np.asarray(ask(fresh, checkpoint=file), float).tobytes() == np.asarray(whole, float).tobytes()
        file.unlink()


def test_an_interrupted_bootstrap_is_not_taken_for_a_whole_one(
    known: dict[str, cmt.Model], evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resampling, "WEIGHTS_AT_ONCE", 5000)
    results = cmt.estimate(known["logit"])
    evaluations.signals = {evaluations.number + 2: [signal.SIGTERM]}
    with pytest.warns(resampling.ResamplingWarning, match="Interrupted after 10 of 20 replicates"):
        some = results.bootstrap(20)
    evaluations.signals = {}
    whole = results.bootstrap(20)
    assert (len(some.theta), some.without_maximum, len(whole.theta)) == (10, 0, 20)
    np.testing.assert_array_equal(whole.theta[:10], some.theta)


def test_handlers_of_the_program_are_left_alone() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with interruptible:
            signal.raise_signal(signal.SIGINT)
            stop_if_asked()
        assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)

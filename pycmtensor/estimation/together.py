"""Runs of one model from several seeds, computed by one program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Evaluator
from pycmtensor.estimation.fit import Ending, Optimum
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.lock import only_user
from pycmtensor.estimation.progress import EpochBar
from pycmtensor.estimation.run import Run, resumed, save, training_of
from pycmtensor.estimation.stochastic import Stochastic
from pycmtensor.estimation.train import check_start, reported
from pycmtensor.host.interruption import stop_if_asked

__all__ = ["train_together"]

Array = NDArray[np.floating]


def train_together(
    evaluator: Evaluator,
    searches: Mapping[int, Search],
    method: Stochastic,
    validation: Evaluator | None = None,
    progress: bool | None = None,
) -> list[Optimum]:
    """`train` from several seeds: each run ends by its own rule and reports its own best point.

    All of them go through the epochs until the last one ends; what is computed of those that have ended is left.

    Args:
        evaluator: The likelihood.
        searches: Seed -> start values (K,) and bounds.
        method: The settings; its seed is replaced.
        validation: The likelihood on the data to validate with.
        progress: As in `pycmtensor.estimate`; shown is the first run that goes on.

    Returns:
        One optimum per seed.

    Raises:
        PyCMTensorError: As `train`.
    """
    training = training_of(evaluator, method)
    runs = [
        Run(evaluator, search, replace(method, seed=seed), validation, training) for seed, search in searches.items()
    ]
    interrupted: list[Run] = []
    with only_user(method.checkpoint), EpochBar(method.epochs, progress) as bar:
        if not resumed(runs):
            _evaluate(runs, runs)
        for run in runs:
            check_start(run)
        try:
            while going := [run for run in runs if not run.why_stop()]:
                stop_if_asked()
                _advance(runs, going)
                save(runs)
                bar.show(going[0].epoch, going[0].path[-1])
        except KeyboardInterrupt:
            interrupted = [run for run in runs if not run.why_stop()]
    if unseen := [run for run in interrupted if run.path[-1].epoch != run.epoch]:
        _evaluate(runs, unseen)
    training.release()
    return [
        reported(run, f"interrupted after epoch {run.epoch}.", Ending.INTERRUPTED)
        if run in interrupted
        else reported(run, run.why_stop(), Ending.STOPPED)
        for run in runs
    ]


def _advance(runs: Sequence[Run], going: Sequence[Run]) -> None:
    """The next epochs of all runs, of which those that have ended keep their states."""
    lead, began = going[0], perf_counter()
    states = lead.training.run_together(
        [run.state for run in runs],
        [run.method.seed for run in runs],
        lead.epoch,
        (count := lead.count),
        [run.rate for run in runs],
    )
    seconds = perf_counter() - began
    for run, state in zip(runs, states, strict=True):
        if run in going:
            run.take_over(state, count, seconds)
    if lead.is_due:
        _evaluate(runs, going)


def _evaluate(runs: Sequence[Run], going: Sequence[Run]) -> None:
    """Look at the points of the runs that go on."""
    found = runs[0].training.value_and_grad_together([run.theta for run in runs])
    for run, (llf, g) in zip(runs, found, strict=True):
        if run in going:
            run.record(llf, g)

"""Estimation by the stochastic optimizers on mini-batches of individuals: the method and its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.checks import in_range, whole
from pycmtensor.dataset import Dataset
from pycmtensor.engine import LocalEngine, Penalty
from pycmtensor.estimation.conditional import given_networks
from pycmtensor.estimation.curvature import NEAR, newton_distance
from pycmtensor.estimation.fit import Ending, Optimum, Outcome
from pycmtensor.estimation.progress import EpochBar
from pycmtensor.estimation.run import Run, relative_gradient
from pycmtensor.exceptions import OptimizerError
from pycmtensor.expressions import networks_in
from pycmtensor.optimizers import Optimizer

__all__ = ["Stochastic", "check_start", "check_training", "reported", "train"]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Stochastic:
    """A method of estimation for `pycmtensor.estimate`: an optimizer on mini-batches.

    Each step lowers the mean negative log-likelihood per individual of one batch. Individuals are drawn, not rows,
    so the choice situations of a panel stay together. An epoch visits every individual once. What is reported is the
    point with the highest log-likelihood seen, of the validation data if there are any; the best point in
    validation is not the maximum of the likelihood, and is not called so. Penalties are part of the cost of a step, and
    without validation of what points are judged by, never of a log-likelihood that is reported.

    Args:
        optimizer: A class of `pycmtensor.optimizers`, or a function that makes an optimizer of a list of parameters,
            such as ``functools.partial(Adam, b1=0.8)``.
        lr: Learning rate, at least 0.
        batch_size: Individuals per step; None for all of them.
        epochs: Passes over the individuals.
        schedule: Learning rates instead of ``lr``: one of `pycmtensor.schedules`, or a function of the number of
            steps. A `ReduceOnPlateau` observes the negative log-likelihood, of the validation data if there are any.
        seed: Seed of the order of the individuals and of what a `Network` with dropout leaves out; the same seed gives
            the same estimates on the same machine.
        validation: Data to validate on, or the share of individuals to set aside for it, in (0, 1).
        patience: Stop when the validation has not improved for this many epochs.
        tolerance: Stop when the gradient of the whole sample is this small: the largest
            ``abs(gradient * max(1, abs(theta))) / abs(log-likelihood)``.
        time_limit: Stop after this many seconds.
        checkpoint: File that the run is saved to as it goes. When it exists, the run goes on from there and ends
            with the same bits as a run that was never interrupted.
        polish: Finish with Newton steps, which turn a point near the maximum into the maximum. In a model with networks
            they move the other parameters only, to the maximum given the networks.
        l1: Adds l1 * sum(abs(w)) to the cost of a step, for the elements w of every `Weight` that is not a `Bias`; it
            takes weights that tell little towards 0.
        l2: Adds l2 / 2 * sum(w ** 2). In SGD this is ``weight_decay``. Rules that scale gradients, such as Adam, scale
            that of a penalty with them, while the decoupled ``weight_decay`` of AdamW and Lion shrinks all weights in
            one proportion.

    Raises:
        OptimizerError: A value outside its range, or options that exclude each other.

    Examples:
        >>> from pycmtensor.optimizers import Adam
        >>> Stochastic(Adam, lr=0.01, batch_size=256, epochs=50, seed=1).describe()
        'Stochastic(Adam, lr=0.01, batch_size=256, epochs=50, seed=1)'
    """

    optimizer: Callable[[list[Any]], Optimizer]
    lr: float | None = None
    batch_size: int | None = None
    epochs: int = 100
    schedule: Callable[[Any], Any] | Any | None = None
    seed: int = 0
    validation: Dataset | float | None = None
    patience: int | None = None
    tolerance: float = 1e-7
    time_limit: float | None = None
    checkpoint: str | PathLike[str] | None = None
    polish: bool = False
    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.optimizer, Optimizer) or not callable(self.optimizer):
            raise OptimizerError(
                f"Stochastic: optimizer must be a class such as Adam, or a function that makes one, found "
                f"{self.optimizer!r}. Write Stochastic(Adam, lr=0.01), without parentheses behind Adam."
            )
        if self.schedule is not None and self.lr is not None:
            raise OptimizerError("Stochastic: give lr or schedule, not both; a schedule holds its rates itself.")
        if self.lr is not None:
            in_range("Stochastic", "lr", self.lr, "[0, inf)")
        if self.batch_size is not None:
            whole("Stochastic", "batch_size", self.batch_size, least=1)
        whole("Stochastic", "epochs", self.epochs, least=1)
        whole("Stochastic", "seed", self.seed, least=0)
        in_range("Stochastic", "tolerance", self.tolerance, "[0, inf)")
        if self.time_limit is not None:
            in_range("Stochastic", "time_limit", self.time_limit, "(0, inf)")
        if self.validation is not None and not isinstance(self.validation, Dataset):
            in_range("Stochastic", "validation", self.validation, "(0, 1)", "Or give a Dataset.")
        in_range("Stochastic", "l1", self.l1, "[0, inf)")
        in_range("Stochastic", "l2", self.l2, "[0, inf)")
        if self.patience is not None:
            whole("Stochastic", "patience", self.patience, least=1)
            if self.validation is None:
                raise OptimizerError("Stochastic: patience needs validation data to watch.")

    def describe(self) -> str:
        """The method and its settings in a line."""
        rule = getattr(self.optimizer, "func", self.optimizer)  # of a functools.partial
        name = getattr(rule, "__name__", type(rule).__name__)
        rate = f"schedule={self.schedule}" if self.schedule is not None else f"lr={self.rate:g}"
        batch = "all" if self.batch_size is None else self.batch_size
        further = "".join(f", {penalty}={value:g}" for penalty, value in (("l1", self.l1), ("l2", self.l2)) if value)
        further += ", polish=True" if self.polish else ""
        return f"Stochastic({name}, {rate}, batch_size={batch}, epochs={self.epochs}, seed={self.seed}{further})"

    @property
    def rate(self) -> float:
        """The learning rate at the start, without a schedule."""
        return 0.001 if self.lr is None else float(self.lr)


def train(
    engine: LocalEngine,
    start: Array,
    bounds: tuple[Array, Array],
    method: Stochastic,
    validation: LocalEngine | None = None,
    progress: bool | None = None,
) -> Optimum:
    """Run the epochs and report the best point.

    A report is converged when the gradient of the whole sample vanished there and the likelihood bends down in all
    directions; a small step is not taken for a small gradient.

    Raises:
        OptimizerError: The batch is larger than the data, there is nothing to penalise, or the log-likelihood is not
            finite at the start.
        CheckpointError: The checkpoint is damaged or belongs to another run.
    """
    check_training(engine, method)
    ending = Ending.STOPPED
    run = Run(engine, start, bounds, method, validation)
    check_start(run)
    with EpochBar(method.epochs, progress) as bar:
        try:
            while not run.why_stop():
                run.advance()
                bar.show(run.epoch, run.path[-1])
            why = run.why_stop()
        except KeyboardInterrupt:
            why, ending = f"interrupted after epoch {run.epoch}.", Ending.INTERRUPTED
    if run.path[-1].epoch != run.epoch:
        run.evaluate()
    run.training.release()  # its copy of the data makes room for the derivatives
    return reported(run, why, ending)


def check_training(engine: LocalEngine, method: Stochastic) -> None:
    """Raise an `OptimizerError` when a batch is larger than the data, or there is nothing to penalise."""
    if method.batch_size is not None and method.batch_size > engine.n_individuals:
        raise OptimizerError(
            f"batch_size={method.batch_size:,} is more than the {engine.n_individuals:,} individuals of the data. "
            "Choose a smaller one, or None for all of them at once."
        )
    if (method.l1 or method.l2) and not Penalty.of(engine.program.free, method.l1, method.l2).counts.any():
        raise OptimizerError("Stochastic: l1 and l2 are of weights, of which the model has none. Leave them out.")


def check_start(run: Run) -> None:
    """Raise an `OptimizerError` when the log-likelihood is not finite where a run begins."""
    if not np.isfinite(run.best.llf):
        raise OptimizerError("The log-likelihood is not finite at the start values. Choose values nearer to 0.")


def reported(run: Run, why: str, ending: Ending) -> Optimum:
    """The best point of a run that ended, and what it is worth."""
    engine, theta = run.engine, run.best_theta
    best = "best in validation" if run.validation else "the best seen"
    if networks_in(engine.labels):
        why = f"{why} Reported is epoch {run.best.epoch}, {best}, which is no maximum of the likelihood."
        return given_networks(run, Outcome(ending, why))
    at = engine.second_order(theta)
    held = run.held(theta, at.gradient)
    distance = newton_distance(at.gradient[~held], -at.hessian[np.ix_(~held, ~held)])
    near = distance <= NEAR
    small = relative_gradient(np.where(held, 0, at.gradient), theta, at.value) <= run.method.tolerance
    if near and small:
        outcome = Outcome(Ending.MAXIMUM, f"the gradient of the whole sample vanished at epoch {run.best.epoch}.")
    else:
        away = f"about {distance:.2g} standard errors away" if np.isfinite(distance) else "not near"
        outcome = Outcome(
            ending,
            f"{why} Reported is epoch {run.best.epoch}, {best}; a maximum of the likelihood is {away}.",
            ("" if near else "Standard errors would mean nothing here and are left out. ")
            + "For maximum likelihood use polish=True, or estimate(model, start=results).",
            near_maximum=near,
        )
    return Optimum(theta, at, held, outcome, run.path)

"""Estimation by the stochastic optimizers on mini-batches of individuals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import LocalEngine, Training
from pycmtensor.estimation.curvature import newton_distance
from pycmtensor.estimation.fit import Epoch, Optimum, Outcome
from pycmtensor.estimation.progress import EpochBar
from pycmtensor.exceptions import OptimizerError
from pycmtensor.optimizers import Optimizer

__all__ = ["Stochastic", "train"]

Array = NDArray[np.floating]

EVALUATIONS = 50  # how often a run looks at the whole sample, about
SECONDS_PER_CALL = 0.5  # a run can be interrupted this often

#: Log-likelihoods that differ by less, relatively, are equal; the later point is then the better one.
ROUNDING = 1e-14

#: Standard errors are reported when the maximum is estimated to be at most this many of them away.
NEAR = 0.1


@dataclass(frozen=True)
class Stochastic:
    """A method of estimation for `pycmtensor.estimate`: an optimizer on mini-batches.

    Each step lowers the mean negative log-likelihood per individual of one batch. Individuals are drawn, not rows,
    so the choice situations of a panel stay together. An epoch visits every individual once.

    Args:
        optimizer: A class of `pycmtensor.optimizers`, or a function that makes an optimizer of a list of parameters,
            such as ``functools.partial(Adam, b1=0.8)``.
        lr: Learning rate: a number of at least 0, or a schedule (a function of the number of steps).
        batch_size: Individuals per step; None for all of them.
        epochs: Passes over the individuals.
        seed: Seed of their order; the same seed gives the same estimates on the same machine.
        tolerance: Stop when the gradient of the whole sample is this small: the largest
            ``abs(gradient * max(1, abs(theta))) / abs(log-likelihood)``.

    Raises:
        OptimizerError: A value outside its range.

    Examples:
        >>> from pycmtensor.optimizers import Adam
        >>> Stochastic(Adam, lr=0.01, batch_size=256, epochs=50, seed=1).describe()
        'Stochastic(Adam, lr=0.01, batch_size=256, epochs=50, seed=1)'
    """

    optimizer: Callable[[list[Any]], Optimizer]
    lr: float | Callable[[Any], Any] = 0.001
    batch_size: int | None = None
    epochs: int = 100
    seed: int = 0
    tolerance: float = 1e-7

    def __post_init__(self) -> None:
        if isinstance(self.optimizer, Optimizer) or not callable(self.optimizer):
            raise OptimizerError(
                f"optimizer must be a class such as Adam, or a function that makes one, found {self.optimizer!r}. "
                "Write Stochastic(Adam, lr=0.01), without parentheses behind Adam."
            )
        if not callable(self.lr) and not (isinstance(self.lr, (int, float)) and 0 <= self.lr < np.inf):
            raise OptimizerError(f"lr must be a number of at least 0 or a schedule, found {self.lr!r}.")
        for name, least in (("batch_size", 1), ("epochs", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is None and name == "batch_size":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise OptimizerError(f"{name} must be a whole number of at least {least}, found {value!r}.")
        if not 0 <= self.tolerance < np.inf:
            raise OptimizerError(f"tolerance must be a number of at least 0, found {self.tolerance!r}.")

    def describe(self) -> str:
        """The method and its settings in a line."""
        rule = getattr(self.optimizer, "func", self.optimizer)  # of a functools.partial
        lr = "schedule" if callable(self.lr) else f"{self.lr:g}"
        batch = "all" if self.batch_size is None else self.batch_size
        name = getattr(rule, "__name__", type(rule).__name__)
        return f"Stochastic({name}, lr={lr}, batch_size={batch}, epochs={self.epochs}, seed={self.seed})"


def train(
    engine: LocalEngine, start: Array, lb: Array, ub: Array, method: Stochastic, progress: bool | None = None
) -> Optimum:
    """Run the epochs and report the point with the highest log-likelihood of the whole sample.

    The whole sample is evaluated about fifty times, before the first and after the last epoch among them. A report
    is converged when the gradient of the whole sample vanished there and the likelihood bends down in all
    directions; a small step is not taken for a small gradient.

    Raises:
        OptimizerError: The batch is larger than the data, or the log-likelihood is not finite at the start.
    """
    if method.batch_size is not None and method.batch_size > engine.n_individuals:
        raise OptimizerError(
            f"batch_size={method.batch_size:,} is more than the {engine.n_individuals:,} individuals of the data. "
            "Choose a smaller one, or None for all of them at once."
        )
    run = _Run(engine, start, lb, ub, method)
    if not np.isfinite(run.best.llf):
        raise OptimizerError("The log-likelihood is not finite at the start values. Choose values nearer to 0.")
    bar = EpochBar(method.epochs, progress)
    with bar:
        try:
            while not run.why_stop():
                run.advance()
                bar.show(run.epoch, run.path[-1])
            why = run.why_stop()
        except KeyboardInterrupt:
            why = f"interrupted after epoch {run.epoch}."
    return _reported(engine, run, why)


def _reported(engine: LocalEngine, run: _Run, why: str) -> Optimum:
    """The best point of a run, and what it is worth."""
    theta = run.best_theta
    at = engine.second_order(theta)
    held = run.held(theta, at.gradient)
    distance = newton_distance(at.gradient[~held], -at.hessian[np.ix_(~held, ~held)])
    near = distance <= NEAR
    converged = near and _relative(np.where(held, 0, at.gradient), theta, at.value) <= run.method.tolerance
    if converged:
        outcome = Outcome(True, f"the gradient of the whole sample vanished at epoch {run.best.epoch}.")
    else:
        away = f"about {distance:.2g} standard errors away" if np.isfinite(distance) else "not near"
        outcome = Outcome(
            False,
            f"{why} Reported is epoch {run.best.epoch}, the best seen; a maximum is {away}.",
            ("" if near else "Standard errors would mean nothing here and are left out. ")
            + "For maximum likelihood finish with estimate(model, start=results).",
            near_maximum=near,
        )
    return Optimum(theta, at, held, outcome, run.path)


class _Run:
    """A run between two epochs: where it is, what it saw, and whether it goes on."""

    def __init__(self, engine: LocalEngine, start: Array, lb: Array, ub: Array, method: Stochastic) -> None:
        self.engine, self.method, self.lb, self.ub = engine, method, lb, ub
        self.training = Training(engine, method.optimizer, method.lr, method.batch_size, method.seed)
        self.state = self.training.start(start)
        self.epoch = 0
        self.every = max(1, method.epochs // EVALUATIONS)
        self.per_call = 1
        self.path: list[Epoch] = []
        self.best, self.best_theta = Epoch(0, -np.inf, np.inf), start
        self.evaluate()

    def advance(self) -> None:
        """Some epochs, at most to the next evaluation."""
        stop = min(self.method.epochs, (self.epoch // self.every + 1) * self.every)
        count = min(self.per_call, stop - self.epoch)
        began = perf_counter()
        self.state = self.training.run(self.state, self.epoch, count)
        seconds = perf_counter() - began
        self.epoch += count
        self.per_call = self.per_call * 2 if seconds < SECONDS_PER_CALL / 2 else max(1, self.per_call // 2)
        if self.epoch == stop:
            self.evaluate()

    def evaluate(self) -> None:
        """Log-likelihood and gradient of the whole sample; remembers the best point."""
        theta = self.training.theta(self.state)
        llf, g = self.engine.value_and_grad(theta)
        g = np.where(self.held(theta, g), 0.0, g)
        self.path.append(Epoch(self.epoch, llf, float(np.abs(g).max())))
        self.relative_gradient = _relative(g, theta, llf)
        if llf >= self.best.llf - ROUNDING * abs(llf):
            self.best, self.best_theta = self.path[-1], theta

    def held(self, theta: Array, g: Array) -> NDArray[np.bool_]:
        """Which parameters are on a bound that the log-likelihood pushes against."""
        return ((theta <= self.lb) & (g <= 0)) | ((theta >= self.ub) & (g >= 0))

    def why_stop(self) -> str:
        """Why the run ends here, empty when it goes on."""
        last = self.path[-1]
        if not (np.isfinite(last.llf) and np.isfinite(last.gradient)):
            return f"the log-likelihood was no longer finite at epoch {last.epoch}: lower the learning rate."
        if last == self.best and self.relative_gradient <= self.method.tolerance:
            return f"the gradient of the whole sample vanished at epoch {last.epoch}."
        if self.epoch >= self.method.epochs:
            fell = last.llf < self.path[0].llf
            return f"all {self.method.epochs} epochs were run" + (
                f" and the log-likelihood fell to {last.llf:.6g}: lower the learning rate." if fell else "."
            )
        return ""


def _relative(g: Array, theta: Array, llf: float) -> float:
    """The gradient in relative changes: of the log-likelihood, for a relative change of a parameter."""
    return float(np.max(np.abs(g) * np.maximum(1, np.abs(theta)))) / max(1.0, abs(llf))

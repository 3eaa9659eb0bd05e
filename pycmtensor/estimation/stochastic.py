"""Estimation by the stochastic optimizers on mini-batches of individuals: the settings of the method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import OptimizerError, checked_class, in_range, seed_of, whole
from pycmtensor.optimizers import Optimizer
from pycmtensor.optimizers.schedules import ReduceOnPlateau

__all__ = ["Stochastic"]


@checked_class(OptimizerError)
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
        seed_of("Stochastic", self.seed)
        if not (self.schedule is None or callable(self.schedule) or isinstance(self.schedule, ReduceOnPlateau)):
            raise OptimizerError(
                f"Stochastic: schedule must be one of pycmtensor.schedules, or a function, found {self.schedule!r}."
            )
        is_path = isinstance(self.checkpoint, str | PathLike) and Path(self.checkpoint).name
        if self.checkpoint is not None and not is_path:
            raise OptimizerError(f"Stochastic: checkpoint must be the path of a file, found {self.checkpoint!r}.")
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

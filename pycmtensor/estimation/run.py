"""State of a stochastic run: current point, best point, stopping, checkpoints."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Evaluator, Trainer, TrainingSettings
from pycmtensor.estimation.checkpoint import load_checkpoint, save_checkpoint
from pycmtensor.estimation.curvature import held_by_bounds
from pycmtensor.estimation.fit import Epoch
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.stochastic import Stochastic
from pycmtensor.exceptions import CheckpointError
from pycmtensor.optimizers.schedules import ReduceOnPlateau

__all__ = ["Run", "relative_gradient", "resumed", "save", "training_of"]

Array = NDArray[np.floating]

EVALUATIONS = 50  # how often a run without validation looks at the whole sample, about
SECONDS_PER_CALL = 0.5  # a run can be interrupted, and is saved, about this often

#: Log-likelihoods that differ by less, relatively, are equal; the later point is then the better one.
ROUNDING = 1e-14


def relative_gradient(g: Array, theta: Array, llf: float) -> float:
    """The gradient in relative changes: of the log-likelihood, for a relative change of a parameter."""
    return float(np.max(np.abs(g) * np.maximum(1, np.abs(theta)))) / max(1.0, abs(llf))


def training_of(evaluator: Evaluator, method: Stochastic) -> Trainer:
    """The epochs of a method on the data of an evaluator.

    Raises:
        OptimizerError: A batch is larger than the data, there is nothing to penalise, or the evaluator cannot train.
    """
    schedule = None if isinstance(method.schedule, ReduceOnPlateau) else method.schedule
    settings = TrainingSettings(
        method.optimizer, schedule, method.batch_size, method.seed, float(method.l1), float(method.l2)
    )
    return evaluator.training(settings)


class Run:
    """The state of a run, which a checkpoint holds and from which it goes on to the same bits.

    Args:
        evaluator: The likelihood on the data to train with.
        search: Start values (K,) and bounds.
        method: The settings.
        validation: The likelihood on the data to validate with.
        training: What computes the epochs of several runs, which then see their starts together; None makes one.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        search: Search,
        method: Stochastic,
        validation: Evaluator | None,
        training: Trainer | None = None,
    ) -> None:
        self.evaluator, self.validation, self.method = evaluator, validation, method
        start, (self.lb, self.ub) = search.start, search.bounds
        self._individuals = evaluator.describe().n_individuals
        self.began = perf_counter()
        self.plateau: ReduceOnPlateau | None = None
        if isinstance(method.schedule, ReduceOnPlateau):  # it changes as it observes: the run has its own
            self.plateau = copy.deepcopy(method.schedule)
        self.training = training or training_of(evaluator, method)
        self.rate = float(self.plateau.lr.get_value()) if self.plateau else method.rate
        self.state = self.training.start(start)
        self.epoch, self.per_call = 0, 1
        self.every = 1 if validation else max(1, method.epochs // EVALUATIONS)
        self.path: list[Epoch] = []
        self.best, self.best_score = Epoch(0, -np.inf, np.inf), -np.inf
        self.best_theta, self.best_gradient = start, np.zeros_like(start)
        self.file = None if method.checkpoint is None else Path(method.checkpoint)
        if training is None and not resumed([self]):
            self.evaluate()

    def advance(self) -> None:
        """Run the next epochs, at most to the next evaluation."""
        count, began = self.count, perf_counter()
        self.take_over(self.training.run(self.state, self.epoch, count, self.rate), count, perf_counter() - began)
        if self.is_due:
            self.evaluate()
        save([self])

    @property
    def count(self) -> int:
        """Number of epochs that come next: about half a second of them, at most to the next evaluation."""
        stop = min(self.method.epochs, (self.epoch // self.every + 1) * self.every)
        return min(self.per_call, stop - self.epoch)

    def take_over(self, state: tuple[Any, ...], count: int, seconds: float) -> None:
        """Take over the state after ``count`` epochs, which took so long."""
        self.state = state
        self.epoch += count
        self.per_call = self.per_call * 2 if seconds < SECONDS_PER_CALL / 2 else max(1, self.per_call // 2)

    @property
    def is_due(self) -> bool:
        """Whether the point is to be evaluated."""
        return self.epoch % self.every == 0 or self.epoch == self.method.epochs

    @property
    def theta(self) -> Array:
        """The point (K,)."""
        return self.training.theta(self.state)

    def evaluate(self) -> None:
        """Log-likelihood and gradient of the whole sample, and of the validation; remembers the best point."""
        self.record(*self.training.value_and_grad(self.theta))

    def record(self, llf: float, g: Array) -> None:
        """Take note of log-likelihood and gradient of the whole sample, and of the validation."""
        theta = self.theta
        gradient, g = g, np.where(self.held(theta, g), 0.0, g)
        validated = self.validation.value(theta) if self.validation else np.nan
        self.path.append(Epoch(self.epoch, llf, float(np.abs(g).max()), validated))
        penalty = self.training.penalty
        slope = g if penalty is None else g - self._individuals * np.asarray(penalty.gradient(theta))
        self.relative_gradient = relative_gradient(slope, theta, llf)
        score = self._score(self.path[-1], theta)
        if score >= self.best_score - ROUNDING * abs(llf):
            self.best, self.best_score = self.path[-1], score
            self.best_theta, self.best_gradient = theta, gradient
        if self.plateau and self.epoch:
            self.rate = self.plateau.observe(-score)

    def held(self, theta: Array, g: Array) -> NDArray[np.bool_]:
        """Parameters on a bound that the log-likelihood pushes against, (K,)."""
        return held_by_bounds(theta, g, self.lb, self.ub)

    def why_stop(self) -> str:
        """Why the run ends here, empty when it goes on."""
        last, patience = self.path[-1], self.method.patience
        if not (np.isfinite(last.llf) and np.isfinite(last.gradient)):
            return f"the log-likelihood was no longer finite at epoch {last.epoch}: lower the learning rate."
        if last == self.best and self.relative_gradient <= self.method.tolerance:
            of = "the whole sample" if self.training.penalty is None else "the whole sample less that of the penalty"
            return f"the gradient of {of} vanished at epoch {last.epoch}."
        if patience is not None and self.epoch - self.best.epoch >= patience:
            return f"the validation did not improve for {patience} epochs."
        if self.epoch >= self.method.epochs:
            fell = last.llf < self.path[0].llf and self.training.penalty is None  # which may well lower it
            return f"all {self.method.epochs} epochs were run" + (
                f" and the log-likelihood fell to {last.llf:.6g}: lower the learning rate." if fell else "."
            )
        if self.method.time_limit is not None and perf_counter() - self.began >= self.method.time_limit:
            return f"the time limit of {self.method.time_limit:g} s was reached after epoch {self.epoch}."
        return ""

    def _score(self, epoch: Epoch, theta: Array) -> float:
        """Score of a point: the log-likelihood of the validation, or of the sample less the penalty."""
        if self.validation and np.isfinite(epoch.llf):
            return epoch.validation
        penalty = self.training.penalty
        return epoch.llf - (0.0 if penalty is None else self._individuals * penalty.value(theta))

    # ---- checkpoints ------------------------------------------------------------------------------------------

    def identity(self) -> dict[str, str]:
        """Names and values that identify the run; the number of epochs is not among them."""
        return {
            "parameters": ", ".join(self.evaluator.labels),
            "data": self.evaluator.data_hash(),
            "validation": self.validation.data_hash() if self.validation else "none",
            "rate": f"{self.method.rate!r} {_text(self.method.schedule)}",
            "seed": str(self.method.seed),
            "penalty": f"l1={self.method.l1!r}, l2={self.method.l2!r}",
            **self.training.identity,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The numbers of the state, by name."""
        arrays: dict[str, NDArray[Any]] = {f"state.{i}": np.asarray(part) for i, part in enumerate(self.state)}
        arrays["path"] = np.array([[getattr(e, f.name) for f in fields(Epoch)] for e in self.path])
        arrays["best"] = np.array([self.path.index(self.best), self.epoch])
        arrays["best_theta"], arrays["best_gradient"] = self.best_theta, self.best_gradient
        arrays["relative_gradient"] = np.array(self.relative_gradient)
        if self.plateau:
            p = self.plateau
            arrays["plateau"] = np.array([p.best, p.bad, p.resting, float(p.lr.get_value())])
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from the numbers of a state.

        Raises:
            CheckpointError: They are not those of a state of this run.
        """
        self._check(arrays)
        self.state = tuple(arrays[f"state.{i}"] for i in range(len(self.state)))
        self.path = [Epoch(int(row[0]), *map(float, row[1:])) for row in arrays["path"]]
        best, self.epoch = map(int, arrays["best"])
        self.best = self.path[best]
        self.best_theta, self.best_gradient = arrays["best_theta"], arrays["best_gradient"]
        self.best_score = self._score(self.best, self.best_theta)
        self.relative_gradient = float(arrays["relative_gradient"])
        if self.plateau:
            p = self.plateau
            p.best, p.bad, p.resting = float(arrays["plateau"][0]), int(arrays["plateau"][1]), int(arrays["plateau"][2])
            p.lr.set_value(arrays["plateau"][3])
            self.rate = float(arrays["plateau"][3])

    def _check(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Raise a `CheckpointError` unless arrays have the names, shapes and kinds of a state of this run."""
        K = self.best_theta.shape
        shapes = {f"state.{i}": np.shape(part) for i, part in enumerate(self.state)}
        shapes |= {"best": (2,), "best_theta": K, "best_gradient": K, "relative_gradient": ()}
        shapes |= {"plateau": (4,)} if self.plateau else {}
        found = {name: array.shape for name, array in arrays.items() if name != "path"}
        path = arrays.get("path", np.zeros(0))
        whole = found == shapes and path.ndim == 2 and path.shape[1] == len(fields(Epoch)) and len(path) > 0
        numbers = all(array.dtype.kind in "fiub" for array in arrays.values())
        if not (whole and numbers and 0 <= arrays["best"][0] < len(path) and arrays["best"][1] >= path[-1, 0] >= 0):
            raise CheckpointError(
                f"{self.file} was not written by this run: it holds {found}, expected numbers of the shapes {shapes} "
                "and a path of epochs. Delete the file to start the run anew, or name another."
            )


def save(runs: Sequence[Run]) -> None:
    """Save the states of runs of one file, if they have one."""
    if (file := runs[0].file) is not None:
        arrays = {f"{i} {name}": array for i, run in enumerate(runs) for name, array in run.arrays().items()}
        save_checkpoint(file, _identity(runs), arrays)


def resumed(runs: Sequence[Run]) -> bool:
    """Whether runs go on from their file."""
    arrays = None if runs[0].file is None else load_checkpoint(runs[0].file, _identity(runs))
    if arrays is None:
        return False
    for i, run in enumerate(runs):
        run.restore({name.removeprefix(f"{i} "): a for name, a in arrays.items() if name.startswith(f"{i} ")})
    return True


def _identity(runs: Sequence[Run]) -> dict[str, str]:
    return runs[0].identity() | {"seed": ", ".join(str(run.method.seed) for run in runs)}


def _text(schedule: Any) -> str:
    """A schedule in words that do not change from one process to the next; a function's values are in the rule."""
    if isinstance(schedule, ReduceOnPlateau):
        settings = ("factor", "patience", "threshold", "cooldown", "smallest")
        return f"ReduceOnPlateau {[getattr(schedule, name) for name in settings]}"
    name = getattr(getattr(schedule, "func", schedule), "__qualname__", None)  # of a function or a functools.partial
    return name or repr(schedule)

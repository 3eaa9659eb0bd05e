"""Recorded evaluators: what they are asked is kept in a checkpoint, and asked once.

All long runs of second-order methods, from several starts, of the EM algorithm, of resampling and validation ask an
evaluator and go on by what it says. With the same answers they take the same way to the same bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from pycmtensor.dataset import Dataset
from pycmtensor.engine import (
    Array,
    Ascents,
    ByIndividual,
    Evaluator,
    FirstOrder,
    Individuals,
    Problem,
    Sample,
    SecondOrder,
    Trainer,
    TrainingSettings,
)
from pycmtensor.engine.fingerprint import fingerprint_of
from pycmtensor.engine.quantity import Quantity
from pycmtensor.estimation.fit import Fit
from pycmtensor.estimation.journal import Answer, Answers, Journal, NoJournal
from pycmtensor.estimation.lock import only_user
from pycmtensor.models import Model

__all__ = ["Checkpoint", "Recorded", "identity", "journal_of", "recorded", "run_after"]

#: The file of a run that can go on; None keeps nothing.
Checkpoint = str | PathLike[str] | None


@contextmanager
def journal_of(problem: Problem, checkpoint: Checkpoint, run: Mapping[str, str]) -> Iterator[Answers]:
    """The answers of a run about a problem, in a file; without a checkpoint, none are kept.

    Args:
        problem: What the run is about.
        checkpoint: The file.
        run: What else makes the run what it is.

    Raises:
        CheckpointError: The checkpoint is damaged, belongs to another run, or another run uses it now.
        FileError: It cannot be written, which is found before the first evaluation.
    """
    if checkpoint is None:
        yield NoJournal()
        return
    with only_user(checkpoint):
        yield Journal(Path(checkpoint), {**identity(problem), **run})


def recorded(evaluator: Evaluator, journal: Answers) -> Evaluator:
    """The evaluator whose answers are kept in a journal; the evaluator itself where nothing is kept."""
    return evaluator if isinstance(journal, NoJournal) else Recorded(evaluator, journal)


def run_after(fit: Fit, task: str) -> dict[str, str]:
    """What makes a run what it is that begins at estimates."""
    return {"task": task, "estimates": hashlib.sha256(fit.theta.tobytes()).hexdigest()}


def identity(problem: Problem) -> dict[str, str]:
    """Names and values that tell the likelihood from others, and the libraries that compute it."""
    model, evaluator = problem.model, problem.evaluator
    return _versions() | {
        "model": f"{model.name} {fingerprint_of(model)}",
        "parameters": ", ".join(evaluator.labels),
        "bounds": str([(p.lb, p.ub) for p in model.free]),
        "evaluator": type(evaluator).__name__,
        "data": evaluator.data_hash(),
    }


@cache
def _versions() -> dict[str, str]:
    return {f"version of {name}": version(name) for name in ("pycmtensor", "jax", "numpy", "scipy")}


class Recorded(Evaluator):
    """An evaluator that looks into a journal before it evaluates.

    Contributions of individuals are not kept, but evaluated anew where they are asked for.

    Args:
        evaluator: What evaluates.
        journal: The questions that were asked, and the answers.
        likelihood: What tells its log-likelihood from the others in the journal.
    """

    def __init__(self, evaluator: Evaluator, journal: Answers, likelihood: str = "") -> None:
        self.evaluator, self.journal, self.likelihood = evaluator, journal, likelihood
        self.labels = evaluator.labels

    def value(self, theta: Array) -> float:
        """Log-likelihood."""

        def find() -> Answer:
            return {"value": np.asarray(self.evaluator.value(theta))}

        return float(self._answer("value", [theta], {"value": ()}, find)["value"])

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient (K,)."""

        def find() -> Answer:
            value, gradient = self.evaluator.value_and_grad(theta)
            return {"value": np.asarray(value), "gradient": gradient}

        found = self._answer("value and gradient", [theta], {"value": (), "gradient": (self.K,)}, find)
        return float(found["value"]), found["gradient"]

    def first_order(self, theta: Array) -> FirstOrder:
        """Log-likelihood, gradient, outer product of scores, scores and the log-likelihood of each individual."""

        def find() -> Answer:
            at = self.evaluator.first_order(theta)
            return {"value": np.asarray(at.value), "gradient": at.gradient, "outer product": at.outer_product}

        shapes = {"value": (), "gradient": (self.K,), "outer product": (self.K, self.K)}
        found = self._answer("first order", [theta], shapes, find)
        anew = _Anew(self.evaluator, "first_order", theta)
        return FirstOrder(anew, float(found["value"]), found["gradient"], found["outer product"])

    def second_order(self, theta: Array) -> SecondOrder:
        """Log-likelihood, gradient, Hessian, scores and the log-likelihood of each individual."""

        def find() -> Answer:
            at = self.evaluator.second_order(theta)
            return {"value": np.asarray(at.value), "gradient": at.gradient, "hessian": at.hessian}

        shapes = {"value": (), "gradient": (self.K,), "hessian": (self.K, self.K)}
        found = self._answer("second order", [theta], shapes, find)
        anew = _Anew(self.evaluator, "second_order", theta)
        return SecondOrder(anew, float(found["value"]), found["gradient"], found["hessian"])

    def ascents(
        self,
        theta: Array,
        bounds: tuple[Array, Array],
        factors: Array | None = None,
        known: tuple[Array, Array, Array] | None = None,
    ) -> Ascents:
        """Ascents from every row of theta; see `Evaluator.ascents`."""

        if type(self.evaluator).ascents is not Evaluator.ascents:
            return self._together(theta, bounds, factors, known)
        found = []  # one ascent after the other, each of which is kept
        for row in (slice(a, a + 1) for a in range(len(theta))):
            own = None if factors is None else factors[row]
            at_start = None if known is None else (known[0][row], known[1][row], known[2][row])
            found.append(self._together(theta[row], bounds, own, at_start))
        return Ascents(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _together(
        self,
        theta: Array,
        bounds: tuple[Array, Array],
        factors: Array | None,
        known: tuple[Array, Array, Array] | None,
    ) -> Ascents:
        """Ascents that are kept as one."""

        def find() -> Answer:
            ends = self.evaluator.ascents(theta, bounds, factors, known)
            return {name: np.asarray(part) for name, part in ends._asdict().items()}

        question = f"ascents {factors is not None} {known is not None}"
        given = [theta, *bounds, *([] if factors is None else [factors]), *(known or ())]
        shapes = {"theta": theta.shape, "llf": theta.shape[:1], "converged": theta.shape[:1]}
        return Ascents(**self._answer(question, given, shapes, find))

    # ---- evaluated anew -------------------------------------------------------------------------------------------

    @property
    def in_parts(self) -> bool:
        """Whether data are in parts."""
        return self.evaluator.in_parts

    def describe(self) -> Sample:
        """The sample that the sums are over."""
        return self.evaluator.describe()

    def data_hash(self) -> str:
        """SHA-256 of the numbers that the likelihood is computed from."""
        return self.evaluator.data_hash()

    def individuals_at(self, theta: Array) -> Individuals:
        """Scores and log-likelihoods of the individuals."""
        return self.evaluator.individuals_at(theta)

    def by_situation(self, quantity: Quantity, theta: Array) -> Array:
        """A quantity in every choice situation, (Q, T, N), or at every draw (Q, T, N, R)."""
        return self.evaluator.by_situation(quantity, theta)

    def totals(self, quantity: Quantity, weights: Array, theta: Array) -> tuple[Array, Array]:
        """Weighted sums of a quantity and their derivatives; see `Evaluator.totals`."""
        return self.evaluator.totals(quantity, weights, theta)

    def subsample(self) -> Evaluator | None:
        """A part of the sample that is worth climbing first, whose answers are found anew."""
        return self.evaluator.subsample()

    def membership(self, theta: Array) -> tuple[Array, Array]:
        """Log-probabilities of the latent classes (N, C)."""
        return self.evaluator.membership(theta)

    def training(self, settings: TrainingSettings) -> Trainer:
        """Epochs of an optimizer on batches of individuals."""
        return self.evaluator.training(settings)

    # ---- other likelihoods ----------------------------------------------------------------------------------------

    def on(self, data: Dataset) -> Evaluator:
        """The same model on other data."""
        return self._other(self.evaluator.on(data), "on")

    def of(self, model: Model) -> Evaluator:
        """Another model on the same data."""
        return self._other(self.evaluator.of(model), f"of {fingerprint_of(model)}")

    def given(self, theta: Array, held: Collection[str]) -> Evaluator:
        """The likelihood of the other parameters, with those of some labels held at their values in theta (K,)."""
        return self._other(self.evaluator.given(theta, held), f"given {sorted(held)} at {theta.tolist()}")

    def reweighted(self, factors: Array) -> Evaluator:
        """The same with the weights of the individuals multiplied by factors (N,)."""
        return self._other(self.evaluator.reweighted(factors), "reweighted")

    def _other(self, evaluator: Evaluator, change: str) -> Recorded:
        told = f"{self.likelihood} {change} {evaluator.labels} {evaluator.data_hash()}"
        return Recorded(evaluator, self.journal, hashlib.sha256(told.encode()).hexdigest())

    @property
    def K(self) -> int:
        """Parameters."""
        return len(self.labels)

    def _answer(self, question: str, given: list[Any], shapes: Any, find: Any) -> Answer:
        return self.journal.answer(f"{question} {self.likelihood}", given, shapes, find)


@dataclass(frozen=True)
class _Anew(Individuals):
    """The individuals of an answer that was kept, from an evaluation when they are asked for."""

    evaluator: Evaluator
    order: str
    theta: Array

    @cached_property
    def _evaluated(self) -> Individuals:
        at: ByIndividual = getattr(self.evaluator, self.order)(self.theta)
        return at.individuals

    def _numbers(self) -> tuple[Array, Array]:
        return self._evaluated.numbers

    def _outer_product(self, power: int) -> Array:
        return self._evaluated.outer_product(power)

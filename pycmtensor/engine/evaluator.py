"""Evaluators: the protocol of all that estimation, inference and analysis ask of a log-likelihood.

Everything is a sum over individuals, weighted with the sample weights. An evaluator answers for one model on one
sample. `pycmtensor.engine.evaluator_of` makes the evaluator of data in this machine's memory. Another one, such as the
sum of the evaluators of parts of the data, subclasses `Evaluator`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.scanned import ScannedDataset, place_of
from pycmtensor.engine.climb import climb, while_true
from pycmtensor.engine.density import GivenDraws, Traceable
from pycmtensor.engine.individuals import ByIndividual, Individuals
from pycmtensor.engine.quantity import Probabilities, Quantity
from pycmtensor.engine.types import Theta
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.exceptions import InferenceError, OptimizerError, noted
from pycmtensor.host.interruption import stop_if_asked
from pycmtensor.models.base import Model
from pycmtensor.models.choice import needed_columns

__all__ = [
    "Array",
    "Ascents",
    "Differentiable",
    "Evaluator",
    "FirstOrder",
    "MakesEvaluator",
    "Objective",
    "Problem",
    "Sample",
    "SecondOrder",
    "Trainer",
    "TrainingSettings",
]

Array: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True)
class FirstOrder(ByIndividual):
    """A log-likelihood and its first derivatives at one theta."""

    value: float
    gradient: Array  #: (K,)
    outer_product: Array  #: of the scores, sum_n w_n s_n s_n', (K, K)


@dataclass(frozen=True)
class SecondOrder(ByIndividual):
    """A log-likelihood and its derivatives at one theta."""

    value: float
    gradient: Array  #: (K,)
    hessian: Array  #: (K, K)


@dataclass(frozen=True)
class Sample:
    """The sample that an evaluator sums over.

    Attributes:
        nobs: Choice situations, or other observations.
        weights: Sample weight of each individual, (N,).
        llnull: Log-likelihood when all available alternatives are equally likely; NaN for a model that is no choice
            among alternatives.
    """

    nobs: int
    weights: Array
    llnull: float

    @property
    def n_individuals(self) -> int:
        """Individuals N."""
        return len(self.weights)


class Ascents(NamedTuple):
    """Ends of several ascents of a log-likelihood."""

    theta: Array  #: (A, K)
    llf: Array  #: log-likelihood, to the second order in the last step, (A,)
    converged: Array  #: whether a maximum was reached, (A,)


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training on batches.

    Attributes:
        optimizer: A class of `pycmtensor.optimizers`, or a function, that makes an optimizer of a list of parameters.
        schedule: Learning rates as a function of the number of steps; None when each call of `run` gives the rate.
        batch_size: Individuals per step; None for all.
        seed: Seed of the order of the individuals and of the units of networks that are left out.
        l1: Penalty of the sum of absolute weights of networks.
        l2: Penalty of half the sum of squared weights of networks.
    """

    optimizer: Callable[[list[Any]], Any]
    schedule: Callable[[Any], Any] | None = None
    batch_size: int | None = None
    seed: int = 0
    l1: float = 0.0
    l2: float = 0.0


class Objective(Protocol):
    """A log-likelihood with second derivatives, for one step of a method; its Hessian may be an approximation."""

    labels: tuple[str, ...]  #: names of the K elements of theta

    def value(self, theta: Array) -> float:
        """Log-likelihood."""

    def second_order(self, theta: Array) -> SecondOrder:
        """Log-likelihood, gradient, Hessian, scores and the log-likelihood of each individual."""


class Differentiable(Objective, Protocol):
    """A log-likelihood with the derivatives that methods of maximum likelihood need."""

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and its gradient (K,)."""

    def first_order(self, theta: Array) -> FirstOrder:
        """Log-likelihood, gradient, outer product of scores, scores and the log-likelihood of each individual."""


class Evaluator(Differentiable, Protocol):
    """The log-likelihood of a model on data at a flat theta (K,), with its derivatives and what follows from them.

    A subclass gives everything but `probabilities`; `ascents`, `training`, `traceable` and `given_draws` may stay
    as they are, where there is no better way than one ascent after the other, no training, and no sampling.
    """

    @property
    def in_parts(self) -> bool:
        """Whether data are in parts that are not at hand together, so that what is one program elsewhere is many."""
        return False

    def describe(self) -> Sample:
        """The sample that the sums are over."""

    def data_hash(self) -> str:
        """SHA-256 of the numbers that the likelihood is computed from: columns, weights, fixed parameters."""

    def individuals_at(self, theta: Array) -> Individuals:
        """Scores and log-likelihoods of the individuals, computed when somebody asks for them."""

    def by_situation(self, quantity: Quantity, theta: Array) -> Array:
        """A quantity in every choice situation, (Q, T, N), or at every draw (Q, T, N, R)."""

    def totals(self, quantity: Quantity, weights: Array, theta: Array) -> tuple[Array, Array]:
        r"""Weighted sums of a quantity and their derivatives.

        Args:
            quantity: Q numbers in every choice situation, q_{qtn}.
            weights: M weights of each situation, (M, T, N).
            theta: Parameters (K,).

        Returns:
            :math:`\sum_{tn} w_{mtn} q_{qtn}`, (M, Q), and its derivatives with theta, (M, Q, K).
        """

    def membership(self, theta: Array) -> tuple[Array, Array]:
        """Log-probabilities of the latent classes (N, C): before choices are seen, and together with all choices."""

    def on(self, data: Dataset) -> Evaluator:
        """The same model, with the same values of fixed parameters, on other data."""

    def of(self, model: Model) -> Evaluator:
        """Another model on the same data."""

    def given(self, theta: Array, held: Collection[str]) -> Evaluator:
        """The likelihood of the other parameters, with those of some labels held at their values in theta (K,)."""

    def reweighted(self, factors: Array) -> Evaluator:
        """The same with the weights of the individuals multiplied by factors (N,)."""

    def subsample(self) -> Evaluator | None:
        """A part of the sample that is worth climbing first, where the whole takes long; None where it does not."""
        return None

    def watched_by(self, tell: Callable[[int, int, int], None]) -> None:
        """Tell of passes over data in parts: the number of the pass, and how many of all rows it has seen."""
        return

    def probabilities(self, theta: Array) -> Array:
        """Choice probabilities (J, T, N), 0 where an alternative is unavailable."""
        return self.by_situation(Probabilities(), theta)

    def ascents(
        self,
        theta: Array,
        bounds: tuple[Array, Array],
        factors: Array | None = None,
        known: tuple[Array, Array, Array] | None = None,
    ) -> Ascents:
        """Climb from every row of theta to a maximum of the log-likelihood within bounds; see `climb`.

        Args:
            theta: Start values (A, K).
            bounds: Lower and upper bounds, each (K,).
            factors: Of the weights of the individuals in every ascent, (A, N); None for 1.
            known: Log-likelihood (A,), gradient (A, K), and a matrix like the information (A, K, K) at ``theta``.
        """
        ends, climbed = [], in_64_bits(climb)
        for a, start in enumerate(theta):
            stop_if_asked()
            own = self if factors is None else self.reweighted(factors[a])
            at_start = None if known is None else tuple(part[a] for part in known)
            ends.append(climbed(_derivatives(own), start, bounds, at_start, while_true))
        return Ascents(*(np.array(part) for part in zip(*ends, strict=True)))

    def traceable(self) -> Traceable:
        """The log-likelihood as a part of larger programs, for samplers.

        Raises:
            InferenceError: The evaluator has no such form of it.
        """
        raise InferenceError(
            f"{type(self).__name__} is no function that JAX can trace, which a sampler of posteriors needs. Sample "
            "with data in the memory of this machine."
        )

    def given_draws(self) -> GivenDraws:
        """The log-likelihood given the draws of each individual, for hierarchical posteriors.

        Raises:
            InferenceError: The evaluator has no such form of it.
        """
        raise InferenceError(
            f"{type(self).__name__} does not evaluate a likelihood given the draws of individuals, of which "
            "hierarchical=True makes unknowns. Sample a model of one data set in the memory of this machine."
        )

    def training(self, settings: TrainingSettings) -> Trainer:
        """Epochs of an optimizer on batches of individuals.

        Raises:
            OptimizerError: The evaluator does not hold its data in a form of which batches can be drawn.
        """
        raise OptimizerError(
            f"{type(self).__name__} trains no model on batches. Choose a method of maximum likelihood, such as "
            "'trust-region' or 'lbfgs', or data that fit into memory."
        )


class Trainer(Protocol):
    """Epochs of an optimizer on the mean negative log-likelihood per individual; see `pycmtensor.engine.Training`."""

    @property
    def identity(self) -> dict[str, str]:
        """Names and values that identify the training, for checkpoints."""

    @property
    def penalty(self) -> Any:
        """The penalty that is added to the cost; None for none."""

    def start(self, theta: Array) -> tuple[Any, ...]:
        """The state before the first step."""

    def theta(self, state: Sequence[Any]) -> Array:
        """The parameters in a state (K,)."""

    def run(self, state: tuple[Any, ...], first: int, count: int, rate: float) -> tuple[Any, ...]:
        """The state after ``count`` epochs, the first of which has the number ``first`` (from 0)."""

    def run_together(
        self, states: Sequence[tuple[Any, ...]], seeds: Sequence[int], first: int, count: int, rates: Sequence[float]
    ) -> list[tuple[Any, ...]]:
        """Several runs in one program, each with a state, a seed and a rate of its own."""

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient of the whole sample."""

    def value_and_grad_together(self, thetas: Sequence[Array]) -> list[tuple[float, Array]]:
        """Log-likelihood and gradient of the whole sample at several points."""

    def release(self) -> None:
        """Give back the memory of the data; nothing can be run afterwards."""


class Problem(NamedTuple):
    """A model, the data that a question is about, and the evaluator of the model on these data."""

    model: Model
    data: Dataset
    evaluator: Evaluator

    def on(self, data: Dataset) -> Problem:
        """The same question about other data."""
        if isinstance(data, ScannedDataset):
            return Problem(self.model.on(data), data, cast(Evaluator, _OfParts(self.evaluator)))
        return Problem(self.model.on(data), data, self.evaluator.on(data))

    def parts(self, columns: Collection[str] = ()) -> Iterator[Problem]:
        """The question about each part of scanned data, one after the other; about data in memory it is one.

        Args:
            columns: Names of columns that are needed beside those of the model.

        Raises:
            DatasetError: The data of a part do not fit the model.
        """
        if not isinstance(self.data, ScannedDataset):
            yield self
            return
        for rows in self.data.parts:
            data = self.data.part(rows, [*needed_columns(self.model), *columns])
            if data is not None:
                part = self.on(data)
                with noted(place_of(rows)):
                    (part.model.check if data.choices_known else part.model.check_to_predict)(data)
                yield part


class _OfParts:
    """What makes the evaluators of parts of scanned data, and evaluates nothing of all."""

    def __init__(self, like: Evaluator) -> None:
        self._like = like

    def on(self, data: Dataset) -> Evaluator:
        """The evaluator of other data."""
        return self._like.on(data)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise InferenceError(
            "This answer needs all rows in memory, and the data are scanned. Ask about some of them, "
            "data=ds.sample(individuals=100_000)."
        )


#: Makes an evaluator of a model and data.
MakesEvaluator: TypeAlias = Callable[[Model, Dataset], Evaluator]


def _derivatives(evaluator: Evaluator) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """First and second derivatives as `climb` takes them."""

    def second_order(theta: Theta) -> Any:
        at = evaluator.second_order(np.asarray(theta))
        return at.value, at.gradient, at.hessian

    return lambda theta: evaluator.value_and_grad(np.asarray(theta)), second_order

"""The evaluator of sums over parts of the individuals, whoever holds the parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.scanned import ScannedDataset
from pycmtensor.engine.compiled import compiled_for
from pycmtensor.engine.evaluator import Array, Evaluator, FirstOrder, Sample, SecondOrder
from pycmtensor.engine.held import HeldEvaluator
from pycmtensor.engine.individuals import Individuals
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.parts.prepared import Members
from pycmtensor.engine.parts.question import Factors, PoissonWeights, Question, added
from pycmtensor.engine.quantity import Quantity
from pycmtensor.exceptions import InferenceError
from pycmtensor.models.base import Model

__all__ = ["Holder", "SummedEvaluator"]

#: Numbers of individuals that are put side by side, 256 MB.
MOST_NUMBERS = 2**25

#: Individuals of a sample that is worth climbing first, for each parameter.
ENOUGH = 500

#: The smallest part of all that a sample is.
LEAST = 64


class Holder(Protocol):
    """What holds the parts of a sample, prepared for one model."""

    watch: Callable[[int, int, int], None]  #: is told the number of a pass, and how many of all rows it has seen

    @property
    def data(self) -> Dataset:
        """The data set of all parts."""

    @property
    def members(self) -> list[Members]:
        """The members of each part."""

    def answers(self, questions: list[Question] | Question) -> Iterable[Any]:
        """The answers of all parts to a question, or to one each, in the order of the parts."""

    def of(self, model: Model) -> Holder:
        """The same parts, prepared for another model."""

    def hashes(self) -> list[str]:
        """SHA-256 of the numbers of each part."""


class SummedEvaluator(Evaluator):
    """The log-likelihood of a model as a sum over parts of the individuals.

    Sums are in the order of the parts, so that they are the same to the bit whoever computes them.

    Args:
        model: The model.
        holder: What holds the parts.
    """

    def __init__(self, model: Model, holder: Holder) -> None:
        self.model, self.holder = model, holder
        program = compiled_for(model).program(model)
        self.labels = tuple(label for p in program.free for label in p.labels())
        self.fixed = tuple(p.get_value() for p in program.fixed)
        self._dtype = np.result_type(*(p.get_value() for p in program.free))
        self._factors: tuple[Factors, ...] = ()
        self._every = 1

    @property
    def in_parts(self) -> bool:
        """True: data are in parts."""
        return True

    # ---- the sample -------------------------------------------------------------------------------------------

    @cached_property
    def _ends(self) -> NDArray[np.integer]:
        """Where the individuals of each part end among all."""
        return np.cumsum([len(own) for own in self.holder.members])

    @property
    def _is_weighted(self) -> bool:
        return bool(self._factors) or any(own.weights is not None for own in self.holder.members)

    def describe(self) -> Sample:
        """The sample that the sums are over."""
        members, question = self.holder.members, self._question("")
        nobs, llnull = sum(own.nobs for own in members), sum(own.llnull for own in members)
        if not self._is_weighted:
            return Sample(nobs, np.broadcast_to(1.0, int(self._ends[-1])), llnull)
        parts = zip(members, self._by_part(question), strict=True)
        return Sample(nobs, np.concatenate([own.weighted(asked) for own, asked in parts]), llnull)

    def data_hash(self) -> str:
        """SHA-256 of those of the parts."""
        texts = [*self.holder.hashes(), repr([value.tolist() for value in self.fixed]), repr(self._factors)]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()

    def subsample(self) -> Evaluator | None:
        """The log-likelihood of chunks of blocks here and there, where the whole is much larger."""
        size = int(self._ends[-1])
        every = min(LEAST, size // (ENOUGH * (len(self.labels) + 20)))
        if every < 4 or self._every > 1:
            return None
        other = self._copy()
        other._every = every
        return other

    def watched_by(self, tell: Callable[[int, int, int], None]) -> None:
        """Tell of passes: the number of the pass, and how many of all rows it has seen."""
        self.holder.watch = tell

    # ---- sums -------------------------------------------------------------------------------------------------

    def value(self, theta: Array) -> float:
        """Log-likelihood."""
        return float(self._sums("value", theta)[0])

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient (K,)."""
        value, *gradient = self._sums("value_and_grad", theta)
        return float(value), np.array(gradient, self._dtype)

    def first_order(self, theta: Array) -> FirstOrder:
        """Log-likelihood, gradient, outer product of scores, scores and the log-likelihood of each individual."""
        value, gradient, outer = self._split(self._sums("first_order", theta))
        return FirstOrder(self.individuals_at(theta, outer), value, gradient, outer)

    def second_order(self, theta: Array) -> SecondOrder:
        """Log-likelihood, gradient, Hessian, scores and the log-likelihood of each individual."""
        value, gradient, hessian, *outer = self._split(self._sums("second_order", theta))
        return SecondOrder(self.individuals_at(theta, *outer), value, gradient, hessian)

    def individuals_at(self, theta: Array, outer_product: Array | None = None) -> Individuals:
        """Scores and log-likelihoods of the individuals, with the outer product of their scores where it is known."""
        return _AtTheta(self, np.asarray(theta), outer_product)

    def outer_product(self, theta: Array, power: int) -> Array:
        """sum_n w_n^power s_n s_n' (K, K), of scores s and sample weights w."""
        return self._split(added(self._answers("outer_product", theta, power)))[2]

    def by_group(self, theta: Array, groups: NDArray[np.integer]) -> Array:
        """Sums of weighted scores by group, (G, K)."""
        sums = np.zeros((int(groups.max()) + 1, len(self.labels)))
        asked = self._by_part(self._question("by_group", theta))
        own = np.split(groups, self._ends[:-1])
        asked = [replace(one, further=(g,)) for one, g in zip(asked, own, strict=True)]
        for found, scores in self.holder.answers(asked):
            sums[found] += scores
        return sums

    def individuals(self, theta: Array) -> tuple[Array, Array]:
        """Scores (N, K) and log-likelihoods (N,).

        Raises:
            InferenceError: There are too many numbers.
        """
        if self._ends[-1] * len(self.labels) > MOST_NUMBERS:
            raise InferenceError(
                f"The scores of {int(self._ends[-1]):,} individuals by {len(self.labels)} parameters are too many for "
                "the memory. Ask for what is a sum, such as kind='robust'; or estimate on a sample in memory, "
                "ds.sample(individuals=100_000)."
            )
        scores, logprob = zip(*self._answers("individuals", theta), strict=True)
        return np.concatenate(scores), np.concatenate(logprob)

    def membership(self, theta: Array) -> tuple[Array, Array]:
        """Log-probabilities of the latent classes (N, C): before choices are seen, and together with all choices."""
        prior, joint = zip(*self._answers("membership", theta), strict=True)
        return np.concatenate(prior), np.concatenate(joint)

    # ---- quantities of situations -----------------------------------------------------------------------------

    def by_situation(self, quantity: Quantity, theta: Array) -> NoReturn:
        """There is none of all parts.

        Raises:
            InferenceError: Always.
        """
        self._of_a_part(quantity)

    def totals(self, quantity: Quantity, weights: Array, theta: Array) -> NoReturn:
        """There are none with weights of all situations.

        Raises:
            InferenceError: Always.
        """
        self._of_a_part(quantity)

    def _of_a_part(self, quantity: Quantity) -> NoReturn:
        raise InferenceError(
            f"{type(quantity).__name__} of all choice situations need all rows in memory, and the data are in parts. "
            "Ask on a sample in memory, such as results.predict(ds.sample(individuals=100_000))."
        )

    # ---- other likelihoods ------------------------------------------------------------------------------------

    def on(self, data: Dataset) -> Evaluator:
        """The same model, with the same values of fixed parameters, on other data."""
        if data is self.holder.data:
            return self
        if isinstance(data, ScannedDataset):
            raise InferenceError(
                "Answers about other scanned data are made part by part: give data in memory, such as "
                "ds.sample(individuals=100_000)."
            )
        other = LocalEvaluator(self.model, data)
        other.fixed = list(self.fixed)
        return other

    def of(self, model: Model) -> Evaluator:
        """Another model on the same data."""
        return SummedEvaluator(model, self.holder.of(model))

    def given(self, theta: Array, held: Collection[str]) -> Evaluator:
        """The likelihood of the other parameters, with those of some labels held at their values in theta (K,)."""
        return HeldEvaluator(self, theta, held)

    def reweighted(self, factors: Factors) -> SummedEvaluator:
        """The same with the weights of the individuals multiplied by factors (N,)."""
        other = self._copy()
        other._factors = (*self._factors, factors)
        return other

    def _copy(self) -> SummedEvaluator:
        other = SummedEvaluator(self.model, self.holder)
        other.fixed, other._factors, other._every = self.fixed, self._factors, self._every
        return other

    # ---- questions --------------------------------------------------------------------------------------------

    def _question(self, what: str, theta: Any = (), *further: Any) -> Question:
        theta = np.asarray(theta, self._dtype)
        return Question(what, theta, self.fixed, self._factors, self._every, further)

    def _by_part(self, question: Question) -> list[Question]:
        """The question to each part, with the factors of its individuals."""
        split = [
            [factor] * len(self._ends) if isinstance(factor, PoissonWeights) else np.split(factor, self._ends[:-1])
            for factor in map(self._spread, question.factors)
        ]
        return [replace(question, factors=tuple(own[i] for own in split)) for i in range(len(self._ends))]

    def _spread(self, factor: Factors) -> Factors:
        return factor if isinstance(factor, PoissonWeights) else np.asarray(factor, dtype=float)

    def _answers(self, what: str, theta: Array, *further: Any) -> Iterable[Any]:
        question = self._question(what, theta, *further)
        alike = all(isinstance(factor, PoissonWeights) for factor in self._factors)
        return self.holder.answers(question if alike else self._by_part(question))

    def _sums(self, order: str, theta: Array) -> Array:
        return added(self._answers("sums", theta, order))

    def _split(self, packed: Array) -> list[Any]:
        """Log-likelihood, gradient (K,) and matrices (K, K) of one array of sums."""
        K = len(self.labels)
        gradient, matrices = packed[1 : 1 + K].astype(self._dtype), packed[1 + K :].reshape(-1, K, K)
        return [float(packed[0]), gradient, *matrices.astype(self._dtype)]


@dataclass(frozen=True)
class _AtTheta(Individuals):
    """The individuals of all parts; the outer product of scores may be known for the first power of weights."""

    evaluator: SummedEvaluator
    theta: Array
    known: Array | None = None

    def _numbers(self) -> tuple[Array, Array]:
        return self.evaluator.individuals(self.theta)

    def _outer_product(self, power: int) -> Array:
        if self.known is not None and (power == 1 or not self.evaluator._is_weighted):
            return self.known
        return self.evaluator.outer_product(self.theta, power)

    def by_group(self, groups: NDArray[np.integer], weights: Array) -> Array:
        """Sums of weighted scores by group, (G, K)."""
        return self.evaluator.by_group(self.theta, groups)

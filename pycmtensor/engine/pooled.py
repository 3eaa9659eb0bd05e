"""The evaluator of a sum of log-likelihoods of different people, each with an evaluator of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import NoReturn

import numpy as np

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.pooled import PooledDataset
from pycmtensor.engine.density import Traceable, summed
from pycmtensor.engine.evaluator import Array, Evaluator, FirstOrder, Sample, SecondOrder
from pycmtensor.engine.individuals import Individuals
from pycmtensor.engine.quantity import Quantity
from pycmtensor.exceptions import InferenceError
from pycmtensor.models.base import Model

__all__ = ["PooledEvaluator"]


class PooledEvaluator(Evaluator):
    r"""The sum of log-likelihoods of the same parameters, :math:`\sum_m \log L_m(\theta)`.

    Args:
        parts: Name -> evaluator, all with the same labels.
        data: The data sets of the parts.
    """

    def __init__(self, parts: Mapping[str, Evaluator], data: PooledDataset) -> None:
        self.parts, self.data = dict(parts), data
        self.labels = next(iter(self.parts.values())).labels

    def describe(self) -> Sample:
        """The sample that the sums are over."""
        samples = [part.describe() for part in self.parts.values()]
        weights = np.concatenate([sample.weights for sample in samples])
        return Sample(sum(sample.nobs for sample in samples), weights, sum(sample.llnull for sample in samples))

    def data_hash(self) -> str:
        """SHA-256 of those of the parts."""
        texts = [f"{name} {part.data_hash()}" for name, part in self.parts.items()]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()

    def value(self, theta: Array) -> float:
        """Log-likelihood."""
        return sum(part.value(theta) for part in self.parts.values())

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient (K,)."""
        values, gradients = zip(*(part.value_and_grad(theta) for part in self.parts.values()), strict=True)
        return sum(values), np.sum(gradients, axis=0)

    def first_order(self, theta: Array) -> FirstOrder:
        """Log-likelihood, gradient, outer product of scores, scores and the log-likelihood of each individual."""
        at = [part.first_order(theta) for part in self.parts.values()]
        individuals = _OfParts([part.individuals for part in at])
        value, gradient = sum(part.value for part in at), np.sum([part.gradient for part in at], axis=0)
        return FirstOrder(individuals, value, gradient, np.sum([part.outer_product for part in at], axis=0))

    def second_order(self, theta: Array) -> SecondOrder:
        """Log-likelihood, gradient, Hessian, scores and the log-likelihood of each individual."""
        at = [part.second_order(theta) for part in self.parts.values()]
        individuals = _OfParts([part.individuals for part in at])
        value, gradient = sum(part.value for part in at), np.sum([part.gradient for part in at], axis=0)
        return SecondOrder(individuals, value, gradient, np.sum([part.hessian for part in at], axis=0))

    def individuals_at(self, theta: Array) -> Individuals:
        """Scores and log-likelihoods of the individuals of all parts."""
        return _OfParts([part.individuals_at(theta) for part in self.parts.values()])

    def traceable(self) -> Traceable:
        """The sum of those of the parts, as a part of larger programs."""
        return summed([part.traceable() for part in self.parts.values()])

    def by_situation(self, quantity: Quantity, theta: Array) -> NoReturn:
        """There is none of all parts.

        Raises:
            InferenceError: Always.
        """
        self._of_a_part()

    def totals(self, quantity: Quantity, weights: Array, theta: Array) -> NoReturn:
        """There are none of all parts.

        Raises:
            InferenceError: Always.
        """
        self._of_a_part()

    def membership(self, theta: Array) -> NoReturn:
        """There is none of all parts.

        Raises:
            InferenceError: Always.
        """
        self._of_a_part()

    def on(self, data: Dataset) -> Evaluator:
        """The same models, with the same values of fixed parameters, on other pooled data."""
        assert isinstance(data, PooledDataset)
        return self._each(lambda name, part: part.on(data.parts[name]), data)

    def of(self, model: Model) -> Evaluator:
        """Another pooled model on the same data, or a model of one part."""
        if model.summands:
            return self._each(lambda name, part: part.of(model.summands[name]), self.data)
        own = [part for name, part in self.parts.items() if self.data.parts[name].origin is model.dataset.origin]
        return (own or list(self.parts.values()))[0].of(model)

    def given(self, theta: Array, held: Collection[str]) -> Evaluator:
        """The likelihood of the other parameters, with those of some labels held at their values in theta (K,)."""
        return self._each(lambda _, part: part.given(theta, held), self.data)

    def reweighted(self, factors: Array) -> Evaluator:
        """The same with the weights of the individuals multiplied by factors (N,)."""
        own = self.data.by_part(factors)
        return self._each(lambda name, part: part.reweighted(own[name]), self.data)

    def _each(self, change: Callable[[str, Evaluator], Evaluator], data: PooledDataset) -> PooledEvaluator:
        return PooledEvaluator({name: change(name, part) for name, part in self.parts.items()}, data)

    def _of_a_part(self) -> NoReturn:
        raise InferenceError(
            f"Quantities of choice situations belong to a part. Ask results.part(...) with one of "
            f"{', '.join(map(repr, self.parts))}."
        )


class _OfParts(Individuals):
    """The individuals of several parts, one after the other."""

    def __init__(self, parts: list[Individuals]) -> None:
        self.parts = parts

    def _numbers(self) -> tuple[Array, Array]:
        scores, logprob = zip(*(part.numbers for part in self.parts), strict=True)
        return np.concatenate(scores), np.concatenate(logprob)

    def _outer_product(self, power: int) -> Array:
        return np.sum([part.outer_product(power) for part in self.parts], axis=0)

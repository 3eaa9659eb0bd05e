"""The likelihood of some parameters, with the others held, as a part of that of all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.engine.evaluator import Array, Evaluator, FirstOrder, Sample, SecondOrder
from pycmtensor.engine.individuals import Individuals
from pycmtensor.engine.quantity import Quantity
from pycmtensor.models.base import Model

__all__ = ["HeldEvaluator"]


class HeldEvaluator(Evaluator):
    """A log-likelihood in which some parameters are held: rows and columns of the derivatives of all.

    Args:
        evaluator: The log-likelihood of all parameters.
        theta: Their values (K,), of which those that are held stay.
        held: Labels of the held parameters.
    """

    def __init__(self, evaluator: Evaluator, theta: Array, held: Collection[str]) -> None:
        self._of_all, self._at, self._held = evaluator, np.array(theta), frozenset(held)
        self._own = np.array([k for k, label in enumerate(evaluator.labels) if label not in self._held])
        self.labels = tuple(evaluator.labels[k] for k in self._own)

    def _all(self, theta: Array) -> Array:
        """The values of all parameters, (K,)."""
        values = self._at.copy()
        values[self._own] = theta
        return values

    def describe(self) -> Sample:
        """The sample that the sums are over."""
        return self._of_all.describe()

    def data_hash(self) -> str:
        """SHA-256 of the data, and of what is held at what."""
        held = [(label, self._at[k]) for k, label in enumerate(self._of_all.labels) if label in self._held]
        return f"{self._of_all.data_hash()} {held}"

    def value(self, theta: Array) -> float:
        """Log-likelihood."""
        return self._of_all.value(self._all(theta))

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient."""
        value, gradient = self._of_all.value_and_grad(self._all(theta))
        return value, gradient[self._own]

    def first_order(self, theta: Array) -> FirstOrder:
        """Log-likelihood, gradient, outer product of scores, scores and the log-likelihood of each individual."""
        at, own = self._of_all.first_order(self._all(theta)), np.ix_(self._own, self._own)
        individuals = _Some(at.individuals, self._own)
        return FirstOrder(individuals, at.value, at.gradient[self._own], at.outer_product[own])

    def second_order(self, theta: Array) -> SecondOrder:
        """Log-likelihood, gradient, Hessian, scores and the log-likelihood of each individual."""
        at, own = self._of_all.second_order(self._all(theta)), np.ix_(self._own, self._own)
        return SecondOrder(_Some(at.individuals, self._own), at.value, at.gradient[self._own], at.hessian[own])

    def individuals_at(self, theta: Array) -> Individuals:
        """Scores and log-likelihoods of the individuals."""
        return _Some(self._of_all.individuals_at(self._all(theta)), self._own)

    def by_situation(self, quantity: Quantity, theta: Array) -> Array:
        """A quantity in every choice situation."""
        return self._of_all.by_situation(quantity, self._all(theta))

    def totals(self, quantity: Quantity, weights: Array, theta: Array) -> tuple[Array, Array]:
        """Weighted sums of a quantity and their derivatives."""
        sums, slopes = self._of_all.totals(quantity, weights, self._all(theta))
        return sums, slopes[..., self._own]

    def membership(self, theta: Array) -> tuple[Array, Array]:
        """Log-probabilities of the latent classes (N, C)."""
        return self._of_all.membership(self._all(theta))

    def on(self, data: Dataset) -> Evaluator:
        """The same on other data."""
        return HeldEvaluator(self._of_all.on(data), self._at, self._held)

    def of(self, model: Model) -> Evaluator:
        """Another model on the same data, in which nothing is held."""
        return self._of_all.of(model)

    def given(self, theta: Array, held: Collection[str]) -> Evaluator:
        """The likelihood of the parameters that are left when more are held."""
        return HeldEvaluator(self._of_all, self._all(theta), self._held | set(held))

    def reweighted(self, factors: Array) -> Evaluator:
        """The same with the weights of the individuals multiplied by factors (N,)."""
        return HeldEvaluator(self._of_all.reweighted(factors), self._at, self._held)


@dataclass(frozen=True)
class _Some(Individuals):
    """Individuals with the scores of some parameters."""

    individuals: Individuals
    own: NDArray[np.integer]

    def _numbers(self) -> tuple[Array, Array]:
        scores, logprob = self.individuals.numbers
        return scores[:, self.own], logprob

    def _outer_product(self, power: int) -> Array:
        return self.individuals.outer_product(power)[np.ix_(self.own, self.own)]

    def by_group(self, groups: NDArray[np.integer], weights: Array) -> Array:
        """Sums of weighted scores by group."""
        return self.individuals.by_group(groups, weights)[:, self.own]

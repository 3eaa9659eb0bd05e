"""The individuals' parts in a log-likelihood, computed on request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["ByIndividual", "Individuals", "KnownIndividuals"]

Array = NDArray[np.floating]

#: Individuals of which the outer product of scores is computed at the same time.
AT_ONCE = 2**13


class Individuals(ABC):
    """Contributions of the individuals to a log-likelihood at one theta."""

    @cached_property
    def numbers(self) -> tuple[Array, Array]:
        """Scores (N, K) and log-likelihoods (N,), both without sample weights."""
        return self._numbers()

    def outer_product(self, power: int) -> Array:
        """sum_n w_n^power s_n s_n' (K, K), of scores s and sample weights w."""
        if power not in self._outer_products:
            self._outer_products[power] = self._outer_product(power)
        return self._outer_products[power]

    def by_group(self, groups: NDArray[np.integer], weights: Array) -> Array:
        """Sums of weighted scores by group, sum of w_n s_n, (G, K).

        Args:
            groups: Number of each individual's group, from 0, (N,).
            weights: Sample weights, (N,).
        """
        scores, _ = self.numbers
        sums = np.zeros((int(groups.max()) + 1, scores.shape[1]))
        np.add.at(sums, groups, weights[:, None] * scores)
        return sums

    @cached_property
    def _outer_products(self) -> dict[int, Array]:
        return {}

    @abstractmethod
    def _numbers(self) -> tuple[Array, Array]: ...

    @abstractmethod
    def _outer_product(self, power: int) -> Array: ...


@dataclass(frozen=True)
class KnownIndividuals(Individuals):
    """Individuals whose scores (N, K), log-likelihoods (N,) and sample weights (N,) are at hand."""

    known_scores: Array
    known_logprob: Array
    weights: Array

    def _numbers(self) -> tuple[Array, Array]:
        return self.known_scores, self.known_logprob

    def _outer_product(self, power: int) -> Array:
        s, w = self.known_scores, self.weights  # of some individuals at a time, which saves a copy of the scores
        parts = (slice(first, first + AT_ONCE) for first in range(0, len(s), AT_ONCE))
        return sum((s[part].T @ (w[part, None] ** power * s[part]) for part in parts), np.zeros(()))


@dataclass(frozen=True)
class ByIndividual:
    """Base of derivatives that know the contribution of each individual."""

    individuals: Individuals = field(repr=False)

    @property
    def scores(self) -> Array:
        """Gradient of each individual's log-likelihood, without its weight, (N, K)."""
        return self.individuals.numbers[0]

    @property
    def logprob(self) -> Array:
        """Log-likelihood of each individual, without its weight, (N,)."""
        return self.individuals.numbers[1]

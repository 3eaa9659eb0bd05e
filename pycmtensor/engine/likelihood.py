"""Log-likelihood of a block of individuals and its derivatives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from pycmtensor.engine.types import BlockData, Columns, Fixed, Parts, Theta, Weights
from pycmtensor.expressions import Parameter

__all__ = ["Differentiated", "Likelihood", "OfScores"]


class Likelihood(ABC):
    """The log-likelihood of a block of B individuals: JAX functions of (theta, fixed values, [weights], data).

    Attributes:
        prepares: Whether data are what `prepared` makes of the columns, once for all theta, in place of the columns.
    """

    prepares: ClassVar[bool] = False

    def prepared(self, columns: Columns) -> Any:
        """The data, arrays, of a block of columns."""
        return columns

    @abstractmethod
    def logprob(self, theta: Theta, fixed: Fixed, data: BlockData) -> Any:
        """Log-likelihood of each individual, (B,)."""

    @abstractmethod
    def scores(self, theta: Theta, fixed: Fixed, data: BlockData) -> tuple[Any, Any]:
        """Log-likelihood of each individual (B,) and its gradient (K, B)."""

    @abstractmethod
    def second_order(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Sums with the weights: log-likelihood, gradient (K,), Hessian (K, K).

        Also returns the outer product of scores (K, K) when it needs no extra work.
        """

    def loglike(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Log-likelihood, summed with the weights."""
        return weights @ self.logprob(theta, fixed, data)

    def value_and_grad(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Log-likelihood and its gradient (K,)."""
        return jax.value_and_grad(self.loglike)(theta, fixed, weights, data)


class OfScores(Likelihood):
    """A log-likelihood whose scores take no more time than its gradient."""

    def value_and_grad(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Log-likelihood and its gradient (K,)."""
        logprob, scores = self.scores(theta, fixed, data)
        return weights @ logprob, scores @ weights


class Differentiated(Likelihood):
    """Any log-likelihood, differentiated as a whole by JAX.

    Args:
        logprob: Parameters, fixed values and data -> a list with the log-likelihood of each individual.
        free: The parameters that theta holds.
    """

    def __init__(self, logprob: Callable[..., Any], free: list[Parameter]) -> None:
        self._logprob, self._free = logprob, free

    def logprob(self, theta: Theta, fixed: Fixed, data: BlockData) -> Any:
        """Log-likelihood of each individual, (B,)."""
        return self._logprob(*unflattened(theta, self._free), *fixed, *data)[0]

    def scores(self, theta: Theta, fixed: Fixed, data: BlockData) -> tuple[Any, Any]:
        """Log-likelihood of each individual (B,) and its gradient (K, B)."""

        def individual(parts: Parts, data: BlockData) -> Any:
            return self._logprob(*parts, *fixed, *(jnp.expand_dims(x, -2) for x in data))[0][0]

        parts = unflattened(theta, self._free)
        logprob, slopes = jax.vmap(jax.value_and_grad(individual), in_axes=(None, -2))(parts, data)
        return logprob, jnp.concatenate([slope.reshape(len(logprob), -1).T for slope in slopes])

    def second_order(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Forward over reverse.

        The gradient is s w with the scores s (K, B), and the Hessian is the product of their derivatives with w: two
        matrix products in place of a reduction for each pair of parameters.
        """

        def gradient(theta: Theta) -> Any:
            logprob, scores = self.scores(theta, fixed, data)
            sums = weights @ logprob, scores @ weights
            return sums[1], sums

        hessian, sums = jax.jacfwd(gradient, has_aux=True)(theta)
        return *sums, hessian


def unflattened(theta: Theta, free: list[Parameter]) -> list[Any]:
    """The parts of theta (K,) in the shapes of the free parameters."""
    ends = np.cumsum([p.size for p in free])
    return [theta[end - p.size : end].reshape(p.shape) for p, end in zip(free, ends, strict=True)]

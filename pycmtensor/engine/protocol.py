"""What an estimator may ask of a likelihood."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Engine"]

Array = NDArray[np.floating]


class Engine(Protocol):
    """The log-likelihood of a model on data, and its derivatives, at a flat theta (K,).

    Everything is a sum over individuals, weighted with the sample weights.
    """

    labels: tuple[str, ...]  #: names of the K elements of theta

    def value(self, theta: Array) -> float:
        """Log-likelihood."""

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and its gradient (K,)."""

    def second_order(self, theta: Array) -> tuple[float, Array, Array]:
        """Log-likelihood, gradient (K,) and Hessian (K, K)."""

    def scores(self, theta: Array) -> Array:
        """Gradient of every individual's log-likelihood, unweighted, (N, K)."""

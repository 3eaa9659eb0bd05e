"""What an estimator may ask of a likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.individuals import ByIndividual

__all__ = ["Array", "Curved", "Engine", "FirstOrder", "SecondOrder"]

Array = NDArray[np.floating]


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


class Curved(Protocol):
    """What a step of a second-order method asks of a log-likelihood; its Hessian may be an approximation."""

    labels: tuple[str, ...]  #: names of the K elements of theta

    def value(self, theta: Array) -> float:
        """Log-likelihood."""

    def second_order(self, theta: Array) -> SecondOrder:
        """Log-likelihood, gradient, Hessian, scores and the log-likelihood of each individual."""


class Engine(Curved, Protocol):
    """The log-likelihood of a model on data, and its derivatives, at a flat theta (K,).

    Everything is a sum over individuals, weighted with the sample weights.
    """

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and its gradient (K,)."""

    def probabilities(self, theta: Array) -> Array:
        """Choice probabilities (J, T, N), 0 where an alternative is unavailable."""

    def first_order(self, theta: Array) -> FirstOrder:
        """Log-likelihood, gradient, outer product of scores, scores and the log-likelihood of each individual."""

"""Fit: the numbers that an estimation leaves behind, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import ByIndividual, Individuals, SecondOrder
from pycmtensor.exceptions import InferenceError
from pycmtensor.report.answer import Answer, Part

__all__ = ["Ending", "Epoch", "Fit", "Iterate", "Optimum", "Outcome", "SummedIndividuals", "exponent_of"]

Array = NDArray[np.floating]


#: Weights with a mean from 2^-10 to 2^10 are taken as they are.
ORDINARY = 10


def exponent_of(weights: Array) -> int:
    """Exponent of the power of two that is next to the mean of positive weights; 0 for ordinary ones.

    Examples:
        >>> exponent_of(np.array([0.5, 3.0])), exponent_of(np.full(3, 2.0**-70)), exponent_of(np.array([0.0, 5e-324]))
        (0, -70, -1074)
    """
    count = np.count_nonzero(weights)
    with np.errstate(over="ignore"):
        if count and 2.0 ** (1 - ORDINARY) < weights.sum() / count < 2.0 ** (ORDINARY - 1):
            return 0
    positive = weights[weights > 0]
    if not positive.size:
        return 0
    fraction, exponents = np.frexp(positive.astype(float))
    top = int(exponents.max())
    exponent = top + round(float(np.log2(np.mean(np.ldexp(fraction, exponents - top)))))
    return 0 if abs(exponent) <= ORDINARY else exponent


class Ending(StrEnum):
    """The ways in which an estimation ends."""

    MAXIMUM = "maximum"
    AT_BOUND = "maximum at a bound"
    SEPARATION = "separation"
    STALLED = "stalled"
    ITERATION_LIMIT = "iteration limit"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped by its rule"


@dataclass(frozen=True)
class Outcome(Answer):
    """Outcome of an estimation.

    Attributes:
        ending: The way it ended, also as text: ``outcome.ending == "maximum"``.
        reason: What was reached or why it stopped.
        remedy: What to do, empty when nothing needs to be done.
        near_maximum: Whether the point is so near to a maximum that standard errors there mean something.
        evidence: Of a maximum: the largest derivative, and the range of the eigenvalues of the information matrix
            with its diagonal scaled to 1.
    """

    ending: Ending
    reason: str
    remedy: str = ""
    near_maximum: bool = True
    evidence: str = ""

    @property
    def converged(self) -> bool:
        """Whether the estimates are a maximum of the likelihood."""
        return self.ending in (Ending.MAXIMUM, Ending.AT_BOUND)

    def must_have_ended(self) -> None:
        """Raise a KeyboardInterrupt when the estimation was interrupted, for those that need its end."""
        if self.ending is Ending.INTERRUPTED:
            raise KeyboardInterrupt

    def _shown(self) -> list[Part]:
        word = "converged" if self.converged else "NOT CONVERGED"
        return [f"{word}: {self.reason}" + (f" {self.remedy}" if self.remedy else "")]


@dataclass(frozen=True)
class Iterate:
    """One line of progress.

    Attributes:
        iteration: Number of accepted steps so far.
        llf: Log-likelihood.
        gradient: Largest absolute element of the gradient that bounds leave free.
        distance: Estimated distance to the maximum in standard errors, see `curvature.newton_distance`.
    """

    iteration: int
    llf: float
    gradient: float
    distance: float


@dataclass(frozen=True)
class Epoch:
    """The whole sample after an epoch.

    Attributes:
        epoch: Epochs so far.
        llf: Log-likelihood.
        gradient: Largest absolute element of the gradient that bounds leave free.
        validation: Log-likelihood of the validation data, NaN without them.
    """

    epoch: int
    llf: float
    gradient: float
    validation: float = np.nan


@dataclass(frozen=True)
class Optimum:
    """The point that a method reports, with the log-likelihood and its derivatives there."""

    theta: Array
    at: SecondOrder
    at_bound: NDArray[np.bool_]
    outcome: Outcome
    path: Sequence[Iterate | Epoch]
    start: Array | None = None  #: where the method began
    start_hessian: Array | None = None  #: the Hessian there, which tells what flattened out on the way
    binding: Array | None = None  #: coefficients of the linear constraints that hold with equality, (M, K)


@dataclass(frozen=True)
class SummedIndividuals(Individuals):
    """Individuals of whom only sums are left: outer products of their scores (K, K), by the power of the weights."""

    sums: Mapping[int, Array]

    def _numbers(self) -> tuple[Array, Array]:
        raise InferenceError(
            "The contributions of individuals were taken out by remove_data(). Ask the results that it was called on."
        )

    def _outer_product(self, power: int) -> Array:
        return self.sums[power]


@dataclass(frozen=True)
class Fit(ByIndividual, Answer):
    """Estimates and the derivatives of the log-likelihood there; nothing symbolic.

    Attributes:
        individuals: Scores and log-likelihoods of the individuals there; scores are NaN where ``hessian`` is. Their
            weights are in units of 2^`exponent`.
        model: Name of the model.
        method: Name of the method of estimation.
        labels: Names of the K free parameters.
        theta: Estimates (K,).
        start: Start values (K,).
        bounds: Lower and upper bounds, each (K,), infinite where there is none.
        at_bound: Which estimates lie on a bound that the likelihood pushes against, (K,).
        binding: Coefficients of the linear constraints that hold with equality, (M, K).
        fixed: Names and values of the parameters that were not estimated.
        llf: Log-likelihood at ``theta``.
        llnull: Log-likelihood with equal shares of the available alternatives.
        gradient: Of the log-likelihood, (K,).
        hessian: Of the log-likelihood, (K, K). After a stochastic method, NaN in the rows and columns of the weights of
            networks.
        weights: Sample weight of each individual, (N,).
        nobs: Choice situations.
        outcome: How the estimation ended.
        history: Column -> one number per iteration or epoch.
        starts: Column -> one number per start, when several were asked for.
        constraints: The linear constraints in words.
        neutral: Label of a parameter -> the value at which it changes nothing, where that is not 0: 1 of a scale.
        seconds: Wall time.
    """

    model: str
    method: str
    labels: tuple[str, ...]
    theta: Array
    start: Array
    bounds: tuple[Array, Array]
    at_bound: NDArray[np.bool_]
    binding: Array
    fixed: dict[str, float]
    llf: float
    llnull: float
    gradient: Array
    hessian: Array
    weights: Array
    nobs: int
    outcome: Outcome
    history: dict[str, Array] = field(default_factory=dict)
    starts: dict[str, Array] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    neutral: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def _shown(self) -> list[Part]:
        import pandas as pd

        about = f"{self.model}, estimated by {self.method}: log-likelihood {self.llf:.6f}; {self.outcome}"
        return [about, pd.DataFrame({"estimate": self.theta, "start": self.start}, index=list(self.labels))]

    @property
    def exponent(self) -> int:
        """Of the power of two that weights far from 1 are multiples of; see `exponent_of`."""
        return exponent_of(self.weights)

    @property
    def conditional(self) -> NDArray[np.bool_]:
        """Parameters without second derivatives, on which the errors of others are conditional, (K,)."""
        return np.isnan(np.diag(self.hessian))

    @property
    def n_parameters(self) -> int:
        """Parameters that vary freely: K less the constraints that hold with equality."""
        return len(self.theta) - (int(np.linalg.matrix_rank(self.binding)) if len(self.binding) else 0)

"""Estimation from many start values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Ascents, Evaluator, SecondOrder
from pycmtensor.engine.parallel import usable_cores
from pycmtensor.estimation.curvature import NEAR, bends, held_by_bounds, newton_distance
from pycmtensor.estimation.fit import Outcome
from pycmtensor.estimation.quadratic import Bounds
from pycmtensor.exceptions import OptimizerError, checked_class, in_range, seed_of, whole
from pycmtensor.host.interruption import ask_to_stop, stop_if_asked

__all__ = ["Starts", "from_many", "with_agreement"]

Array = NDArray[np.floating]

#: Difference in log-likelihood up to which two ends are called the same.
SAME_END = 0.01

#: Ascents that a core computes before the next group of them begins.
STARTS_PER_CORE = 4


@checked_class(OptimizerError)
@dataclass(frozen=True)
class Starts:
    """Start values of several ascents: the given one, and others drawn around it or between the bounds.

    A parameter with two bounds is drawn uniformly between them. The others are normal around the start, with the
    standard deviation at which a parameter changes the utilities of one choice by about ``spread``: ``spread
    sqrt(individuals)`` conditional standard errors at the start. What lies beyond a bound is mirrored at it.

    Args:
        number: Starts in all.
        spread: Width of the draws.
        seed: Seed of the draws.

    Raises:
        OptimizerError: ``number`` is less than 1, or ``spread`` is not positive.

    Examples:
        >>> Starts(20, seed=1)
        Starts(number=20, spread=1.0, seed=1)
    """

    number: int
    spread: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        whole("Starts", "number", self.number, least=1)
        seed_of("Starts", self.seed)
        in_range("Starts", "spread", self.spread, "(0, inf)", "Write for example 1.")

    def drawn(self, evaluator: Evaluator, start: Array, bounds: Bounds) -> Array:
        """The start values (number, K), the given one first."""
        rng = np.random.default_rng(self.seed)
        lb, ub = bounds
        N = evaluator.describe().n_individuals
        sd = self.spread * np.sqrt(N) / bends(evaluator.second_order(start).hessian)
        around = start + sd * rng.normal(size=(self.number, len(start)))
        boxed = np.isfinite(lb) & np.isfinite(ub)
        width = np.where(boxed, ub, 0.0) - np.where(boxed, lb, 0.0)
        between = np.where(boxed, lb, 0.0) + width * rng.random((self.number, len(start)))
        around = np.where(around < lb, 2 * lb - around, np.where(around > ub, 2 * ub - around, around))
        draws = np.clip(np.where(boxed, between, around), lb, ub)
        draws[0] = start
        return draws


def from_many(
    evaluator: Evaluator, starts: Starts, start: Array, bounds: Bounds, curved: Evaluator | None = None
) -> tuple[Array, dict[str, Array]]:
    """The end of the ascent that came highest (K,), and a table of all.

    An interrupted run has those that came before, or the start values, and asks the search from there to stop too.

    Args:
        evaluator: The log-likelihood.
        starts: How the starts are drawn.
        start: Start values (K,).
        bounds: Lower and upper bounds, each (K,).
        curved: The log-likelihood with another Hessian, from which ascents are to learn the information; None to climb
            with the exact one.

    Raises:
        OptimizerError: The log-likelihood is finite at none of the starts.
    """
    drawn = starts.drawn(curved or evaluator, start, bounds)
    try:
        ends = _climbed(evaluator, drawn, bounds, None if curved is None else _known(curved, drawn))
    except KeyboardInterrupt:
        ask_to_stop(f"0 of {len(drawn)} starts")
        return start, {}
    drawn = drawn[: len(ends.theta)]  # all, unless the run was interrupted
    llf = np.where(np.isfinite(ends.llf) & np.isfinite(ends.theta).all(axis=1), ends.llf, -np.inf)
    if not np.isfinite(llf).any():
        raise OptimizerError(
            f"The log-likelihood is finite at none of the {len(drawn)} starts. Choose a smaller spread, or scale "
            "the columns."
        )
    converged = ends.converged
    if curved is not None:  # these ascents end where little of the way is left, not only at a maximum
        converged = converged & [_is_near_maximum(evaluator, theta, bounds) for theta in ends.theta]
    table = {"llf": llf, "converged": converged}
    table |= {f"start {label}": column for label, column in zip(evaluator.labels, drawn.T, strict=True)}
    table |= dict(zip(evaluator.labels, ends.theta.T, strict=True))
    return ends.theta[np.argmax(llf)], table


def _known(curved: Evaluator, drawn: Array) -> tuple[Array, Array, Array]:
    """Log-likelihoods (A,), gradients (A, K), and what is taken for the information (A, K, K) at the starts."""
    at: list[SecondOrder] = []
    for theta in drawn:
        stop_if_asked()
        at.append(curved.second_order(theta))
    values, gradients, hessians = zip(*((here.value, here.gradient, here.hessian) for here in at), strict=True)
    return np.array(values), np.array(gradients), -np.array(hessians)


def _climbed(evaluator: Evaluator, drawn: Array, bounds: Bounds, known: tuple[Array, Array, Array] | None) -> Ascents:
    """Ends of ascents, of some starts at a time; an interrupted run has those that came before.

    All groups have one size, for which the program is compiled; the last is filled up.
    """
    groups = -(-len(drawn) // (STARTS_PER_CORE * usable_cores()))
    size = -(-len(drawn) // groups)
    found: list[Ascents] = []
    for first in range(0, len(drawn), size):
        rows = np.minimum(np.arange(first, first + size), len(drawn) - 1)
        some = None if known is None else (known[0][rows], known[1][rows], known[2][rows])
        try:
            stop_if_asked()
            found.append(evaluator.ascents(drawn[rows], bounds, known=some))
        except KeyboardInterrupt:
            if not found:
                raise
            ask_to_stop(f"{first} of {len(drawn)} starts")  # the search from the highest of them too
            break
    return Ascents(*(np.concatenate(parts)[: len(drawn)] for parts in zip(*found, strict=True)))


def _is_near_maximum(evaluator: Evaluator, theta: Array, bounds: Bounds) -> bool:
    """Whether a maximum is less than a tenth of a standard error away, by the outer product of scores."""
    if not np.isfinite(theta).all():
        return False
    at = evaluator.first_order(theta)
    free = ~held_by_bounds(theta, at.gradient, *bounds)
    finite = np.isfinite(at.gradient).all() and np.isfinite(at.outer_product).all()
    return bool(finite and newton_distance(at.gradient[free], at.outer_product[np.ix_(free, free)]) <= NEAR)


def with_agreement(outcome: Outcome, table: Mapping[str, Array]) -> Outcome:
    """The outcome, which also says how many starts led to the highest log-likelihood, of a table of `from_many`."""
    llf = table["llf"]
    agreed = int((llf >= np.max(llf) - SAME_END).sum())
    word = f"{agreed} of {len(llf)} starts ended within {SAME_END:g} of the highest log-likelihood"
    return replace(outcome, evidence=f"{outcome.evidence}, {word}" if outcome.evidence else word)

"""The loop that second-order methods share: steps until the maximum is near enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pycmtensor.engine import Differentiable, Objective
from pycmtensor.estimation.curvature import NEAR, bends
from pycmtensor.estimation.fit import Ending, Iterate, Optimum, Outcome
from pycmtensor.estimation.quadratic import Bounds, Quadratic, around
from pycmtensor.exceptions import OptimizerError
from pycmtensor.host.interruption import stop_if_asked

__all__ = ["Advance", "Search", "ascend", "attainable", "beginning", "converged", "not_converged", "realised"]

Array = NDArray[np.floating]

#: An end of all steps this near to the maximum, in standard errors, is one: 5e-9 of log-likelihood.
CLOSE = 1e-4

#: Takes the log-likelihood and the model around a point to the next point; None when no step raises the likelihood.
Advance: TypeAlias = Callable[[Objective, Quadratic], Quadratic | None]


@dataclass(frozen=True)
class Search:
    """What a method is given.

    Attributes:
        engine: The log-likelihood and its derivatives.
        start: Start values (K,), within the bounds.
        bounds: Lower and upper bounds, each (K,), -inf and inf for none.
        max_iterations: Most accepted steps.
        tolerance: Converged when the maximum is estimated to be this many standard errors away. In single precision
            no less than 1e-3, which is as near as sums of such numbers can tell.
        report: Called with every accepted iterate.
    """

    engine: Differentiable
    start: Array
    bounds: Bounds
    max_iterations: int = 200
    tolerance: float = 1e-7
    report: Callable[[Iterate], None] = lambda iterate: None


def ascend(search: Search, advance: Advance, engine: Objective | None = None) -> Optimum:
    """Take steps until the maximum is near enough, no step helps, or they are used up.

    With exact Hessians a last Newton step follows, at whose end nothing is evaluated: what the estimates are off, at
    most the tolerance, is squared, and the log-likelihood rises by half of that square.

    Args:
        search: The problem.
        advance: The method's step.
        engine: What the method takes for the log-likelihood, with an approximate Hessian; None for the exact one.

    Raises:
        OptimizerError: The log-likelihood or a derivative is not finite at the start.
    """
    engine = engine or search.engine
    here = first = beginning(search, engine)
    tolerance = attainable(search.tolerance, here.at.gradient.dtype)
    path: list[Iterate] = []
    while True:
        path.append(Iterate(len(path), -here.f, here.slope, here.distance))
        search.report(path[-1])
        try:
            stop_if_asked()
            if here.distance <= tolerance:
                outcome = converged(here, engine.labels)
                break
            if len(path) > search.max_iterations:
                outcome = not_converged(Ending.ITERATION_LIMIT, f"{search.max_iterations} iterations", here.distance)
                break
            there = advance(engine, here)
        except KeyboardInterrupt as stop:
            here = here if engine is search.engine else around(search.engine, here.x, here.bounds)
            outcome = not_converged(Ending.INTERRUPTED, str(stop) or f"{len(path) - 1} iterations", here.distance)
            break
        if there is None:  # rounding can end the steps before the tolerance is reached
            stalled = not_converged(Ending.STALLED, "", here.distance)
            outcome = converged(here, engine.labels) if here.distance <= CLOSE else stalled
            break
        here = there
    last = engine is search.engine and here.distance <= tolerance and here.bends_upwards
    x = np.clip(here.x + here.step(), *search.bounds) if last else here.x
    return Optimum(x, here.at, here.held, outcome, path, first.x, first.at.hessian)


def attainable(tolerance: float, dtype: DTypeLike) -> float:
    """A distance to the maximum, or the least that sums of numbers of this type can tell."""
    return max(tolerance, 1e4 * float(np.finfo(dtype).eps))


def beginning(search: Search, engine: Objective) -> Quadratic:
    """The model around the start values.

    Raises:
        OptimizerError: The log-likelihood or a derivative is not finite there.
    """
    here = around(engine, search.start, search.bounds)
    if not here.is_finite:
        raise OptimizerError(
            f"The log-likelihood or a derivative is not finite at the start values "
            f"{dict(zip(engine.labels, here.x.tolist(), strict=True))}. Choose values nearer to 0 or scale the columns."
        )
    return _unsaturated(engine, here) if engine is search.engine else here


def _unsaturated(engine: Objective, here: Quadratic) -> Quadratic:
    """The model around start values at which the likelihood is not saturated.

    With utilities of thousands, probabilities are 0 or 1 and the log-likelihood is almost linear: the quadratic model
    promises a larger gain than there is down to a log-likelihood of 0. Start values are then divided by 10 while that
    makes the negative log-likelihood at least four times smaller.
    """
    x, f = here.x, here.f
    if here.distance**2 / 2 <= f or f <= 0:
        return here
    while True:
        smaller = np.clip(x / 10, *here.bounds)
        value = -engine.value(smaller)
        if not value < f / 4:
            return here if x is here.x else around(engine, x, here.bounds)
        x, f = smaller, value


def realised(here: Quadratic, there: Quadratic, expected: float) -> float:
    """What part of the expected gain a step realised; where rounding hides the gain, the distance decides.

    Returns:
        The realised part, -inf when the step does not help.
    """
    if not there.is_finite:
        return -np.inf
    rounding = 10 * np.finfo(here.at.gradient.dtype).eps * max(abs(here.f), 1.0)
    if expected < rounding and abs(here.f - there.f) < 10 * rounding:
        return 1.0 if there.distance < here.distance else -np.inf
    return (here.f - there.f) / expected if expected > 0 else -np.inf


def converged(here: Quadratic, labels: Sequence[str]) -> Outcome:
    """The outcome at a maximum."""
    free = ~here.held
    evidence = f"largest derivative {here.slope:.1g}"
    if free.any():
        information = here.H[np.ix_(free, free)]
        scale = bends(information)
        w = np.linalg.eigvalsh(information / np.outer(scale, scale))
        evidence += f", eigenvalues of the scaled information {w[0]:.2g} to {w[-1]:.2g}"
    if free.all():
        return Outcome(Ending.MAXIMUM, "a maximum of the log-likelihood.", evidence=evidence)
    names = ", ".join(label for label, held in zip(labels, here.held, strict=True) if held)
    return Outcome(
        Ending.AT_BOUND,
        f"a maximum within the bounds; {names} at a bound.",
        "An estimate at a bound has no standard error; check whether the bound is meant.",
        evidence=evidence,
    )


#: How an estimation that does not converge says so, and what to do.
SENTENCES = {
    Ending.ITERATION_LIMIT: ("stopped after {}", "Raise max_iterations, or choose other start values."),
    Ending.INTERRUPTED: ("interrupted after {}", "Go on from here with estimate(model, start=results)."),
    Ending.STALLED: (
        "no step raises the log-likelihood",
        "Scale the columns to similar sizes, or choose other start values.",
    ),
}


def not_converged(ending: Ending, after: str, distance: float) -> Outcome:
    """The outcome before a maximum, which is estimated to be ``distance`` standard errors away."""
    away = f"about {distance:.2g} standard errors away" if np.isfinite(distance) else "not near"
    reason, remedy = SENTENCES[ending]
    return Outcome(ending, f"{reason.format(after)}; a maximum is {away}.", remedy, near_maximum=distance <= NEAR)

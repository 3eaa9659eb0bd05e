"""Newton's method many times over in one XLA program: from many starts, or with many weightings of the individuals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pycmtensor.engine.local import LocalEngine
from pycmtensor.engine.parallel import at_the_same_time
from pycmtensor.engine.program import Program
from pycmtensor.engine.protocol import Array
from pycmtensor.engine.secant import secant_update

__all__ = ["Ascents", "ascents"]

#: A maximum counts as reached when it is estimated to be this many standard errors away.
TOLERANCE = 1e-4

#: From known derivatives it counts as reached when this part of the way is left.
PART = 0.005

#: Where a parameter bends the log-likelihood this much less than at the start, it has flattened out: no maximum.
FLATTENED = 1e-4

#: Most evaluations of one ascent.
MOST = 100


class Ascents(NamedTuple):
    """Where the ascents ended."""

    theta: Array  #: (A, K)
    llf: Array  #: log-likelihood, to the second order in the last step, (A,)
    converged: Array  #: whether a maximum was reached, (A,)


class _Point(NamedTuple):
    """A point of an ascent and what is known of the log-likelihood there."""

    theta: Any
    value: Any
    gradient: Any
    information: Any


class _State(NamedTuple):
    """An ascent on its way: a point and the step from it."""

    here: _Point
    damping: Any
    step: Any
    distance: Any  #: the maximum is estimated to be this many standard errors away
    remains: Any  #: and after the step it should be this many
    evaluations: Any


def ascents(
    engine: LocalEngine,
    theta: Array,
    bounds: tuple[Array, Array],
    factors: Array | None = None,
    known: tuple[Array, Array, Array] | None = None,
) -> Ascents:
    """Climb from every row of theta to a maximum of the log-likelihood within bounds.

    Each step is Newton's, (I + c diag I)^-1 g, with the information I = -H and the least c among 0 and powers of 10
    that goes up (Marquardt 1963, doi:10.1137/0111030). An ascent ends with the step after which hardly anything should
    remain: Newton's method squares the distance d to the maximum, so what remains after steps from d' to d is about
    d (d / d')^2.

    Where the derivatives at the start are known, as for other weights of the same individuals, the information is
    learned from gradients from there on, which costs half; then d (d / d') remains.

    Args:
        engine: The log-likelihood.
        theta: Start values (A, K).
        bounds: Lower and upper bounds, each (K,).
        factors: Of the weights of the individuals in every ascent, (A, N); None for 1.
        known: Log-likelihood (A,), gradient (A, K), and a matrix like the information (A, K, K) at ``theta``.
    """
    key = (engine.program, "ascents", known is None)
    if key not in engine.model.compiled:
        engine.model.compiled[key] = engine.program.compile(partial(_program, engine.program, known is None))
    run = engine.model.compiled[key]
    theta, known, bounds = jax.tree.map(lambda x: np.asarray(x, engine.dtype), (theta, known, bounds))
    given = theta, factors, known
    shares = np.array_split(np.arange(len(theta)), min(engine.cores, len(theta)))
    shared = engine.fixed, bounds, engine.undivided().prepared
    running = at_the_same_time(lambda share: run(jax.tree.map(itemgetter(share), given), *shared), shares)
    return Ascents(*(np.concatenate(parts) for parts in zip(*running, strict=True)))


def _program(program: Program, exact: bool, given: Any, fixed: Any, bounds: Any, parts: Any) -> Any:
    ends = np.cumsum([weights.size for weights, _ in parts])

    def ascent(given: tuple[Any, Any, Any]) -> Any:
        theta, factors, known = given
        everyone = jnp.ones(ends[-1], theta.dtype)
        if factors is not None:
            everyone = jnp.pad(factors.astype(theta.dtype), (0, ends[-1] - len(factors)))
        own = [
            (weights * everyone[end - weights.size : end].reshape(weights.shape), columns)
            for end, (weights, columns) in zip(ends, parts, strict=True)
        ]

        def summed(function: Callable[..., Any], theta: Any) -> Any:
            of_parts = [function(theta, fixed, *part)[0] for part in own]
            return jax.tree.map(lambda *terms: sum(terms), *of_parts)

        def newton(theta: Any, last: _Point | None = None) -> _Point:
            value, gradient, hessian, *_ = summed(program.summed_hessian, theta)
            return _Point(theta, value, gradient, -(hessian + hessian.T) / 2)

        def secant(theta: Any, last: _Point) -> _Point:
            value, gradient = summed(program.summed_gradient, theta)
            information = secant_update(last.information, theta - last.theta, last.gradient - gradient, jnp)
            return _Point(theta, value, gradient, information)

        return _ascent(newton, newton(theta), bounds, 2) if exact else _ascent(secant, _Point(theta, *known), bounds, 1)

    return jax.lax.map(ascent, given)


def _ascent(
    evaluate: Callable[[Any, _Point], _Point], start: _Point, bounds: tuple[Any, Any], order: int
) -> tuple[Any, Any, Any]:
    """Where one ascent ends, the log-likelihood there, and whether it is a maximum."""
    lb, ub = bounds

    def aimed(here: _Point, damping: Any, before: Any, evaluations: Any) -> _State:
        held = ((here.theta <= lb) & (here.gradient <= 0)) | ((here.theta >= ub) & (here.gradient >= 0))
        g = jnp.where(held, 0.0, here.gradient)
        bend = jnp.abs(jnp.diag(here.information))
        diagonal = jnp.diag(jnp.where(held | (bend == 0), 1.0, damping * bend))
        damped = jnp.where(held[:, None] | held, 0.0, here.information) + diagonal
        step = jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(damped), True), g)  # NaN where that is not definite
        there = here.theta + step
        distance = jnp.sqrt(g @ step)
        remains = jnp.where(jnp.isfinite(before), distance * (distance / before) ** order, distance)
        whole = (damping == 0) & jnp.all((there >= lb) & (there <= ub))
        remains = jnp.where(whole, jnp.minimum(distance, remains), jnp.inf)
        return _State(here, damping, step, distance, remains, evaluations)

    def unfinished(state: _State) -> Any:
        return ~(state.remains <= goal) & (state.evaluations < MOST)

    def advance(state: _State) -> _State:
        here, there = state.here, evaluate(jnp.clip(state.here.theta + state.step, lb, ub), state.here)
        rounding = 10 * jnp.finfo(here.theta.dtype).eps * jnp.abs(here.value)
        better = there.value >= here.value - rounding  # False for NaN
        damping = jnp.where(better, state.damping / 10, jnp.maximum(10 * state.damping, 0.01))
        damping = jnp.where(better & (damping < 0.01), 0.0, damping)
        before = jnp.where(better & jnp.isfinite(state.remains), state.distance, jnp.inf)
        here = jax.tree.map(lambda new, old: jnp.where(better, new, old), there, here)
        return aimed(here, damping, before, state.evaluations + 1)

    zero = jnp.zeros((), start.theta.dtype)
    first = aimed(start, zero, jnp.inf, 0)
    least = 1e4 * jnp.finfo(start.theta.dtype).eps
    goal = jnp.maximum(TOLERANCE if order == 2 else PART * first.distance, least)
    end = jax.lax.while_loop(unfinished, advance, first)
    flattened = jnp.diag(end.here.information) < FLATTENED * jnp.diag(start.information)
    converged = (end.remains <= goal) & ~jnp.any(flattened)
    last = jnp.where(converged, end.step, 0.0)
    return end.here.theta + last, end.here.value + end.here.gradient @ last / 2, converged

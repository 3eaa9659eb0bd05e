"""One ascent of a log-likelihood by Newton's method, inside a program or evaluation by evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from pycmtensor.engine.secant import secant_update
from pycmtensor.engine.types import Theta

__all__ = ["Loop", "climb", "while_true"]

#: Distance to the maximum, in standard errors, at which it counts as reached.
TOLERANCE = 1e-4

#: Part of the way that may be left at a maximum, where derivatives at the start are known.
PART = 0.005

#: Ratio of curvatures, end to start, below which the log-likelihood has flattened out along a parameter: no maximum.
FLATTENED = 1e-4

#: Maximum number of evaluations of one ascent.
MOST = 100

#: (condition, body, first state) -> last state, as `jax.lax.while_loop`.
Loop: TypeAlias = Callable[[Callable[[Any], Any], Callable[[Any], Any], Any], Any]


class Point(NamedTuple):
    """A point of an ascent and what is known of the log-likelihood there."""

    theta: Theta
    value: Any
    gradient: Any
    information: Any


class State(NamedTuple):
    """An ascent on its way: a point and the step from it."""

    here: Point
    damping: Any
    step: Any
    distance: Any  #: the maximum is estimated to be this many standard errors away
    remains: Any  #: and after the step it should be this many
    evaluations: Any


def climb(
    derivatives: tuple[Callable[[Any], Any], Callable[[Any], Any]],
    theta: Theta,
    bounds: tuple[Any, Any],
    known: tuple[Any, Any, Any] | None,
    loop: Loop,
) -> tuple[Any, Any, Any]:
    """Climb from theta to a maximum of a log-likelihood within bounds.

    Each step is Newton's, (I + c diag I)^-1 g, with the information I = -H and the least c among 0 and powers of 10
    that goes up (Marquardt 1963, doi:10.1137/0111030). An ascent ends with the step after which hardly anything should
    remain: Newton's method squares the distance d to the maximum, so what remains after steps from d' to d is about
    d (d / d')^2.

    Where the derivatives at the start are known, as for other weights of the same individuals, the information is
    learned from gradients from there on, which costs half; then d (d / d') remains.

    Args:
        derivatives: theta -> log-likelihood and gradient; theta -> these and the Hessian.
        theta: Start values (K,).
        bounds: Lower and upper bounds, each (K,).
        known: Log-likelihood, gradient (K,) and a matrix like the information (K, K) at the start; None to compute
            Hessians at every step.
        loop: `jax.lax.while_loop` inside a program, `while_true` outside.

    Returns:
        Where the ascent ends (K,), the log-likelihood there to the second order in the last step, and whether a maximum
        was reached.
    """
    first_order, second_order = derivatives

    def newton(theta: Theta, last: Point | None = None) -> Point:
        value, gradient, hessian = second_order(theta)
        return Point(theta, value, gradient, -(hessian + hessian.T) / 2)

    def secant(theta: Theta, last: Point) -> Point:
        value, gradient = first_order(theta)
        information = secant_update(last.information, theta - last.theta, last.gradient - gradient, jnp)
        return Point(theta, value, gradient, information)

    if known is None:
        return _climbed(newton, newton(theta), bounds, 2, loop)
    return _climbed(secant, Point(theta, *known), bounds, 1, loop)


def while_true(condition: Callable[[Any], Any], body: Callable[[Any], Any], state: Any) -> Any:
    """`jax.lax.while_loop` for a body that JAX cannot trace."""
    while condition(state):
        state = body(state)
    return state


def _climbed(
    evaluate: Callable[[Any, Point], Point], start: Point, bounds: tuple[Any, Any], order: int, loop: Loop
) -> tuple[Any, Any, Any]:
    """The end of an ascent, the log-likelihood there, and whether it is a maximum."""
    lb, ub = bounds

    def aimed(here: Point, damping: Any, before: Any, evaluations: Any) -> State:
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
        return State(here, damping, step, distance, remains, evaluations)

    def unfinished(state: State) -> Any:
        return ~(state.remains <= goal) & (state.evaluations < MOST)

    def advance(state: State) -> State:
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
    end = loop(unfinished, advance, first)
    flattened = jnp.diag(end.here.information) < FLATTENED * jnp.diag(start.information)
    converged = (end.remains <= goal) & ~jnp.any(flattened)
    last = jnp.where(converged, end.step, 0.0)
    return end.here.theta + last, end.here.value + end.here.gradient @ last / 2, converged

"""Trust-region Newton method with the exact Hessian and bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.protocol import Engine, SecondOrder
from pycmtensor.estimation.curvature import FLAT, NEAR, bends, held_by_bounds, newton_length
from pycmtensor.estimation.fit import Iterate, Optimum, Outcome
from pycmtensor.exceptions import OptimizerError

__all__ = ["trust_region"]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class _Quadratic:
    """The model f + g's + s'Hs/2 of the negative log-likelihood around x."""

    x: Array
    at: SecondOrder
    _spectra: dict[bytes, tuple[Array, Array]] = field(default_factory=dict)

    @property
    def f(self) -> float:
        return -self.at.value

    @cached_property
    def g(self) -> Array:
        return -self.at.gradient

    @cached_property
    def H(self) -> Array:
        return -(self.at.hessian + self.at.hessian.T) / 2

    @cached_property
    def scale(self) -> Array:
        return bends(self.H)

    def spectrum(self, free: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Eigenvalues and eigenvectors of the Hessian of the free parameters, at unit diagonal."""
        key = free.tobytes()
        if key not in self._spectra:
            H = self.H[np.ix_(free, free)] / np.outer(self.scale[free], self.scale[free])
            w, Q = np.linalg.eigh(H)
            self._spectra[key] = w, Q
        return self._spectra[key]

    def change(self, s: Array) -> float:
        return float(self.g @ s + 0.5 * s @ self.H @ s)


def trust_region(
    engine: Engine,
    start: Array,
    lb: Array,
    ub: Array,
    *,
    tolerance: float = 1e-7,
    max_iterations: int = 200,
    report: Callable[[Iterate], None] = lambda iterate: None,
) -> Optimum:
    """Maximise a log-likelihood within bounds.

    Each step minimises the quadratic model of the negative log-likelihood within a sphere, exactly, by the
    eigenvalues of the Hessian. Lengths are measured in the scale that gives the Hessian a unit diagonal, so units
    of the data do not matter. Parameters that would cross a bound are put on it and the rest is solved again.

    Args:
        engine: The log-likelihood and its derivatives.
        start: Start values (K,), within the bounds.
        lb: Lower bounds (K,), -inf for none.
        ub: Upper bounds (K,), inf for none.
        tolerance: Converged when the maximum is estimated to be this many standard errors away.
        max_iterations: Most accepted steps.
        report: Called with every accepted iterate.

    Raises:
        OptimizerError: The log-likelihood or its gradient is not finite at the start.

    References:
        Nocedal & Wright (2006), Numerical Optimization, doi:10.1007/978-0-387-40065-5, algorithms 4.1 and 4.3,
        section 16.7 for the bounds.
    """
    here = _evaluate(engine, np.clip(start, lb, ub))
    if not _is_finite(here):
        raise OptimizerError(
            f"The log-likelihood or a derivative is not finite at the start values "
            f"{dict(zip(engine.labels, here.x.tolist(), strict=True))}. Choose values nearer to 0 or scale the columns."
        )
    radius, path, first = np.inf, [], here
    for iteration in range(max_iterations + 1):
        held, distance = _held(here, lb, ub), _distance(here, lb, ub)
        path.append(Iterate(iteration, -here.f, float(np.abs(here.g[~held]).max(initial=0)), distance))
        report(path[-1])
        if distance <= tolerance:
            outcome = _converged(held, engine.labels)
            break
        if iteration == max_iterations:
            outcome = _not_converged(f"stopped after {max_iterations} iterations", distance, "Raise max_iterations")
            break
        there, radius = _accepted_step(engine, here, radius, lb, ub)
        if there is None:
            outcome = _not_converged(
                "no step raises the log-likelihood", distance, "Scale the columns to similar sizes"
            )
            break
        here = there
    return Optimum(here.x, here.at, held, outcome, path, first.x, first.at.hessian)


def _accepted_step(
    engine: Engine, here: _Quadratic, radius: float, lb: Array, ub: Array
) -> tuple[_Quadratic | None, float]:
    """Shrink the sphere until a step lowers the function about as much as the model says."""
    rounding = 10 * np.finfo(float).eps * max(abs(here.f), 1.0)
    while True:
        s = _step(here, radius, lb, ub)
        expected = -here.change(s)
        length = float(np.linalg.norm(s * here.scale))
        if not np.any(s) or (expected <= 0 and length < 1e-14):
            return None, radius
        there = _evaluate(engine, np.clip(here.x + s, lb, ub))
        agreement = (here.f - there.f) / expected if expected > 0 and _is_finite(there) else -np.inf
        if expected < rounding and _is_finite(there) and abs(here.f - there.f) < 10 * rounding:
            agreement = 1.0 if _distance(there, lb, ub) < _distance(here, lb, ub) else -np.inf  # f can tell no more
        if agreement > 0.75 and length > 0.9 * radius:
            radius = 2 * radius
        if agreement > 1e-4:
            return there, radius if agreement > 0.25 else length / 4
        radius = length / 4
        if radius < 1e-14:
            return None, radius


def _step(here: _Quadratic, radius: float, lb: Array, ub: Array) -> Array:
    """The step that minimises the model in the sphere, with the parameters at their bounds held."""
    held = _held(here, lb, ub)
    s = np.zeros_like(here.x)
    while not held.all():
        free = ~held
        g = (here.g[free] + here.H[np.ix_(free, held)] @ s[held]) / here.scale[free]
        s[free] = _in_sphere(g, *here.spectrum(free), radius) / here.scale[free]
        low, high = here.x + s < lb, here.x + s > ub
        crossing = free & (low | high)
        if not crossing.any():
            break
        s = np.where(crossing & low, lb - here.x, np.where(crossing & high, ub - here.x, s))
        held = held | crossing
    return s


def _in_sphere(g: Array, w: Array, Q: Array, radius: float) -> Array:
    """Minimise g's + s'Hs/2 with |s| <= radius: s = -(H + shift I)^-1 g with the least shift >= 0 that fits.

    H is given by its eigenvalues w and eigenvectors Q.
    """
    g = Q.T @ g
    flat = np.abs(w) <= FLAT * len(g)  # directions in which the function neither bends nor (if also g = 0) falls
    g = np.where(flat & (np.abs(g) <= 1e-9 * max(1.0, float(np.abs(g).max()))), 0.0, g)

    def solution(shift: float) -> Array:
        bent = w + shift
        return np.where(g == 0, 0.0, -g / np.where(g == 0, 1.0, bent))

    if w[0] > 0 or (np.all(w[~flat] > 0) and not np.any(g[flat])):
        newton = solution(0.0)
        if np.linalg.norm(newton) <= radius:
            return Q @ newton
    if not np.isfinite(radius):
        radius = max(1.0, float(np.linalg.norm(g)))
    lowest = max(0.0, -w[0]) * (1 + 1e-10) + 1e-14
    s = solution(lowest)
    if np.linalg.norm(s) < radius:  # the hard case: go on along the direction of most negative curvature
        s[0] += np.sqrt(radius**2 - s @ s) * (-1.0 if g[0] > 0 else 1.0)
        return Q @ s
    highest = lowest + float(np.linalg.norm(g)) / radius
    for _ in range(100):
        middle = 0.5 * (lowest + highest)
        if np.linalg.norm(solution(middle)) > radius:
            lowest = middle
        else:
            highest = middle
        if highest - lowest <= 1e-10 * highest:
            break
    return Q @ solution(highest)


def _evaluate(engine: Engine, x: Array) -> _Quadratic:
    return _Quadratic(x, engine.second_order(x))


def _is_finite(q: _Quadratic) -> bool:
    return bool(np.isfinite(q.f) and np.isfinite(q.g).all() and np.isfinite(q.H).all())


def _held(here: _Quadratic, lb: Array, ub: Array) -> NDArray[np.bool_]:
    return held_by_bounds(here.x, here.at.gradient, lb, ub)


def _distance(here: _Quadratic, lb: Array, ub: Array) -> float:
    """`newton_distance` of the parameters that no bound holds."""
    free = ~_held(here, lb, ub)
    if not free.any():
        return 0.0
    w, Q = here.spectrum(free)
    return newton_length(Q.T @ (here.g[free] / here.scale[free]), w)


def _converged(held: NDArray[np.bool_], labels: tuple[str, ...]) -> Outcome:
    if not held.any():
        return Outcome(True, "a maximum of the log-likelihood.")
    names = ", ".join(label for label, h in zip(labels, held, strict=True) if h)
    return Outcome(
        True,
        f"a maximum within the bounds; {names} at a bound.",
        "An estimate at a bound has no standard error; check whether the bound is meant.",
    )


def _not_converged(reason: str, distance: float, remedy: str) -> Outcome:
    away = f"about {distance:.2g} standard errors away" if np.isfinite(distance) else "not near"
    return Outcome(
        False,
        f"{reason}; a maximum is {away}.",
        f"{remedy}, or choose other start values.",
        near_maximum=distance <= NEAR,
    )

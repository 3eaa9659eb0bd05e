"""The quadratic model of a log-likelihood around a point, and its minimum within bounds and a sphere."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Objective, SecondOrder
from pycmtensor.estimation.curvature import FLAT, bends, held_by_bounds, newton_length

__all__ = ["Bounds", "Quadratic", "around"]

Array = NDArray[np.floating]

#: Lower and upper bounds, each (K,), infinite where there is none.
Bounds = tuple[Array, Array]


@dataclass(frozen=True)
class Quadratic:
    """The model f + g's + s'Hs/2 of the negative log-likelihood around x, within bounds.

    Lengths of steps are measured in ``scale``: with the bends of H, and without a sphere or bounds in the way, units
    of the data do not matter.
    """

    x: Array
    at: SecondOrder
    bounds: Bounds
    scale: Array
    _spectra: dict[bytes, tuple[Array, Array]] = field(default_factory=dict)

    @property
    def f(self) -> float:
        """Negative log-likelihood."""
        return -self.at.value

    @cached_property
    def g(self) -> Array:
        """Its gradient (K,), like `H` in double precision: 1 + 1e-10 is 1 in single."""
        return -np.asarray(self.at.gradient, dtype=float)

    @cached_property
    def H(self) -> Array:
        """Its Hessian (K, K), or what stands for it."""
        return -np.asarray(self.at.hessian + self.at.hessian.T, dtype=float) / 2

    @property
    def is_finite(self) -> bool:
        """Whether value, gradient and Hessian are."""
        return bool(np.isfinite(self.f) and np.isfinite(self.g).all() and np.isfinite(self.H).all())

    @cached_property
    def held(self) -> NDArray[np.bool_]:
        """Parameters on a bound that the log-likelihood pushes against, (K,)."""
        return held_by_bounds(self.x, self.at.gradient, *self.bounds)

    @cached_property
    def distance(self) -> float:
        """`newton_distance` of the parameters that no bound holds."""
        free = ~self.held
        if not free.any():
            return 0.0
        w, Q = self.spectrum(free)
        return newton_length(Q.T @ (self.g[free] / self.scale[free]), w)

    @property
    def slope(self) -> float:
        """Largest absolute element of the gradient that bounds leave free."""
        return float(np.abs(self.g[~self.held]).max(initial=0))

    @property
    def bends_upwards(self) -> bool:
        """Whether the model does in every direction that bounds leave free, and so has one minimum."""
        w, _ = self.spectrum(~self.held)
        return bool((w > FLAT * len(w)).all())

    def spectrum(self, free: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Eigenvalues and eigenvectors of the Hessian of the free parameters, in units of ``scale``."""
        key = free.tobytes()
        if key not in self._spectra:
            scale, H = self.scale[free], self.H if free.all() else self.H[np.ix_(free, free)]
            self._spectra[key] = np.linalg.eigh(H / (scale[:, None] * scale))
        return self._spectra[key]

    def change(self, s: Array) -> float:
        """What the model says a step changes."""
        return float(self.g @ s + 0.5 * s @ self.H @ s)

    def length(self, s: Array) -> float:
        """Length of a step in units of ``scale``."""
        return float(np.linalg.norm(s * self.scale))

    def step(self, radius: float = np.inf) -> Array:
        """The step that minimises the model in the sphere; parameters that would cross a bound are put on it."""
        lb, ub = self.bounds
        held, s = self.held, np.zeros_like(self.x)
        while not held.all():
            free = ~held
            s[free] = 0.0
            g = (self.g + self.H @ s)[free] / self.scale[free]
            s[free] = _in_sphere(g, *self.spectrum(free), radius) / self.scale[free]
            low, high = self.x + s < lb, self.x + s > ub
            crossing = free & (low | high)
            if not crossing.any():
                break
            s = np.where(crossing & low, lb - self.x, np.where(crossing & high, ub - self.x, s))
            held = held | crossing
        return s


def around(engine: Objective, x: Array, bounds: Bounds, scale: Array | None = None) -> Quadratic:
    """The model around a point moved into the bounds; its scale is at least the given one, elementwise."""
    x = np.clip(x, *bounds)
    at = engine.second_order(x)
    own = bends(at.hessian)
    return Quadratic(x, at, bounds, own if scale is None else np.fmax(own, scale))


def _in_sphere(g: Array, w: Array, Q: Array, radius: float) -> Array:
    """Minimise g's + s'Hs/2 with |s| <= radius: s = -(H + shift I)^-1 g with the least shift >= 0 that fits.

    H is given by its eigenvalues w and eigenvectors Q.
    """
    g = Q.T @ g
    if w[0] > FLAT * len(g) and np.linalg.norm(g / w) <= radius:
        return -Q @ (g / w)
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

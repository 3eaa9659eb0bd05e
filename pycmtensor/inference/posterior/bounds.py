r"""Bounds of parameters as transforms: numbers on the whole line become numbers within bounds.

.. math::
    x = low + e^u, \quad x = h - e^u, \quad x = low + \frac{h - l}{1 + e^{-u}}

for a lower bound l, an upper bound h, or both; without bounds :math:`x = u`. A density of x becomes one of u by the
factor :math:`|dx / du|`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

__all__ = ["Bounds"]

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Bounds:
    """Lower and upper bounds of K parameters, infinite where there is none.

    Attributes:
        lower: (K,).
        upper: (K,).
    """

    lower: Array
    upper: Array

    def constrained(self, u: Any) -> tuple[Any, Any]:
        """Numbers x (K,) within the bounds, and log |dx / du| (K,), of numbers u (K,); JAX traces it."""
        low, high = self._finite
        below, above, between = self._kinds
        exp = jnp.exp(jnp.where(below | above, u, 0.0))
        share = jax.nn.sigmoid(jnp.where(between, u, 0.0))
        x = jnp.select([between, below, above], [low + (high - low) * share, low + exp, high - exp], u)
        log_slope = jnp.log(jnp.where(between, high - low, 1.0)) + jax.nn.log_sigmoid(u) + jax.nn.log_sigmoid(-u)
        return x, jnp.select([between, below | above], [log_slope, u], jnp.zeros_like(u))

    def unconstrained(self, x: Array) -> Array:
        """Numbers u (K,) of numbers x (K,) strictly within the bounds."""
        low, high = self._finite
        below, above, between = self._kinds
        share = np.where(between, (x - low) / np.where(between, high - low, 1.0), 0.5)
        distance = np.where(below, x - low, np.where(above, high - x, 1.0))
        u = np.where(between, np.log(share) - np.log1p(-share), np.where(below | above, np.log(distance), x))
        return np.asarray(u)

    def inside(self, x: Array, margin: Array) -> Array:
        """Numbers (K,) moved off the bounds, a margin (K,) or a hundredth of the width between two bounds."""
        _, _, between = self._kinds
        low, high = self._finite
        margin = np.where(between, np.minimum(margin, (high - low) / 100), margin)
        return np.clip(x, self.lower + margin, self.upper - margin)

    def slope(self, x: Array) -> Array:
        """dx / du at numbers x (K,), in size."""
        low, high = self._finite
        below, above, between = self._kinds
        width = np.where(between, high - low, 1.0)
        share = np.where(between, (x - low) / width, 0.0)
        slope = np.select([between, below, above], [width * share * (1 - share), x - low, high - x], 1.0)
        return np.asarray(slope)

    @property
    def _finite(self) -> tuple[Array, Array]:
        low, high = (np.where(np.isfinite(bound), bound, 0.0) for bound in (self.lower, self.upper))
        return low, high

    @property
    def _kinds(self) -> tuple[NDArray[np.bool_], ...]:
        """Which have a lower bound only, an upper bound only, or both."""
        low, high = np.isfinite(self.lower), np.isfinite(self.upper)
        return low & ~high, high & ~low, low & high

"""What the last step tells of third derivatives, and the Newton step with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pycmtensor.estimation.quadratic import Bounds, Quadratic

__all__ = ["with_third_derivatives"]

Array = NDArray[np.floating]

#: Third derivatives that change a step by more than this part of it are not trusted.
MOST = 0.5


def with_third_derivatives(newton: Array, here: Quadratic, last: Quadratic) -> Array:
    r"""The Newton step n, moved to where the gradient is estimated to be 0 with third derivatives T (Chebyshev's step).

    .. math::
        n - \tfrac12 H^{-1} T[n, n], \quad
        T[n, n] \approx a^2 \big(6 (g_0 - g) + (2 H_0 + 4 H) s\big) + 2 a (H - H_0) (n - a s), \quad
        a = \frac{s' H n}{s' H s}

    T is known along the last step s, from gradients and Hessians at both of its ends: along s itself by Hermite's
    interpolation, and by a difference for what n has besides. It saves about one evaluation of five.

    Args:
        newton: The Newton step (K,).
        here: The log-likelihood around the point.
        last: That around the point before.

    Returns:
        The step (K,): that of Newton where a bound is near, the function is not convex, or the change is large.

    References:
        Schnabel & Chow (1991), Tensor methods for unconstrained optimization using second derivatives,
        doi:10.1137/0801020, who interpolate function values and gradients at points before.
    """
    if here.held.any() or not here.bends_upwards or not _inside(here.x + newton, here.bounds):
        return newton
    w, Q = here.spectrum(~here.held)
    s = here.x - last.x
    Hs = here.H @ s
    a = (Hs @ newton) / (Hs @ s)
    T = a**2 * (6 * (last.g - here.g) + 2 * last.H @ s + 4 * Hs) + 2 * a * (here.H - last.H) @ (newton - a * s)
    change = -0.5 * Q @ (Q.T @ (T / here.scale) / w) / here.scale
    small = change @ here.H @ change < MOST**2 * (newton @ here.H @ newton)
    return newton + change if small and _inside(here.x + newton + change, here.bounds) else newton


def _inside(x: Array, bounds: Bounds) -> bool:
    """Whether a point lies within the bounds and on none of them."""
    return bool(((bounds[0] < x) & (x < bounds[1])).all())

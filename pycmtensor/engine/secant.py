"""BFGS update of a Hessian approximation, with Powell's damping."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["secant_update"]


def secant_update(B: Any, s: Any, y: Any, xp: Any = np) -> Any:
    r"""The BFGS update of a positive definite matrix, damped so that it stays so.

    .. math:: B' = B - \frac{B s s^\top B}{s^\top B s} + \frac{r r^\top}{s^\top r}

    with r = y, moved towards B s where y bends too little along s (Powell 1978, doi:10.1007/BFb0067703; Nocedal &
    Wright 2006, procedure 18.2).

    Args:
        B: The matrix so far, (K, K).
        s: A step, (K,).
        y: What it changed in the gradient, (K,).
        xp: ``numpy``, or ``jax.numpy`` inside a program.

    Examples:
        >>> secant_update(np.eye(2), np.array([1.0, 0.0]), np.array([4.0, 0.0]))
        array([[4., 0.],
               [0., 1.]])
    """
    Bs = B @ s
    sBs, sy = s @ Bs, s @ y
    damping = xp.where(sy >= 0.2 * sBs, 1.0, 0.8 * sBs / xp.where(sBs == sy, 1.0, sBs - sy))
    r = damping * y + (1 - damping) * Bs
    moved = sBs > 0
    change = xp.outer(r, r) / xp.where(moved, s @ r, 1.0) - xp.outer(Bs, Bs) / xp.where(moved, sBs, 1.0)
    return xp.where(moved, B + change, B)

"""How a function bends along its parameters: the scale in which units do not matter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FLAT", "NEAR", "bends", "held_by_bounds", "left_free", "newton_distance", "newton_length"]

Array = NDArray[np.floating]

#: An eigenvalue of a matrix with unit diagonal counts as 0 below this, times the size of the matrix.
FLAT = 1e-12

#: Standard errors are reported when the maximum is estimated to be at most this many of them away.
NEAR = 0.1


def bends(H: Array) -> Array:
    """sqrt(abs(H_kk)) of each parameter (K,), and 1 where the function does not bend at all.

    ``H / outer(bends, bends)`` has a unit diagonal, and lengths times bends are in conditional standard errors.
    """
    diagonal = np.sqrt(np.abs(H.diagonal()))
    return np.where(diagonal == 0, 1.0, diagonal)


def newton_distance(g: Array, H: Array) -> float:
    r"""How far the minimum of g's + s'Hs/2 is, in standard errors of the estimates.

    .. math:: \sqrt{g^\top H^{-1} g}

    With H the information matrix, this is the length of the Newton step measured with the inverse of the
    covariance, and half its square is the gain in log-likelihood that is still to be expected. It does not depend
    on the units of the parameters. Infinite where the function is not convex, or falls along a direction in which it
    does not bend.
    """
    if not g.size:
        return 0.0
    scale = bends(H)
    w, Q = np.linalg.eigh(H / np.outer(scale, scale))
    return newton_length(Q.T @ (g / scale), w)


def newton_length(projected: Array, w: Array) -> float:
    """`newton_distance`, from the gradient along the eigenvectors of H and the ascending eigenvalues."""
    if w[0] > FLAT * len(w):
        return float(np.sqrt((projected**2 / w).sum()))
    flat = np.abs(w) <= FLAT * len(w)
    if np.any(w[~flat] < 0) or np.any(np.abs(projected[flat]) > 1e-6 * max(1.0, float(np.abs(projected).max()))):
        return np.inf
    return float(np.sqrt(np.sum(projected[~flat] ** 2 / w[~flat])))


def left_free(A: Array) -> Array:
    """Orthonormal directions Z (K, K - rank) in which A z = 0; the unit vectors where A (M, K) has no rows."""
    if not len(A):
        return np.eye(A.shape[1])
    _, w, rows = np.linalg.svd(A / np.linalg.norm(A, axis=1, keepdims=True))
    return rows[(w > 1e-10).sum() :].T


def held_by_bounds(theta: Array, gradient: Array, lb: Array, ub: Array) -> NDArray[np.bool_]:
    """Which parameters are on a bound that a log-likelihood with this gradient pushes against, (K,)."""
    return ((theta <= lb) & (gradient <= 0)) | ((theta >= ub) & (gradient >= 0))

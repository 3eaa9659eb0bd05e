"""The logit written out in NumPy, independent of the library: loops over rows, no graph, no automatic derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def logit(X: Array, available: NDArray[Any], chosen: NDArray[np.integer], theta: Array) -> tuple[float, Array, Array]:
    """Log-likelihood, scores (N, K) and Hessian (K, K) of a logit with utilities X theta.

    Args:
        X: Attributes (N, J, K).
        available: 1 or 0, (N, J).
        chosen: Position of the chosen alternative, (N,).
        theta: Coefficients (K,).
    """
    llf, scores, hessian = 0.0, [], np.zeros((len(theta), len(theta)))
    for x, a, y in zip(X, available, chosen, strict=True):
        V = x @ theta
        V = V - V[a != 0].max()
        P = np.where(a != 0, np.exp(np.where(a != 0, V, 0)), 0)
        P = P / P.sum()
        mean = P @ x
        llf += float(np.log(P[y]))
        scores.append(x[y] - mean)
        hessian -= (x - mean).T @ (P[:, None] * (x - mean))
    return llf, np.array(scores), hessian


def newton(X: Array, available: NDArray[Any], chosen: NDArray[np.integer]) -> tuple[Array, float, Array, Array]:
    """Estimates by plain Newton steps to the last digit, with log-likelihood, scores and Hessian there."""
    theta = np.zeros(X.shape[2])
    for _ in range(12):
        llf, scores, hessian = logit(X, available, chosen, theta)
        theta = theta - np.linalg.solve(hessian, scores.sum(axis=0))
    llf, scores, hessian = logit(X, available, chosen, theta)
    return theta, llf, scores, hessian

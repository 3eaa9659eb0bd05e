"""Covariance matrices of maximum likelihood estimates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pycmtensor.estimation.fit import Fit
from pycmtensor.exceptions import IdentificationError, PyCMTensorError

__all__ = ["COVARIANCES", "bhhh", "classical", "covariance", "robust"]

Array = NDArray[np.floating]


def classical(hessian: Array, scores: Array, weights: Array) -> Array:
    """Inverse of the observed information, (-H)^-1: right when the model is."""
    return _inverse(-hessian)


def bhhh(hessian: Array, scores: Array, weights: Array) -> Array:
    """Inverse of the outer product of scores, (sum_n w_n s_n s_n')^-1.

    Berndt, Hall, Hall & Hausman (1974), Annals of Economic and Social Measurement 3:653-665.
    """
    return _inverse(scores.T @ (weights[:, None] * scores))


def robust(hessian: Array, scores: Array, weights: Array) -> Array:
    """The sandwich H^-1 (sum_n w_n^2 s_n s_n') H^-1, which stays right when the errors are not those of the model.

    Without a small-sample factor. White (1982), doi:10.2307/1912526.
    """
    bread = classical(hessian, scores, weights)
    weighted = weights[:, None] * scores
    return bread @ (weighted.T @ weighted) @ bread


COVARIANCES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "classical": classical,
    "robust": robust,
    "bhhh": bhhh,
}


def covariance(fit: Fit, kind: str = "classical") -> Array:
    """Covariance of the estimates (K, K).

    Rows and columns of estimates at a bound are NaN: the theory does not hold there. So are all when the point is
    not a maximum of the likelihood.

    Args:
        fit: The estimates.
        kind: One of ``COVARIANCES``.

    Raises:
        PyCMTensorError: There is no such kind.
    """
    if kind not in COVARIANCES:
        raise PyCMTensorError(f"kind must be one of {', '.join(COVARIANCES)}; found {kind!r}.")
    size = len(fit.theta)
    result = np.full((size, size), np.nan)
    inside = ~fit.at_bound
    if fit.outcome.near_maximum and inside.any():
        block = np.ix_(inside, inside)
        try:
            result[block] = COVARIANCES[kind](fit.hessian[block], fit.scores[:, inside], fit.weights)
        except IdentificationError:
            return result
    return result


def _inverse(information: Array) -> Array:
    """Inverse of a positive definite matrix, computed at unit diagonal."""
    diagonal = np.diag(information)
    if np.any(diagonal <= 0):
        raise IdentificationError("The information matrix has no positive diagonal; a parameter has no effect.")
    scale = 1 / np.sqrt(diagonal)
    try:
        factor = np.linalg.inv(np.linalg.cholesky(information * np.outer(scale, scale)))
    except np.linalg.LinAlgError:
        raise IdentificationError("The information matrix is not positive definite.") from None
    return factor.T @ factor * np.outer(scale, scale)

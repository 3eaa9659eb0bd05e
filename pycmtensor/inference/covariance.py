"""Covariance matrices of maximum likelihood estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.parallel import one_blas_thread
from pycmtensor.estimation.curvature import left_free
from pycmtensor.estimation.fit import Fit
from pycmtensor.exceptions import IdentificationError, PyCMTensorError

__all__ = ["COVARIANCES", "Cluster", "bhhh", "classical", "cluster", "covariance", "robust"]

Array = NDArray[np.floating]

#: Power p -> sum_n w_n^p s_n s_n' (K, K), of scores s and sample weights w.
Products: TypeAlias = Callable[[int], Array]


def classical(hessian: Array, products: Products) -> Array:
    """Inverse of the observed information, (-H)^-1: right when the model is."""
    return _inverse(-hessian)


def bhhh(hessian: Array, products: Products) -> Array:
    """Inverse of the outer product of scores, (sum_n w_n s_n s_n')^-1.

    Berndt, Hall, Hall & Hausman (1974), Annals of Economic and Social Measurement 3:653-665.
    """
    return _inverse(products(1))


def robust(hessian: Array, products: Products) -> Array:
    """The sandwich H^-1 (sum_n w_n^2 s_n s_n') H^-1, which stays right when the errors are not those of the model.

    Without a small-sample factor. White (1982), doi:10.2307/1912526.
    """
    bread = _inverse(-hessian)
    return bread @ products(2) @ bread


def cluster(hessian: Array, scores: Array, weights: Array, groups: NDArray[np.integer]) -> Array:
    r"""The sandwich with scores added up by group, which stays right when choices within a group depend on each other.

    .. math:: \frac{G}{G - 1} H^{-1} \Big(\sum_g s_g s_g^\top\Big) H^{-1}, \quad s_g = \sum_{n \in g} w_n s_n

    The factor G / (G - 1), with the number of groups G, is the usual one of maximum likelihood. Liang & Zeger (1986),
    doi:10.1093/biomet/73.1.13; Cameron & Miller (2015), doi:10.3368/jhr.50.2.317.

    Args:
        hessian: Of the log-likelihood, (K, K).
        scores: Of the individuals, (N, K).
        weights: Of the individuals, (N,).
        groups: Number of each individual's group, from 0, (N,).
    """
    bread = _inverse(-hessian)
    G = int(groups.max()) + 1
    if G < 2:
        raise PyCMTensorError("Cluster-robust errors need at least two groups, found one.")
    by_group = np.zeros((G, scores.shape[1]))
    np.add.at(by_group, groups, weights[:, None] * scores)
    return G / (G - 1) * bread @ (by_group.T @ by_group) @ bread


COVARIANCES: dict[str, Callable[[Array, Products], Array]] = {
    "classical": classical,
    "robust": robust,
    "bhhh": bhhh,
}


@dataclass(frozen=True)
class Cluster:
    """Cluster-robust covariance, as the ``kind`` of standard errors, tests and intervals.

    Args:
        groups: A column of the data, or one label per individual.

    Examples:
        >>> print(Cluster("household"))
        cluster
    """

    groups: Any

    def __str__(self) -> str:
        return "cluster"


@one_blas_thread
def covariance(fit: Fit, kind: str = "classical", groups: NDArray[np.integer] | None = None) -> Array:
    """Covariance of the estimates (K, K).

    Rows and columns of estimates at a bound are NaN: the theory does not hold there. So are all when the point is
    not a maximum of the likelihood, and those of weights of networks after a stochastic method: the others are then
    conditional on the networks. Where linear constraints bind, the estimates vary only along them: with a basis Z
    of the directions that are left, the covariance is Z C Z' and C that of the coordinates in Z.

    Args:
        fit: The estimates.
        kind: One of ``COVARIANCES``, or "cluster" with ``groups``.
        groups: Number of each individual's group, from 0, (N,).

    Raises:
        PyCMTensorError: There is no such kind.
    """
    if kind not in COVARIANCES and kind != "cluster":
        known = ", ".join([*COVARIANCES, "cluster", "bootstrap", "jackknife"])
        raise PyCMTensorError(f"kind must be one of {known}; found {kind!r}.")
    if (kind == "cluster") != (groups is not None):
        raise PyCMTensorError(
            f"groups belong to kind='cluster', found kind={kind!r} {'without' if groups is None else 'with'} groups. "
            "Write kind='cluster', groups='column', or kind=Cluster('column')."
        )
    size = len(fit.theta)
    result = np.full((size, size), np.nan)
    inside = ~(fit.at_bound | fit.conditional)
    if fit.outcome.near_maximum and inside.any():
        Z = left_free(fit.binding[:, inside])

        def along(matrix: Array) -> Array:
            return Z.T @ matrix[np.ix_(inside, inside)] @ Z

        try:
            if groups is not None:
                found = cluster(along(fit.hessian), fit.scores[:, inside] @ Z, fit.weights, groups)
            else:
                found = COVARIANCES[kind](along(fit.hessian), lambda power: along(fit.individuals.outer_product(power)))
        except IdentificationError:
            return result
        result[np.ix_(inside, inside)] = Z @ found @ Z.T
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

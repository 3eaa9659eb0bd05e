"""Covariance matrices of maximum likelihood estimates: one class each, of bread and meat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.parallel import one_blas_thread
from pycmtensor.estimation.curvature import left_free
from pycmtensor.estimation.fit import Fit
from pycmtensor.exceptions import IdentificationError, InferenceError, PyCMTensorError, checked_class
from pycmtensor.inference.replicates import Replicates

__all__ = [
    "BHHH",
    "Classical",
    "ClusterRobust",
    "Covariance",
    "Groups",
    "Kind",
    "Robust",
    "Sources",
    "Summed",
    "inverse",
]

Array = NDArray[np.floating]

#: Number of each individual's group, from 0, (N,).
Groups: TypeAlias = NDArray[np.integer]


@dataclass(frozen=True)
class Sources:
    """Sources that a covariance is computed from.

    Attributes:
        fit: The estimates.
        groups: Column or labels -> the number of each individual's group, from 0, (N,).
        replicates: Kind of resampling -> estimates from other samples of the same individuals.
    """

    fit: Fit
    groups: Callable[[Any], Groups]
    replicates: Callable[[Any], Replicates]


@dataclass(frozen=True)
class Summed:
    """Sums over individuals at the estimates, along the D directions in which the estimates vary.

    Weights far from 1 are in units of a power of two; see `pycmtensor.estimation.fit.exponent_of`.

    Attributes:
        sources: The sources.
        directions: Directions (K, D) that bounds and binding constraints leave free.
    """

    sources: Sources
    directions: Array

    @property
    def hessian(self) -> Array:
        """Second derivatives of the log-likelihood (D, D)."""
        return self._along(np.ldexp(self.sources.fit.hessian, -self.sources.fit.exponent))

    def outer_product(self, power: int = 1) -> Array:
        """sum_n w_n^power s_n s_n' (D, D), of scores s and sample weights w."""
        return self._along(self.sources.fit.individuals.outer_product(power))

    @property
    def scores(self) -> Array:
        """Gradient of each individual's log-likelihood, without its weight, (N, D)."""
        used = np.any(self.directions != 0, axis=1)
        return self.sources.fit.scores[:, used] @ self.directions[used]

    def by_group(self, groups: Groups) -> Array:
        """Sums of weighted scores by group, sum of w_n s_n, (G, D)."""
        used = np.any(self.directions != 0, axis=1)
        return self.sources.fit.individuals.by_group(groups, self.weights)[:, used] @ self.directions[used]

    @property
    def weights(self) -> Array:
        """Sample weight of each individual, (N,)."""
        return np.ldexp(self.sources.fit.weights, -self.sources.fit.exponent)

    def groups(self, groups: Any) -> Groups:
        """Number of each individual's group, from 0, (N,), of a column of the data or a label per individual."""
        return self.sources.groups(groups)

    def _along(self, matrix: Array) -> Array:
        used = np.any(self.directions != 0, axis=1)  # what has no second derivatives is NaN elsewhere
        return self.directions[used].T @ matrix[np.ix_(used, used)] @ self.directions[used]


class Covariance:
    r"""Covariance of estimates, as the ``kind`` of standard errors, tests and intervals: bread times meat times bread.

    .. math:: B M B, \quad B = (-H)^{-1}

    A kind of one's own overrides the `meat`; `BHHH` overrides the `bread`, and kinds of `Resampling` have neither.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> class SmallSample(Robust):
        ...     def meat(self, at):
        ...         return len(at.weights) / (len(at.weights) - 1) * super().meat(at)
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> print(results.delta("asc_car", kind=SmallSample()))  # the variance is 40 / 39 (1 / 30 + 1 / 10)
        asc_car: 1.09861, smallsample std err 0.3698, z 2.97, p 0.0030, 0.95 interval [0.373817, 1.82341]
    """

    #: Whether the kind takes ``groups``.
    grouped: ClassVar[bool] = False

    def bread(self, at: Summed) -> Array:
        """Inverse of the observed information, (-H)^-1 (D, D)."""
        return inverse(-at.hessian)

    def meat(self, at: Summed) -> Array | None:
        """Covariance of the gradient (D, D); None where it is the inverse of the bread."""
        return None

    @one_blas_thread
    def of(self, sources: Sources) -> Array:
        """Covariance of the estimates (K, K).

        Rows and columns of estimates at a bound are NaN: the theory does not hold there. So are all when the point is
        not a maximum of the likelihood, and those of weights of networks after a stochastic method: the others are
        then conditional on the networks. Where linear constraints bind, the estimates vary only along them: with a
        basis Z of the directions that are left, the covariance is Z C Z' and C that of the coordinates in Z.
        """
        fit = sources.fit
        result = np.full((len(fit.theta), len(fit.theta)), np.nan)
        inside = ~(fit.at_bound | fit.conditional)
        if not fit.outcome.near_maximum or not inside.any():
            return result
        Z = np.eye(len(fit.theta))[:, inside] @ left_free(fit.binding[:, inside])
        at = Summed(sources, Z)
        try:
            bread, meat = self.bread(at), self.meat(at)
        except IdentificationError:
            return result
        found = np.ldexp(bread, -fit.exponent) if meat is None else bread @ meat @ bread  # in which the unit cancels
        found = Z @ found @ Z.T
        result[np.ix_(inside, inside)] = found[np.ix_(inside, inside)]
        return result

    def __str__(self) -> str:
        return type(self).__name__.lower()


#: A kind of covariance: its name, or one with settings.
Kind: TypeAlias = str | Covariance


@dataclass(frozen=True)
class Classical(Covariance):
    """Inverse of the observed information, (-H)^-1: right when the model is.

    Examples:
        >>> print(Classical())
        classical
    """


@dataclass(frozen=True)
class BHHH(Covariance):
    """Inverse of the outer product of scores, (sum_n w_n s_n s_n')^-1.

    Berndt, Hall, Hall & Hausman (1974), Annals of Economic and Social Measurement 3:653-665.

    Examples:
        >>> print(BHHH())
        bhhh
    """

    def bread(self, at: Summed) -> Array:
        """(sum_n w_n s_n s_n')^-1 (D, D)."""
        return inverse(at.outer_product(1))


@dataclass(frozen=True)
class Robust(Covariance):
    """The sandwich H^-1 (sum_n w_n^2 s_n s_n') H^-1, which stays right when the errors are not those of the model.

    Without a small-sample factor. White (1982), doi:10.2307/1912526.

    Examples:
        >>> print(Robust())
        robust
    """

    def meat(self, at: Summed) -> Array:
        """sum_n w_n^2 s_n s_n' (D, D)."""
        return at.outer_product(2)


@checked_class(InferenceError)
@dataclass(frozen=True)
class ClusterRobust(Covariance):
    r"""Cluster-robust covariance: scores are added up by group, whose choices may depend on each other.

    .. math:: \frac{G}{G - 1} H^{-1} \Big(\sum_g s_g s_g^\top\Big) H^{-1}, \quad s_g = \sum_{n \in g} w_n s_n

    The factor G / (G - 1), with the number of groups G, is the usual one of maximum likelihood. Liang & Zeger (1986),
    doi:10.1093/biomet/73.1.13; Cameron & Miller (2015), doi:10.3368/jhr.50.2.317.

    Args:
        groups: A column of the data, or one label per individual.

    Examples:
        >>> print(ClusterRobust("household"))
        cluster
    """

    grouped = True
    groups: Any

    def meat(self, at: Summed) -> Array:
        """G / (G - 1) sum_g s_g s_g' (D, D).

        Raises:
            PyCMTensorError: There are fewer than two groups.
        """
        groups = at.groups(self.groups)
        G = int(groups.max()) + 1
        if G < 2:
            raise PyCMTensorError("Cluster-robust errors need at least two groups, found one.")
        sums = at.by_group(groups)
        return G / (G - 1) * sums.T @ sums

    def __str__(self) -> str:
        return "cluster"


def inverse(information: Array) -> Array:
    """Inverse of a positive definite matrix, computed at unit diagonal.

    Raises:
        IdentificationError: The matrix is not positive definite.
    """
    diagonal = np.diag(information)
    if np.any(diagonal <= 0):
        raise IdentificationError("The information matrix has no positive diagonal; a parameter has no effect.")
    scale = 1 / np.sqrt(diagonal)
    try:
        factor = np.linalg.inv(np.linalg.cholesky(information * np.outer(scale, scale)))
    except np.linalg.LinAlgError:
        raise IdentificationError("The information matrix is not positive definite.") from None
    return factor.T @ factor * np.outer(scale, scale)

"""Errors of a design: what its information leaves unknown, in one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["CRITERIA", "a_error", "d_error", "s_error", "sample_sizes"]

Array: TypeAlias = NDArray[np.floating]

#: Standard normal quantile of a two-sided test at 5%.
Z = 1.959963984540054


def d_error(information: Array, theta: Array) -> Array:
    r"""D-error: the determinant of the covariance of the parameters, to the power 1 / K.

    .. math:: \det(I^{-1})^{1 / K}

    Args:
        information: Of one person who answers all choice sets, (..., K, K).
        theta: The parameters (..., K).

    Returns:
        One number for each information matrix, infinite where it is singular.

    References:
        Kuhfeld, Tobias & Garratt (1994), doi:10.1177/002224379403100408.
    """
    sign, logdet = np.linalg.slogdet(information)
    with np.errstate(over="ignore"):
        return np.where(sign > 0, np.exp(-logdet / information.shape[-1]), np.inf)


def a_error(information: Array, theta: Array) -> Array:
    r"""A-error: the mean variance of the parameters, :math:`\operatorname{tr}(I^{-1}) / K`; as `d_error`."""
    return np.diagonal(_covariance(information), axis1=-2, axis2=-1).mean(axis=-1)


def s_error(information: Array, theta: Array) -> Array:
    r"""S-error: how many people make the least certain parameter differ from 0.

    .. math:: \max_k \left(\frac{1.96}{\theta_k}\right)^2 (I^{-1})_{kk}

    Parameters that are 0 are left out. As `d_error`.

    References:
        Rose & Bliemer (2013), Sample size requirements for stated choice experiments,
        doi:10.1007/s11116-013-9451-z.
    """
    return np.max(np.where(np.isnan(sizes := sample_sizes(information, theta)), 0.0, sizes), axis=-1)


def sample_sizes(information: Array, theta: Array) -> Array:
    """How many people make each parameter differ from 0 at 5%, (..., K); NaN for a parameter that is 0."""
    variance = np.diagonal(_covariance(information), axis1=-2, axis2=-1)
    return np.where(theta == 0, np.nan, variance * (Z / np.where(theta == 0, 1.0, theta)) ** 2)


def _covariance(information: Array) -> Array:
    """Inverses, infinite where there is none."""
    regular = np.linalg.slogdet(information)[0] > 0
    identity = np.eye(information.shape[-1])
    inverse = np.linalg.inv(np.where(regular[..., None, None], information, identity))
    return np.where(regular[..., None, None], inverse, np.inf)


#: Name of a criterion -> its function. With "Db" the D-error is averaged over draws of the priors.
CRITERIA: dict[str, Callable[[Array, Array], Array]] = {"D": d_error, "A": a_error, "S": s_error, "Db": d_error}

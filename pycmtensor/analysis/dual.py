"""Numbers that depend on estimates, with their derivatives, so that what is made of them has a standard error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.exceptions import InferenceError, in_range
from pycmtensor.inference.delta import without_variance
from pycmtensor.inference.protocol import Estimated
from pycmtensor.inference.resampling import Kind

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Dual", "intervals", "note", "stacked"]

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Dual:
    """An array and its derivatives with theta, carried through arithmetic by the rules of differentiation.

    Attributes:
        value: Of any shape.
        slope: Of that shape and the axis K.

    Examples:
        >>> a, b = Dual(np.array(6.0), np.array([1.0, 0.0])), Dual(np.array(3.0), np.array([0.0, 1.0]))
        >>> ratio = a / b
        >>> float(ratio.value), ratio.slope.round(6).tolist()  # 1 / b and -a / b^2
        (2.0, [0.333333, -0.666667])
    """

    value: Array
    slope: Array

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other: Dual) -> Dual:
        return Dual(self.value - other.value, self.slope - other.slope)

    def __mul__(self, factor: Any) -> Dual:
        """The product with an array of numbers."""
        return Dual(self.value * factor, self.slope * np.asarray(factor)[..., None])

    def __truediv__(self, other: Dual | Any) -> Dual:
        if not isinstance(other, Dual):
            other = np.asarray(other, dtype=float)
            return Dual(self.value / other, self.slope / other[..., None])
        ratio = self.value / other.value
        return Dual(ratio, (self.slope - ratio[..., None] * other.slope) / other.value[..., None])

    def __getitem__(self, index: Any) -> Dual:
        """A part; the index is about the axes of the value, from the first on."""
        return Dual(self.value[index], self.slope[index])


def stacked(duals: Sequence[Dual]) -> Dual:
    """Several along their first axis."""
    return Dual(np.concatenate([d.value for d in duals]), np.concatenate([d.slope for d in duals]))


def intervals(results: Estimated, of: Dual, index: Any, alpha: float, kind: Kind) -> pd.DataFrame:
    r"""Estimates, standard errors by the delta method and confidence intervals of numbers (M,), by name.

    .. math:: \operatorname{Var} f_m(\hat\theta) = g_m^\top \operatorname{Cov}(\hat\theta) g_m

    Args:
        results: The estimates.
        of: The numbers and their derivatives g.
        index: Of the table.
        alpha: One minus the coverage, in (0, 1).
        kind: Kind of the covariance.

    Returns:
        Columns estimate, std_err, lower, upper; no error where a number depends on what has no variance. Estimates at a
        bound that the likelihood pushes against are taken as known: in large samples they stay there.

    References:
        Andrews (1999), Estimation when a parameter is on a boundary, doi:10.1111/1468-0262.00082.
    """
    import pandas as pd
    from scipy.special import ndtri

    in_range("The interval", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
    covariance = results.cov_params(kind).to_numpy()
    variance = np.einsum("mk,kl,ml->m", of.slope, np.nan_to_num(covariance), of.slope)
    unknown = (of.slope[:, np.isnan(np.diag(covariance)) & ~results.fit.at_bound] != 0).any(axis=1)
    std_err = np.where(unknown, np.nan, np.sqrt(np.maximum(variance, 0)))
    half = ndtri(1 - alpha / 2) * std_err
    columns = {"estimate": of.value, "std_err": std_err, "lower": of.value - half, "upper": of.value + half}
    return pd.DataFrame(columns, index=index)


def note(results: Estimated, of: Dual, kind: Kind) -> str:
    """Why some of the numbers have no standard error, or what these take as known; empty when there is neither."""
    fit, uses = results.fit, of.slope.reshape(-1, of.slope.shape[-1]).any(axis=0)
    free, at_bound = ([fit.labels[k] for k in np.flatnonzero(uses & held)] for held in (~fit.at_bound, fit.at_bound))
    reason = without_variance(fit, results.cov_params(kind).to_numpy(), free)
    if reason:
        return f"No standard errors. {reason}"
    return f"Standard errors take {', '.join(at_bound)} as known, at a bound." if at_bound else ""

"""Functions of estimates by simulation from the distribution of the estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycmtensor.exceptions import InferenceError, in_range, seed_of, whole
from pycmtensor.inference.delta import at_estimates, without_variance
from pycmtensor.inference.protocol import Estimated
from pycmtensor.inference.resampling import Kind
from pycmtensor.report.answer import Answer, Part
from pycmtensor.terms.relations import Expression

__all__ = ["SimulatedQuantity", "krinsky_robb"]

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class SimulatedQuantity(Answer):
    """A function of estimates with its simulated distribution.

    Attributes:
        name: The expression.
        estimate: Its value at the estimates.
        draws: Its values at draws of the estimates (R,); none where they would mean nothing.
        alpha: One minus the coverage of the interval.
        kind: Kind of the covariance of the estimates.
        note: Why there are no draws, empty when there are.

    Examples:
        >>> ratio = results.krinsky_robb("b_wait / b_cost", draws=1000)
        >>> ratio.draws.shape, bool(ratio.lower < ratio.estimate < ratio.upper)
        ((1000,), True)
    """

    name: str
    estimate: float
    draws: Array
    alpha: float
    kind: str
    note: str = ""

    @property
    def median(self) -> float:
        """Median of the draws."""
        return self._quantile(0.5)

    @property
    def mean(self) -> float:
        """Mean of the draws; a ratio of normal estimates has none, and that of its draws does not settle."""
        return float(self.draws.mean()) if len(self.draws) else np.nan

    @property
    def lower(self) -> float:
        """The alpha / 2 quantile of the draws."""
        return self._quantile(self.alpha / 2)

    @property
    def upper(self) -> float:
        """The 1 - alpha / 2 quantile of the draws."""
        return self._quantile(1 - self.alpha / 2)

    def _quantile(self, share: float) -> float:
        return float(np.quantile(self.draws, share)) if len(self.draws) else np.nan

    def _shown(self) -> list[Part]:
        if self.note:
            return [f"{self.name}: {self.estimate:.6g}. {self.note}"]
        return [
            f"{self.name}: {self.estimate:.6g}, median {self.median:.6g}, mean {self.mean:.6g}, {1 - self.alpha:.4g} "
            f"interval [{self.lower:.6g}, {self.upper:.6g}] of {len(self.draws):,} draws, {self.kind} covariance"
        ]


def krinsky_robb(
    results: Estimated,
    expression: Expression,
    draws: int = 10_000,
    seed: int = 0,
    alpha: float = 0.05,
    kind: Kind = "classical",
) -> SimulatedQuantity:
    r"""The distribution of f(theta) for draws of theta from the asymptotic distribution of the estimates.

    .. math:: \theta_r \sim N(\hat\theta, \operatorname{Cov} \hat\theta), \quad r = 1, \dots, R

    The interval holds its ends' quantiles of the draws, so that it need not be symmetric. One seed gives the same
    draws of theta to every expression. Fixed parameters and estimates without a variance stay at their values.

    Args:
        results: Estimates of K parameters.
        expression: A function of parameters, as text or symbols; see `ParameterFunction.of`.
        draws: How many, R.
        seed: Seed of the draws.
        alpha: One minus the coverage of the interval, in (0, 1).
        kind: Kind of the covariance of the estimates.

    Returns:
        The distribution of the function.

    Raises:
        ModelError: The expression cannot be read, or names an unknown parameter.
        InferenceError: It has no free parameter, or is not a number at some draws.

    References:
        Krinsky & Robb (1986), On approximating the statistical properties of elasticities, doi:10.2307/1924536.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> odds = results.krinsky_robb("exp(asc_car)")
        >>> print(odds)
        exp(asc_car): 3, median ..., mean ..., 0.95 interval [...] of 10,000 draws, classical covariance
    """
    in_range("krinsky_robb", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
    whole("krinsky_robb", "draws", draws, least=2, error=InferenceError)
    function = at_estimates(results, expression)
    theta, covariance = results.fit.theta, results.cov_params(kind).to_numpy()
    estimate, reason = function.at(theta), without_variance(results.fit, covariance, function.uses)
    if reason:
        return SimulatedQuantity(function.text, estimate, np.empty(0), alpha, str(kind), f"No interval. {reason}")
    values = function.over(_normal(theta, covariance, draws, seed))
    if np.isnan(values).any():
        raise InferenceError(
            f"{function.text} is not a number at {np.isnan(values).sum():,} of {draws:,} draws of the estimates, so it "
            "has no distribution. Ask for a function that is defined wherever the estimates may be."
        )
    return SimulatedQuantity(function.text, estimate, values, alpha, str(kind))


def _normal(mean: Array, covariance: Array, draws: int, seed: int) -> Array:
    """Draws (R, K) from N(mean, covariance); what has no variance stays at its mean."""
    scale = np.sqrt(np.nan_to_num(np.diag(covariance)))
    unit = np.where(scale > 0, scale, 1.0)
    correlation = np.nan_to_num(covariance) / np.outer(unit, unit)
    w, Q = np.linalg.eigh(correlation)  # also where equalities between estimates leave it singular
    z = np.random.default_rng(seed_of("krinsky_robb", seed, InferenceError)).standard_normal((draws, len(mean)))
    return mean + scale * (z @ (Q * np.sqrt(np.maximum(w, 0))).T)

"""Profile-likelihood intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Evaluator
from pycmtensor.engine.parallel import one_blas_thread
from pycmtensor.estimation.fit import Fit
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.journal import Answer, Answers, NoJournal
from pycmtensor.estimation.trust_region import trust_region
from pycmtensor.exceptions import InferenceError, PyCMTensorError, in_range
from pycmtensor.host.interruption import interruptible

__all__ = ["profile_intervals"]

Array = NDArray[np.floating]

#: An end is looked for up to this many standard errors from the estimate.
FARTHEST = 100.0


@interruptible
@one_blas_thread
def profile_intervals(fit: Fit, evaluator: Evaluator, alpha: float = 0.05, journal: Answers | None = None) -> Array:
    r"""Intervals of the values that a likelihood ratio test does not reject, (K, 2).

    .. math:: \{b : 2 (LL(\hat\theta) - \max_{\theta_k = b} LL(\theta)) \le \chi^2_{1, 1 - \alpha}\}

    The other parameters are estimated anew at every value that is tried. An end is the parameter's bound where the
    bound is not rejected, and infinite where the likelihood never falls that far.

    Args:
        fit: The estimates.
        evaluator: The log-likelihood.
        alpha: One minus the coverage, in (0, 1).
        journal: Keeps the points that were estimated; None for no keeping.

    Returns:
        Lower and upper ends (K, 2).

    Raises:
        PyCMTensorError: The estimates are not a maximum, or hold linear constraints.

    References:
        Venzon & Moolgavkar (1988), doi:10.2307/2347496.

    Examples:
        >>> ends = profile_intervals(results.fit, results.evaluator)
        >>> bool((ends[:, 0] < results.fit.theta).all() and (results.fit.theta < ends[:, 1]).all())
        True
    """
    in_range("conf_int", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
    if not fit.outcome.converged or len(fit.binding):
        why = "hold linear constraints" if fit.outcome.converged else "are not a maximum of the likelihood"
        raise PyCMTensorError(f"The estimates {why}, around which no profile can be drawn.")
    profile = _Profile(fit, evaluator, journal or NoJournal())
    return np.array([[_end(profile, k, side, alpha) for side in (-1, 1)] for k in range(len(fit.theta))])


@dataclass(frozen=True)
class _Profile:
    """The profile of a log-likelihood around estimates."""

    fit: Fit
    evaluator: Evaluator
    journal: Answers

    def held(self, k: int, value: float, start: Array) -> tuple[Array, float]:
        """The estimates of the other parameters with parameter k held at a value, and the log-likelihood there."""
        lb, ub = (bound.copy() for bound in self.fit.bounds)
        lb[k] = ub[k] = value

        def find() -> Answer:
            best = trust_region(Search(self.evaluator, np.clip(start, lb, ub), (lb, ub), tolerance=1e-5))
            best.outcome.must_have_ended()
            return {"theta": best.theta, "llf": np.asarray(best.at.value)}

        shapes = {"theta": start.shape, "llf": ()}
        found = self.journal.answer(f"profile of {k}", [np.array(value), start], shapes, find)
        return found["theta"], float(found["llf"])


def _end(profile: _Profile, k: int, side: int, alpha: float) -> float:
    """The lower (side -1) or upper (1) end of the interval of parameter k.

    The signed root of the likelihood ratio is nearly a straight line through the estimate, which makes a secant through
    the last two points find the end in a few steps.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    fit = profile.fit
    bound = fit.bounds[0 if side < 0 else 1][k]
    if fit.theta[k] == bound:
        return float(bound)
    z = float(ndtri(1 - alpha / 2))
    information = -fit.hessian
    others = (np.arange(len(fit.theta)) != k) & ~fit.at_bound
    tangent = np.linalg.lstsq(information[np.ix_(others, others)], -information[others, k], rcond=None)[0]
    bend = information[k, k] + information[k, others] @ tangent
    step = 1 / np.sqrt(abs(bend) or 1.0)  # the standard error; for an estimate at a bound, just a length
    warm = {0.0: fit.theta}

    def short(distance: float) -> float:
        """Distance of the signed root of the likelihood ratio to z, so many standard errors from the estimate."""
        if distance not in warm:
            near = min(warm, key=lambda d: abs(d - distance))
            start = warm[near].copy()
            start[others] += tangent * side * step * (distance - near)
            warm[distance], llf = profile.held(k, fit.theta[k] + side * step * distance, start)
            roots[distance] = np.sqrt(max(0.0, 2 * (fit.llf - llf)))
        return roots[distance] - z

    roots = {0.0: 0.0}
    most = min(FARTHEST, abs(bound - fit.theta[k]) / step)
    far = min(z, most)
    while short(far) < 0:
        if far == most:
            return float(bound) if np.isfinite(bound) and most < FARTHEST else side * np.inf
        far = min(most, max(1.5 * far, far * z / max(roots[far], 0.5 * z)))
    return float(fit.theta[k] + side * step * brentq(short, 0.0, far, xtol=1e-6, rtol=1e-9))

"""The test of the independence of irrelevant alternatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Evaluator
from pycmtensor.estimation import Fit, Options, maximise
from pycmtensor.estimation.curvature import bends
from pycmtensor.estimation.identification import flat_directions
from pycmtensor.exceptions import InferenceError, checked
from pycmtensor.inference.hypotheses import HypothesisTest, chi_squared, must_be_maximum
from pycmtensor.inference.kinds import covariance
from pycmtensor.inference.protocol import Estimated, made_like, problem_of
from pycmtensor.models.mnl import MNL

__all__ = ["hausman_mcfadden"]

Array = NDArray[np.floating]

#: An eigenvalue of V_s - V_f, in units of the variances V_s, counts as 0 below this.
FLAT = 1e-8


@checked(InferenceError)
def hausman_mcfadden(results: Estimated, without: str) -> HypothesisTest:
    r"""Test of IIA: estimates from the choices among fewer alternatives (s) should be those from all (f).

    .. math:: (b_s - b_f)^\top [V_s - V_f]^{-} (b_s - b_f) \sim \chi^2(\operatorname{rank}(V_s - V_f))

    The model is estimated again on the choices of other alternatives. Only parameters that the fewer alternatives
    identify are compared; the constants, for instance, lose the alternative that they were measured from.

    Args:
        results: Results of a logit, with the likelihood at hand.
        without: The alternative to leave out.

    Returns:
        The test.

    Raises:
        InferenceError: The likelihood is not at hand, an estimation ended before a maximum, or nothing can be compared.
        DatasetError: There is no such alternative, or too few are left.
        ModelError: No parameter is left.

    References:
        Hausman & McFadden (1984), Specification tests for the multinomial logit model, doi:10.2307/1910997.

    Examples:
        >>> import numpy as np, pandas as pd, pycmtensor as cmt
        >>> times = pd.DataFrame(np.random.default_rng(1).uniform(10, 60, (90, 3)), columns=["car", "bus", "tram"])
        >>> ds = cmt.Dataset(times.assign(mode=[1, 2, 3] * 30), "mode", {"car": 1, "bus": 2, "tram": 3})
        >>> b_time = cmt.Beta("b_time")
        >>> results = cmt.estimate(cmt.MNL(ds, {name: b_time * ds[name] / 10 for name in ds.alternatives}))
        >>> print(cmt.hausman_mcfadden(results, without="tram"))
        Hausman-McFadden test
        H0: independence of irrelevant alternatives: leaving 'tram' out does not change b_time
        statistic ..., chi-squared(1), p = ...
    """
    must_be_maximum(results, "the model")
    (model, data, evaluator), full = problem_of(results, "choices among fewer alternatives"), results.fit
    if type(model) is not MNL:
        raise InferenceError(
            f"The independence of irrelevant alternatives is a property of the multinomial logit, found a "
            f"{type(model).__name__}. Give the results of an MNL."
        )
    if model.labels != full.labels:
        raise InferenceError("Parameters of the model were fixed or freed since. Estimate it again.")
    fewer, make = model.without(without, data), made_like(evaluator)
    estimates = dict(zip(full.labels, full.theta.tolist(), strict=True))
    held, unidentified = _unidentified(make(fewer, fewer.dataset), full)
    if held:
        fewer = fewer.with_fixed({label: estimates[label] for label in held})
    start = {label: estimates[label] for label in fewer.labels}
    subset, _ = maximise(fewer, options=Options(start=start, progress=False, on=make))
    if not subset.outcome.near_maximum:
        raise InferenceError(f"Without '{without}' the estimates are no maximum of the likelihood ({subset.outcome}).")
    left_out = {*unidentified, *_without_variance(subset), *_without_variance(full)}
    compared = [label for label in subset.labels if label not in left_out]
    if not compared:
        raise InferenceError(f"Without '{without}', no parameter is identified by itself: there is nothing to compare.")
    null = f"independence of irrelevant alternatives: leaving '{without}' out does not change {', '.join(compared)}"
    (b_s, V_s), (b_f, V_f) = (_estimates(fit, compared) for fit in (subset, full))
    statistic, rank, definite = _distance(b_s - b_f, V_s - V_f, np.sqrt(np.diag(V_s)))
    if not rank:
        raise InferenceError(
            f"'{without}' carries no information on {', '.join(compared)}: there is nothing to compare."
        )
    notes = []
    if not definite:
        notes.append("V_s - V_f is not positive definite; its generalised inverse is used.")
    if statistic < 0:
        notes.append("A negative statistic is no evidence against the null hypothesis.")
    return chi_squared("Hausman-McFadden test", null, statistic, rank, " ".join(notes))


def _unidentified(fewer: Evaluator, full: Fit) -> tuple[list[str], set[str]]:
    """Parameters to hold so that fewer alternatives identify the others, and all that have no value of their own."""
    from scipy.linalg import qr

    position = [full.labels.index(label) for label in fewer.labels]
    scale = bends(full.hessian)[position]
    hessian = fewer.second_order(full.theta[position]).hessian
    directions = flat_directions(-hessian, scale)
    if not len(directions):
        return [], set()
    _, order = qr(directions * scale, mode="r", pivoting=True)
    held, moving = order[: len(directions)], np.flatnonzero(directions.any(axis=0))
    return [fewer.labels[k] for k in held], {fewer.labels[k] for k in moving}


def _without_variance(fit: Fit) -> list[str]:
    return [label for label, variance in zip(fit.labels, np.diag(covariance(fit)), strict=True) if np.isnan(variance)]


def _estimates(fit: Fit, labels: list[str]) -> tuple[Array, Array]:
    """Estimates of these labels, and their classical covariance."""
    k = [fit.labels.index(label) for label in labels]
    return fit.theta[k], covariance(fit)[np.ix_(k, k)]


def _distance(q: Array, V: Array, unit: Array) -> tuple[float, int, bool]:
    """q' V^- q with the generalised inverse, computed in these units; the rank of V, and whether it is definite."""
    w, Q = np.linalg.eigh(V / np.outer(unit, unit))
    kept = np.abs(w) > FLAT
    statistic = ((Q.T @ (q / unit))[kept] ** 2 / w[kept]).sum()
    return float(statistic), int(kept.sum()), bool((w > FLAT).all())

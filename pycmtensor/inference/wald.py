"""The Wald test of linear hypotheses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.delta import without_variance
from pycmtensor.inference.hypotheses import HypothesisTest, chi_squared
from pycmtensor.inference.protocol import Estimated
from pycmtensor.inference.resampling import Kind
from pycmtensor.terms.relations import Relation, matrix, relations_of

__all__ = ["wald"]

Array = NDArray[np.floating]


def wald(
    results: Estimated,
    hypotheses: str | Variable | Relation | Sequence[str | Variable | Relation],
    kind: Kind = "classical",
) -> HypothesisTest:
    r"""Wald test that linear relations R theta = r between parameters hold together.

    .. math:: (R \hat\theta - r)^\top [R \operatorname{Cov}(\hat\theta) R^\top]^{-1} (R \hat\theta - r)
        \sim \chi^2(\operatorname{rank} R)

    Args:
        results: Estimates of K parameters.
        hypotheses: Text such as "b_time = b_cost, asc_car = 0", ``pt.eq(b_time, b_cost)``, or a list.
        kind: Kind of the covariance of the estimates.

    Returns:
        The test.

    Raises:
        ModelError: A hypothesis is not linear, names an unknown parameter, or holds no free one.
        InferenceError: A hypothesis is an inequality, or follows from others or from the constraints of the estimates;
            or a parameter has no variance.

    References:
        Wald (1943), Tests of statistical hypotheses concerning several parameters, doi:10.2307/1990256.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> print(results.wald("asc_car = 0"))  # log(3)**2 / (1 / 30 + 1 / 10)
        Wald test
        H0: asc_car = 0
        statistic 9.0521, chi-squared(1), p = 0.002624
        With the classical covariance.
    """
    relations = relations_of(hypotheses)
    if not relations:
        raise InferenceError("There is no hypothesis to test. Write for example 'b_time = b_cost'.")
    fit = results.fit
    R, senses, r = matrix(relations, fit.labels, fit.fixed)
    for relation, sense in zip(relations, senses, strict=True):
        if sense != "=":
            raise InferenceError(f"A Wald test is about equalities, found '{relation}'. Write it with = in place.")
    used = R.any(axis=0)
    covariance = results.cov_params(kind).to_numpy()
    reason = without_variance(fit, covariance, [fit.labels[k] for k in np.flatnonzero(used)])
    if reason:
        raise InferenceError(f"There is no Wald test of '{', '.join(map(str, relations))}'. {reason}")
    held = np.concatenate([fit.binding, np.eye(len(fit.theta))[fit.at_bound]])
    redundant = _redundant(R, held, np.sqrt(np.nan_to_num(np.diag(covariance))))
    if redundant:
        found = ", ".join(f"'{relations[m]}'" for m in redundant)
        source = "the hypotheses before" + ", or the constraints of the estimates," * bool(len(fit.binding))
        raise InferenceError(f"{found}: {source} say so already, or say the opposite. Leave it out.")
    R, covariance = R[:, used], covariance[np.ix_(used, used)]
    distance = R @ fit.theta[used] - r
    statistic = float(distance @ np.linalg.solve(R @ covariance @ R.T, distance))
    null = " and ".join(map(str, relations))
    return chi_squared("Wald test", null, statistic, len(relations), f"With the {kind} covariance.")


def _redundant(R: Array, held: Array, errors: Array) -> list[int]:
    """Rows of R that are combinations of those of ``held`` and the rows before them, in units of standard errors."""
    rows = np.concatenate([held, R]) * np.where(errors > 0, errors, 1.0)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    ranks = [0, *(int(np.linalg.matrix_rank(rows[: m + 1], tol=1e-9)) for m in range(len(rows)))]
    return [m for m in range(len(R)) if ranks[len(held) + m + 1] == ranks[len(held) + m]]

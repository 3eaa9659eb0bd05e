"""The result of a hypothesis test, and what all tests ask of the results that they compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.protocol import Estimated
from pycmtensor.report.answer import Answer, Part

__all__ = ["HypothesisTest", "chi_squared", "must_be_maximum", "must_share_sample"]


@dataclass(frozen=True)
class HypothesisTest(Answer):
    """The result of a hypothesis test; ``print`` it.

    Attributes:
        name: The test.
        null: The null hypothesis in words.
        statistic: The test statistic.
        df: Degrees of freedom; None for the normal distribution.
        pvalue: Probability of a statistic at least as extreme when the null hypothesis holds.
        distribution: What the statistic is compared with, "chi-squared" or "normal".
        note: What the reader should know of this result.

    Examples:
        >>> test = results.wald("b_cost = 0")
        >>> test.distribution, test.df, round(float(test.pvalue), 4)
        ('chi-squared', 1, 0.0003)
    """

    name: str
    null: str
    statistic: float
    df: int | None
    pvalue: float
    distribution: str
    note: str = ""

    def _shown(self) -> list[Part]:
        df = "" if self.df is None else f"({self.df})"
        result = f"statistic {self.statistic:.4f}, {self.distribution}{df}, p = {self.pvalue:.4g}"
        return [self.name, f"H0: {self.null}", result, *([self.note] if self.note else [])]


def chi_squared(name: str, null: str, statistic: float, df: int, note: str = "") -> HypothesisTest:
    """A test whose statistic is chi-squared with ``df`` degrees of freedom under the null hypothesis."""
    from scipy.special import chdtrc

    return HypothesisTest(name, null, statistic, df, float(chdtrc(df, max(statistic, 0.0))), "chi-squared", note)


def must_be_maximum(results: Estimated, what: str) -> None:
    """Raise an `InferenceError` when estimates are no maximum of the likelihood, on which all tests rest."""
    if not results.fit.outcome.near_maximum:
        raise InferenceError(f"The estimates of {what} are no maximum of the likelihood ({results.fit.outcome}).")


def must_share_sample(a: Estimated, b: Estimated) -> None:
    """Raise an `InferenceError` unless two results are of the same choices of the same individuals."""
    for thing, one, other in (
        ("choice situations", a.fit.nobs, b.fit.nobs),
        ("individuals", len(a.fit.weights), len(b.fit.weights)),
    ):
        if one != other:
            raise InferenceError(f"The results are of different data: {one:,} and {other:,} {thing}.")
    if not np.array_equal(a.fit.weights, b.fit.weights):
        raise InferenceError("The results are of different data: the sample weights are not the same.")
    if not np.isclose(a.fit.llnull, b.fit.llnull, rtol=1e-9, equal_nan=True):
        raise InferenceError(
            f"The results are of different choices: LL(0) is {a.fit.llnull:.6f} and {b.fit.llnull:.6f}. Give both "
            "models the same availability."
        )
    if a.data is None or b.data is None or not (a.data.choices_known and b.data.choices_known):
        return
    if not np.array_equal(_choices(a.data), _choices(b.data)):
        raise InferenceError("The results are of different data: the choices, or the order of the rows, differ.")


def _choices(data: Dataset) -> NDArray[np.str_]:
    """Names of the chosen alternatives (T, N, 1)."""
    return np.array(list(data.alternatives))[data.array(data.chosen).astype(int)]

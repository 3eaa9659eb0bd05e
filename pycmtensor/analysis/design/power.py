"""Power of a design: estimates of simulated people who choose as the priors say."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.design.choice_sets import Rows
from pycmtensor.analysis.design.criteria import Z
from pycmtensor.analysis.design.information import Information
from pycmtensor.engine import evaluator_of

__all__ = ["Samples", "samples_of"]

Array: TypeAlias = NDArray[np.floating]


class Samples(NamedTuple):
    """Estimates of simulated samples."""

    theta: Array  #: (samples, K)
    bse: Array  #: standard errors, (samples, K)
    converged: NDArray[np.bool_]  #: whether a maximum was reached, (samples,)

    @property
    def power(self) -> Array:
        """Share of the samples in which each parameter differs from 0 at 5%, (K,)."""
        found = np.abs(self.theta) > Z * self.bse  # False where an error is NaN
        return (found & self.converged[:, None]).mean(axis=0)


def samples_of(information: Information, rows: Rows, shown: NDArray[np.integer], n: int, seed: int) -> Samples:
    """Estimates of n samples, whose people choose with the probabilities at the priors.

    A choice of one alternative in one choice set is a row of data, with the number of people who make it as its
    weight: all samples are weightings of the same data, and climb in one program.

    Args:
        information: Of the choice sets, at the means of the priors.
        rows: The choice sets of the design (S, cells).
        shown: To how many people each is shown (S,).
        n: Samples.
        seed: Of the choices.
    """
    rng, theta = np.random.default_rng(seed), information.theta[0]
    P = information.probabilities(rows, theta)
    S, J = P.shape
    counts = [rng.multinomial(shown, P / P.sum(axis=1, keepdims=True)).ravel() for _ in range(n)]
    data = information.data(np.repeat(rows, J, axis=0), np.tile(np.arange(J), S))
    evaluator = evaluator_of(information.model, data)
    weights = np.array(counts, float)
    ends = evaluator.ascents(np.tile(theta, (n, 1)), information.model.bounds(), weights)
    bse = np.full((n, len(theta)), np.nan)
    for i in np.flatnonzero(ends.converged):
        hessian = evaluator.reweighted(weights[i]).second_order(ends.theta[i]).hessian
        bse[i] = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    return Samples(ends.theta, bse, ends.converged.astype(bool))

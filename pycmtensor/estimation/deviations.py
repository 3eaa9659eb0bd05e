"""Start values of standard deviations: at 0 the likelihood has a saddle point, on which a search may stay."""

from __future__ import annotations

import numpy as np

from pycmtensor.engine import Array, Evaluator
from pycmtensor.models import Model

__all__ = ["off_saddle"]

#: Size of a start value, in units that change the utilities of a choice by about 1: near the model without draws.
SIZE = 0.1


def off_saddle(model: Model, evaluator: Evaluator, theta: Array) -> Array:
    r"""Start values (K,) where those of standard deviations that are 0 have a size.

    Draws are symmetric, so that the log-likelihood is flat along a deviation at 0. The size is that of the scores
    with one draw of each individual, which are the derivatives of utilities along the deviation times residuals:

    .. math:: \sigma_k = \sqrt{T / \sum_n s_{nk}^2}

    with T choice situations in all.

    Args:
        model: The model.
        evaluator: Its log-likelihood.
        theta: Start values (K,).
    """
    parameters, ends = model.free, np.cumsum([p.size for p in model.free])
    zero = np.zeros(len(theta), bool)
    zero[[end - 1 for p, end in zip(parameters, ends, strict=True) if p in model.deviations()]] = True
    zero &= theta == 0
    if not zero.any():
        return theta
    sample = evaluator.describe()
    at = evaluator.of(model.with_draws(1)).first_order(theta)
    squares = np.diag(at.outer_product) / np.mean(sample.weights)
    known = np.isfinite(squares) & (squares > 0)
    sizes = SIZE * np.sqrt(sample.nobs / np.where(known, squares, sample.nobs))
    lb, ub = model.bounds()
    return np.clip(np.where(zero, sizes, theta), lb, ub)

"""Weights in units in which their size does not matter: a power of two, so that no number loses a digit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pycmtensor.engine import Evaluator, SecondOrder
from pycmtensor.estimation.fit import Iterate, exponent_of

__all__ = ["as_weighted", "iterate_as_weighted", "scaled_by", "without_unit"]


def scaled_by(numbers: ArrayLike, exponent: int) -> NDArray[np.floating]:
    """Numbers times 2^exponent, which itself may be beyond all numbers."""
    return np.ldexp(np.asarray(numbers, dtype=float), exponent)


def without_unit(evaluator: Evaluator) -> tuple[Evaluator, int]:
    """The log-likelihood with weights of about 1, and the exponent of 2 of the unit in which these are.

    A search measures how near it is in standard errors, which weights far from 1 make very small or very large.
    """
    weights = evaluator.describe().weights
    exponent = exponent_of(weights)
    for half in (exponent // 2, exponent - exponent // 2) if exponent else ():  # 2^-1000 and beyond is no factor
        evaluator = evaluator.reweighted(scaled_by(np.ones(len(weights)), -half))
    return evaluator, exponent


def as_weighted(at: SecondOrder, exponent: int) -> SecondOrder:
    """A log-likelihood of such weights and its derivatives, for the weights as they are."""
    if not exponent:
        return at
    value, gradient, hessian = (scaled_by(part, exponent) for part in (at.value, at.gradient, at.hessian))
    return replace(at, value=float(value), gradient=gradient, hessian=hessian)


def iterate_as_weighted(iterate: Iterate, exponent: int) -> Iterate:
    """A line of progress likewise."""
    llf, gradient = scaled_by([iterate.llf, iterate.gradient], exponent).tolist()
    return replace(iterate, llf=llf, gradient=gradient)

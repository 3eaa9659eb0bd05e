"""The average of likelihoods over draws."""

from __future__ import annotations

import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable

__all__ = ["log_mean_exp"]


def log_mean_exp(logL: Variable) -> Variable:
    r"""Logarithm of the average over draws of likelihoods that are given as logarithms, (N, R) -> (N,).

    .. math:: s + \log \frac{1}{R} \sum_r \exp(\log L_r - s), \quad s = \max_r \log L_r

    The shift s keeps long panels from underflow; it cancels, so that no derivative has to pass through it.

    References:
        Train (2009), Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, equation 6.5.

    Examples:
        >>> import numpy as np
        >>> logL = pt.log(pt.as_tensor(np.array([[0.2, 0.4]])))
        >>> np.exp(log_mean_exp(logL).eval()).round(12)
        array([0.3])
    """
    s = disconnected_grad(pt.max(logL, axis=-1, keepdims=True))
    return s[..., 0] + pt.log(pt.mean(pt.exp(logL - s), axis=-1))

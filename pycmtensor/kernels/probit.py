"""The choice probability of correlated normal errors, simulated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.kernels.applied import of_utilities
from pycmtensor.kernels.logsum import picked
from pycmtensor.kernels.normal_interval import log_normal_interval
from pycmtensor.kernels.ordered import WIDE

__all__ = ["cholesky", "probit"]

#: Share of the normal distribution below which draws are not told apart.
SMALLEST = 1e-15


@of_utilities
def probit(
    V: Sequence[Variable],
    available: Sequence[Variable | None],
    chosen: Variable,
    covariance: Sequence[Sequence[Variable]],
    uniforms: Sequence[Variable],
) -> Variable:
    r"""Log of the probability simulator of Geweke, Hajivassiliou and Keane, at each draw.

    .. math::
        \log P_y = \sum_{i=1}^{J-1} \log \Phi(b_i), \quad
        b_i = \frac{1}{L_{ii}} \Big(V_y - V_{j_i} - \sum_{k < i} L_{ik} \eta_k\Big), \quad
        \eta_k = \Phi^{-1}(u_k \Phi(b_k))

    with L the Cholesky factor of the covariance of the differences of errors to that of the chosen alternative, and
    :math:`j_i` the other alternatives in their order. Of an alternative that is not available any error will do, b is
    infinite. The factors of all possible choices are numbers, of which those of the choice are picked, so that the
    simulator itself is computed once.

    Args:
        V: Utilities, J expressions that broadcast to (T, N, R).
        available: Per alternative nonzero or 0, or None when always available.
        chosen: Position of the chosen alternative, (T, N, 1).
        covariance: Of the errors, J rows of J scalars.
        uniforms: J - 2 uniform draws, (1 or T, N, R).

    Returns:
        Log-probability (T, N, R), of which the exponentials are averaged over draws.

    References:
        Train (2009), Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, section 5.6.3; Keane
        (1994), doi:10.2307/2951477.

    Examples:
        >>> import numpy as np, pytensor.tensor as pt
        >>> V, covariance = [pt.as_tensor(0.0)] * 3, [[pt.as_tensor(float(i == j)) for j in range(3)] for i in range(3)]
        >>> u = pt.as_tensor((np.arange(1000)[None, None] + 0.5) / 1000)
        >>> P = pt.exp(probit(V, [None] * 3, pt.zeros((1, 1, 1), dtype=int), covariance, [u]))
        >>> round(float(P.mean().eval()), 3)
        0.333
    """
    J = len(V)
    factors = [cholesky(_differences(covariance, y)) for y in range(J)]
    eta: list[Variable] = []
    V_y, logP = picked(V, chosen), 0.0
    for i in range(J - 1):
        other = pt.switch(pt.gt(chosen, i), V[i], V[i + 1])
        L = [picked([factor[i][k] for factor in factors], chosen) for k in range(i + 1)]
        b = (V_y - other - sum((L_k * eta_k for L_k, eta_k in zip(L, eta, strict=False)), start=0.0)) / L[i]
        here = [1.0 if available[j] is None else available[j] for j in (i, i + 1)]
        if any(available[j] is not None for j in (i, i + 1)):
            b = pt.switch(pt.switch(pt.gt(chosen, i), here[0], here[1]), b, WIDE)
        log_Phi = log_normal_interval(-2.0 * WIDE - pt.zeros_like(b), b)
        logP = logP + log_Phi
        if i < J - 2:
            share = pt.clip(uniforms[i] * pt.exp(log_Phi), SMALLEST, 1.0 - SMALLEST)
            eta.append(np.sqrt(2.0) * pt.erfinv(2.0 * share - 1.0))
    return logP


def _differences(covariance: Sequence[Sequence[Any]], y: int) -> list[list[Any]]:
    """Covariance of the errors of the other alternatives minus that of y."""
    others = [j for j in range(len(covariance)) if j != y]
    C = covariance
    return [[C[i][j] - C[i][y] - C[y][j] + C[y][y] for j in others] for i in others]


def cholesky(S: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The lower triangle L with L L' = S, of scalars; NaN where S is not positive definite."""
    L: list[list[Any]] = []
    for i, row in enumerate(S):
        L.append([])
        for k in range(i + 1):
            rest = row[k] - sum((L[i][m] * (L[k][m] if k < i else L[i][m]) for m in range(k)), start=0.0)
            L[i].append(pt.sqrt(pt.switch(rest > 0, rest, np.nan)) if i == k else rest / L[k][k])
    return L

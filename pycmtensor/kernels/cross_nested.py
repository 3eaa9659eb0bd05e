"""The cross-nested logit probability of the chosen alternative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.kernels.applied import of_utilities
from pycmtensor.kernels.logsum import log_sum_exp, picked

__all__ = ["cross_nested_logit", "generating_log_sum"]


@of_utilities
def cross_nested_logit(
    V: Sequence[Variable],
    available: Sequence[Variable | None],
    chosen: Variable,
    nests: Sequence[tuple[Variable, Mapping[int, Variable]]],
) -> Variable:
    r"""Log-probability of the chosen alternative, a sum over the nests that it belongs to.

    .. math::
        P_j = \sum_m P(j | m) P(m), \quad P(j | m) = \frac{\exp e_{jm}}{\exp L_m}, \quad
        P(m) = \frac{\exp(L_m / \mu_m)}{\sum_l \exp(L_l / \mu_l)}

    with :math:`e_{jm} = \mu_m (V_j + \log \alpha_{jm})` and :math:`L_m = \log \sum_j a_j \exp e_{jm}`.

    Args:
        V: Utilities, J expressions that broadcast to (T, N, R).
        available: Per alternative nonzero or 0, or None when always available.
        chosen: Position of the chosen alternative in ``V``, (T, N, 1).
        nests: Of each nest its scale, and position of an alternative -> its allocation to the nest, in [0, 1].

    Returns:
        Log-probability (T, N, R).

    References:
        Bierlaire (2006), A theoretical analysis of the cross-nested logit model, doi:10.1007/s10479-006-0015-x; Wen &
        Koppelman (2001), doi:10.1016/S0191-2615(00)00045-X.

    Examples:
        >>> import pytensor.tensor as pt
        >>> V, one = [pt.as_tensor(0.0)] * 3, pt.as_tensor(1.0)
        >>> nests = [(one, {0: one, 1: one / 2}), (one, {1: one / 2, 2: one})]
        >>> P = pt.exp(cross_nested_logit(V, [None] * 3, pt.zeros((1, 1, 1), dtype=int), nests))
        >>> round(float(P.eval().squeeze()), 6)  # with scales of 1 it is the logit
        0.333333
    """
    _, logP = _walked(V, available, nests)
    return picked(logP, chosen)


def generating_log_sum(
    V: Sequence[Variable],
    available: Sequence[Variable | None],
    nests: Sequence[tuple[Variable, Mapping[int, Variable]]],
) -> Variable:
    r"""Expected maximum utility of the cross-nested logit up to a constant, (T, N, R).

    .. math:: \log G(\exp V), \quad G(y) = \sum_m \Big(\sum_j a_j \alpha_{jm}^{\mu_m} y_j^{\mu_m}\Big)^{1 / \mu_m}

    Args:
        V: As in `cross_nested_logit`.
        available: As in `cross_nested_logit`; at least one alternative must be available.
        nests: As in `cross_nested_logit`.

    Returns:
        (T, N, R), in the unit of utility.

    References:
        McFadden (1978), Modelling the choice of residential location; Bierlaire (2006), doi:10.1007/s10479-006-0015-x.

    Examples:
        >>> import numpy as np, pytensor.tensor as pt
        >>> one = pt.as_tensor(1.0)
        >>> logsum = generating_log_sum([pt.as_tensor(0.0)] * 2, [None] * 2, [(one, {0: one, 1: one})])
        >>> bool(np.isclose(logsum.eval().squeeze(), np.log(2)))
        True
    """
    return _walked(V, available, nests)[0]


def _walked(
    V: Sequence[Variable],
    available: Sequence[Variable | None],
    nests: Sequence[tuple[Variable, Mapping[int, Variable]]],
) -> tuple[Variable, list[Variable]]:
    """The logarithm of the generating function, and the log-probability of each alternative."""
    logs: list[dict[int, Variable]] = []  # e, by alternative
    inside: list[dict[int, Variable | None]] = []  # whether the alternative is available in the nest
    for scale, allocation in nests:
        positive = {j: pt.gt(alpha, 0) for j, alpha in allocation.items()}
        logs.append({j: scale * (V[j] + pt.log(pt.switch(positive[j], alpha, 1.0))) for j, alpha in allocation.items()})
        inside.append({j: p if available[j] is None else p * pt.neq(available[j], 0) for j, p in positive.items()})
    L = [log_sum_exp(list(e.values()), list(a.values())) for e, a in zip(logs, inside, strict=True)]
    some = [reduce(pt.maximum, a.values()) for a in inside]
    top = [L_m / scale for L_m, (scale, _) in zip(L, nests, strict=True)]
    total = log_sum_exp(top, some)
    logP = []
    for j in range(len(V)):
        ways = [m for m, e in enumerate(logs) if j in e]
        terms = [logs[m][j] - L[m] + top[m] - total for m in ways]
        logP.append(log_sum_exp(terms, [inside[m][j] for m in ways]))
    return total, logP

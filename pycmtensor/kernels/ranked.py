"""Kernels of rankings: the choices after the first one, and the worst alternative."""

from __future__ import annotations

from collections.abc import Sequence

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.kernels.logit import logit

__all__ = ["later_ranks", "worst"]


def later_ranks(V: Sequence[Variable], available: Sequence[Variable | None], ranks: Sequence[Variable]) -> Variable:
    r"""Log-probability of the ranks after the first, given the first: choices among what is left.

    .. math:: \sum_{k = 2}^m \log \frac{\exp V_{y_k}}{\sum_{j \notin \{y_1, \dots, y_{k-1}\}} a_j \exp V_j}

    Args:
        V: Utilities, J expressions that broadcast to (T, N, R).
        available: Per alternative nonzero or 0, or None when always available.
        ranks: Rank of each alternative, 1 for the best, and 0 where it is not ranked and below those that are.

    Returns:
        Log-probability (T, N, R).

    References:
        Beggs, Cardell & Hausman (1981), doi:10.1016/0304-4076(81)90056-7; Chapman & Staelin (1982), Exploiting rank
        ordered choice set data within the stochastic utility model, doi:10.1177/002224378201900302.

    Examples:
        >>> import pytensor.tensor as pt
        >>> V, ranks = [pt.as_tensor(0.0)] * 3, [pt.ones((1, 1, 1)) * rank for rank in (1, 2, 3)]
        >>> round(float(pt.exp(later_ranks(V, [None] * 3, ranks)).eval().squeeze()), 6)  # 1 / 2, and then the last
        0.5
    """
    terms = [pt.zeros((1, 1, 1))]
    for k in range(2, len(V)):  # of J alternatives, the rank of the last follows from the others
        left = [pt.eq(r, 0) + pt.ge(r, k) for r in ranks]
        terms.append(_among(V, available, left, [pt.eq(r, k) for r in ranks]))
    return sum(terms)


def worst(V: Sequence[Variable], available: Sequence[Variable | None], ranks: Sequence[Variable]) -> Variable:
    r"""Log-probability that an alternative is the worst, given the best: a choice with the utilities reversed.

    .. math:: \log \frac{\exp(-V_w)}{\sum_{j \neq y} a_j \exp(-V_j)}

    Args:
        V: As in `later_ranks`.
        available: As in `later_ranks`.
        ranks: Of each alternative 1 where it is the best, -1 where it is the worst, and 0 elsewhere.

    Returns:
        Log-probability (T, N, R); 0 where no alternative is the worst.

    References:
        Marley & Louviere (2005), Some probabilistic models of best, worst, and best-worst choices,
        doi:10.1016/j.jmp.2005.05.003.

    Examples:
        >>> import pytensor.tensor as pt
        >>> V, ranks = [pt.as_tensor(0.0)] * 3, [pt.ones((1, 1, 1)) * rank for rank in (1, 0, -1)]
        >>> round(float(pt.exp(worst(V, [None] * 3, ranks)).eval().squeeze()), 6)
        0.5
    """
    return _among([-V_j for V_j in V], available, [pt.neq(r, 1) for r in ranks], [pt.eq(r, -1) for r in ranks])


def _among(
    V: Sequence[Variable], available: Sequence[Variable | None], left: Sequence[Variable], taken: Sequence[Variable]
) -> Variable:
    """Log-probability of what is taken of what is left; 0 where nothing is."""
    some = sum(taken)
    choice_set = [
        pt.switch(some, w if a is None else w * pt.neq(a, 0), 1) for w, a in zip(left, available, strict=True)
    ]
    chosen = sum(j * is_taken for j, is_taken in enumerate(taken))
    return pt.switch(some, logit(V, choice_set, chosen), 0.0)

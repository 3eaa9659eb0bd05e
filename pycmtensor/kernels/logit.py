"""The logit probability of the chosen alternative."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable

__all__ = ["LARGEST_EXPONENT", "logit"]

#: A difference of utilities beyond which the shift begins: exp(40) and its square fit into float32 as well.
LARGEST_EXPONENT = 40.0


def logit(V: Sequence[Variable], available: Sequence[Variable | None], chosen: Variable) -> Variable:
    r"""Log-probability of the chosen alternative y.

    .. math:: \log P_y = -s - \log \sum_j a_j \exp(V_j - V_y - s), \quad s = \max(0, \max_j (V_j - V_y) - 40)

    The differences to the chosen utility make the largest term 1 when y is likely. The shift s, which is 0 unless
    P_y is below 1e-17, keeps all other cases from overflowing, squares in second derivatives included. It cancels, so
    that value and derivatives are exact and no derivative has to pass through it.

    Args:
        V: Utilities, J expressions that broadcast to (T, N, R).
        available: Per alternative nonzero or 0, broadcasting to (T, N, R), or None when always available. The chosen
            alternative must be available.
        chosen: Position of the chosen alternative in ``V``, (T, N, 1).

    Returns:
        Log-probability (T, N, R).

    References:
        McFadden (1974), Conditional logit analysis of qualitative choice behavior, equation 12; Train (2009),
        Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, equation 3.6.

    Examples:
        >>> import numpy as np, pytensor.tensor as pt
        >>> V = [pt.as_tensor(np.log(3.0)), pt.as_tensor(0.0)]
        >>> P = pt.exp(logit(V, [None, None], pt.zeros((1, 1, 1))))
        >>> round(float(P.eval().squeeze()), 12)
        0.75
    """
    V_y = sum(pt.switch(pt.eq(chosen, j), V_j, 0.0) for j, V_j in enumerate(V))
    d = [V_j - V_y if a is None else pt.switch(a, V_j - V_y, -np.inf) for V_j, a in zip(V, available, strict=True)]
    s = disconnected_grad(pt.maximum(reduce(pt.maximum, d) - LARGEST_EXPONENT, 0.0))
    return -s - pt.log(sum(pt.exp(d_j - s) for d_j in d))

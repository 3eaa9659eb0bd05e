"""The logit probability of the chosen alternative."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable

from pycmtensor.kernels.alternatives import each, largest, numbers, total
from pycmtensor.kernels.applied import of_utilities

__all__ = ["LARGEST_EXPONENT", "log_sum", "logit"]

#: A difference of utilities beyond which the shift begins: exp(40) and its square fit into float32 as well.
LARGEST_EXPONENT = 40.0


@of_utilities
def logit(
    V: Sequence[Variable] | Variable, available: Sequence[Variable | None] | Variable | None, chosen: Variable
) -> Variable:
    r"""Log-probability of the chosen alternative y.

    .. math:: \log P_y = -s - \log \sum_j a_j \exp(V_j - V_y - s), \quad s = \max(0, \max_j (V_j - V_y) - 40)

    The differences to the chosen utility make the largest term 1 when y is likely. The shift s, which is 0 unless
    P_y is below 1e-17, keeps all other cases from overflowing, squares in second derivatives included. It cancels, so
    that value and derivatives are exact and no derivative has to pass through it.

    Args:
        V: Utilities, J expressions that broadcast to (T, N, R), or one (J, T, N, R).
        available: Per alternative nonzero or 0, broadcasting to (T, N, R), or None when always available; one
            expression (J, T, N, R) or None when V is one. The chosen alternative must be available.
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
    V_y = total(each(lambda V_j, j: pt.switch(pt.eq(chosen, j), V_j, 0.0), V, numbers(V)))
    d = each(lambda V_j, a_j: V_j - V_y if a_j is None else pt.switch(a_j, V_j - V_y, -np.inf), V, available)
    s = disconnected_grad(pt.maximum(largest(d) - LARGEST_EXPONENT, 0.0))
    return -s - pt.log(total(each(lambda d_j: pt.exp(d_j - s), d)))


def log_sum(V: Sequence[Variable] | Variable, available: Sequence[Variable | None] | Variable | None) -> Variable:
    r"""Expected maximum utility of the logit, up to a constant.

    .. math:: s + \log \sum_j a_j \exp(V_j - s), \quad s = \max_j V_j

    Args:
        V: As in `logit`.
        available: As in `logit`; at least one alternative must be available.

    Returns:
        (T, N, R), in the unit of utility.

    References:
        Small & Rosen (1981), Applied welfare economics with discrete choice models, doi:10.2307/1911129.

    Examples:
        >>> import numpy as np, pytensor.tensor as pt
        >>> V = [pt.as_tensor(np.log(3.0)), pt.as_tensor(0.0)]
        >>> round(float(log_sum(V, [None, None]).eval()), 6)  # log(3 + 1)
        1.386294
    """
    e = each(lambda V_j, a_j: V_j if a_j is None else pt.switch(a_j, V_j, -np.inf), V, available)
    s = disconnected_grad(largest(e))
    return s + pt.log(total(each(lambda e_j: pt.exp(e_j - s), e)))

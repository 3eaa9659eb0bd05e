"""The choice probability of independent extreme value errors whose scales differ between alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable

from pycmtensor.kernels.alternatives import largest
from pycmtensor.kernels.applied import of_utilities
from pycmtensor.kernels.logsum import picked
from pycmtensor.kernels.mixture import log_mean_exp

__all__ = ["heteroscedastic_logit"]

#: Ends of the trapezoidal rule, outside of which the integrand is below 1e-16 of its integral.
FIRST, LAST = -4.5, 3.7


@of_utilities
def heteroscedastic_logit(
    V: Sequence[Variable],
    available: Sequence[Variable | None],
    chosen: Variable,
    scales: Sequence[Variable],
    nodes: int,
) -> Variable:
    r"""Log-probability of the chosen alternative y, an integral over its error.

    .. math::
        P_y = \int_{-\infty}^\infty e^{-w} \prod_j
        \exp\Big(-a_j \exp\Big(-\frac{V_y - V_j + \theta_y w}{\theta_j}\Big)\Big) dw

    in which the factor of j = y belongs to the density of the error :math:`\theta_y w`. The substitution

    .. math::
        w = c + \ell s + e^s, \quad c = \max_j \frac{V_j - V_y}{\theta_y}, \quad
        \ell = \min_j \frac{1}{\theta_y} \Big(\theta_j + \frac{V_y - V_j + \theta_y c}{4.5}\Big)

    puts the largest of the inner exponentials at 1 in the middle, keeps all of them below exp(4.5), and lets the
    integrand fall double exponentially on both sides, for which the trapezoidal rule in s converges exponentially. As
    an integral does not depend on the substitution, no derivative passes through c and l.

    Args:
        V: Utilities, J expressions that broadcast to (T, N, R).
        available: Per alternative nonzero or 0, or None when always available.
        chosen: Position of the chosen alternative in ``V``, (T, N, 1).
        scales: theta of each alternative, positive scalars.
        nodes: Of the trapezoidal rule.

    Returns:
        Log-probability (T, N, R).

    References:
        Bhat (1995), A heteroscedastic extreme value model of intercity travel mode choice,
        doi:10.1016/0191-2615(95)00015-6; Takahasi & Mori (1974), Double exponential formulas for numerical integration,
        doi:10.2977/prims/1195192451.

    Examples:
        >>> import pytensor.tensor as pt
        >>> V, scales = [pt.as_tensor(0.0)] * 2, [pt.as_tensor(1.0)] * 2
        >>> P = pt.exp(heteroscedastic_logit(V, [None] * 2, pt.zeros((1, 1, 1), dtype=int), scales, nodes=64))
        >>> round(float(P.eval().squeeze()), 6)
        0.500001
    """
    V_y, theta_y = picked(V, chosen), picked(scales, chosen)
    less = [V_y - V_j for V_j in V]
    c = disconnected_grad(largest([_where(a, -d / theta_y, -np.inf) for d, a in zip(less, available, strict=True)]))
    reach = [theta + (d + theta_y * c) / -FIRST for d, theta in zip(less, scales, strict=True)]
    among = [_where(a, r / theta_y, np.inf) for r, a in zip(reach, available, strict=True)]
    width = disconnected_grad(reduce(pt.minimum, among))

    s = np.linspace(FIRST, LAST, nodes).astype(V_y.dtype)
    c, width, theta_y = (pt.shape_padright(term) for term in (c, width, theta_y))
    w = c + width * s + np.exp(s)
    hazard = 0.0
    for d, theta, a in zip(less, scales, available, strict=True):
        exponent = -(pt.shape_padright(d) + theta_y * w) / theta
        hazard += pt.exp(exponent if a is None else pt.switch(pt.shape_padright(a), exponent, -np.inf))
    of_all = nodes * (s[1] - s[0])  # the sum over nodes is their number times the mean
    return log_mean_exp(pt.log(of_all * (width + np.exp(s))) - w - hazard)


def _where(available: Variable | None, value: Variable, otherwise: float) -> Variable:
    return value if available is None else pt.switch(available, value, otherwise)

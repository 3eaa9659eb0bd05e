"""The probability of a category that a latent utility falls into, between two thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.kernels.applied import of_utilities
from pycmtensor.kernels.logsum import picked
from pycmtensor.kernels.normal_interval import FAR, log_normal_interval

__all__ = ["LINKS", "between", "log_normal_cdf", "ordered"]

#: Width in place of an infinite one: all that lies outside has a probability below the smallest number.
WIDE = 1000.0

#: Fall of a threshold below the one before that counts as rounding.
ROUNDING = 1e-10


@of_utilities
def ordered(V: Variable, thresholds: Sequence[Variable], chosen: Variable, link: str) -> Variable:
    r"""Log-probability of the observed category y of J.

    .. math:: P_j = F(\tau_j - V) - F(\tau_{j-1} - V), \quad \tau_0 = -\infty, \quad \tau_J = \infty

    Args:
        V: Latent utility, broadcasting to (T, N, R).
        thresholds: J - 1 scalars in order. A category between two equal ones has the probability 0; where one falls,
            every log-probability is -inf.
        chosen: Position of the observed category, (T, N, 1).
        link: "logit" for the logistic distribution F, "probit" for the normal one.

    Returns:
        Log-probability (T, N, R).

    References:
        McKelvey & Zavoina (1975), A statistical model for the analysis of ordinal level dependent variables,
        doi:10.1080/0022250X.1975.9989847; McCullagh (1980), doi:10.1111/j.2517-6161.1980.tb01109.x.

    Examples:
        >>> import numpy as np, pytensor.tensor as pt
        >>> thresholds = [pt.as_tensor(-np.log(3.0)), pt.as_tensor(np.log(3.0))]
        >>> P = pt.exp(ordered(pt.as_tensor(0.0), thresholds, pt.ones((1, 1, 1)), "logit"))
        >>> round(float(P.eval().squeeze()), 12)  # 3 / 4 - 1 / 4
        0.5
    """
    F = LINKS[link]
    ends = [threshold - V for threshold in thresholds]
    categories = [F.log_cdf(ends[0]), F.log_cdf(-ends[-1])]
    for low, high in pairwise(ends):
        rises = high - low > 4 * np.finfo(high.dtype).eps  # less makes derivatives infinite
        between = F.log_between(low, pt.switch(rises, high, low + 1.0))
        categories.insert(-1, pt.switch(rises, between, -np.inf))
    falls = [pt.lt(next_tau, tau - ROUNDING) for tau, next_tau in pairwise(thresholds)]
    logprob = picked(categories, chosen)
    return pt.switch(reduce(pt.or_, falls), -np.inf, logprob) if falls else logprob


def between(V: Variable, thresholds: Sequence[Variable], chosen: Variable, link: str) -> Variable:
    r"""Log-probability of the observed category as `ordered`, of thresholds that rise.

    The thresholds around the category are picked before anything is computed of them, which for J categories at many
    draws takes a J-th of the time.

    Args:
        V: Latent utility, broadcasting to the shape of the answer.
        thresholds: J - 1 scalars that rise.
        chosen: Position of the observed category.
        link: "logit" or "probit".

    Examples:
        >>> import numpy as np, pytensor.tensor as pt
        >>> thresholds = [pt.as_tensor(-np.log(3.0)), pt.as_tensor(np.log(3.0))]
        >>> P = [pt.exp(between(pt.as_tensor(0.0), thresholds, pt.as_tensor(k), "logit")) for k in range(3)]
        >>> [round(float(P_k.eval()), 12) for P_k in P]
        [0.25, 0.5, 0.25]
    """
    J = len(thresholds) + 1
    upper = picked([*thresholds, thresholds[-1] + WIDE], chosen)
    lower = picked([thresholds[0] - WIDE, *thresholds], chosen)
    high = pt.switch(pt.eq(chosen, J - 1), lower - V + WIDE, upper - V)
    low = pt.switch(pt.eq(chosen, 0), upper - V - WIDE, lower - V)
    return log_normal_interval(low, high) if link == "probit" else LINKS[link].log_between(low, high)


def log_logistic_cdf(x: Variable) -> Variable:
    """log 1 / (1 + exp(-x))."""
    return -pt.softplus(-x)


def log_logistic_between(low: Variable, high: Variable) -> Variable:
    """log(F(high) - F(low)) = log F(high) + log F(-low) + log(1 - exp(low - high))."""
    return log_logistic_cdf(high) + log_logistic_cdf(-low) + pt.log1mexp(low - high)


def log_normal_cdf(x: Variable) -> Variable:
    r"""log Phi(x), by the asymptotic series far in the tail.

    .. math:: \log \Phi(x) = -\frac{x^2}{2} - \log(-x \sqrt{2 \pi}) + \log(1 - 1/x^2 + 1 \cdot 3 / x^4 - \dots)

    References:
        Abramowitz & Stegun (1964), Handbook of Mathematical Functions, equation 26.2.12.

    Examples:
        >>> round(float(log_normal_cdf(pt.as_tensor(np.float64(-30))).eval()), 10)
        -454.3212439563
    """
    far = FAR.get(str(x.dtype), FAR["float64"])
    near, tail = pt.switch(x > far, x, far), pt.switch(x > far, far, x)
    series = pt.ones_like(tail)
    for n in range(17, 0, -2):
        series = 1.0 - n / tail**2 * series
    in_tail = -0.5 * tail**2 - pt.log(-tail * np.sqrt(2 * np.pi)) + pt.log(series)
    return pt.switch(x > far, pt.log(0.5 * pt.erfc(-near / np.sqrt(2.0))), in_tail)


def log_normal_between(low: Variable, high: Variable) -> Variable:
    """log(Phi(high) - Phi(low)), taken on the side of 0 where the probabilities are small."""
    above = low + high > 0
    low, high = pt.switch(above, -high, low), pt.switch(above, -low, high)
    log_high = log_normal_cdf(high)
    return log_high + pt.log1mexp(log_normal_cdf(low) - log_high)


class Link(NamedTuple):
    """The logarithm of a distribution function, and of its difference between two points."""

    log_cdf: Callable[[Variable], Variable]
    log_between: Callable[[Variable, Variable], Variable]


LINKS = {
    "logit": Link(log_logistic_cdf, log_logistic_between),
    "probit": Link(log_normal_cdf, log_normal_between),
}

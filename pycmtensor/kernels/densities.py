"""Log-densities of quantities: normal, lognormal, censored normal, and counts."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.kernels.alternatives import Term, symbol
from pycmtensor.kernels.ordered import log_normal_cdf

__all__ = ["lognormal", "negative_binomial", "normal", "tobit"]


def normal(y: Term, mean: Term, sd: Term) -> Variable:
    r"""Log-density of a normal distribution.

    .. math:: \log f(y) = -\tfrac12 z^2 - \log \sigma - \tfrac12 \log 2 \pi, \quad z = (y - \mu) / \sigma

    Args:
        y: What is observed, broadcasting to (T, N, R).
        mean: Its mean.
        sd: Its standard deviation, greater than 0.

    Returns:
        Log-density, of the shape that the arguments broadcast to.

    References:
        Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions, volume 1, equation 13.1.

    Examples:
        >>> round(float(normal(1.0, 0.0, 2.0).eval()), 6)
        -1.737086
    """
    y, mean, sd = map(symbol, (y, mean, sd))
    return -0.5 * ((y - mean) / sd) ** 2 - pt.log(sd) - 0.5 * np.log(2 * np.pi)


def lognormal(y: Term, mean: Term, sd: Term) -> Variable:
    r"""Log-density of a quantity whose logarithm is normal.

    .. math:: \log f(y) = \log \phi\Big(\frac{\log y - \mu}{\sigma}\Big) - \log \sigma - \log y

    Args:
        y: What is observed, greater than 0.
        mean: Mean of its logarithm.
        sd: Standard deviation of its logarithm, greater than 0.

    Returns:
        Log-density, of the shape that the arguments broadcast to.

    References:
        Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions, volume 1, equation 14.2.

    Examples:
        >>> round(float(lognormal(2.0, 0.0, 1.0).eval()), 6)
        -1.852312
    """
    log_y = pt.log(symbol(y))
    return normal(log_y, mean, sd) - log_y


def tobit(y: Term, mean: Term, sd: Term, lower: float = 0.0) -> Variable:
    r"""Log-likelihood of a normal quantity that is observed as ``lower`` wherever it is below.

    .. math:: \log L = \begin{cases} \log \Phi((l - \mu) / \sigma) & y \le l \\
        \log \phi((y - \mu) / \sigma) - \log \sigma & y > l \end{cases}

    Args:
        y: What is observed, at least ``lower``.
        mean: Mean of the quantity before it is cut off.
        sd: Its standard deviation, greater than 0.
        lower: Where it is cut off, l.

    Returns:
        Log-likelihood, of the shape that the arguments broadcast to.

    References:
        Tobin (1958), Estimation of relationships for limited dependent variables, doi:10.2307/1907382.

    Examples:
        >>> round(float(tobit(0.0, 0.0, 1.0).eval()), 6)  # log(1 / 2)
        -0.693147
    """
    y, mean, sd = map(symbol, (y, mean, sd))
    return pt.switch(y > lower, normal(y, mean, sd), log_normal_cdf((lower - mean) / sd))


def negative_binomial(y: Term, mean: Term, dispersion: Term) -> Variable:
    r"""Log-probability of a count whose variance is :math:`\mu + \alpha \mu^2` (NB2).

    .. math:: \log P(y) = \log \frac{\Gamma(y + r)}{\Gamma(r)\, y!} + r \log \frac{r}{r + \mu}
        + y \log \frac{\mu}{r + \mu}, \quad r = 1 / \alpha

    Args:
        y: The count, 0, 1, 2, ...
        mean: Its mean, greater than 0, such as the exponential of a utility.
        dispersion: alpha, greater than 0. The limit 0 is the Poisson distribution.

    Returns:
        Log-probability, of the shape that the arguments broadcast to.

    References:
        Cameron & Trivedi (2013), Regression Analysis of Count Data, doi:10.1017/CBO9781139013567, equation 3.26.

    Examples:
        >>> round(float(negative_binomial(2.0, 1.0, 1.0).eval()), 6)  # geometric: log(1 / 8)
        -2.079442
    """
    y, mean, r = symbol(y), symbol(mean), 1.0 / symbol(dispersion)
    of_counts = pt.gammaln(y + r) - pt.gammaln(r) - pt.gammaln(y + 1.0)
    return of_counts - r * pt.log1p(mean / r) + y * (pt.log(mean) - pt.log(r + mean))

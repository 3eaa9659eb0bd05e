"""Quantities of several goods that are consumed together: the multiple discrete-continuous extreme value model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.kernels.alternatives import Term, symbol
from pycmtensor.kernels.logsum import log_sum_exp

__all__ = ["PROFILES", "Good", "mdcev"]

#: Utility functions of quantities.
PROFILES = ("gamma", "generalised", "translated", "non-monotonic")


class Good(NamedTuple):
    """What a person's utility of one good depends on; symbols that broadcast to (T, N, R), or numbers.

    Attributes:
        V: Baseline utility, the logarithm of the marginal utility where nothing is consumed yet, without its error.
        gamma: Translation, greater than 0: the larger, the later satiation comes; None for an outside good, of which
            some is always consumed.
        alpha: Satiation, less than 1; 0 for the logarithm, the gamma profile.
        price: Of one unit.
        linear: Marginal utility that never satiates, in the non-monotonic profile.

    Examples:
        >>> Good(V=0.5, gamma=1.0).symbols().alpha.eval().item()  # the gamma profile
        0.0
    """

    V: Term
    gamma: Term | None
    alpha: Term = 0.0
    price: Term = 1.0
    linear: Term = 0.0

    def symbols(self) -> Self:
        """The same with numbers and parameters as symbols."""
        return self._replace(**{name: symbol(v) for name, v in self._asdict().items() if v is not None})

    def marginal(self, x: Variable, profile: str) -> Variable:
        """What the error is added to at a quantity x: logarithm of the marginal utility of money.

        In the non-monotonic profile the marginal utility itself.
        """
        satiation = (self.alpha - 1.0) * self._log_amount(x, profile)
        if profile == "non-monotonic":
            return self.linear + pt.exp(self.V + satiation)
        level = pt.log(self.alpha) if profile == "translated" else 0.0
        return self.V + level + satiation - pt.log(self.price)

    def log_slope(self, x: Variable, profile: str) -> Variable:
        """Logarithm of the fall of `marginal` with another unit of money."""
        fall = pt.log(1.0 - self.alpha) - pt.log(self.price * (x + (0.0 if self.gamma is None else self.gamma)))
        if profile == "non-monotonic":
            return self.V + (self.alpha - 1.0) * self._log_amount(x, profile) + fall
        return fall

    def quantity(self, marginal: Variable, profile: str) -> Variable:
        """The quantity at which `marginal` has a value; negative where it is lower even without the good."""
        level = pt.log(self.alpha) if profile == "translated" else 0.0
        if profile == "non-monotonic":
            above = marginal - self.linear
            log_ratio = pt.switch(above > 0, pt.log(pt.switch(above > 0, above, 1.0)) - self.V, -690.0)
        else:
            log_ratio = marginal - self.V - level + pt.log(self.price)
        amount = pt.exp(pt.clip(log_ratio / (self.alpha - 1.0), -690.0, 690.0))
        if self.gamma is None:
            return amount
        return amount - self.gamma if profile == "translated" else self.gamma * (amount - 1.0)

    def _log_amount(self, x: Variable, profile: str) -> Variable:
        if self.gamma is None:
            return pt.log(x)
        return pt.log(x + self.gamma) if profile == "translated" else pt.log1p(x / self.gamma)


def mdcev(goods: Sequence[Good], x: Sequence[Term], scale: Term = 1.0, profile: str = "gamma") -> Variable:
    r"""Log-density of the expenditures on the goods, the probability of those that are not consumed included.

    .. math::
        P = (M - 1)! \, \sigma^{1 - M} \Big(\prod_{i \in C} f_i\Big) \Big(\sum_{i \in C} \frac{1}{f_i}\Big)
        \frac{\prod_{i \in C} e^{W_i / \sigma}}{\big(\sum_k e^{W_k / \sigma}\big)^M}, \quad
        f_i = \frac{1 - \alpha_i}{p_i (x_i + \gamma_i)}

    with C the M goods that are consumed and, by profile, W the logarithm of the marginal utility of money without its
    extreme value error of the scale :math:`\sigma`:

    .. math::
        \text{generalised, gamma with } \alpha = 0: \quad
        & W_k = V_k + (\alpha_k - 1) \log(x_k / \gamma_k + 1) - \log p_k \\
        \text{translated}: \quad & W_k = V_k + \log \alpha_k + (\alpha_k - 1) \log(x_k + \gamma_k) - \log p_k \\
        \text{an outside good}: \quad & W_k = V_k + (\alpha_k - 1) \log x_k - \log p_k \\
        \text{non-monotonic}: \quad & W_k = \mu_k + e^{V_k} (x_k / \gamma_k + 1)^{\alpha_k - 1}, \quad
        f_k = e^{V_k} \frac{1 - \alpha_k}{\gamma_k} (x_k / \gamma_k + 1)^{\alpha_k - 2}

    In the last the error belongs to the marginal utility itself, and prices are 1. Expenditures add up to the budget,
    so that the density is that of all but one of them, and the same whichever is left out. The density of quantities
    has the further factor :math:`\prod_{i \in C} p_i` without one of them, a number of the data.

    Args:
        goods: The goods.
        x: Quantity of each, at least 0, broadcasting to (T, N, R). One at least is greater than 0, an outside good is.
        scale: Of the extreme value error, sigma > 0.
        profile: "gamma", "generalised", "translated" or "non-monotonic".

    Returns:
        Log-density (T, N, R). Where one good is consumed, the logit of the W.

    References:
        Bhat (2008), The multiple discrete-continuous extreme value (MDCEV) model, doi:10.1016/j.trb.2007.06.002,
        equations 19 and 20; Bierlaire, Estimating the MDCEV model with Biogeme, technical report, for the translated
        and the non-monotonic profile.

    Examples:
        >>> import numpy as np, pytensor.tensor as pt
        >>> goods = [Good(np.log(3.0), 1.0), Good(0.0, 1.0)]
        >>> P = pt.exp(mdcev(goods, [2.0, 0.0]))
        >>> round(float(P.eval()), 12)  # exp(W): 3 / (2 + 1) and 1
        0.5
    """
    goods, amounts, scale = [good.symbols() for good in goods], [symbol(x_k) for x_k in x], symbol(scale)
    consumed = [pt.gt(x_k, 0) for x_k in amounts]
    M = sum(pt.cast(on, x_k.dtype) for on, x_k in zip(consumed, amounts, strict=True))
    W = [good.marginal(x_k, profile) / scale for good, x_k in zip(goods, amounts, strict=True)]
    log_f = [good.log_slope(x_k, profile) for good, x_k in zip(goods, amounts, strict=True)]
    of_consumed = sum(pt.switch(on, f + w, 0.0) for on, f, w in zip(consumed, log_f, W, strict=True))
    log_sum = log_sum_exp(W, [None] * len(W))
    return (
        pt.gammaln(M)
        - (M - 1.0) * pt.log(scale)
        + of_consumed
        + log_sum_exp([-f for f in log_f], consumed)
        - M * log_sum
    )

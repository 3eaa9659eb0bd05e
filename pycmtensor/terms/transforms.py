"""Columns in another shape: transformations for use in utilities."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Constant, Variable

from pycmtensor.coefficients import Expression
from pycmtensor.exceptions import ModelError, checked

__all__ = ["box_cox", "piecewise_linear"]

#: The size of lambda log x below which (exp(u) - 1) / u is its series, and how many terms of it are taken.
SMALL, TERMS = 0.5, 18


@checked(ModelError)
def box_cox(x: Expression, lambda_: Expression) -> Variable:
    r"""Box-Cox transformation of a positive column: linear at lambda 1, the logarithm at 0.

    .. math::
        x^{(\lambda)} = \frac{x^\lambda - 1}{\lambda} = \log x \frac{e^u - 1}{u}, \quad u = \lambda \log x, \quad
        \frac{e^u - 1}{u} = 1 + \frac{u}{2} \Big(1 + \frac{u}{3} \Big(1 + \dots

    The series, where u is small, makes value and derivatives exact at and around lambda 0; elsewhere the power itself
    is taken, whose derivatives with x lose no digits.

    Args:
        x: Positive: a column, or an expression of columns. Where an alternative is unavailable and x is 0, write
            ``pt.switch(available, x, 1)``.
        lambda_: A parameter, an expression of parameters, or a number.

    Returns:
        The transformed column, of the shape of x.

    Raises:
        ModelError: x is a number that is not positive. In a column that is found when the model is estimated.

    References:
        Box & Cox (1964), An analysis of transformations, doi:10.1111/j.2517-6161.1964.tb00553.x.

    Examples:
        >>> [round(float(box_cox(4.0, power).eval()), 6) for power in (1.0, 0.5, 0.0)]  # 4 - 1, 2 (2 - 1), log 4
        [3.0, 2.0, 1.386294]
    """
    if isinstance(lambda_, list | tuple | np.ndarray):
        raise ModelError(f"box_cox: lambda_ must be a number or an expression of parameters, found {lambda_!r}.")
    symbol = pt.as_tensor_variable(x)
    if isinstance(symbol, Constant) and not np.all(symbol.data > 0):
        raise ModelError(f"box_cox takes positive numbers, found {symbol.data}. Add a constant, or leave them out.")
    symbol = pt.switch(symbol > 0, symbol, np.nan)  # the power alone is finite at 0, and at -1 with some powers
    log_x = pt.log(symbol)
    u = pt.as_tensor_variable(lambda_ * log_x)
    small = pt.abs(u) < SMALL
    near, far, power = pt.switch(small, u, 0.0), pt.switch(small, 2.0, symbol), pt.switch(small, 1.0, lambda_)
    series = 1.0
    for k in range(TERMS, 1, -1):
        series = 1.0 + near / k * series
    return pt.switch(small, log_x * series, (far**power - 1.0) / power)


@checked(ModelError)
def piecewise_linear(x: Expression, knots: Sequence[float], slopes: Sequence[Expression]) -> Variable:
    r"""Continuous function of a column, linear between knots, with a slope for each piece.

    .. math::
        \beta_1 \min(x, c_1) + \sum_{k=2}^{K} \beta_k \min(\max(x - c_{k-1}, 0), c_k - c_{k-1}), \quad c_K = \infty

    Args:
        x: A column, or an expression of columns.
        knots: Numbers c in rising order, K - 1.
        slopes: K parameters, expressions of them, or numbers.

    Returns:
        The function, of the shape of x.

    Raises:
        ModelError: Knots are no finite numbers in rising order, or there is not one slope more than knots.

    References:
        Ben-Akiva & Lerman (1985), Discrete Choice Analysis, section 7.5.

    Examples:
        >>> times = (5.0, 20.0, 40.0)
        >>> [float(piecewise_linear(x, knots=[10, 30], slopes=[1.0, 0.5, 0.1]).eval()) for x in times]
        [5.0, 15.0, 21.0]
    """
    numbers = all(isinstance(c, (int, float, np.number)) and np.isfinite(c) for c in knots)
    if not len(knots) or not numbers or any(c >= d for c, d in pairwise(knots)):
        raise ModelError(f"piecewise_linear: knots must be finite numbers in rising order, found {list(knots)}.")
    if len(slopes) != len(knots) + 1:
        raise ModelError(
            f"piecewise_linear: {len(knots)} knot(s) make {len(knots) + 1} pieces with a slope each, found "
            f"{len(slopes)} slope(s)."
        )
    symbol = pt.as_tensor_variable(x)
    between = [pt.minimum(pt.maximum(symbol - c, 0.0), d - c) for c, d in pairwise(knots)]
    lengths = [pt.minimum(symbol, knots[0]), *between, pt.maximum(symbol - knots[-1], 0.0)]
    return sum(slope * length for slope, length in zip(slopes, lengths, strict=True))

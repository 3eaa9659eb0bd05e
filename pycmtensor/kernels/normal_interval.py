"""The probability that a standard normal number lies in an interval, with derivatives in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.scalar.basic import ScalarOp, upcast_out_nobool
from pytensor.tensor.elemwise import Elemwise

__all__ = ["FAR", "SERIES", "LogNormalInterval", "log_normal_interval"]

#: Standard deviations below which the normal tail is a series: Phi squared must not underflow in derivatives.
FAR = {"float64": -20.0, "float32": -8.0}

#: Numbers of the continued product of the series, 1 - 1 / x^2 (1 - 3 / x^2 (1 - ...)).
SERIES = tuple(range(17, 0, -2))


class LogNormalInterval(ScalarOp):
    r"""log(Phi(high) - Phi(low)).

    .. math:: \frac{\partial \log P}{\partial h} = e^{\log \varphi(h) - \log P}, \quad
        \frac{\partial \log P}{\partial l} = - e^{\log \varphi(l) - \log P}
    """

    nin = 2

    def impl(self, low: Any, high: Any) -> Any:
        """The number, by scipy."""
        from scipy.special import log_ndtr

        low, high = (-high, -low) if low + high > 0 else (low, high)
        return log_ndtr(high) + np.log(-np.expm1(log_ndtr(low) - log_ndtr(high)))

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Derivatives, as symbols."""
        (low, high), (log_P,), (g,) = inputs, outputs, cotangents
        log_phi = [-0.5 * x**2 - 0.5 * np.log(2 * np.pi) for x in (low, high)]
        return [-g * pt.exp(log_phi[0] - log_P), g * pt.exp(log_phi[1] - log_P)]


log_normal_interval = Elemwise(LogNormalInterval(upcast_out_nobool, name="log_normal_interval"))

"""Rules that divide by an average size of past gradients: AdaGrad, RMSProp, Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.exceptions import OptimizerError, checked_class
from pycmtensor.optimizers.base import Optimizer, Rate, Updates, ratio
from pycmtensor.optimizers.packed import Param

__all__ = ["AdaGrad", "Adadelta", "RMSProp"]


@checked_class(OptimizerError)
class AdaGrad(Optimizer):
    """AdaGrad: a = a + g^2; p - lr g / (sqrt(a) + epsilon).

    Equal to ``torch.optim.Adagrad(eps=1e-8)``. ``optax.adagrad`` starts a at 0.1 and adds 1e-7 under the root:
    ``initial_accumulator=0.1, epsilon=1e-7, eps_in_sqrt=True``.

    Args:
        params: Parameters to move.
        kwargs: ``epsilon``, ``eps_in_sqrt``, ``initial_accumulator`` and the options of `Optimizer`.

    References:
        Duchi, Hazan & Singer (2011), JMLR 12:2121-2159, figure 1 (diagonal).

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> (p, p_t), (a, a_t) = AdaGrad([beta]).update(beta() ** 2, [beta], lr=0.25)
        >>> round(float(p_t.eval()), 6)  # the first step has the length of the rate
        0.75
    """

    slots = ("a",)
    options = ("eps_in_sqrt", "initial_accumulator")

    def __init__(self, params: Sequence[Param], **kwargs: Any) -> None:
        super().__init__(params, **self._known(kwargs))

    def start(self, slot: str) -> float:
        """``initial_accumulator``."""
        return self.initial_accumulator

    def update(self, cost: Variable, params: Sequence[Param], lr: Rate = 1.0) -> Updates:
        """As `Optimizer.update`, with a default learning rate of 1."""
        return super().update(cost, params, lr)

    def step(self, g: Variable, t: Variable, a: Variable) -> tuple[Variable, tuple[Variable]]:
        """g / (sqrt(a) + epsilon)."""
        a = a + g**2
        return ratio(g, self.root(a)), (a,)


@checked_class(OptimizerError)
class RMSProp(Optimizer):
    """RMSProp: a = rho a + (1 - rho) g^2; p - lr g / (sqrt(a) + epsilon).

    Equal to ``torch.optim.RMSprop(alpha=0.9)``. ``optax.rmsprop`` puts epsilon under the root: ``eps_in_sqrt=True``;
    TensorFlow 1 also starts a at 1: ``initial_accumulator=1``.

    Args:
        params: Parameters to move.
        rho: Decay of the mean of squares, in [0, 1).
        kwargs: ``epsilon``, ``eps_in_sqrt``, ``initial_accumulator`` and the options of `Optimizer`.

    References:
        Tieleman & Hinton (2012), Lecture 6.5, COURSERA: Neural Networks for Machine Learning.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> (p, p_t), (a, a_t) = RMSProp([beta]).update(beta() ** 2, [beta], lr=0.1)
        >>> round(float(a_t.eval()), 6)  # 0.1 * 2^2
        0.4
    """

    slots = ("a",)
    options = ("eps_in_sqrt", "initial_accumulator")

    def __init__(self, params: Sequence[Param], rho: float = 0.9, **kwargs: Any) -> None:
        super().__init__(params, rho=rho, **self._known(kwargs))

    def start(self, slot: str) -> float:
        """``initial_accumulator``."""
        return self.initial_accumulator

    def step(self, g: Variable, t: Variable, a: Variable) -> tuple[Variable, tuple[Variable]]:
        """g / (sqrt(a) + epsilon)."""
        a = self.rho * a + (1 - self.rho) * g**2
        return ratio(g, self.root(a)), (a,)


@checked_class(OptimizerError)
class Adadelta(Optimizer):
    """Adadelta: steps in the unit of the parameter.

    a = rho a + (1 - rho) g^2; s = g sqrt(d + epsilon) / sqrt(a + epsilon); d = rho d + (1 - rho) s^2; p - lr s.

    Equal to ``torch.optim.Adadelta(rho=0.95)`` and, with that rho, ``optax.adadelta``. With ``epsilon=0`` nothing
    ever moves, because d starts at 0.

    Args:
        params: Parameters to move.
        rho: Decay of the means of squares, in [0, 1).
        kwargs: ``epsilon`` (1e-6 unless given) and the options of `Optimizer`.

    References:
        Zeiler (2012), arXiv:1212.5701, algorithm 1.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> (p, p_t), (a, a_t), (d, d_t) = Adadelta([beta]).update(beta() ** 2, [beta])
        >>> round(float(1 - p_t.eval()), 6)  # sqrt(1e-6 / 0.05)
        0.004472
    """

    slots = ("a", "d")

    def __init__(self, params: Sequence[Param], rho: float = 0.95, **kwargs: Any) -> None:
        super().__init__(params, rho=rho, **self._known({"epsilon": 1e-6, **kwargs}))

    def update(self, cost: Variable, params: Sequence[Param], lr: Rate = 1.0) -> Updates:
        """As `Optimizer.update`, with a default learning rate of 1."""
        return super().update(cost, params, lr)

    def step(self, g: Variable, t: Variable, a: Variable, d: Variable) -> tuple[Variable, tuple[Variable, Variable]]:
        """g sqrt(d + epsilon) / sqrt(a + epsilon)."""
        a = self.rho * a + (1 - self.rho) * g**2
        s = ratio(g * pt.sqrt(d + self.epsilon), pt.sqrt(a + self.epsilon))
        d = self.rho * d + (1 - self.rho) * s**2
        return s, (a, d)

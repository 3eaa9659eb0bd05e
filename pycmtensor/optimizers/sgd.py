"""Gradient descent, plain and with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytensor.graph.basic import Variable

from pycmtensor.exceptions import OptimizerError, checked_class
from pycmtensor.optimizers.base import Optimizer
from pycmtensor.optimizers.packed import Param

__all__ = ["NAG", "SGD", "Momentum"]


@checked_class(OptimizerError)
class SGD(Optimizer):
    """Stochastic gradient descent, `p - lr g`.

    Equal to ``torch.optim.SGD`` and ``optax.sgd``.

    Args:
        params: Parameters to move.
        kwargs: The options of `Optimizer`.

    References:
        Robbins & Monro (1951), doi:10.1214/aoms/1177729586.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> [(p, p_t)] = SGD([beta]).update(beta() ** 2, [beta], lr=0.25)
        >>> float(p_t.eval())
        0.5
    """

    def __init__(self, params: Sequence[Param], **kwargs: Any) -> None:
        super().__init__(params, **self._known(kwargs))

    def step(self, g: Variable, t: Variable) -> tuple[Variable, tuple[()]]:
        """g"""
        return g, ()


@checked_class(OptimizerError)
class Momentum(Optimizer):
    """Gradient descent with momentum.

    v = momentum v + g; p - lr v, or with ``nesterov`` p - lr (g + momentum v).

    Equal to ``torch.optim.SGD(momentum=, nesterov=)`` and ``optax.sgd(momentum=, nesterov=)``. Sutskever et al.
    put the learning rate into v, which is the same while the rate is constant.

    Args:
        params: Parameters to move.
        momentum: Decay of the velocity, in [0, 1).
        nesterov: Look ahead by one step of the velocity.
        kwargs: The options of `Optimizer`.

    References:
        Sutskever, Martens, Dahl & Hinton (2013), PMLR 28(3):1139-1147, equations 1 to 4.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> (p, p_t), (v, v_t) = Momentum([beta]).update(beta() ** 2, [beta], lr=0.25)
        >>> round(float(p_t.eval()), 3)  # 1 - 0.25 (2 + 0.9 * 2)
        0.05
    """

    slots = ("v",)

    def __init__(
        self,
        params: Sequence[Param],
        momentum: float = 0.9,
        nesterov: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(params, m=momentum, **self._known(kwargs))
        self.nesterov = bool(nesterov)

    def step(self, g: Variable, t: Variable, v: Variable) -> tuple[Variable, tuple[Variable]]:
        """v, or g + momentum v with ``nesterov``."""
        v = self.m * v + g
        return (g + self.m * v if self.nesterov else v), (v,)


NAG = Momentum  #: Nesterov's accelerated gradient, `Momentum` as it is by default

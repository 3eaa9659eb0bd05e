"""Rules that follow the sign of the gradient: RProp, Lion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.exceptions import OptimizerError, checked_class, in_range
from pycmtensor.optimizers.base import Optimizer, Rate, Updates
from pycmtensor.optimizers.packed import Param

__all__ = ["Lion", "RProp"]


@checked_class(OptimizerError)
class RProp(Optimizer):
    """Resilient propagation: every element has a step of its own length; for gradients of all the data.

    c = g h; s = clip(s * (increase if c > 0, decrease if c < 0, else 1), smallest, largest);
    h = 0 if c < 0, else g; p - sign(h) s.

    h is the gradient of the step before, 0 at first. s starts at the learning rate, which has no effect later.
    Equal to ``torch.optim.Rprop``; ``optax.rprop`` takes each step one call later. It is the variant iRprop-: after a
    change of sign the parameter rests for one step.

    Args:
        params: Parameters to move.
        increase: Factor of the step while the sign stays, above 1.
        decrease: Factor of the step when the sign changes, in (0, 1).
        smallest: Lower limit of the step, above 0.
        largest: Upper limit of the step, at least ``smallest``.
        kwargs: The options of `Optimizer`.

    Raises:
        OptimizerError: A factor or a limit is outside its range.

    References:
        Riedmiller & Braun (1993), doi:10.1109/ICNN.1993.298623; Igel & Hüsken (2000), "Improving the Rprop learning
        algorithm", Proceedings of NC 2000, 115-121.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> (p, p_t), (h, h_t), (s, s_t) = RProp([beta]).update(beta() ** 2, [beta], lr=0.25)
        >>> float(p_t.eval()), float(s_t.eval())
        (0.75, 0.25)
    """

    slots = ("h", "s")

    def __init__(
        self,
        params: Sequence[Param],
        increase: float = 1.2,
        decrease: float = 0.5,
        smallest: float = 1e-6,
        largest: float = 50.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(params, **self._known(kwargs))
        self.increase = in_range(self.name, "increase", increase, "(1, inf)", "Usual value: 1.2.")
        self.decrease = in_range(self.name, "decrease", decrease, "(0, 1)", "Usual value: 0.5.")
        self.smallest = in_range(self.name, "smallest", smallest, "(0, inf)")
        self.largest = in_range(self.name, "largest", largest, "(0, inf)")
        if smallest > largest:
            raise OptimizerError(f"{self.name}: smallest={smallest!r} is above largest={largest!r}; swap them.")

    def update(self, cost: Variable, params: Sequence[Param], lr: Rate = 0.01) -> Updates:
        """As `Optimizer.update`, with a default first step of 0.01."""
        return super().update(cost, params, lr)

    def moved(
        self, p: Variable, g: Variable, lr: Variable, t: Variable, state: Sequence[Variable]
    ) -> tuple[Variable, tuple[Variable, Variable]]:
        """p - sign(h) s."""
        h, s = state
        c = g * h
        factor = pt.switch(c > 0, self.increase, pt.switch(c < 0, self.decrease, 1.0))
        s = pt.clip(pt.switch(pt.eq(s, 0), lr, s) * factor, self.smallest, self.largest)
        h = pt.switch(c < 0, 0.0, g)
        return p - pt.sign(h) * s, (h, s)


@checked_class(OptimizerError)
class Lion(Optimizer):
    """Lion, evolved sign momentum: every step has the length of the learning rate.

    p - lr (sign(b1 m + (1 - b1) g) + weight_decay p); m = b2 m + (1 - b2) g.

    Equal to ``optax.lion``, whose ``weight_decay`` is 1e-3 unless given; here it is 0. A learning rate 3 to 10 times
    smaller than Adam's is usual.

    Args:
        params: Parameters to move.
        b1: Weight of the momentum in the step, in [0, 1).
        b2: Decay of the momentum, in [0, 1).
        kwargs: The options of `Optimizer`; ``weight_decay`` is decoupled, as in `AdamW`.

    References:
        Chen et al. (2023), arXiv:2302.06675, algorithm 2.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> (p, p_t), (m, m_t) = Lion([beta]).update(beta() ** 2, [beta], lr=0.25)
        >>> float(p_t.eval()), round(float(m_t.eval()), 6)
        (0.75, 0.02)
    """

    slots = ("m",)
    decoupled = True

    def __init__(self, params: Sequence[Param], b1: float = 0.9, b2: float = 0.99, **kwargs: Any) -> None:
        super().__init__(params, b1=b1, b2=b2, **self._known(kwargs))

    def update(self, cost: Variable, params: Sequence[Param], lr: Rate = 1e-4) -> Updates:
        """As `Optimizer.update`, with a default learning rate of 1e-4."""
        return super().update(cost, params, lr)

    def step(self, g: Variable, t: Variable, m: Variable) -> tuple[Variable, tuple[Variable]]:
        """sign(b1 m + (1 - b1) g)."""
        return pt.sign(self.b1 * m + (1 - self.b1) * g), (self.b2 * m + (1 - self.b2) * g,)

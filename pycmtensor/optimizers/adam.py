"""Rules with a bias-corrected first moment: Adam, Adamax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from pycmtensor.expressions import Parameter
from pycmtensor.optimizers.base import Optimizer, known_options, ratio

__all__ = ["Adam", "Adamax"]


class Adam(Optimizer):
    """Adam: adaptive moment estimation.

    m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon).

    Equal to ``torch.optim.Adam`` and ``optax.adam``. TensorFlow's "epsilon hat" is added before the correction of
    v and is therefore larger by 1 / sqrt(1 - b2^t) in the first steps.

    Args:
        params: Parameters to move.
        b1: Decay of the first moment, in [0, 1).
        b2: Decay of the second moment, in [0, 1).
        kwargs: ``name``, ``epsilon``, ``eps_in_sqrt``.

    References:
        Kingma & Ba (2015), arXiv:1412.6980, algorithm 1.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> optimizer = Adam([beta])
        >>> (p, p_t), (m, m_t), (v, v_t), (t, t_new) = optimizer.update(beta() ** 2, [beta], lr=0.1)
        >>> round(float(p_t.eval()), 6)  # the first step has the length of the rate
        0.9
        >>> list(optimizer.state)
        ['beta.m', 'beta.v', 'Adam.t']
    """

    slots = ("m", "v")
    counts_steps = True

    def __init__(
        self,
        params: Sequence[Parameter | SharedVariable],
        b1: float = 0.9,
        b2: float = 0.999,
        **kwargs: Any,
    ) -> None:
        super().__init__(params, b1=b1, b2=b2, **known_options("Adam", kwargs))

    def step(self, g: Variable, t: Variable, m: Variable, v: Variable) -> tuple[Variable, tuple[Variable, Variable]]:
        """(m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)."""
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * g**2
        m_hat = m / (1 - self.b1**t)
        v_hat = v / (1 - self.b2**t)
        return ratio(m_hat, self.root(v_hat)), (m, v)


class Adamax(Optimizer):
    """Adamax: Adam with the largest past gradient in place of the second moment.

    m = b1 m + (1 - b1) g; v = max(b2 v, abs(g) + epsilon); p - lr / (1 - b1^t) m / v.

    Equal to ``torch.optim.Adamax`` and ``optax.adamax``; the paper has no epsilon (``epsilon=0``).

    Args:
        params: Parameters to move.
        b1: Decay of the first moment, in [0, 1).
        b2: Decay of the infinity norm, in [0, 1).
        kwargs: ``name``, ``epsilon``.

    References:
        Kingma & Ba (2015), arXiv:1412.6980, algorithm 2.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> (p, p_t), *state = Adamax([beta]).update(beta() ** 2, [beta], lr=0.1)
        >>> round(float(p_t.eval()), 6)
        0.9
    """

    slots = ("m", "v")
    counts_steps = True

    def __init__(
        self,
        params: Sequence[Parameter | SharedVariable],
        b1: float = 0.9,
        b2: float = 0.999,
        **kwargs: Any,
    ) -> None:
        super().__init__(params, b1=b1, b2=b2, **known_options("Adamax", kwargs))

    def step(self, g: Variable, t: Variable, m: Variable, v: Variable) -> tuple[Variable, tuple[Variable, Variable]]:
        """m / (1 - b1^t) / v."""
        m = self.b1 * m + (1 - self.b1) * g
        v = pt.maximum(self.b2 * v, pt.abs(g) + self.epsilon)
        return ratio(m / (1 - self.b1**t), v), (m, v)

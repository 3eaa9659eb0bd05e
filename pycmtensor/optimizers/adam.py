"""Rules with a bias-corrected first moment: Adam, Adamax, AdamW, AMSGrad, NAdam, RAdam."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.exceptions import OptimizerError, checked_class, in_range
from pycmtensor.optimizers.base import Optimizer, ratio
from pycmtensor.optimizers.packed import Param

__all__ = ["AMSGrad", "Adam", "AdamW", "Adamax", "NAdam", "Nadam", "RAdam"]


def one_minus_power(b: float, t: Variable) -> Variable:
    """1 - b^t, which loses three digits at b = 0.999 when it is computed as it is written."""
    return -pt.expm1(t * math.log(b)) if b else pt.ones_like(t)


@checked_class(OptimizerError)
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
        kwargs: ``epsilon``, ``eps_in_sqrt`` and the options of `Optimizer`.

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

    slots: ClassVar[tuple[str, ...]] = ("m", "v")
    counts_steps = True
    options = ("eps_in_sqrt",)

    def __init__(self, params: Sequence[Param], b1: float = 0.9, b2: float = 0.999, **kwargs: Any) -> None:
        super().__init__(params, b1=b1, b2=b2, **self._known(kwargs))

    def moments(self, g: Variable, m: Variable, v: Variable) -> tuple[Variable, Variable]:
        """The decaying means of the gradient and of its square."""
        return self.b1 * m + (1 - self.b1) * g, self.b2 * v + (1 - self.b2) * g**2

    def step(self, g: Variable, t: Variable, *state: Variable) -> tuple[Variable, tuple[Variable, ...]]:
        """(m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)."""
        m, v = self.moments(g, *state)
        m_hat = m / one_minus_power(self.b1, t)
        v_hat = v / one_minus_power(self.b2, t)
        return ratio(m_hat, self.root(v_hat)), (m, v)


@checked_class(OptimizerError)
class AdamW(Adam):
    """AdamW: Adam with weight decay outside of the gradient.

    p - lr ((m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon) + weight_decay p), m and v as `Adam`.

    Equal to ``torch.optim.AdamW`` and ``optax.adamw``, whose ``weight_decay`` is 1e-4 unless given.

    Args:
        params: Parameters to move.
        b1: Decay of the first moment, in [0, 1).
        b2: Decay of the second moment, in [0, 1).
        weight_decay: At least 0; a number is for every `Weight` that is not a `Bias`, so that the coefficients of a
            utility are not drawn towards 0; a dict from names to numbers is for exactly those parameters.
        kwargs: ``epsilon``, ``eps_in_sqrt`` and the options of `Optimizer`.

    References:
        Loshchilov & Hutter (2019), arXiv:1711.05101, algorithm 2.

    Examples:
        >>> from pycmtensor.expressions import Beta, Weight
        >>> beta, w = Beta("beta", 1.0), Weight("w", 1, value=[1.0])
        >>> pairs = AdamW([beta, w], weight_decay=0.5).update(beta() ** 2 + (w() ** 2).sum(), [beta, w], lr=0.1)
        >>> round(float(pairs[0][1].eval()), 6), pairs[3][1].eval().round(6).tolist()
        (0.9, [0.85])
    """

    decoupled = True

    def __init__(
        self,
        params: Sequence[Param],
        b1: float = 0.9,
        b2: float = 0.999,
        weight_decay: float | Mapping[str, float] = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(params, b1, b2, weight_decay=weight_decay, **kwargs)


@checked_class(OptimizerError)
class AMSGrad(Adam):
    """AMSGrad: Adam divided by the largest second moment so far.

    u = max(u, v); p - lr (m / (1 - b1^t)) / (sqrt(u / (1 - b2^t)) + epsilon), m and v as `Adam`.

    Equal to ``torch.optim.Adam(amsgrad=True)``. ``optax.amsgrad`` takes the maximum of v / (1 - b2^t); the paper
    corrects neither m nor u.

    Args:
        params: Parameters to move.
        b1: Decay of the first moment, in [0, 1).
        b2: Decay of the second moment, in [0, 1).
        kwargs: ``epsilon``, ``eps_in_sqrt`` and the options of `Optimizer`.

    References:
        Reddi, Kale & Kumar (2018), arXiv:1904.09237, algorithm 2.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> (p, p_t), *state = AMSGrad([beta]).update(beta() ** 2, [beta], lr=0.1)
        >>> round(float(p_t.eval()), 6), [s.name for s, _ in state]
        (0.9, ['beta.m', 'beta.v', 'beta.u', 'AMSGrad.t'])
    """

    slots = ("m", "v", "u")

    def step(self, g: Variable, t: Variable, *state: Variable) -> tuple[Variable, tuple[Variable, ...]]:
        """(m / (1 - b1^t)) / (sqrt(u / (1 - b2^t)) + epsilon)."""
        m, v, u = state
        m, v = self.moments(g, m, v)
        u = pt.maximum(u, v)
        m_hat = m / one_minus_power(self.b1, t)
        u_hat = u / one_minus_power(self.b2, t)
        return ratio(m_hat, self.root(u_hat)), (m, v, u)


@checked_class(OptimizerError)
class NAdam(Adam):
    """NAdam: Adam with Nesterov's momentum, which warms up.

    mu(t) = b1 (1 - 0.96^(t momentum_decay) / 2); c = c mu(t), 1 at first;
    m_hat = mu(t + 1) m / (1 - c mu(t + 1)) + (1 - mu(t)) g / (1 - c);
    p - lr m_hat / (sqrt(v / (1 - b2^t)) + epsilon), m and v as `Adam`.

    Equal to ``torch.optim.NAdam``. ``optax.nadam`` has a constant mu(t) = b1.

    Args:
        params: Parameters to move.
        b1: Decay of the first moment, in [0, 1).
        b2: Decay of the second moment, in [0, 1).
        momentum_decay: How fast mu(t) grows from b1 / 2 to b1, at least 0.
        kwargs: ``epsilon``, ``eps_in_sqrt`` and the options of `Optimizer`.

    References:
        Dozat (2016), "Incorporating Nesterov momentum into Adam", ICLR workshop.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> (p, p_t), *state = NAdam([beta]).update(beta() ** 2, [beta], lr=0.1)
        >>> round(float(p_t.eval()), 3), [s.name for s, _ in state]
        (0.894, ['beta.m', 'beta.v', 'beta.c', 'NAdam.t'])
    """

    slots = ("m", "v", "c")

    def __init__(
        self,
        params: Sequence[Param],
        b1: float = 0.9,
        b2: float = 0.999,
        momentum_decay: float = 0.004,
        **kwargs: Any,
    ) -> None:
        super().__init__(params, b1, b2, **kwargs)
        self.momentum_decay = in_range(self.name, "momentum_decay", momentum_decay, "[0, inf)")

    def start(self, slot: str) -> float:
        """1 for the product c, 0 for the moments."""
        return 1.0 if slot == "c" else 0.0

    def mu(self, t: Variable) -> Variable:
        """b1 (1 - 0.96^(t momentum_decay) / 2)."""
        return self.b1 * (1 - 0.96 ** (t * self.momentum_decay) / 2)

    def step(self, g: Variable, t: Variable, *state: Variable) -> tuple[Variable, tuple[Variable, ...]]:
        """m_hat / (sqrt(v / (1 - b2^t)) + epsilon)."""
        m, v, c = state
        m, v = self.moments(g, m, v)
        now, then = self.mu(t), self.mu(t + 1)
        c = c * now
        m_hat = then * m / (1 - c * then) + (1 - now) * g / (1 - c)
        v_hat = v / one_minus_power(self.b2, t)
        return ratio(m_hat, self.root(v_hat)), (m, v, c)


Nadam = NAdam


@checked_class(OptimizerError)
class RAdam(Adam):
    """RAdam: Adam that does without v until its variance is known well enough.

    n = 2 / (1 - b2) - 1; d = n - 2 t b2^t / (1 - b2^t); m_hat = m / (1 - b1^t);
    r = sqrt((d - 4) (d - 2) n / ((n - 4) (n - 2) d));
    p - lr m_hat r sqrt(1 - b2^t) / (sqrt(v) + epsilon) if d > 5, else p - lr m_hat; m and v as `Adam`.

    Equal to ``torch.optim.RAdam``. ``optax.radam`` adds epsilon to sqrt(v / (1 - b2^t)); the paper has none.

    Args:
        params: Parameters to move.
        b1: Decay of the first moment, in [0, 1).
        b2: Decay of the second moment, in [0, 1).
        kwargs: ``epsilon``, ``eps_in_sqrt`` and the options of `Optimizer`.

    References:
        Liu et al. (2020), arXiv:1908.03265, algorithm 2.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> beta = Beta("beta", 1.0)
        >>> (p, p_t), *state = RAdam([beta]).update(beta() ** 2, [beta], lr=0.1)
        >>> round(float(p_t.eval()), 6)  # the first steps are those of momentum
        0.8
    """

    def step(self, g: Variable, t: Variable, *state: Variable) -> tuple[Variable, tuple[Variable, ...]]:
        """m_hat r sqrt(1 - b2^t) / (sqrt(v) + epsilon), or m_hat in the first steps."""
        m, v = self.moments(g, *state)
        m_hat = m / one_minus_power(self.b1, t)
        n = 2 / (1 - self.b2) - 1
        if n <= 5:  # d never exceeds n
            return m_hat, (m, v)
        correction = one_minus_power(self.b2, t)
        d = n - 2 * t * self.b2**t / correction
        known = d > 5
        d = pt.switch(known, d, n)  # any d with a real root
        r = pt.sqrt((d - 4) * (d - 2) * n / ((n - 4) * (n - 2) * d))
        return pt.switch(known, ratio(m_hat * r * pt.sqrt(correction), self.root(v)), m_hat), (m, v)


@checked_class(OptimizerError)
class Adamax(Optimizer):
    """Adamax: Adam with the largest past gradient in place of the second moment.

    m = b1 m + (1 - b1) g; v = max(b2 v, abs(g) + epsilon); p - lr / (1 - b1^t) m / v.

    Equal to ``torch.optim.Adamax`` and ``optax.adamax``; the paper has no epsilon (``epsilon=0``).

    Args:
        params: Parameters to move.
        b1: Decay of the first moment, in [0, 1).
        b2: Decay of the infinity norm, in [0, 1).
        kwargs: ``epsilon`` and the options of `Optimizer`.

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

    def __init__(self, params: Sequence[Param], b1: float = 0.9, b2: float = 0.999, **kwargs: Any) -> None:
        super().__init__(params, b1=b1, b2=b2, **self._known(kwargs))

    def step(self, g: Variable, t: Variable, m: Variable, v: Variable) -> tuple[Variable, tuple[Variable, Variable]]:
        """m / (1 - b1^t) / v."""
        m = self.b1 * m + (1 - self.b1) * g
        v = pt.maximum(self.b2 * v, pt.abs(g) + self.epsilon)
        return ratio(m / one_minus_power(self.b1, t), v), (m, v)

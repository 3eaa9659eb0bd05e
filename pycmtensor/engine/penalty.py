"""Penalties of large weights of networks in a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from pycmtensor.engine.evaluator import Array
from pycmtensor.engine.types import Theta
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.expressions import Bias, Parameter, Weight

__all__ = ["Penalty"]


@dataclass(frozen=True, eq=False)
class Penalty:
    r"""A penalty of the weights, biases left out.

    .. math:: \lambda_1 \sum_k |w_k| + \frac{\lambda_2}{2} \sum_k w_k^2

    Attributes:
        l1: :math:`\lambda_1`.
        l2: :math:`\lambda_2`.
        counts: 1 for the weights among theta and 0 for the rest, (K,).
    """

    l1: float
    l2: float
    counts: Array

    @classmethod
    def of(cls, free: list[Parameter], l1: float, l2: float) -> Penalty:
        """The penalty of the weights among the free parameters."""
        is_weight = [isinstance(p, Weight) and not isinstance(p, Bias) for p in free for _ in range(p.size)]
        return cls(float(l1), float(l2), np.array(is_weight, dtype=free[0].get_value().dtype))

    def value(self, theta: Array) -> float:
        """The penalty at theta (K,)."""
        w = theta * self.counts
        return float(self.l1 * np.abs(w).sum() + self.l2 / 2 * (w**2).sum())

    @in_64_bits
    def gradient(self, theta: Theta) -> Any:
        """Its derivatives (K,), 0 for |w| at 0."""
        return self.l1 * jnp.sign(theta) * self.counts + self.l2 * theta * self.counts

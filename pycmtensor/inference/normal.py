"""Probabilities of the normal distribution."""

from __future__ import annotations

import math

__all__ = ["two_sided"]


def two_sided(z: float) -> float:
    """2 (1 - Phi(abs(z))), accurate in the tail.

    Examples:
        >>> round(two_sided(1.959964), 6)
        0.05
    """
    return math.erfc(abs(z) / math.sqrt(2))

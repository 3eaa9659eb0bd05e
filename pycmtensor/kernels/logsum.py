"""The logarithm of a sum of exponentials, of which some may be missing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable

__all__ = ["log_sum_exp", "picked"]


def log_sum_exp(e: Sequence[Variable], present: Sequence[Variable | None]) -> Variable:
    r"""log of the sum of exp(e) over what is present; 0 where nothing is.

    .. math:: s + \log \sum_c a_c \exp(e_c - s), \quad s = \max_c e_c

    The shift s cancels, so that no derivative has to pass through it.

    Args:
        e: Exponents that broadcast with each other.
        present: Per exponent nonzero or 0, or None when it is always present.

    Examples:
        >>> import numpy as np
        >>> two = [pt.as_tensor(1000.0), pt.as_tensor(1000.0 + np.log(3))]
        >>> round(float(log_sum_exp(two, [None, None]).eval()) - 1000, 10)  # log(1 + 3)
        1.3862943611
    """
    masked = [e_c if a is None else pt.switch(a, e_c, -np.inf) for e_c, a in zip(e, present, strict=True)]
    largest = disconnected_grad(reduce(pt.maximum, masked))
    s = pt.switch(pt.isinf(largest), 0.0, largest)
    total = sum(pt.exp(e_c - s) for e_c in masked)
    if any(a is None for a in present):
        return s + pt.log(total)
    nothing = pt.eq(total, 0)
    return pt.switch(nothing, 0.0, s + pt.log(pt.switch(nothing, 1.0, total)))


def picked(values: Sequence[Variable], chosen: Variable) -> Variable:
    """The value at the position ``chosen``, (T, N, 1), of J values that broadcast to (T, N, R)."""
    return sum(pt.switch(pt.eq(chosen, j), value, 0.0) for j, value in enumerate(values))

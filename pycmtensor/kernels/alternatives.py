"""Terms of alternatives, as a list of J expressions or as one array with the alternatives on its first axis.

An equation that is written with these holds for both. A list keeps alternatives that share little apart, which is
faster for a few; an array makes the size of a graph independent of J.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import pytensor.tensor as pt
from pytensor import config
from pytensor.graph.basic import Variable

from pycmtensor.expressions import Parameter

__all__ = ["Term", "Terms", "each", "largest", "numbers", "symbol", "total"]

#: One number at each (T, N, R): symbols, a parameter or a number.
Term: TypeAlias = Variable | Parameter | float

#: J expressions, or one (J, T, N, R).
Terms: TypeAlias = Sequence[Variable] | Variable


def each(function: Callable[..., Variable], first: Terms, *others: Any) -> Terms:
    """A function of one term of each argument, for all alternatives."""
    if isinstance(first, Variable):
        return function(first, *others)
    return [function(*terms) for terms in zip(first, *others, strict=True)]


def numbers(terms: Terms) -> Any:
    """0 to J - 1, in the form of the terms."""
    if isinstance(terms, Variable):
        return np.arange(terms.type.shape[0], dtype=np.float32).reshape(-1, 1, 1, 1)
    return range(len(terms))


def total(terms: Terms) -> Variable:
    """Sum over alternatives."""
    return pt.sum(terms, axis=0) if isinstance(terms, Variable) else sum(terms)


def largest(terms: Terms) -> Variable:
    """Maximum over alternatives."""
    return pt.max(terms, axis=0) if isinstance(terms, Variable) else reduce(pt.maximum, terms)


def symbol(term: Term) -> Variable:
    """The term as a symbol, numbers in the precision of the library."""
    return pt.as_tensor_variable(np.asarray(term, config.floatX) if isinstance(term, float | int) else term)

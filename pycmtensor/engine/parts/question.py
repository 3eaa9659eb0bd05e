"""Questions to the parts of a sample, whose answers are added up or put side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.evaluator import Array
from pycmtensor.terms.draws import mixed_bits, words_of

__all__ = ["Factors", "PoissonWeights", "Question", "added"]

#: Most of a Poisson number with the mean 1 that 32 random bits can be.
LARGEST = 16


@dataclass(frozen=True)
class PoissonWeights:
    r"""Weights of a bootstrap sample, Poisson numbers with the mean 1, made of seed, replicate and person alone.

    Drawing N persons with replacement takes each a binomial, nearly Poisson, number of times; independent Poisson
    numbers need no look at other persons, so that the same person has the same weight however data are divided.

    Args:
        seed: Seed of all replicates.
        replicate: Number of the replicate.

    References:
        Hanley & MacGibbon (2006), Creating non-parametric bootstrap samples using Poisson frequencies,
        doi:10.1016/j.cmpb.2006.04.006.

    Examples:
        >>> w = PoissonWeights(seed=1, replicate=0).of(np.arange(100_000))
        >>> round(float(w.mean()), 1), round(float(w.var()), 1)
        (1.0, 1.0)
    """

    seed: int
    replicate: int

    def of(self, numbers: NDArray[np.integer]) -> Array:
        """The weights of individuals with these numbers, (N,)."""
        low, high = words_of(np.asarray(numbers, dtype=np.int64))
        keys = [mixed_bits(np.uint32(part & 0xFFFFFFFF)) for part in (self.seed, self.seed >> 32, self.replicate)]
        with np.errstate(over="ignore"):
            bits = mixed_bits(mixed_bits(low ^ keys[0]) + mixed_bits(high ^ keys[1]))
            bits = mixed_bits(mixed_bits(bits + keys[2]) ^ np.uint32(0x9E3779B9))
        terms = np.exp(-1.0) / np.cumprod(np.append(1.0, np.arange(1.0, LARGEST)))
        return np.searchsorted(np.cumsum(terms), (bits + 0.5) * 2.0**-32).astype(float)


#: Factors of the weights of individuals: numbers (N,), or what makes them of the individuals' numbers.
Factors: TypeAlias = Array | PoissonWeights


@dataclass(frozen=True, eq=False)
class Question:
    """A question to every part.

    Attributes:
        what: Name of the method of `PreparedPart` that answers.
        theta: Parameters (K,).
        fixed: Values of the fixed parameters.
        factors: Of the weights of the individuals of the part.
        every: Looks at one of so many chunks only.
        further: What else the method takes.
    """

    what: str
    theta: Array
    fixed: tuple[Array, ...]
    factors: tuple[Factors, ...] = ()
    every: int = 1
    further: tuple[Any, ...] = ()


def added(terms: Iterable[Array]) -> Array:
    """A sum in the order of its terms, with more digits than these have."""
    total: Any = None
    for term in terms:
        wide = np.asarray(term, dtype=np.longdouble)
        total = wide if total is None else total + wide
    assert total is not None
    return np.asarray(total, dtype=float)

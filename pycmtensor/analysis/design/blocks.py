"""Blocks of a design: groups of choice sets, each for some of the people, in which levels are balanced."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["blocked"]


def blocked(values: NDArray[np.floating], blocks: int, rng: np.random.Generator) -> NDArray[np.integer]:
    r"""Numbers of blocks from 1, whose means of attributes differ as little as exchanges of choice sets achieve.

    .. math:: \min \sum_{bc} (\bar x_{bc} - \bar x_c)^2 / \operatorname{var}(x_c)

    Args:
        values: Numbers of all cells (S, cells).
        blocks: How many; each has S / blocks choice sets.
        rng: Of the first blocks.
    """
    S = len(values)
    spread = values.std(axis=0)
    x = (values - values.mean(axis=0)) / np.where(spread == 0, 1.0, spread)
    block = rng.permutation(np.arange(S) % blocks)
    sums = np.array([x[block == b].sum(axis=0) for b in range(blocks)])
    improved = True
    while improved:
        improved = False
        for first in range(S):
            for second in range(first + 1, S):
                a, b = block[first], block[second]
                moved = x[second] - x[first]
                change = (2 * (sums[a] - sums[b] + moved) @ moved) if a != b else 0.0
                if change < -1e-9:
                    sums[a] += moved
                    sums[b] -= moved
                    block[first], block[second] = b, a
                    improved = True
    return block + 1

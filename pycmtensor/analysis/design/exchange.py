"""Search of a design: choice sets are exchanged for better ones until no exchange helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.design.choice_sets import ChoiceSets, Rows
from pycmtensor.analysis.design.information import Information

__all__ = ["Criterion", "Loss", "exchanged"]

Array: TypeAlias = NDArray[np.floating]
Criterion: TypeAlias = Callable[[Array, Array], Array]

#: Choice sets up to which every one is a candidate in the place of each other one; beyond, those that differ in one
#: cell are.
EVERY = 5000

#: Relative gain from which an exchange is made.
GAIN = 1e-9

#: Part of the mean diagonal that is added to an information matrix in a search, which may begin where it is singular.
RIDGE = 1e-7


@dataclass(frozen=True)
class Loss:
    """What a search makes small: the criterion, averaged over draws of priors, plus what levels are out of balance.

    Args:
        criterion: Of information and parameters.
        information: Of choice sets.
        balance: Weight of the imbalance of levels, relative to the criterion.
    """

    criterion: Criterion
    information: Information
    balance: float = 0.0

    def of(self, informations: Array, counts: Array) -> Array:
        """The loss of designs.

        Args:
            informations: (designs, B, K, K).
            counts: How often each level of each cell is shown, (designs, cells, levels), NaN where there is no level.
        """
        K = informations.shape[-1]
        ridge = RIDGE * np.trace(informations, axis1=-2, axis2=-1) / K
        error = self.criterion(informations + ridge[..., None, None] * np.eye(K), self.information.theta).mean(axis=-1)
        if not self.balance:
            return error
        expected = np.nanmean(counts, axis=-1, keepdims=True)
        imbalance = np.nanmean(np.abs(counts / expected - 1), axis=(-2, -1))
        return error * (1 + self.balance * imbalance)


def exchanged(loss: Loss, sets: ChoiceSets, n: int, rng: np.random.Generator) -> tuple[float, Rows]:
    """A design of n choice sets in which no exchange of one choice set helps, and its loss.

    Where the choice sets are few, each is tried in each place (Fedorov's exchange); otherwise those are that differ in
    one attribute of one alternative (coordinate exchange).

    Args:
        loss: What to make small.
        sets: The choice sets that there are.
        n: Choice sets of the design.
        rng: Of the random design from which the search begins.

    References:
        Fedorov (1972), Theory of Optimal Experiments; Cook & Nachtsheim (1980), doi:10.1080/00401706.1980.10486162;
        Meyer & Nachtsheim (1995), The coordinate-exchange algorithm, doi:10.1080/00401706.1995.10485889.
    """
    every = sets.every() if sets.number <= EVERY else None
    rows = sets.drawn(n, rng) if every is None or len(every) < n else every[rng.permutation(len(every))[:n]]
    own = loss.information.of(rows)
    best = float(_losses(loss, sets, own.sum(axis=0)[None], rows[None])[0])
    improved = True
    while improved:
        improved = False
        for s in rng.permutation(n):
            candidates = _unlike(rows, sets.neighbours(rows[s]) if every is None else every)
            if not len(candidates):
                continue
            theirs = loss.information.of(candidates)
            tried = np.repeat(rows[None], len(candidates), axis=0)
            tried[:, s] = candidates
            losses = _losses(loss, sets, own.sum(axis=0) - own[s] + theirs, tried)
            first = int(np.argmin(losses))
            if losses[first] < best * (1 - GAIN):
                best, rows[s], own[s] = float(losses[first]), candidates[first], theirs[first]
                improved = True
    return best, rows


def _unlike(rows: Rows, candidates: Rows) -> Rows:
    """The candidates that the design does not have; nobody should answer a question twice."""
    return candidates[~(candidates[:, None] == rows).all(axis=2).any(axis=1)]


def _losses(loss: Loss, sets: ChoiceSets, informations: Array, designs: Rows) -> Array:
    if not loss.balance:
        return loss.of(informations, np.empty(0))
    most = max(map(len, sets.levels))
    counts = np.stack([(designs == level).sum(axis=1) for level in range(most)], axis=-1).astype(float)
    for cell, levels in enumerate(sets.levels):
        counts[:, cell, len(levels) :] = np.nan
    return loss.of(informations, counts)

"""Sampling of alternatives: estimation with a part of a large choice set."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.dataset.frames import Table, rows_text
from pycmtensor.dataset.long import LongDataset
from pycmtensor.dataset.symbols import Special
from pycmtensor.exceptions import DatasetError, seed_of

__all__ = ["CORRECTION", "SampledDataset", "draw_uniform", "draw_weighted"]

#: The column of a sample that holds what is added to utilities.
CORRECTION = "correction"


class SampledDataset(LongDataset, enters="sample"):
    """Choices among samples of alternatives, as `LongDataset.sample_alternatives` gives them.

    The axis of alternatives has n places instead of one for each alternative: those of a situation stand on the first
    places, in the order of ``alternatives``. A model of it is estimated; probabilities are those among all
    alternatives, so that `pycmtensor.Results` predict for data sets and frames that have them.

    Args:
        n: Length of the axis of alternatives.
        arguments: As `LongDataset`.
    """

    def __init__(self, n: int, *arguments: Any) -> None:
        self.n = n
        super().__init__(*arguments)

    @classmethod
    def drawn_from(cls, ds: LongDataset, n: int, seed: int, weights: str | None) -> SampledDataset:
        """The sample of alternatives that `LongDataset.sample_alternatives` returns."""
        situation = ds._situation_of
        largest = int(np.bincount(situation).max())
        if not isinstance(n, (int, np.integer)) or not 2 <= n <= largest:
            raise DatasetError(
                f"n must be a whole number from 2 to {largest}, the size of the largest choice set; found {n!r}."
            )
        if CORRECTION in ds.columns:
            raise DatasetError(f"The frame has a column '{CORRECTION}' already, which the sample adds. Rename it.")
        rng = np.random.default_rng(seed_of("sample_alternatives", seed, DatasetError))
        is_chosen = np.zeros(len(situation), dtype=bool)
        is_chosen[ds._situation_rows] = True
        if weights is None:
            rows = draw_uniform(situation, is_chosen, n, rng)
            correction: NDArray[np.floating] = np.zeros(len(rows))
        else:
            rows, correction = draw_weighted(situation, is_chosen, _positive(ds._table, weights), n, rng)
        part = ds._table.rows(rows)
        part = part.with_columns(nw.new_series(CORRECTION, correction, backend=part.implementation))
        given = ds.choice, ds.alternative, ds.situation, ds.individual, ds.weights
        sample = cls(n, part, *given, ds.alternatives)
        sample._table.units, sample.origin = ds.units, ds.origin
        ds._with_numbers_of(sample, rows)
        return sample

    def per_alternative(self, values: Mapping[str, Any] | Any) -> Variable:
        """Coefficients that differ between alternatives, looked up by the alternative on each place, (n, T, N, 1)."""
        return self._coefficients(values)[pt.cast(self._of_all(Special.ALTERNATIVE), "int64")]

    def sample_alternatives(self, n: int, seed: int = 0, weights: str | None = None) -> SampledDataset:
        """An error: the correction would be that of the last sample only."""
        raise DatasetError("The alternatives are a sample already. Draw from the data set that has them all.")

    def _of_frame(self, frame: Any, choice: str | None, alternatives: Mapping[str, Hashable]) -> LongDataset:
        """A sample has the column of the correction; without it a frame holds all alternatives."""
        given = choice, self.alternative, self.situation, self.individual, self.weights
        if CORRECTION not in Table(frame).columns:
            return LongDataset(frame, *given, alternatives)
        return SampledDataset(self.n, frame, *given, alternatives)

    def _places(self) -> tuple[NDArray[np.integer], int]:
        return _rank(self._alternative_of, self._situation_of), self.n

    def _of_one(self, column: str | Special, alternative: str) -> Variable:
        raise DatasetError(
            "A sample of alternatives has no column of one alternative, which may not be in it. Write one utility for "
            f"all with ds['{column}'], and coefficients that differ with ds.per_alternative."
        )


def _positive(table: Table, column: str) -> NDArray[np.floating]:
    values = table.finite(column)
    bad = np.flatnonzero(values <= 0)
    if len(bad):
        raise DatasetError(
            f"The weights of a sample must be above 0, so that every alternative can be drawn; those in '{column}' are "
            f"not in {rows_text(bad)}."
        )
    return values


def _rank(values: NDArray[Any], situation: NDArray[np.integer]) -> NDArray[np.integer]:
    """Rank of each row within its situation, from 0, (rows,)."""
    order = np.lexsort((values, situation))
    sizes = np.bincount(situation)
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return rank


def draw_uniform(
    situation: NDArray[np.integer], is_chosen: NDArray[np.bool_], n: int, rng: np.random.Generator
) -> NDArray[np.integer]:
    """Rows of the chosen alternative and of n - 1 others of each situation, all others being equally likely.

    Every alternative of the sample would have led to this sample with the same probability, so that the probabilities
    cancel in the likelihood: there is no correction.

    Args:
        situation: Number of the situation of each row, from 0, (rows,).
        is_chosen: Whether the row is the chosen alternative, (rows,).
        n: Alternatives to keep; situations that have fewer keep all.
        rng: Source of random numbers.

    References:
        McFadden (1978), Modelling the choice of residential location, uniform conditioning property.
    """
    key = np.where(is_chosen, -1.0, rng.random(len(situation)))
    return np.flatnonzero(_rank(key, situation) < n)


def draw_weighted(
    situation: NDArray[np.integer],
    is_chosen: NDArray[np.bool_],
    weight: NDArray[np.floating],
    n: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
    r"""Rows of the chosen alternative and of n - 1 draws with replacement, and the correction of their utilities.

    With q_j the probability that a draw is alternative j, and k_j how often j is in the sample D, drawn or chosen,

    .. math:: \log P(i | D) = V_i - \log(q_i / k_i) - \log \sum_{j \in D} \exp(V_j - \log(q_j / k_j)).

    Args:
        situation: As in `draw_uniform`.
        is_chosen: As in `draw_uniform`.
        weight: What the probability of each row is proportional to, (rows,).
        n: One more than the draws; as alternatives are drawn more than once, samples are smaller.
        rng: Source of random numbers.

    Returns:
        Rows, and - log(q / k) of each of them.

    References:
        Frejinger, Bierlaire & Ben-Akiva (2009), Sampling of alternatives for route choice modeling,
        doi:10.1016/j.trb.2009.03.001, equation 5; McFadden (1978), Modelling the choice of residential location.
    """
    order = np.argsort(situation, kind="stable")
    reached = np.cumsum(weight[order])
    ends = np.cumsum(np.bincount(situation))
    starts = np.concatenate([[0], ends[:-1]])
    before = np.concatenate([[0.0], reached[ends[:-1] - 1]])
    total = reached[ends - 1] - before
    u = before[:, None] + rng.random((len(ends), n - 1)) * total[:, None]
    drawn = np.clip(np.searchsorted(reached, u, side="right"), starts[:, None], ends[:, None] - 1)
    k = is_chosen + np.bincount(order[drawn.ravel()], minlength=len(situation))
    rows = np.flatnonzero(k)
    q = weight / total[situation]
    return rows, -np.log(q[rows] / k[rows])

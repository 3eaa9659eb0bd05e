"""Logit of rankings, and of best and worst alternatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset, rows_text
from pycmtensor.exceptions import DatasetError, ModelError, checked_class
from pycmtensor.expressions import Parameter, parameters_of
from pycmtensor.kernels import later_ranks, worst
from pycmtensor.models.mnl import MNL
from pycmtensor.models.specified import Expression

__all__ = ["RankedLogit"]


@checked_class(ModelError)
class RankedLogit(MNL):
    r"""Exploded logit: a ranking is a series of choices, each among what the earlier ones left.

    .. math::
        P(y_1, \dots, y_m) = \prod_{k=1}^m
        \frac{\exp V_{y_k}}{\sum_{j \notin \{y_1, \dots, y_{k-1}\}} a_j \exp V_j}

    or, with ``best_worst``, the best alternative and then the worst of the others:

    .. math::
        P(y, w) = \frac{\exp V_y}{\sum_j a_j \exp V_j} \frac{\exp(-V_w)}{\sum_{j \neq y} a_j \exp(-V_j)}

    As in the logit, only differences of utilities matter, and the scale of the errors is normalised to 1, in every
    choice of the series. Where only the first rank is known it is the logit. Probabilities, elasticities and surplus
    are those of the first choice.

    Args:
        dataset: As in `ChoiceModel`; the chosen alternative is the one that is ranked 1.
        utilities: As in `ChoiceModel`.
        availability: As in `ChoiceModel`.
        ranks: Name of an alternative -> the column of its ranks: 1 for the best, 2 for the next, ..., and 0 where it is
            not ranked and below those that are; fill missing ranks with 0. Alternatives that are not named are never
            ranked. Data to predict with need these columns too, whatever they hold.
        best_worst: Whether ranks say 1 for the best and -1 for the worst alternative, and 0 for all others.
        params: As in `ChoiceModel`.

    Attributes:
        ranks: By position of the alternative, expressions (T, N, 1) or 0.

    Raises:
        ModelError: As `ChoiceModel`; also when ranks are not columns by alternative.
        DatasetError: As `ChoiceModel`; also when ranks have gaps or ties, rank 1 is not the chosen alternative, or what
            is ranked is unavailable.

    References:
        Beggs, Cardell & Hausman (1981), doi:10.1016/0304-4076(81)90056-7; Chapman & Staelin (1982),
        doi:10.1177/002224378201900302; Marley & Louviere (2005), doi:10.1016/j.jmp.2005.05.003, for best and worst.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"best": [1, 2, 1], "r_car": [1, 3, 1], "r_bus": [3, 1, 2], "r_tram": [2, 2, 3]})
        >>> ds = cmt.Dataset(frame, choice="best", alternatives={"car": 1, "bus": 2, "tram": 3})
        >>> V = {"car": cmt.Beta("asc_car"), "bus": cmt.Beta("asc_bus"), "tram": 0}
        >>> model = cmt.RankedLogit(ds, V, ranks={name: ds[f"r_{name}"] for name in V})
        >>> round(model.llnull(), 6)  # 3 log(1 / 3 * 1 / 2)
        -5.375278
        >>> cmt.estimate(model).outcome.converged
        True
    """

    name = "Ranked logit"
    takes_places = False

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        *,
        ranks: Mapping[str, Variable],
        best_worst: bool = False,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        self.best_worst, self._given_ranks = best_worst, ranks
        super().__init__(dataset, utilities, availability, params)

    def over_situations(self, V: Sequence[Variable] | Variable) -> Variable:
        """Log-likelihood of each individual at each draw (N, R): that of the first choices, and of what comes after."""
        after = (worst if self.best_worst else later_ranks)(*self.one_by_one(V), self.ranks)
        if self.dataset.is_panel:
            after = after * self.dataset.observed
        return super().over_situations(V) + pt.sum(after, axis=0)

    def llnull(self, data: Dataset | None = None) -> float:
        """Log-likelihood when in every choice of the series all that is left is equally likely."""
        data = data or self.dataset
        left, choices = self.available(data).sum(axis=0), (self._ranks_in(data) != 0).sum(axis=0)
        logs = [np.log(np.maximum(left - k, 1)) * (k < choices) for k in range(len(self.alternatives))]
        observed = data.array(data.observed)[..., 0]
        return -float((sum(logs) * observed).sum(axis=0) @ data.individual_weights)

    def check(self, data: Dataset) -> None:
        """Raise a `DatasetError` when this model cannot be estimated with ``data``."""
        super().check(data)
        ranks, chosen = self._ranks_in(data), data.chosen_alternatives
        known = np.isin(ranks, (-1, 0, 1)) if self.best_worst else (ranks >= 0) & (ranks == np.round(ranks))
        says = "-1, 0 or 1" if self.best_worst else "whole numbers of at least 0"
        _refuse(data, ~known.all(axis=0), f"Ranks must be {says}")
        first = np.take_along_axis(ranks, chosen[None], axis=0)[0] == 1
        _refuse(data, ~first, "The chosen alternative must have rank 1")
        _refuse(data, ((ranks != 0) & ~self.available(data)).any(axis=0), "Ranked alternatives must be available")
        if self.best_worst:
            wrong = ((ranks == 1).sum(axis=0) > 1) | ((ranks == -1).sum(axis=0) > 1)
            _refuse(data, wrong, "One alternative is the best (1), and at most one the worst (-1)")
        else:
            ranked = (ranks > 0).sum(axis=0)
            wrong = [(ranks == k).sum(axis=0) != (k <= ranked) for k in range(1, len(ranks) + 1)]
            _refuse(data, np.any(wrong, axis=0), "Ranks must be 1, 2, ... without gaps and ties")

    def _specify_one_by_one(self, utilities: Any, availability: Any) -> None:
        super()._specify_one_by_one(utilities, availability)
        self._specify_ranks()

    def _specify_at_once(self, utility: Variable, availability: Any) -> None:
        super()._specify_at_once(utility, availability)
        self._specify_ranks()

    def _specify_ranks(self) -> None:
        given = self._by_alternative("ranks", self._given_ranks)
        if not given or parameters_of(given.values()):
            raise ModelError("ranks maps names of alternatives to columns, {'car': ds['rank_car'], ...}.")
        self.ranks = [self._rank(name, given.get(name)) for name in self.alternatives]

    def _rank(self, name: str, given: Variable | None) -> Variable:
        """Rank of an alternative, 0 where long data have no row of it."""
        has_row = self.dataset.available(name)
        rank = self.number(0.0 if given is None else given)
        return rank if has_row is None else rank * pt.neq(has_row, 0)

    def _ranks_in(self, data: Dataset) -> NDArray[Any]:
        """Ranks (J, T, N)."""
        shape = data.array(data.chosen).shape
        return np.stack([np.broadcast_to(data.evaluate(rank), shape)[..., 0] for rank in self.ranks])

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        """The ranks of the alternatives that are left, closed up where others were ranked above."""
        if self.dataset.is_long:
            raise ModelError(
                "Without rows of an alternative, the ranks that close up after it are unknown. Make the model with "
                "wide data, which have a column of ranks for each alternative."
            )
        gone = [rank for name, rank in self._given_ranks.items() if name not in alternatives]
        left = {name: _closed(rank, gone) for name, rank in self._given_ranks.items() if name in alternatives}
        return super().kept_among(alternatives) | {"_given_ranks": left, "ranks": []}


def _closed(rank: Variable, gone: Sequence[Variable]) -> Variable:
    """The rank when alternatives of other ranks are gone."""
    return rank - sum(pt.gt(other, 0) * pt.lt(other, rank) for other in gone)


def _refuse(data: Dataset, wrong: Any, rule: str) -> None:
    """Raise an error when there are situations (T, N) that break a rule."""
    rows = data.rows_of(wrong)
    if len(rows):
        raise DatasetError(f"{rule}; {rows_text(rows)} break(s) that. Correct the ranks, or drop these rows.")

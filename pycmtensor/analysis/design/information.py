"""Information about parameters that the choices of one person from choice sets carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.design.choice_sets import ChoiceSets, Rows
from pycmtensor.dataset import Dataset, LongDataset
from pycmtensor.engine import evaluator_of
from pycmtensor.exceptions import ModelError
from pycmtensor.models import MNL, ChoiceModel

__all__ = ["Information", "Utilities", "model_of"]

Array: TypeAlias = NDArray[np.floating]

#: Position of the chosen alternative, of all choice sets or of each.
Chosen: TypeAlias = "int | NDArray[np.integer]"

#: Makes utilities, or a model, of a data set whose columns are the attributes.
Utilities: TypeAlias = Callable[[LongDataset], Any]

#: Columns of the choice, the alternative and the choice situation of a data set of choice sets.
ROLES = ("chosen", "alternative", "set")

#: Choice sets that are evaluated at the same time.
AT_ONCE = 256


class Information:
    r"""Fisher information of each choice set under a model, kept for choice sets that come again.

    .. math:: I(X) = \sum_j P_j(X) s_j(X) s_j(X)', \quad s_j = \frac{\partial \log P_j}{\partial \theta}

    Args:
        model: A model made with `model_of`.
        sets: The choice sets that there are.
        theta: Values of the free parameters (B, K), such as draws of priors.
    """

    def __init__(self, model: ChoiceModel, sets: ChoiceSets, theta: Array) -> None:
        self.model, self.sets, self.theta = model, sets, theta
        self._evaluator = evaluator_of(model, model.dataset)
        self._known: dict[bytes, Array] = {}

    def of(self, rows: Rows) -> Array:
        """Information about the parameters at each theta, (S, B, K, K)."""
        rows = np.ascontiguousarray(rows)
        keys = [row.tobytes() for row in rows]
        new = {key: s for s, key in enumerate(keys) if key not in self._known}
        numbers = np.array(list(new.values()), dtype=int)
        for first in range(0, len(numbers), AT_ONCE):
            some = numbers[first : first + AT_ONCE]
            for s, information in zip(some, self._computed(rows[some]), strict=True):
                self._known[keys[s]] = information
        return np.array([self._known[key] for key in keys])

    def probabilities(self, rows: Rows, theta: Array) -> Array:
        """Choice probabilities (S, J)."""
        found = np.empty((len(rows), len(self.sets.names)))
        for first in range(0, len(rows), AT_ONCE):
            some = _filled(rows[first : first + AT_ONCE])
            P = self._evaluator.on(self.data(some, 0)).probabilities(theta)[:, 0].T
            found[first : first + AT_ONCE] = P[: len(rows[first : first + AT_ONCE])]
        return found

    def data(self, rows: Rows, chosen: Chosen) -> LongDataset:
        """A data set of choice sets, each with its own individual, who chooses the alternative at a position."""
        return data_of(self.sets, rows, chosen, self.model.dataset)

    def _computed(self, rows: Rows) -> Array:
        """Information of at most `AT_ONCE` choice sets, (S, B, K, K)."""
        B, K = self.theta.shape
        information = np.zeros((len(rows), B, K, K))
        for j in range(len(self.sets.names)):
            evaluator = self._evaluator.on(self.data(_filled(rows), j))
            for b, theta in enumerate(self.theta):
                scores, logprob = evaluator.individuals_at(theta).numbers
                P, s = np.exp(logprob[: len(rows)]), scores[: len(rows)]
                information[:, b] += P[:, None, None] * s[:, :, None] * s[:, None, :]
        return information


def model_of(utilities: Utilities | ChoiceModel, sets: ChoiceSets) -> ChoiceModel:
    """The model of a function of a data set of the attributes, a logit where it gives utilities; or the model itself.

    Raises:
        ModelError: There is no model, or it is not of long data with these alternatives.
    """
    if isinstance(utilities, ChoiceModel):
        if not isinstance(utilities.dataset, LongDataset) or tuple(utilities.dataset.alternatives) != sets.names:
            raise ModelError(
                f"design: a model must be of long data with the alternatives {', '.join(sets.names)}. Give a function "
                "that makes it of such data, lambda x: NestedLogit(x, ...)."
            )
        return utilities
    if not callable(utilities):
        raise ModelError(
            "design: utilities must be a function of a data set whose columns are the attributes, such as "
            f"lambda x: b_time * x['time'] + b_cost * x['cost'], found {type(utilities).__name__}."
        )
    data = data_of(sets, _filled(sets.drawn(1, np.random.default_rng(0))), 0)
    made = utilities(data)
    model = made if isinstance(made, ChoiceModel) else MNL(data, made)
    if model.dataset is not data:
        raise ModelError("design: the model that utilities gives must be made with the data set that it takes.")
    return model


def data_of(sets: ChoiceSets, rows: Rows, chosen: Chosen, like: Dataset | None = None) -> LongDataset:
    """A long data set of choice sets, in which the alternatives at some positions are chosen.

    Args:
        sets: All choice sets.
        rows: Those in question.
        chosen: Position of the chosen alternative, one for all or one for each (S,).
        like: A data set whose names of columns and codes of alternatives it has; None for new ones.
    """
    table, J = sets.long(rows), len(sets.names)
    positions = np.tile(np.arange(J), len(rows))
    own = like if isinstance(like, LongDataset) else None
    codes = dict(own.alternatives) if own else dict(zip(sets.names, sets.names, strict=True))
    choice, alternative, situation = (own.choice or "chosen", own.alternative, own.situation) if own else ROLES
    frame = table.drop(columns=["set", "alternative"]).assign(
        **{
            situation: table["set"],
            alternative: table["alternative"].map(codes),
            choice: (positions == np.repeat(chosen, J) if np.ndim(chosen) else positions == chosen).astype(int),
        }
    )
    made: LongDataset = Dataset.from_long(
        frame, choice=choice, alternative=alternative, situation=situation, alternatives=codes
    )
    return made


def _filled(rows: Rows) -> Rows:
    """`AT_ONCE` rows, the first of them repeated, so that programs see one shape."""
    return np.concatenate([rows, np.broadcast_to(rows[:1], (AT_ONCE - len(rows), rows.shape[1]))])

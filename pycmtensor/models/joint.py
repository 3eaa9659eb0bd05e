"""Joint models: several likelihoods of the same people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Parameter
from pycmtensor.models.base import Model

__all__ = ["Joint", "joint"]


class Joint(Model):
    r"""A product of likelihoods of the same people, inside the average over draws that they share; see `joint`.

    .. math:: \log L = \sum_n w_n \log \frac{1}{R} \sum_r \prod_m L_{mn}(\theta, z_{nr})

    Args:
        parts: Name -> model. All have one data set, and as many draws where they have any.
        params: As in `Model`.

    Attributes:
        models: As given.
        answering: The same, each with the parameters of all, so that it answers for estimates of the whole.

    Raises:
        ModelError: There are fewer than two models, they are of different data sets, or their draws differ.
    """

    name = "Joint model"
    answers = (*Model.answers, "and for each part, results.part(name), what results of its model answer")

    def __init__(self, parts: Mapping[str, Model], params: Sequence[Parameter] | None = None) -> None:
        self.models = dict(parts)
        first = self._checked()
        for model in self.models.values():
            self.origins = self.origins | model.origins
            self.sampling = self.sampling or model.sampling
        super().__init__(first.dataset, params)
        self.answering = {name: model.as_part_of(self) for name, model in self.models.items()}

    def log_likelihood(self) -> Variable:
        """Sum of the log-likelihoods of each individual at each draw, (N, R)."""
        return reduce(add, [model.log_likelihood() for model in self.models.values()])

    def expressions(self) -> list[Variable]:
        """Those of all models."""
        return [expression for model in self.models.values() for expression in model.expressions()]

    def constraints(self, data: Dataset) -> list[Variable]:
        """Those of all models."""
        return [relation for model in self.models.values() for relation in model.constraints(data)]

    def check(self, data: Dataset) -> None:
        """Raise a `DatasetError` when one of the models cannot be estimated with ``data``."""
        for model in self.models.values():
            model.check(data)

    def check_start(self, theta: Mapping[str, float]) -> None:
        """Raise a `ModelError` where the likelihood of one of the models has no value."""
        for model in self.models.values():
            model.check_start(theta)

    def llnull(self, data: Dataset | None = None) -> float:
        """Sum of the log-likelihoods without information; NaN where one of the models has none."""
        return sum(model.llnull(data) for model in self.models.values())

    def _checked(self) -> Model:
        for name, model in self.models.items():
            if not isinstance(model, Model):
                raise ModelError(f"joint: '{name}' is no model but {type(model).__name__}. Give models such as MNL.")
        if len(self.models) < 2:
            raise ModelError(f"joint takes two models or more, found {len(self.models)}.")
        first = next(iter(self.models.values()))
        for name, model in self.models.items():
            if model.dataset is not first.dataset:
                raise ModelError(
                    f"joint: '{name}' is of another data set than '{next(iter(self.models))}'. Merge the columns of "
                    "both into one frame, and make the models with one Dataset of it."
                )
        kinds = {str(model.sampling) for model in self.models.values() if model.sampling is not None}
        if len(kinds) > 1:
            raise ModelError(f"joint: draws are shared, but the models have {' and '.join(sorted(kinds))}.")
        return first


def joint(*models: Model, **named: Model) -> Joint:
    """A joint model of the same people: a choice and indicators, a choice and a duration, two choices.

    Parameters and random coefficients that are one object are shared. The models are made with one data set.
    ``results.part(name)`` predicts and answers by part, with errors that account for all of the estimation.

    Args:
        models: Two or more, named by their kind, and numbered where kinds repeat.
        named: The same by names of your own.

    Returns:
        The model.

    Raises:
        ModelError: As `Joint`.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt, pytensor.tensor as pt
        >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2], "trips": [1, 2, 3, 2]})
        >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2})
        >>> mode = cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0})
        >>> log_mean = cmt.Beta("log_mean")
        >>> trips = cmt.LogLikelihood(ds, ds["trips"] * log_mean - pt.exp(log_mean))
        >>> results = cmt.estimate(cmt.joint(mode=mode, trips=trips))
        >>> results.params.round(6).to_dict()  # log(3 / 1), log(8 / 4)
        {'asc_car': 1.098612, 'log_mean': 0.693147}
        >>> results.part("mode").predict().shares.round(6).to_dict()
        {'car': 0.75, 'bus': 0.25}
    """
    kinds = Counter(getattr(model, "name", type(model).__name__) for model in models)
    parts: dict[str, Model] = {}
    for number, model in enumerate(models, start=1):
        kind = getattr(model, "name", type(model).__name__)
        parts[kind if kinds[kind] == 1 else f"{kind} {number}"] = model
    return Joint(parts | named)

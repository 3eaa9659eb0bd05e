"""Pooled models: likelihoods of different people that share parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.pooled import PooledDataset
from pycmtensor.exceptions import DatasetError, ModelError
from pycmtensor.expressions import Parameter, parameters_of
from pycmtensor.models.base import Model
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.terms.draws import Sampling

__all__ = ["Pooled", "pooled"]


class Pooled(Model):
    r"""A sum of log-likelihoods of different people, from data sets of their own; see `pooled`.

    .. math:: \log L = \sum_m \sum_{n \in m} w_n \log L_{mn}(\theta)

    Args:
        models: Name -> model.

    Attributes:
        summands: The models, each with the parameters of all, so that it answers for estimates of the whole.

    Raises:
        ModelError: There are fewer than two models, or one shares no parameter with another.
    """

    name = "Pooled model"
    answers = (*Model.answers, "and for each part, results.part(name), what results of its model answer")

    def __init__(self, models: Mapping[str, Model]) -> None:
        _check(models)
        self.dataset: Dataset = PooledDataset({name: model.dataset.whole for name, model in models.items()})
        self.params = parameters_of([e for model in models.values() for e in model.expressions()])
        self.draws = [draws for model in models.values() for draws in model.draws]
        self.sampling = next((model.sampling for model in models.values() if model.sampling), None)
        self.summands = {name: model.as_part_of(self) for name, model in models.items()}

    def expressions(self) -> list[Variable]:
        """Those of all models."""
        return [expression for model in self.summands.values() for expression in model.expressions()]

    def deviations(self) -> list[Parameter]:
        """Free parameters whose size alone means something in all models that they are in."""
        parts = [(set(parameters_of(m.expressions())), set(m.deviations())) for m in self.summands.values()]
        return [p for p in self.free if all(p in own for used, own in parts if p in used)]

    def constraints(self, data: Dataset) -> list[Variable]:
        """Those of all models."""
        parts = self._parts_of(data)
        return [relation for name, model in self.summands.items() for relation in model.constraints(parts[name])]

    def check(self, data: Dataset) -> None:
        """Raise a `DatasetError` when the data are not those of all models."""
        parts = self._parts_of(data)
        for name, model in self.summands.items():
            model.check(parts[name])

    def check_start(self, theta: Mapping[str, float]) -> None:
        """Raise a `ModelError` where the likelihood of one of the models has no value."""
        for model in self.summands.values():
            model.check_start(theta)

    def llnull(self, data: Dataset | None = None) -> float:
        """Sum of the log-likelihoods without information; NaN where one of the models has none."""
        parts = self._parts_of(data or self.dataset)
        return sum(model.llnull(parts[name]) for name, model in self.summands.items())

    def with_draws(self, draws: int | Sampling) -> Self:
        """This model with other draws; see `Model.with_draws`."""
        other = super().with_draws(draws)
        other.summands = {
            name: model if model.sampling is None else model.with_draws(draws) for name, model in self.summands.items()
        }
        return other

    def holding(self, parameters: Iterable[Parameter]) -> Self:
        """This model with some parameters held; see `Model.holding`."""
        held = list(parameters)
        other = super().holding(held)
        other.summands = {name: model.holding(held) for name, model in self.summands.items()}
        return other

    def _parts_of(self, data: Dataset) -> Mapping[str, Dataset]:
        """The data sets of the models."""
        names = list(data.parts) if isinstance(data, PooledDataset) else None
        if not isinstance(data, PooledDataset) or names != list(self.summands):
            found = f"those of {', '.join(names)}" if names else f"{data!r}"
            raise DatasetError(
                f"A pooled model needs the data of {', '.join(self.summands)}, PooledDataset({{...}}), found {found}."
            )
        return data.parts


def pooled(models: Mapping[str, Model], scales: Mapping[str, Parameter] | None = None) -> Pooled:
    r"""A model of several data sets with shared parameters, such as revealed and stated preferences.

    Parameters that are one object are shared. A scale multiplies the utilities of a part,

    .. math:: P_m(j) = \frac{\exp \mu_m V_j}{\sum_i \exp \mu_m V_i}

    where one part has none, which normalises the scale to 1. ``results.part(name)`` predicts and answers by part, with
    errors that account for all of the estimation.

    Args:
        models: Name -> model, each made with a data set of its own. People are different ones in each.
        scales: Name of a choice model -> the scale of its utilities, such as ``Beta("mu_sp", 1.0, lb=0.01)``.

    Returns:
        The model.

    Raises:
        ModelError: As `Pooled`; also when a scale is of no choice model, or every part has one.

    References:
        Ben-Akiva & Morikawa (1990), Estimation of switching models from revealed preferences and stated intentions,
        doi:10.1016/0191-2607(90)90037-7; Hensher & Bradley (1993), doi:10.1007/BF00994197.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> rp = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> sp = cmt.Dataset(pd.DataFrame({"picked": [1] * 20 + [2] * 20}), "picked", {"car": 1, "bus": 2})
        >>> asc = cmt.Beta("asc_car")
        >>> models = {"rp": cmt.MNL(rp, {"car": asc, "bus": 0}), "sp": cmt.MNL(sp, {"car": asc, "bus": 0})}
        >>> round(float(cmt.estimate(cmt.pooled(models)).params["asc_car"]), 6)  # log(50 / 30)
        0.510826
    """
    if not isinstance(models, Mapping):
        raise ModelError(f"pooled takes a dict of names and models, found {type(models).__name__}.")
    scales = dict(scales or {})
    for name in scales:
        if not isinstance(models.get(name), ChoiceModel):
            known = ", ".join(name for name, model in models.items() if isinstance(model, ChoiceModel))
            raise ModelError(f"pooled: the scale '{name}' is of no choice model; these are {known}.")
    if scales and len(scales) == len(models):
        raise ModelError("pooled: every part has a scale, of which one must be 1. Leave one part without.")
    return Pooled(
        {
            name: model.with_scale(scales[name]) if name in scales and isinstance(model, ChoiceModel) else model
            for name, model in models.items()
        }
    )


def _check(models: Mapping[str, Model]) -> None:
    for name, model in models.items():
        if not isinstance(model, Model):
            raise ModelError(f"pooled: '{name}' is no model but {type(model).__name__}. Give models such as MNL.")
    if len(models) < 2:
        raise ModelError(f"pooled takes two models or more, found {len(models)}.")
    for name, model in models.items():
        others = [parameter for other in models.values() if other is not model for parameter in other.params]
        if not any(parameter is other for parameter in model.params for other in others):
            raise ModelError(
                f"pooled: '{name}' shares no parameter with another part. Use one Beta object in both, or estimate it "
                "by itself."
            )
